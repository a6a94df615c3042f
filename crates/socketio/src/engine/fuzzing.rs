//! What must hold of Engine.IO's parsers; see the module of the same name above.

use super::{
    deflate,
    frame::Frame,
    http::Query,
    packet::{Message, Packet, Piece, join_payload, split_payload},
    websocket::{FuzzedDecoder as Decoder, Violation},
};

/// Most bytes of a message here: small, so that bounds are met often.
const MAX: usize = 1_000;

/// Frames from a client, the same in whatever pieces they come. The first byte says how large the pieces are, and with
/// its highest bit that messages may be compressed.
pub fn websocket(bytes: &[u8]) {
    let Some((&size, bytes)) = bytes.split_first() else { return };
    let (inflates, piece) = (size & 0x80 != 0, usize::from(size & 0x7F));
    let whole = decode(bytes, bytes.len().max(1), inflates);
    let pieces = decode(bytes, piece.max(1), inflates);
    assert_eq!(whole, pieces);
}

/// All that a stream holds, in words, and the violation that ended it.
fn decode(bytes: &[u8], piece: usize, inflates: bool) -> (Vec<String>, Option<Violation>) {
    let (mut decoder, mut found, mut unread) = (Decoder::new(inflates), Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        unread.extend_from_slice(piece);
        loop {
            match decoder.step(&mut unread, MAX) {
                Ok(Some((decoded, taken))) => {
                    let shown = format!("{decoded:?}");
                    assert!(taken > 0 && shown.len() < 8 * MAX, "{} bytes, shown as {}", taken, shown.len());
                    found.push(shown);
                    unread.drain(..taken);
                }
                Ok(None) => break,
                Err(violation) => return (found, Some(violation)),
            }
        }
        assert!(unread.len() < 2 * MAX + piece.len(), "what is refused from its head on is not waited for");
    }
    (found, None)
}

/// A compressed message: it is never longer than it may be, and what is compressed here reads back.
pub fn inflate(bytes: &[u8]) {
    if let Ok(message) = deflate::inflate(bytes, MAX) {
        assert!(message.len() <= MAX && message.capacity() <= 4_096, "{}", message.capacity());
    }
    if let Some(short) = deflate::deflate(bytes) {
        assert!(short.len() < bytes.len());
        assert_eq!(deflate::inflate(&short, bytes.len()).as_deref(), Ok(bytes));
        assert_eq!(deflate::inflate(&short, bytes.len() - 1), Err(Violation::TooLong));
    }
}

/// The value of `Sec-WebSocket-Extensions`.
pub fn compression_offer(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let accepted = text.split(',').any(deflate::is_acceptable);
    assert!(!accepted || text.contains("permessage-deflate"));
}

/// A text packet of Engine.IO.
pub fn engine_packet(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(Packet::Message(message)) = Packet::parse(text) {
        assert_eq!(message, Message::Text(&text[1..]));
    }
}

/// The body of a POST: what is read and joined again reads the same.
pub fn polling_payload(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(pieces) = split_payload(text).collect::<Result<Vec<_>, _>>() else { return };
    // An empty packet in front cannot be told from none; no server sends one.
    if pieces.contains(&Piece::Text("")) {
        return;
    }
    let frames: Vec<_> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Frame::packet(text),
            Piece::Bytes(bytes) => Frame::binary(bytes),
        })
        .collect();
    let joined = String::from_utf8(join_payload(&frames)).expect("a payload is text");
    let again: Vec<_> = split_payload(&joined).map(|piece| piece.expect("what was joined splits")).collect();
    assert_eq!(pieces, again);
    for piece in &pieces {
        if let Piece::Text(text) = piece {
            engine_packet(text.as_bytes());
        }
    }
}

/// The query of a request.
pub fn http_query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let query = Query::parse(text);
    for value in [query.version, query.transport, query.sid].into_iter().flatten() {
        assert!(text.contains(value) && !value.contains('&'));
    }
}
