//! Names of people and rooms: what is allowed, when two are the same, and when two look the same.

use plaza_protocol::Error;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use unicode_security::{UNICODE_VERSION, mixed_script::AugmentedScriptSet, skeleton};

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

/// The same for a name that nobody has yet, which must also be one that cannot be taken for another: of characters
/// that can be seen, and of one script, or of Latin with Chinese, Japanese or Korean (UTS 39 calls that highly
/// restrictive). Names of before may break this; nobody is locked out for it.
///
/// # Errors
/// `bad_request`.
pub(crate) fn new_user_name(text: &str) -> Result<String, Error> {
    let name = user_name(text)?;
    // What UTS 39 leaves out of a skeleton is not seen: fillers, joiners, variation selectors.
    if !name.chars().all(is_seen) {
        return Err(Error::bad_request("A name cannot have characters that are not seen."));
    }
    if !keeps_to_one_script(&name) {
        return Err(Error::bad_request(
            "A name keeps to one script: Latin letters, or Cyrillic ones, and so on, but not both.",
        ));
    }
    Ok(name)
}

/// What a webhook is called: as a new name of a person is, and with single spaces between its words.
///
/// # Errors
/// `bad_request`.
pub(crate) fn webhook_name(text: &str) -> Result<String, Error> {
    let refused = || {
        Error::bad_request(
            "A webhook's name has 1 to 32 letters, digits, dots, underscores, hyphens and single spaces.",
        )
    };
    if text.len() > 1024 {
        return Err(refused());
    }
    let name: String = text.trim().nfc().collect();
    let words = name.split(' ').all(|word| user_name(word).is_ok_and(|whole| whole == word));
    if name.chars().count() > MAX_USER_NAME || !words {
        return Err(refused());
    }
    new_user_name(&name.replace(' ', ""))?;
    Ok(name)
}

/// UTS 39 §5.1 and §5.2, without its list of recommended characters: scripts that few use are welcome.
fn keeps_to_one_script(name: &str) -> bool {
    let latin = AugmentedScriptSet::for_char('a');
    let (mut all, mut beside_latin) = (AugmentedScriptSet::default(), AugmentedScriptSet::default());
    for scripts in name.chars().map(AugmentedScriptSet::for_char) {
        all.intersect_with(scripts);
        let mut in_latin = latin;
        in_latin.intersect_with(scripts);
        if in_latin.is_empty() {
            beside_latin.intersect_with(scripts);
        }
    }
    !all.is_empty() || beside_latin.hanb || beside_latin.jpan || beside_latin.kore
}

/// What makes two names the same: `Ana`, `ANA` and `Ａｎａ` are.
pub fn key(name: &str) -> String {
    let lower = name.nfkc().collect::<String>().to_lowercase();
    lower.nfkc().collect()
}

/// What makes two names look the same: the skeleton of UTS 39, without regard to case. `Ana` in Latin letters and in
/// those Cyrillic ones that look like them have the same, and so have `Ian` and `lan`. Equal [`key`]s do not make
/// equal looks, so both are asked. It is no name, and means something only among looks of one [`look_version`].
pub(crate) fn look(name: &str) -> String {
    let shown: String = name.nfkc().collect();
    skeleton(&shown).collect::<String>().to_lowercase()
}

/// Changes with everything that may change what [`look`] says of a name: Unicode's tables, and our own rule.
pub(crate) fn look_version() -> i64 {
    /// Of the rule.
    const RULE: u64 = 1;
    let (major, minor, update) = UNICODE_VERSION;
    // Each well below 100, as the rule's will be.
    (((major * 100 + minor) * 100 + update) * 100 + RULE) as i64
}

/// A room's name, trimmed: 1 to 80 characters, some of which can be seen. None of them is a control character, ends a
/// line or turns the direction of reading, which would reach into what stands beside the name.
///
/// # Errors
/// `bad_request`.
pub(crate) fn room_name(text: &str) -> Result<String, Error> {
    let name = text.trim();
    if name.chars().count() > MAX_ROOM_NAME || name.chars().any(reaches_out) || !name.chars().any(is_seen) {
        return Err(Error::bad_request(
            "A room's name has 1 to 80 characters, some of which can be seen and none of which is a control character.",
        ));
    }
    Ok(name.to_owned())
}

/// Unicode's controls: of terminals, of lines, and of the direction of reading (UAX 9).
fn reaches_out(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Braille's empty cell is a space in all but name.
fn is_seen(c: char) -> bool {
    !c.is_whitespace() && c != '\u{2800}' && skeleton(c.encode_utf8(&mut [0; 4])).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn a_new_name_keeps_to_one_script_that_can_be_seen() {
        for good in [
            "Ana-2",
            "Ана_7",
            "Ἀριάδνη",
            "李雷",
            "ゆうカナ子",
            "김철수",
            "कृष्ण",
            "עמית",
            "فاطمة",
            "ᏣᎳᎩ",
            "Ana李",
            "カナana",
            "김ana",
            "Ame\u{301}lie",
            "ß",
            "ﬁn",
        ] {
            assert!(new_user_name(good).is_ok(), "{good}");
        }
        for mixed in ["Аna", "Anа", "аnа-2", "pаypаl", "Αna", "раypal", "Aña\u{5d0}", "ᏣAna", "АнаAna"]
        {
            assert!(user_name(mixed).is_ok() && new_user_name(mixed).is_err(), "{mixed}");
        }
        for unseen in ["Ana\u{3164}", "\u{115f}", "A\u{fe0f}na", "Ana\u{34f}", "\u{ffa0}Ana"] {
            assert!(new_user_name(unseen).is_err(), "{unseen:?}");
        }
    }

    #[test]
    fn names_of_webhooks() {
        for good in ["Build", " Build server 2 ", "Tin nhắn", "李雷 bot"] {
            assert_eq!(webhook_name(good).unwrap(), good.trim());
        }
        for bad in [
            "",
            "  ",
            "a  b",
            "a\tb",
            "<b>",
            "a\u{a0}b",
            "Anа",
            "A nа",
            "a \u{3164}",
            "a\u{202e}b",
            &"x ".repeat(17),
        ] {
            assert!(webhook_name(bad).is_err(), "{bad:?}");
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
    fn names_that_look_the_same_have_the_same_look() {
        // The second ones of Cyrillic or Greek letters alone, where they are not Latin.
        for (one, other) in [
            ("ace", "асе"),
            ("ABE", "АВЕ"),
            ("abe", "АВЕ"),
            ("Ian", "lan"),
            ("user1", "userl"),
            ("modern", "modem"),
            ("OTTO", "0TT0"),
            ("KATE", "ΚΑΤΕ"),
            ("Ana", "Ana\u{3164}"),
            ("Ana", "Ａｎａ"),
        ] {
            assert_eq!(look(one), look(other), "{one} {other}");
            assert_ne!(one, other);
        }
        for (one, other) in [("Ana", "Anna"), ("Ana", "Ena"), ("Simon", "Simone"), ("Ana-2", "Ana-3")] {
            assert_ne!(look(one), look(other), "{one} {other}");
        }
    }

    #[test]
    fn looks_are_told_apart_by_what_they_were_made_with() {
        assert_eq!(look_version(), 18_00_00_01, "raise RULE with the rule; the tables raise the rest");
    }

    proptest! {
        #[test]
        fn what_uts_39_calls_confusable_has_one_look(one in "\\PC{0,12}", other in "\\PC{0,12}") {
            let confusable = |text: &str| skeleton(&text.nfkc().collect::<String>()).collect::<String>();
            if confusable(&one) == confusable(&other) {
                prop_assert_eq!(look(&one), look(&other));
            }
            prop_assert_eq!(look(&one), look(&one.nfd().collect::<String>()));
        }

        #[test]
        fn a_new_name_is_a_name_and_stays_what_it_is(text in "\\PC{0,40}|[a-zа-я]{0,6}") {
            if let Ok(name) = new_user_name(&text) {
                prop_assert_eq!(user_name(&name).unwrap(), name.clone());
                prop_assert_eq!(new_user_name(&name).unwrap(), name.clone());
                prop_assert!(!look(&name).is_empty());
            }
        }
    }

    #[test]
    fn names_of_rooms() {
        assert_eq!(room_name("  First chat ").unwrap(), "First chat");
        for good in ["👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}", "می\u{200c}خواهم", "#", "١٢"] {
            assert_eq!(room_name(good).unwrap(), good);
        }
        for bad in ["", "  ", "a\nb", "a\u{0}", &"x".repeat(81)] {
            assert!(room_name(bad).is_err(), "{bad:?}");
        }
        for unseen in ["\u{200b}", "\u{2060}\u{200d}", "\u{3164}", "\u{2800}"] {
            assert!(room_name(unseen).is_err(), "{unseen:?}");
        }
        for turning in ["a\u{202e}b", "\u{2066}a", "a\u{2028}b", "\u{200f}a"] {
            assert!(room_name(turning).is_err(), "{turning:?}");
        }
    }
}
