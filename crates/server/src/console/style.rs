//! How lines look: colour where somebody looks at it and wants it, times as the clock on the wall shows them, and
//! nothing from others that a terminal would obey.

use jiff::tz::TimeZone;
use plaza_protocol::Timestamp;

/// Whether to colour, and where the reader is. Read once, from the environment and from what stdout is.
#[derive(Debug, Clone)]
pub(super) struct Style {
    colour: bool,
    zone: TimeZone,
}

impl Style {
    /// By <https://no-color.org> and <https://bixense.com/clicolors>: NO_COLOR stands above CLICOLOR_FORCE, that above
    /// CLICOLOR, and those above whether stdout is a terminal.
    pub(super) fn choose(
        is_terminal: bool,
        variable: impl Fn(&str) -> Option<String>,
        zone: TimeZone,
    ) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let colour = if set("NO_COLOR").is_some() {
            false
        } else if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
            true
        } else if set("CLICOLOR").is_some_and(|value| value == "0")
            || set("TERM").is_some_and(|t| t == "dumb")
        {
            false
        } else {
            is_terminal
        };
        Self { colour, zone }
    }

    /// Hours and minutes where the reader is.
    pub(super) fn time(&self, at: Timestamp) -> String {
        self.local(at, "%H:%M")
    }

    /// Day, hours and minutes where the reader is.
    pub(super) fn date_and_time(&self, at: Timestamp) -> String {
        self.local(at, "%Y-%m-%d %H:%M")
    }

    fn local(&self, at: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_millisecond(at.as_millis()) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime(format).to_string(),
            // Before the year -9999, or after 9999.
            Err(_) => at.to_string(),
        }
    }

    /// Less important.
    pub(super) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// About the connection.
    pub(super) fn notice(&self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Went wrong.
    pub(super) fn error(&self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Went well.
    pub(super) fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    /// A person's name, each in a colour of their own.
    pub(super) fn name(&self, name: &str) -> String {
        const COLOURS: [&str; 6] = ["1;31", "1;32", "1;33", "1;34", "1;35", "1;36"];
        let sum = name.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.paint(COLOURS[sum % COLOURS.len()], name)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Text of others with everything shown that a terminal would obey or that reorders what is read: control
/// characters, line breaks, and Unicode's bidirectional overrides.
pub(super) fn safe(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
        if c.is_control() || reorders {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(is_terminal: bool, variables: &[(&str, &str)]) -> bool {
        let find =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Style::choose(is_terminal, find, TimeZone::UTC).colour
    }

    #[test]
    fn colour_follows_the_terminal_and_the_wishes() {
        assert!(chosen(true, &[]));
        assert!(!chosen(false, &[]));
        assert!(!chosen(true, &[("NO_COLOR", "1")]));
        assert!(chosen(true, &[("NO_COLOR", "")]));
        assert!(!chosen(true, &[("CLICOLOR", "0")]));
        assert!(!chosen(true, &[("TERM", "dumb")]));
        assert!(chosen(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!chosen(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }

    #[test]
    fn others_cannot_command_the_terminal() {
        assert_eq!(safe("a\x1b[2Jb\r\n\x07\u{9b}c"), r"a\u{1b}[2Jb\r\n\u{7}\u{9b}c");
        assert_eq!(safe("safe \u{202e}txt.exe"), r"safe \u{202e}txt.exe");
        assert_eq!(safe("Привіт, світе 👋 \\o/"), "Привіт, світе 👋 \\o/");
    }

    #[test]
    fn times_are_those_where_the_reader_is() {
        let at = Timestamp::from_millis(1_795_300_200_000);
        let there = |zone| {
            let style = Style::choose(false, |_| None, zone);
            (style.time(at), style.date_and_time(at))
        };
        let pair = |time: &str, date: &str| (time.to_owned(), date.to_owned());
        assert_eq!(there(TimeZone::UTC), pair("22:30", "2026-11-21 22:30"));
        assert_eq!(
            there(TimeZone::posix("EET-2EEST,M3.5.0/3,M10.5.0/4").unwrap()),
            pair("00:30", "2026-11-22 00:30")
        );
    }

    #[test]
    fn without_colour_nothing_is_added() {
        let plain = Style::choose(false, |_| None, TimeZone::UTC);
        assert_eq!(plain.dim("a") + &plain.error("b") + &plain.name("c"), "abc");
    }
}
