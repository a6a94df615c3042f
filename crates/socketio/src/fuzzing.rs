//! What must hold of every parser, whatever it is given: called by the property tests here and by the targets in
//! `fuzz/`, which is why it is public with the feature `fuzzing`. Not for use by servers.
//!
//! Each function takes any bytes and panics when a parser does, or when what it says is not so.

use crate::{
    Payload,
    config::Origins,
    engine::fuzzing as engine,
    msgpack,
    packet::{self, Content, Head, Parsed},
    payload::places_exist,
};
use bytes::Bytes;
use serde_json::value::RawValue;

pub use engine::{compression_offer, engine_packet, http_query, inflate, polling_payload, websocket};

/// A Socket.IO packet in the default encoding: what is read and written again reads the same.
pub fn socket_packet(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(parsed) = Parsed::parse(text) else { return };
    let attachments = vec![Bytes::from_static(b"bytes"); parsed.attachments.min(4)];
    let outgoing = match &parsed.content {
        Content::Connect(_) | Content::Disconnect => return,
        Content::Event { name, id, json } => {
            let payload = Payload::event(json, attachments.clone());
            let arguments = arguments(&payload, json);
            packet::event(parsed.namespace, *id, name, &arguments, &attachments).expect("arguments are JSON")
        }
        Content::Ack { id, json } => {
            let payload = Payload::ack(json, attachments.clone());
            let arguments = arguments(&payload, json);
            packet::ack(parsed.namespace, *id, &arguments, &attachments).expect("arguments are JSON")
        }
    };
    let written = std::str::from_utf8(outgoing.first.payload()).expect("a text frame is UTF-8");
    let again = Parsed::parse(&written[1..]).expect("what was written is a packet");
    assert_eq!(again.namespace, parsed.namespace);
    assert_eq!(again.attachments, attachments.len());
    match (&parsed.content, &again.content) {
        (Content::Event { name, id, .. }, Content::Event { name: name_again, id: id_again, .. }) => {
            assert_eq!((name, id), (name_again, id_again));
        }
        (Content::Ack { id, .. }, Content::Ack { id: id_again, .. }) => assert_eq!(id, id_again),
        (before, after) => panic!("{before:?} became {after:?}"),
    }
}

fn arguments<'a>(payload: &'a Payload, json: &str) -> Vec<&'a RawValue> {
    let _ = places_exist(json, payload.attachments().len());
    let _ = payload.args::<(serde_json::Value, crate::Attachment)>();
    payload.elements().expect("a packet's JSON is an array")
}

/// A Socket.IO packet in MessagePack: what is read and written again reads the same.
pub fn msgpack_packet(bytes: &[u8]) {
    const MOST: usize = 4;
    let Ok(read) = msgpack::Packet::read(bytes, MOST) else { return };
    assert!(read.attachments.len() <= MOST);
    let Ok(parsed) = read.parsed() else { return };
    let (kind, id, json) = match &parsed.content {
        Content::Connect(_) | Content::Disconnect => return,
        Content::Event { id, json, .. } => (b'2', *id, *json),
        Content::Ack { id, json } => (b'3', Some(*id), *json),
    };
    assert!(json.len() <= 8 * bytes.len() + 64 * MOST, "{} bytes became {}", bytes.len(), json.len());
    arguments(&Payload::ack(json, read.attachments.clone()), json);
    let attachments: Vec<&[u8]> = read.attachments.iter().map(AsRef::as_ref).collect();
    let head = Head { kind, attachments: attachments.len(), namespace: parsed.namespace, id, body: json };
    let written = msgpack::packet(&head, &attachments);
    let again = msgpack::Packet::read(&written, MOST).expect("what was written is a packet");
    assert_eq!(again.attachments, read.attachments);
    let (id_again, json_again) = match again.parsed().expect("what was written is a packet").content {
        Content::Event { id, json, .. } => (id, json),
        Content::Ack { id, json } => (Some(id), json),
        Content::Connect(_) | Content::Disconnect => panic!("{again:?}"),
    };
    assert_eq!(id, id_again);
    assert_eq!(value(json), value(json_again));
}

/// What JSON says; `None` where it is deeper, or its numbers larger, than are looked at.
fn value(json: &str) -> Option<serde_json::Value> {
    serde_json::from_str(json).ok()
}

/// An origin and the host that was asked for, with a line's end between them.
pub fn origin(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (origin, host) = text.split_once('\n').unwrap_or((text, ""));
    let same = Origins::Same.allow(origin, Some(host));
    assert!(!same || origin.to_lowercase().ends_with(&host.to_lowercase()));
    assert!(!Origins::Same.allow(origin, None));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::{fs, path::Path};

    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 9] = [
        ("websocket", super::websocket),
        ("engine_packet", super::engine_packet),
        ("polling_payload", super::polling_payload),
        ("http_query", super::http_query),
        ("socket_packet", super::socket_packet),
        ("msgpack_packet", super::msgpack_packet),
        ("inflate", super::inflate),
        ("compression_offer", super::compression_offer),
        ("origin", super::origin),
    ];

    /// Each seed, and what fuzzing found before.
    #[test]
    fn the_corpus_is_borne() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            let mut seeds = 0;
            for entry in fs::read_dir(&folder).unwrap() {
                target(&fs::read(entry.unwrap().path()).unwrap());
                seeds += 1;
            }
            assert!(seeds > 0, "{} is empty", folder.display());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            TARGETS.iter().for_each(|(_, target)| target(&bytes));
        }

        #[test]
        fn what_is_almost_a_packet_is_borne(
            text in "[b0-6]?[0-6]([0-9]{1,20}-)?(/[a-z,]{0,3},)?[0-9]{0,21}[\\[{]{1,4}\"?[a-z_\\\\u0-9]{0,7}\"?[,:]?[\\]}]{0,4}\x1e?",
        ) {
            TARGETS.iter().for_each(|(_, target)| target(text.as_bytes()));
        }
    }
}
