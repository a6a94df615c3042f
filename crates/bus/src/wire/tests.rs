//! What the official packages wrote, read and written again; and what nobody should have written.

use super::{
    Answer, Body, Channels, Content, Format, Limits, Malformed, Message, Text, classic, fuzzing, sharded,
};
use bytes::Bytes;
use plaza_socketio::Room;
use proptest::prelude::*;
use serde::Deserialize;
use std::fmt::Write as _;

/// Recorded by `e2e/cluster/golden.cjs`.
const GOLDEN: &str = include_str!("../../tests/wire/golden.json");

#[derive(Deserialize)]
struct Golden {
    name: String,
    channel: String,
    json: Option<String>,
    hex: Option<String>,
}

impl Golden {
    fn payload(&self) -> Vec<u8> {
        match (&self.json, &self.hex) {
            (Some(json), _) => json.clone().into_bytes(),
            (None, Some(hex)) => (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect(),
            (None, None) => panic!("{} is empty", self.name),
        }
    }

    fn format(&self) -> Format {
        if self.name.starts_with("sharded") { Format::Sharded } else { Format::Classic }
    }

    fn decode<'a>(&self, text: &'a Text<'_>) -> Message<'a> {
        let message = match (self.format(), &self.channel) {
            (Format::Sharded, _) => sharded::decode(text),
            (_, channel) if channel.starts_with("socket.io-request") => classic::decode_request(text),
            (_, channel) if channel.starts_with("socket.io-response") => classic::decode_response(text),
            _ => classic::decode_broadcast(text),
        };
        message.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn golden() -> Vec<Golden> {
    serde_json::from_str(GOLDEN).unwrap()
}

fn shown(bytes: &[u8]) -> String {
    match bytes {
        [b'{', ..] => String::from_utf8_lossy(bytes).into_owned(),
        _ => bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}

#[test]
fn what_node_wrote_is_written_the_same() {
    for golden in golden() {
        let payload = golden.payload();
        let text = Text::read(&payload, &Limits::default()).unwrap();
        let message = golden.decode(&text);
        let namespace = message.namespace.as_deref().unwrap_or("/");
        let channels = Channels::new("socket.io", golden.format());
        let channel = match message.body {
            Body::Answer { .. } if golden.format() == Format::Classic => {
                channels.responses(namespace).unwrap()
            }
            Body::Answer { .. } => channels.responses_to(namespace, "ffffffffffffffff"),
            _ => channels.of(namespace, &message.body),
        };
        assert_eq!(channel, golden.channel, "{}", golden.name);
        let encode = if golden.format() == Format::Sharded { sharded::encode } else { classic::encode };
        let written = encode(&message.from, namespace, &message.body).unwrap();
        // A date travels on as the text that JSON has for it, the emitter has its keys in another order or no uid, and
        // nobody kept when a handshake was.
        if golden.name.contains("date") || golden.name.starts_with("emitter") {
            continue;
        }
        let when = "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)";
        assert_eq!(shown(&written), shown(&payload).replace(when, ""), "{}", golden.name);
    }
}

#[test]
fn what_node_wrote_is_understood() {
    let decoded = |name: &str, check: &dyn Fn(Message<'_>)| {
        let golden = golden().into_iter().find(|golden| golden.name == name).unwrap();
        let payload = golden.payload();
        check(golden.decode(&Text::read(&payload, &Limits::default()).unwrap()));
    };
    for name in ["sharded emit bytes and a date", "classic emit bytes and a date"] {
        decoded(name, &|message| {
            let Body::Broadcast(broadcast) = message.body else { panic!("{message:?}") };
            let expected = r#"["ev",{"_placeholder":true,"num":0},"2009-02-13T23:31:30.123Z",null]"#;
            assert_eq!(broadcast.event.json, expected);
            assert_eq!(broadcast.event.attachments, [Bytes::from_static(&[1, 2, 3])]);
        });
    }
    for name in ["sharded emit to rooms but some, volatile", "classic emit to rooms but some, volatile"] {
        decoded(name, &|message| {
            let Body::Broadcast(broadcast) = message.body else { panic!("{message:?}") };
            assert_eq!(broadcast.target.rooms, ["r1", "r2"].map(Room::from));
            assert_eq!(broadcast.target.except, ["r3"].map(Room::from));
            assert!(broadcast.flags.volatile);
        });
    }
    for name in ["sharded sockets", "classic sockets"] {
        decoded(name, &|message| {
            let Body::Answer { answer: Answer::Sockets(sockets), .. } = message.body else {
                panic!("{message:?}")
            };
            assert_eq!(sockets[0].rooms, ["room"]);
            assert_eq!(sockets[0].data, serde_json::json!({ "name": "ana" }));
            assert_eq!(sockets[0].handshake.as_ref().unwrap().url, "/socket.io/?EIO=4");
        });
    }
}

#[test]
fn what_plaza_adds_rides_in_the_flags() {
    let message =
        br#"{"type":3,"data":{"packet":{"type":2,"data":["message",{}]},"opts":{"rooms":["r"],"except":[],
        "flags":{"plaza":{"seq":7,"epoch":"e"},"other":[1]}}},"uid":"0001020304050607","nsp":"/"}"#;
    let text = Text::read(message, &Limits::default()).unwrap();
    let Body::Broadcast(broadcast) = sharded::decode(&text).unwrap().body else { panic!() };
    assert_eq!(broadcast.flags.plaza.as_deref(), Some(r#"{"seq":7,"epoch":"e"}"#));
    let body = Body::Broadcast(broadcast);
    let written = classic::encode("uid", "/", &body).unwrap();
    let text = Text::read(&written, &Limits::default()).unwrap();
    let Body::Broadcast(broadcast) = classic::decode_broadcast(&text).unwrap().body else { panic!() };
    assert_eq!(broadcast.flags.plaza.as_deref(), Some(r#"{"seq":7,"epoch":"e"}"#));
}

#[test]
fn what_is_not_theirs_is_refused() {
    let refused = |message: &str, expected: &str| {
        let text = Text::read(message.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(
            sharded::decode(&text).unwrap_err(),
            Malformed(match expected {
                "no event" => "no event",
                "an unsound id" => "an unsound id",
                "a room's name that is too long" => "a room's name that is too long",
                "of no known type" => "of no known type",
                "not of the shape that it should have" => "not of the shape that it should have",
                other => panic!("{other}"),
            }),
            "{message}"
        );
    };
    let broadcast = |packet: &str, rooms: &str| {
        format!(r#"{{"type":3,"data":{{"packet":{packet},"opts":{{"rooms":{rooms}}}}},"uid":"u","nsp":"/"}}"#)
    };
    for packet in [r#"{"type":0,"data":["ev"]}"#, r#"{"type":3,"data":["ev"]}"#, r#"{"type":2,"data":[]}"#] {
        refused(&broadcast(packet, "[]"), "no event");
    }
    refused(&broadcast(r#"{"type":2,"data":[{}]}"#, "[]"), "no event");
    let event = r#"{"type":2,"data":["ev"]}"#;
    let long = format!(r#"["{}"]"#, "r".repeat(513));
    refused(&broadcast(event, &long), "a room's name that is too long");
    let many = serde_json::to_string(&vec!["r"; 10_001]).unwrap();
    refused(&broadcast(event, &many), "not of the shape that it should have");
    refused(r#"{"type":1,"uid":"a#b","nsp":"/"}"#, "an unsound id");
    refused(r#"{"type":14,"data":{"opts":{}},"uid":"u","nsp":"/"}"#, "of no known type");
    // Bytes outside of the event.
    let text = Text::read(
        b"\x93\xa1u\x82\xa4type\x02\xa4data\x91\xa2ev\x81\xa5flags\x81\xa5plaza\xc4\x01x",
        &Limits::default(),
    );
    assert_eq!(classic::decode_broadcast(&text.unwrap()).unwrap_err(), Malformed("bytes where none belong"));
}

#[test]
fn an_acknowledgement_takes_along_the_bytes_of_its_first_argument() {
    let json = r#"[{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}]"#;
    let bytes = [b"zero".as_slice(), b"one"].map(Bytes::from_static).to_vec();
    let answer = plaza_socketio::Payload::from_json(json, bytes).unwrap();
    let first = Content::first_of(&answer).unwrap();
    assert_eq!(first.json, r#"{"b":{"_placeholder":true,"num":0}}"#);
    assert_eq!(first.attachments, [Bytes::from_static(b"one")]);
}

/// What is almost a message: one of the golden ones with some bytes changed.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let payloads: Vec<_> = golden().iter().map(Golden::payload).collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(payloads), changes, any::<prop::sample::Index>()).prop_map(
        |(mut payload, changes, end)| {
            for (at, byte) in changes {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
            let end = end.index(4 * payload.len());
            payload.truncate(end.max(1));
            payload
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::sharded(&bytes);
        fuzzing::classic(&bytes);
    }

    #[test]
    fn what_is_almost_a_message_is_borne(bytes in almost()) {
        fuzzing::sharded(&bytes);
        fuzzing::classic(&bytes);
    }
}
