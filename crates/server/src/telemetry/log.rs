//! The log: one line an entry, for people or as JSON.
//!
//! What clients choose, such as names and paths, stands in log entries. So no text ends a line, moves a cursor or turns
//! the direction of reading: in both formats such characters are written as escapes. Who reads the log reads what Plaza
//! wrote.

use crate::{
    alerts::Panics,
    config::{self, ConfigError, LogFormat},
};
use std::{
    fmt::{self, Write as _},
    io, panic,
    sync::Arc,
};
use tracing::{
    Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, MakeWriter, format::Writer},
};

/// A log with these settings, to be written to `writer`; `colour` is for people only.
///
/// # Errors
/// A level that is none.
pub fn subscriber<W>(
    settings: &config::Log,
    writer: W,
    colour: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>, ConfigError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt().with_env_filter(settings.filter()?);
    Ok(match settings.format {
        LogFormat::Human => Box::new(log.with_ansi(colour).fmt_fields(Fields).with_writer(writer).finish()),
        LogFormat::Json => Box::new(log.json().flatten_event(true).with_writer(JsonWriter(writer)).finish()),
    })
}

/// Has a panic told in the log, in its format, and on one line; and remembered for a report.
pub fn tell_panics(panics: Arc<Panics>) {
    panic::set_hook(Box::new(move |panic| {
        panics.note(panic);
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(location, "A task panicked: {message}");
    }));
}

/// Whether a character is one that may change how the text around it is shown.
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Line and paragraph separators, and what turns the direction of reading.
            '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes an entry's message, and then its other fields as `name=value`.
struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line { writer, empty: true, written: Ok(()) };
        fields.record(&mut line);
        line.written
    }
}

struct Line<'writer> {
    writer: Writer<'writer>,
    empty: bool,
    written: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
        if !std::mem::take(&mut self.empty) {
            self.writer.write_char(' ')?;
        }
        if field.name() != "message" {
            write!(self.writer, "{}=", field.name())?;
        }
        write!(Escaped(&mut self.writer), "{value:?}")
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.written.is_ok() {
            self.written = self.write(field, value);
        }
    }
}

/// Passes text on with everything unsafe in it escaped.
struct Escaped<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| is_unsafe(*letter)) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", letter.escape_default())?;
            rest = &rest[at + letter.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// Escapes what JSON lets stand in a string and a terminal would act on.
struct JsonWriter<W>(W);

/// Writes what stands outside of ASCII and is unsafe as JSON's own escapes. Inside of ASCII the formatter did so.
struct JsonEscaped<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for JsonWriter<W> {
    type Writer = JsonEscaped<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        JsonEscaped(self.0.make_writer())
    }
}

impl<W: io::Write> io::Write for JsonEscaped<W> {
    /// The formatter hands over a whole entry at a time.
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(entry);
        let stands = |letter: &char| *letter == '\n' || !is_unsafe(*letter);
        if text.chars().all(|letter| stands(&letter)) {
            self.0.write_all(text.as_bytes())?;
            return Ok(entry.len());
        }
        let mut escaped = String::with_capacity(text.len() + 32);
        for letter in text.chars() {
            if stands(&letter) {
                escaped.push(letter);
            } else {
                // All of them are below U+FFFF, where JSON needs one escape.
                escaped.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
        }
        self.0.write_all(escaped.as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// What is logged in a format while something runs.
    fn logged(format: LogFormat, run: impl FnOnce()) -> String {
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let settings = config::Log { level: "trace".to_owned(), format };
        let sink = Sink(Arc::clone(&written));
        let subscriber = subscriber(&settings, move || sink.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, run);
        String::from_utf8(written.lock().unwrap().clone()).unwrap()
    }

    #[derive(Clone)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const EVIL: &str =
        "ana\r\n2026-01-01T00:00:00Z ERROR forged\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2028}\0\"}";

    /// An entry with a client's text in every way in which one can stand there.
    fn log_evil() {
        let error = io::Error::other(EVIL);
        tracing::info!(plain = EVIL, shown = %EVIL, debug = ?EVIL, error = &error as &dyn std::error::Error, "{EVIL}");
    }

    #[test]
    fn no_text_ends_its_line_or_speaks_to_the_terminal() {
        for format in [LogFormat::Human, LogFormat::Json] {
            let text = logged(format, log_evil);
            assert!(text.ends_with('\n') && text.lines().count() == 1, "{format:?}: {text:?}");
            let unsafe_ = text.trim_end_matches('\n').chars().find(|letter| is_unsafe(*letter));
            assert_eq!(unsafe_, None, "{format:?}: {text:?}");
            assert_eq!(text.matches("forged").count(), 5, "all of it is there: {text:?}");
        }
    }

    #[test]
    fn json_gives_every_text_back_as_it_was() {
        let entry: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, log_evil)).unwrap();
        for key in ["message", "plain", "shown", "error"] {
            assert_eq!(entry[key], EVIL, "{key}");
        }
        assert_eq!((&entry["level"], &entry["target"]), (&"INFO".into(), &module_path!().into()));
        assert!(entry["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn people_read_a_sentence_and_fields() {
        let text =
            logged(LogFormat::Human, || tracing::warn!(addr = %"::1", count = 3, name = "a b", "It is so"));
        assert!(text.ends_with("log::tests: It is so addr=::1 count=3 name=\"a b\"\n"), "{text}");
        assert!(text.contains(" WARN "), "{text}");
    }
}
