//! Engine.IO packets, protocol revision 4, as they come in; and the polling payload that joins several.
//!
//! Source: the Engine.IO protocol document, "Packet encoding". Text packets are a type digit and data. On a
//! WebSocket bytes are a binary frame; in a payload they are `b` and base64, and packets are parted by 0x1E.

use super::frame::Frame;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Parts packets in a polling payload.
const SEPARATOR: u8 = 0x1E;

/// A message of the protocol above, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// A packet that a client may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    Close,
    Ping(&'a str),
    Pong,
    Message(Message<'a>),
    Upgrade,
    Noop,
}

/// A packet that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Packet<'a> {
    /// From a text frame, or a text packet of a payload.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let kind = text.as_bytes().first().ok_or(Malformed)?;
        if !kind.is_ascii() {
            return Err(Malformed);
        }
        let data = &text[1..];
        match kind {
            b'1' => Ok(Self::Close),
            b'2' => Ok(Self::Ping(data)),
            b'3' => Ok(Self::Pong),
            b'4' => Ok(Self::Message(Message::Text(data))),
            b'5' => Ok(Self::Upgrade),
            b'6' => Ok(Self::Noop),
            _ => Err(Malformed),
        }
    }
}

/// The packets of a polling payload, each as text or decoded bytes.
pub(crate) fn split_payload(body: &str) -> impl Iterator<Item = Result<Piece<'_>, Malformed>> {
    body.split(SEPARATOR as char).map(|piece| match piece.strip_prefix('b') {
        Some(encoded) => STANDARD.decode(encoded).map(Piece::Bytes).map_err(|_| Malformed),
        None => Ok(Piece::Text(piece)),
    })
}

/// One packet of a payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Bytes(Vec<u8>),
}

/// Joins frames into the body that answers a poll.
pub(crate) fn join_payload<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<u8> {
    let mut body = Vec::new();
    for frame in frames {
        if !body.is_empty() {
            body.push(SEPARATOR);
        }
        if frame.is_binary() {
            body.push(b'b');
            body.extend_from_slice(STANDARD.encode(frame.payload()).as_bytes());
        } else {
            body.extend_from_slice(frame.payload());
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn payloads_split_and_join() {
        let pieces: Vec<_> = split_payload("4hello\x1e2\x1ebAQID").map(Result::unwrap).collect();
        assert_eq!(pieces, [Piece::Text("4hello"), Piece::Text("2"), Piece::Bytes(vec![1, 2, 3])]);
        let frames = [Frame::packet("4hello"), Frame::packet("2"), Frame::binary(&[1, 2, 3])];
        assert_eq!(join_payload(&frames), b"4hello\x1e2\x1ebAQID");
    }

    #[test]
    fn what_is_no_packet_is_malformed() {
        for text in ["", "7", "x", "ä", "0{}"] {
            assert_eq!(Packet::parse(text), Err(Malformed), "{text:?}");
        }
        assert!(split_payload("4a\x1eb***").any(|piece| piece.is_err()));
    }

    proptest! {
        #[test]
        fn no_input_panics(text in ".*") {
            let _ = Packet::parse(&text);
            for piece in split_payload(&text).flatten() {
                if let Piece::Text(text) = piece {
                    let _ = Packet::parse(text);
                }
            }
        }
    }
}
