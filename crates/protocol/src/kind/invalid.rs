//! What is wrong with a message, and where.

use crate::{Code, Error};

/// A field that breaks its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field of the body, as it is called on the wire.
    pub field: &'static str,
    /// What is wrong with it.
    pub error: Error,
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        invalid.error
    }
}

pub(super) fn invalid(field: &'static str, sentence: impl Into<String>) -> Invalid {
    Invalid { field, error: Error::bad_request(sentence) }
}

/// At most so many bytes.
pub(super) fn at_most(field: &'static str, text: &str, most: usize) -> Result<(), Invalid> {
    if text.len() <= most {
        return Ok(());
    }
    let sentence = format!("The {field} is too long: it has {} bytes, and at most {most} fit.", text.len());
    Err(Invalid { field, error: Error::new(Code::TooLarge, sentence) })
}

/// Something to see, in so many bytes, and no control characters: for a line of text beside something else.
pub(super) fn a_line(field: &'static str, text: Option<&String>, most: usize) -> Result<(), Invalid> {
    let Some(text) = text else { return Ok(()) };
    at_most(field, text, most)?;
    if text.trim().is_empty() {
        return Err(invalid(field, format!("The {field} is empty: leave it out.")));
    }
    if text.chars().any(reaches_out) {
        return Err(invalid(field, format!("The {field} must not have control characters.")));
    }
    Ok(())
}

/// Controls of terminals, of lines, and of the direction of reading (UAX 9): `gpj.exe` turned around is `exe.jpg`.
pub(super) fn reaches_out(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
