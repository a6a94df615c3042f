//! A line taken apart into words, with quotes as in a shell: `join "First chat" Fedir`.

/// Why a line cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A quote is not closed.")]
pub(super) struct Unclosed;

/// The words of a line. `"…"` and `'…'` hold spaces; a backslash before a quote, a space or a backslash takes it as it is.
pub(super) fn split(line: &str) -> Result<Vec<String>, Unclosed> {
    let (words, last) = scan(line);
    match last {
        Some(word) if word.quote.is_some() => Err(Unclosed),
        Some(word) => Ok(words.into_iter().chain([word.text]).collect()),
        None => Ok(words),
    }
}

/// The word that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typing {
    /// How many words stand before it.
    pub(super) before: usize,
    /// Where it begins in the line, its quote included.
    pub(super) start: usize,
    /// What it says so far, without quotes.
    pub(super) text: String,
}

/// The word at the end of an unfinished line.
pub(super) fn typing(line: &str) -> Typing {
    let (words, last) = scan(line);
    match last {
        Some(word) => Typing { before: words.len(), start: word.start, text: word.text },
        None => Typing { before: words.len(), start: line.len(), text: String::new() },
    }
}

/// A word as it must be written to be read as one.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Words as lists of names: `["Fedir", "Petro"]` is one, and so are names without brackets. A `-` alone begins another.
/// Brackets that do not match and commas that are not needed are passed over.
pub(super) fn groups(words: &[&str]) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut is_open = false;
    for word in words {
        if *word == "-" {
            groups.resize_with(groups.len().max(1) + 1, Vec::new);
            is_open = true;
            continue;
        }
        for part in word.split_inclusive(['[', ']', ',']) {
            let name = part.trim_end_matches(['[', ']', ',']);
            if !name.is_empty() {
                if !is_open {
                    groups.push(Vec::new());
                    is_open = true;
                }
                groups.last_mut().into_iter().for_each(|group| group.push(name.to_owned()));
            }
            if part.ends_with('[') {
                groups.push(Vec::new());
                is_open = true;
            }
            is_open &= !part.ends_with(']');
        }
    }
    groups
}

struct Word {
    start: usize,
    text: String,
    quote: Option<char>,
}

/// The words that are followed by a space, and the one that is not.
fn scan(line: &str) -> (Vec<String>, Option<Word>) {
    let mut words = Vec::new();
    let mut current: Option<Word> = None;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let quote = current.as_ref().and_then(|word| word.quote);
        if quote.is_none() && c.is_whitespace() {
            words.extend(current.take().map(|word| word.text));
            continue;
        }
        let word = current.get_or_insert_with(|| Word { start: at, text: String::new(), quote: None });
        match (quote, c) {
            (Some(open), c) if c == open => word.quote = None,
            (None, '"' | '\'') => word.quote = Some(c),
            (None | Some('"'), '\\') => {
                let escaped = chars.next_if(|(_, next)| matches!(next, '"' | '\'' | '\\' | ' '));
                word.text.push(escaped.map_or('\\', |(_, next)| next));
            }
            _ => word.text.push(c),
        }
    }
    (words, current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        for (line, words) in [
            ("", &[][..]),
            ("  rooms  ", &["rooms"]),
            (r#"join "First chat" Fedir"#, &["join", "First chat", "Fedir"]),
            (r"write 'a room' it\'s", &["write", "a room", "it's"]),
            (r#"write r "say \"hi\" \\ \n""#, &["write", "r", r#"say "hi" \ \n"#]),
            (r#"createChat """#, &["createChat", ""]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        assert_eq!(split(r#"join "First"#), Err(Unclosed));
    }

    #[test]
    fn lists_of_names_may_be_written_in_many_ways() {
        for (line, expected) in [
            ("", &[][..]),
            ("a b", &[&["a", "b"][..]]),
            (r#"["a","b"]"#, &[&["a", "b"]]),
            (r#"[ "a", "b" ]["c"]"#, &[&["a", "b"], &["c"]]),
            ("[] [a]", &[&[], &["a"]]),
            ("a, b, - c", &[&["a", "b"], &["c"]]),
            ("- a-b", &[&[], &["a-b"]]),
            ("a] [b", &[&["a"], &["b"]]),
        ] {
            let words = split(line).unwrap();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            assert_eq!(groups(&words), expected, "{line}");
        }
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for word in ["plain", "First chat", r#"a "quoted" \ one"#, "it's", ""] {
            assert_eq!(split(&quoted(word)).unwrap(), [word]);
        }
    }

    #[test]
    fn the_word_being_typed_is_found() {
        let typed = |line| {
            let word = typing(line);
            (word.before, word.start, word.text)
        };
        assert_eq!(typed(""), (0, 0, String::new()));
        assert_eq!(typed("jo"), (0, 0, "jo".into()));
        assert_eq!(typed("join "), (1, 5, String::new()));
        assert_eq!(typed(r#"join "First c"#), (1, 5, "First c".into()));
        assert_eq!(typed(r#"join "First chat" Fe"#), (2, 18, "Fe".into()));
    }
}
