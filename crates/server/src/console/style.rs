//! How lines look: colour where somebody looks at it and wants it, and nothing from others that a terminal would
//! obey.

/// Whether to colour. Read once, from the environment and from what stdout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    colour: bool,
}

impl Style {
    /// By <https://no-color.org> and <https://bixense.com/clicolors>: NO_COLOR stands above CLICOLOR_FORCE, that above
    /// CLICOLOR, and those above whether stdout is a terminal.
    pub(super) fn choose(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
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
        Self { colour }
    }

    /// Less important.
    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// About the connection.
    pub(super) fn notice(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Went wrong.
    pub(super) fn error(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Went well.
    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// A person's name, each in a colour of their own.
    pub(super) fn name(self, name: &str) -> String {
        const COLOURS: [&str; 6] = ["1;31", "1;32", "1;33", "1;34", "1;35", "1;36"];
        let sum = name.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.paint(COLOURS[sum % COLOURS.len()], name)
    }

    fn paint(self, code: &str, text: &str) -> String {
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
        Style::choose(is_terminal, find).colour
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
    fn without_colour_nothing_is_added() {
        let plain = Style::choose(false, |_| None);
        assert_eq!(plain.dim("a") + &plain.error("b") + &plain.name("c"), "abc");
    }
}
