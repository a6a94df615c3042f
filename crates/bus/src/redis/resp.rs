//! Redis' protocol, version 2, as a subscriber needs it.
//!
//! Ours, because a subscriber has to see what libraries keep to themselves: the `sunsubscribe` that nobody asked for,
//! and which command an error belongs to. Every server speaks this version, and in it what is pushed and what is
//! answered come in one order. Nothing is allocated for a length that has only been announced.
//! Format: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

/// Deepest that arrays may be nested. What a subscriber is sent has depth 1.
const MOST_DEPTH: usize = 4;
/// Most elements of an array. What a subscriber is sent has 4 at most.
const MOST_ELEMENTS: usize = 64;
/// Longest line, in bytes: an error, a status, a length.
const MOST_LINE: usize = 8 * 1024;

/// Something that a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    /// `+OK`
    Status(&'a [u8]),
    /// `-ERR …`
    Error(&'a [u8]),
    /// `:1`
    Number(i64),
    /// `$…`, or nothing.
    Bytes(Option<&'a [u8]>),
    /// `*…`, or nothing.
    Array(Option<Vec<Self>>),
}

/// What no Redis sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RespError {
    #[error("the server sent something that is not Redis' protocol")]
    Malformed,
    #[error("the server sent more than is taken at once")]
    TooLarge,
}

/// The first reply in `input` and its length in bytes; `None` while it is not all there.
pub(crate) fn parse(input: &[u8], most_bytes: usize) -> Result<Option<(Reply<'_>, usize)>, RespError> {
    let mut cursor = Cursor { input, at: 0, most_bytes };
    Ok(cursor.reply(0)?.map(|reply| (reply, cursor.at)))
}

struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
    most_bytes: usize,
}

impl<'a> Cursor<'a> {
    fn reply(&mut self, depth: usize) -> Result<Option<Reply<'a>>, RespError> {
        let Some(line) = self.line()? else { return Ok(None) };
        let (kind, rest) = line.split_first().ok_or(RespError::Malformed)?;
        match kind {
            b'+' => Ok(Some(Reply::Status(rest))),
            b'-' => Ok(Some(Reply::Error(rest))),
            b':' => Ok(Some(Reply::Number(number(rest)?))),
            b'$' => self.bytes(number(rest)?),
            b'*' if depth < MOST_DEPTH => self.array(number(rest)?, depth),
            b'*' => Err(RespError::TooLarge),
            _ => Err(RespError::Malformed),
        }
    }

    fn line(&mut self) -> Result<Option<&'a [u8]>, RespError> {
        let rest = &self.input[self.at..];
        let Some(end) = rest.iter().take(MOST_LINE).position(|byte| *byte == b'\n') else {
            return if rest.len() < MOST_LINE { Ok(None) } else { Err(RespError::TooLarge) };
        };
        self.at += end + 1;
        rest[..end].strip_suffix(b"\r").map(Some).ok_or(RespError::Malformed)
    }

    fn bytes(&mut self, length: i64) -> Result<Option<Reply<'a>>, RespError> {
        if length == -1 {
            return Ok(Some(Reply::Bytes(None)));
        }
        let length = usize::try_from(length).map_err(|_| RespError::Malformed)?;
        if length > self.most_bytes {
            return Err(RespError::TooLarge);
        }
        let rest = &self.input[self.at..];
        let Some((bytes, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        match rest {
            [b'\r', b'\n', ..] => {
                self.at += length + 2;
                Ok(Some(Reply::Bytes(Some(bytes))))
            }
            [] | [b'\r'] => Ok(None),
            _ => Err(RespError::Malformed),
        }
    }

    fn array(&mut self, length: i64, depth: usize) -> Result<Option<Reply<'a>>, RespError> {
        if length == -1 {
            return Ok(Some(Reply::Array(None)));
        }
        let length = usize::try_from(length).map_err(|_| RespError::Malformed)?;
        if length > MOST_ELEMENTS {
            return Err(RespError::TooLarge);
        }
        let mut replies = Vec::with_capacity(length.min(4));
        for _ in 0..length {
            let Some(reply) = self.reply(depth + 1)? else { return Ok(None) };
            replies.push(reply);
        }
        Ok(Some(Reply::Array(Some(replies))))
    }
}

fn number(digits: &[u8]) -> Result<i64, RespError> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(RespError::Malformed)
}

/// Appends a command.
pub(crate) fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    header(out, b'*', words.len());
    for word in words {
        header(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

fn header(out: &mut Vec<u8>, kind: u8, length: usize) {
    out.push(kind);
    out.extend_from_slice(length.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    const MOST: usize = 1_000;

    #[test]
    fn what_a_subscriber_is_sent() {
        let message = b"*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$4\r\n\r\n\0x\r\n";
        let words = [&b"smessage"[..], b"c", b"\r\n\0x"].map(|word| Reply::Bytes(Some(word)));
        let whole = Some((Reply::Array(Some(words.to_vec())), message.len()));
        assert_eq!(parse(message, MOST), Ok(whole));
        for end in 0..message.len() {
            assert_eq!(parse(&message[..end], MOST), Ok(None), "{end} bytes of it");
        }
        let error = b"-MOVED 1 a:2\r\n+OK\r\n";
        assert_eq!(parse(error, MOST), Ok(Some((Reply::Error(b"MOVED 1 a:2"), 14))));
        assert_eq!(parse(b"$-1\r\n", MOST), Ok(Some((Reply::Bytes(None), 5))));
    }

    #[test]
    fn what_would_fill_the_memory_is_refused_before_it_comes() {
        let deep = b"*1\r\n".repeat(100);
        for bytes in [&b"$1001\r\n"[..], b"*65\r\n", &deep, &[b'+'; MOST_LINE]] {
            assert_eq!(parse(bytes, MOST), Err(RespError::TooLarge));
        }
        for bytes in [&b"$-2\r\n"[..], b"hello\r\n", b"\r\n", b"+a\n", b"$1\r\nabc", b":x\r\n"] {
            assert_eq!(parse(bytes, MOST), Err(RespError::Malformed), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_not_panic(bytes in vec(prop_oneof![
            any::<u8>(), Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'-'), b'0'..=b'9'
        ], 0..200)) {
            if let Ok(Some((_, length))) = parse(&bytes, MOST) {
                prop_assert!(length > 0 && length <= bytes.len());
            }
        }

        #[test]
        fn a_command_is_read_as_it_was_written(words in vec(vec(any::<u8>(), 0..50), 1..5)) {
            let mut out = Vec::new();
            command(&mut out, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let expected = words.iter().map(|word| Reply::Bytes(Some(word))).collect();
            prop_assert_eq!(parse(&out, MOST), Ok(Some((Reply::Array(Some(expected)), out.len()))));
        }
    }
}
