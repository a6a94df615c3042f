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
