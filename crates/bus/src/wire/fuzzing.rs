//! What must hold of every payload, whatever it is: called by the tests here and by the targets in `fuzz/`. Not for use
//! by nodes.
//!
//! Each function takes any bytes and panics when a reader does, or when what was read, written and read again is not
//! the same.

use super::{Body, Limits, Malformed, Message, Text, classic, sharded};

type Decode = for<'a> fn(&'a Text<'_>) -> Result<Message<'a>, Malformed>;
type Encode = fn(&str, &str, &Body<'_>) -> Option<Vec<u8>>;

/// What the sharded adapter says.
pub fn sharded(bytes: &[u8]) {
    check(bytes, sharded::decode, sharded::encode);
}

/// What the classic adapter broadcasts, asks and answers.
pub fn classic(bytes: &[u8]) {
    check(bytes, classic::decode_broadcast, classic::encode);
    check(bytes, classic::decode_request, classic::encode);
    check(bytes, classic::decode_response, classic::encode);
}

fn check(bytes: &[u8], decode: Decode, encode: Encode) {
    let limits = Limits::default();
    let Ok(text) = Text::read(bytes, &limits) else { return };
    assert!(text.attachments().len() <= limits.attachments);
    assert!(text.json().len() <= 8 * bytes.len() + 64 * limits.attachments);
    let Ok(message) = decode(&text) else { return };
    if let Body::Broadcast(broadcast) = &message.body {
        assert!(broadcast.event.event_name().is_some());
        let _ = broadcast.event.arguments();
    }
    // Once written, numbers and texts are as they are always written.
    let write = |message: &Message<'_>| {
        let namespace = message.namespace.as_deref().unwrap_or("/");
        encode(&message.from, namespace, &message.body)
    };
    let Some(first) = write(&message) else { return };
    let text = Text::read(&first, &limits).expect("what was written is a text");
    let again = decode(&text).expect("what was written is a message");
    let second = write(&again).expect("what was read can be written");
    assert_eq!(String::from_utf8_lossy(&first), String::from_utf8_lossy(&second));
}
