//! Engine.IO 4 and Socket.IO 5 packets as far as they are needed: told apart by their first bytes, never parsed as JSON.

/// What a server sends.
#[derive(Debug, PartialEq, Eq)]
pub enum FromServer<'a> {
    /// The Engine.IO session is open.
    Open,
    /// To be answered with [`PONG`].
    Ping,
    /// The namespace is connected.
    Connected,
    /// The namespace, or the whole session, is refused or ended.
    Ended(&'a [u8]),
    /// An event: the array of its name and arguments.
    Event(&'a [u8]),
    /// An acknowledgement: which, and the array of its arguments.
    Ack(u64, &'a [u8]),
    /// Anything else.
    Other,
}

/// The answer to [`FromServer::Ping`].
pub const PONG: &[u8] = b"3";

/// Tells what a text message of a server is.
#[must_use]
pub fn from_server(text: &[u8]) -> FromServer<'_> {
    match text {
        [b'4', b'2', rest @ ..] => FromServer::Event(skip_digits(rest).1),
        [b'4', b'3', rest @ ..] => {
            let (id, rest) = skip_digits(rest);
            id.map_or(FromServer::Other, |id| FromServer::Ack(id, rest))
        }
        [b'2'] => FromServer::Ping,
        [b'0', ..] => FromServer::Open,
        [b'4', b'0', ..] => FromServer::Connected,
        [b'4', b'1' | b'4', ..] | [b'1', ..] => FromServer::Ended(text),
        _ => FromServer::Other,
    }
}

/// An event of a client that wants an acknowledgement: its id, and the array.
#[must_use]
pub fn event_of_client(text: &[u8]) -> Option<(u64, &[u8])> {
    let rest = text.strip_prefix(b"42")?;
    let (id, array) = skip_digits(rest);
    Some((id?, array))
}

fn skip_digits(bytes: &[u8]) -> (Option<u64>, &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let number =
        bytes[..end].iter().fold(0_u64, |number, digit| number.wrapping_mul(10) + u64::from(digit - b'0'));
    ((end > 0).then_some(number), &bytes[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart() {
        assert_eq!(from_server(br#"0{"sid":"x"}"#), FromServer::Open);
        assert_eq!(from_server(b"2"), FromServer::Ping);
        assert_eq!(from_server(br#"40{"sid":"x"}"#), FromServer::Connected);
        assert_eq!(from_server(br#"42["msg",{}]"#), FromServer::Event(br#"["msg",{}]"#));
        assert_eq!(from_server(br#"43120[{"ok":true}]"#), FromServer::Ack(120, br#"[{"ok":true}]"#));
        assert_eq!(from_server(b"43[]"), FromServer::Other);
        assert_eq!(from_server(b"41"), FromServer::Ended(b"41"));
        assert_eq!(from_server(br#"44{"message":"no"}"#), FromServer::Ended(br#"44{"message":"no"}"#));
    }

    #[test]
    fn an_event_bears_its_ack_id() {
        assert_eq!(event_of_client(br#"427["join","r1"]"#), Some((7, &br#"["join","r1"]"#[..])));
        assert_eq!(event_of_client(br#"42["join","r1"]"#), None);
    }
}
