//! Names of people and rooms: what is allowed, and when two are the same.

use plaza_protocol::Error;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Longest name of an account or guest, in characters.
pub(crate) const MAX_USER_NAME: usize = 32;
/// Longest name of a room, in characters.
const MAX_ROOM_NAME: usize = 80;

/// A person's name as it is shown (NFC): 1 to 32 letters, digits, `.`, `_` or `-` of any script. Marks may
/// follow a letter, two at most, as some scripts need them.
///
/// # Errors
/// `bad_request`.
pub(crate) fn user_name(text: &str) -> Result<String, Error> {
    let refused = || Error::bad_request("A name has 1 to 32 letters, digits, dots, underscores or hyphens.");
    // Far above what can be right, so that nobody makes us normalise a megabyte.
    if text.len() > 1024 {
        return Err(refused());
    }
    let name: String = text.trim().nfc().collect();
    let length = name.chars().count();
    let mut marks = 2;
    let allowed = name.chars().all(|c| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        marks <= 2 && (c.is_alphanumeric() || matches!(c, '.' | '_' | '-') || marks > 0)
    });
    if length == 0 || length > MAX_USER_NAME || !allowed { Err(refused()) } else { Ok(name) }
}

/// What makes two names the same: `Ana`, `ANA` and `Ａｎａ` are.
pub fn key(name: &str) -> String {
    let lower = name.nfkc().collect::<String>().to_lowercase();
    lower.nfkc().collect()
}

/// A room's name, trimmed: 1 to 80 characters, none of them a control character.
///
/// # Errors
/// `bad_request`.
pub(crate) fn room_name(text: &str) -> Result<String, Error> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > MAX_ROOM_NAME || name.chars().any(char::is_control) {
        return Err(Error::bad_request(
            "A room's name has 1 to 80 characters, none of them a control character.",
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people() {
        for good in ["Ana", " Ana ", "ж", "李雷", "कृष्ण", "a.b_c-9", &"x".repeat(32)] {
            assert!(user_name(good).is_ok(), "{good}");
        }
        let zalgo = format!("a{}", "\u{301}\u{302}\u{303}\u{304}");
        for bad in ["", " ", "a b", "a@b", "a\u{0}", "\u{301}a", "<b>", &zalgo, &"x".repeat(33), "\u{202e}a"]
        {
            assert!(user_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_same_name_has_the_same_key() {
        for same in ["ana", "ANA", "Ana", "Ａｎａ"] {
            assert_eq!(key(same), "ana");
        }
        assert_eq!(key("Ame\u{301}lie"), key("am\u{e9}LIE"));
        assert_ne!(key("Ana"), key("Anna"));
    }

    #[test]
    fn names_of_rooms() {
        assert_eq!(room_name("  First chat ").unwrap(), "First chat");
        for bad in ["", "  ", "a\nb", "a\u{0}", &"x".repeat(81)] {
            assert!(room_name(bad).is_err(), "{bad:?}");
        }
    }
}
