use super::{Packet, packet, read::iso};
use crate::{
    outgoing::{Outgoing, Parser},
    packet::{Content, Head, Parsed},
};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What notepack.io 2.2 makes of `{type:2,data:["e",1,-1,null,true,1.5,"é"],nsp:"/"}`.
const EVENT: &[u8] =
    b"\x83\xa4type\x02\xa4data\x97\xa1e\x01\xff\xc0\xc3\xcb\x3f\xf8\0\0\0\0\0\0\xa2\xc3\xa9\xa3nsp\xa1/";

fn event(packet: &Packet) -> (String, Option<u64>, Value) {
    let Parsed { content: Content::Event { name, id, json }, .. } = packet.parsed().unwrap() else {
        panic!("{packet:?}");
    };
    (name, id, serde_json::from_str(json).unwrap())
}

/// An event's packet around this value, which stands as the only argument.
fn around(value: &[u8]) -> Vec<u8> {
    [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e", value].concat()
}

fn argument(value: &[u8]) -> Value {
    event(&Packet::read(&around(value), 10).unwrap()).2[1].clone()
}

fn written(text: &str, attachments: &[&[u8]]) -> Vec<u8> {
    packet(&Head::parse(text).unwrap(), attachments)
}

#[test]
fn what_the_official_parser_writes_is_read() {
    let read = Packet::read(EVENT, 0).unwrap();
    assert_eq!(event(&read), ("e".to_owned(), None, json!(["e", 1, -1, null, true, 1.5, "é"])));
    let options = b"\x85\xa4type\x02\xa4data\x91\xa1e\xa7options\x81\xa8compress\xc3\xa2id\x07\xa3nsp\xa2/a";
    let read = Packet::read(options, 0).unwrap();
    assert_eq!((event(&read).1, read.parsed().unwrap().namespace), (Some(7), "/a"));
    let connect = b"\x83\xa4type\0\xa4data\xd4\0\0\xa3nsp\xa1/";
    assert_eq!(Packet::read(connect, 0).unwrap().parsed().unwrap().content, Content::Connect(None));
    let auth = b"\x83\xa4type\0\xa4data\x81\xa1t\x01\xa3nsp\xa1/";
    let read = Packet::read(auth, 0).unwrap();
    assert_eq!(read.parsed().unwrap().content, Content::Connect(Some(r#"{"t":1}"#)));
    let disconnect = b"\x82\xa4type\x01\xa3nsp\xa1/";
    assert_eq!(Packet::read(disconnect, 0).unwrap().parsed().unwrap().content, Content::Disconnect);
}

#[test]
fn values_become_what_json_has_of_them() {
    assert_eq!(argument(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), json!(u64::MAX));
    assert_eq!(argument(b"\xd3\x80\0\0\0\0\0\0\0"), json!(i64::MIN));
    assert_eq!(argument(b"\xd0\x80"), json!(-128));
    assert_eq!(argument(b"\xca\x3f\0\0\0"), json!(0.5));
    assert_eq!(argument(b"\xcb\x7f\xf8\0\0\0\0\0\0"), Value::Null);
    assert_eq!(argument(b"\xd4\0\0"), Value::Null);
    assert_eq!(argument(b"\x82\xa1k\x90\x05\x80"), json!({"k": [], "5": {}}));
    assert_eq!(argument(b"\xdc\0\x02\x01\x81\xa0\x91\x02"), json!([1, {"": [2]}]));
    // A Date of notepack.io, the specification's timestamps, and an unknown extension.
    assert_eq!(argument(b"\xd7\0\0\0\x01\x6f\x5e\x66\xe8\0"), json!("2020-01-01T00:00:00.000Z"));
    assert_eq!(argument(b"\xd6\xff\x5e\x0b\xe1\0"), json!("2020-01-01T00:00:00.000Z"));
    assert_eq!(argument(b"\xd5\x07ab"), json!([7, {"_placeholder": true, "num": 0}]));
}

#[test]
fn dates_are_those_of_javascript() {
    for (milliseconds, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (-62_198_755_200_000, "-000001-01-01T00:00:00.000Z"),
        (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
    ] {
        assert_eq!(iso(milliseconds).as_deref(), Some(text));
    }
    assert_eq!(iso(8_640_000_000_000_001), None);
    assert_eq!(iso(i64::MIN), None);
}

#[test]
fn bytes_become_attachments_in_their_order() {
    let read = Packet::read(&around(b"\x92\xc4\x02hi\xc7\x01\0!"), 2).unwrap();
    assert_eq!(read.attachments, [Bytes::from_static(b"hi"), Bytes::from_static(b"!")]);
    let places = json!([{"_placeholder": true, "num": 0}, {"_placeholder": true, "num": 1}]);
    assert_eq!(event(&read).2[1], places);
    assert!(Packet::read(&around(b"\x92\xc4\x02hi\xc7\x01\0!"), 1).is_err());
    // A place that the client wrote out stands for nothing, and must not stand for something.
    let place = b"\x82\xac_placeholder\xc3\xa3num\0";
    assert!(Packet::read(&around(place), 2).is_ok());
    assert!(Packet::read(&around(&[b"\x92\xc4\x01x", &place[..]].concat()), 2).is_err());
}

#[test]
fn malformed_packets_are_refused() {
    for bytes in [
        &b""[..],
        b"\xc1",
        b"\x90",
        b"\x80",
        b"\x81\xa4type\x02",
        b"\x82\xa4type\x05\xa3nsp\xa1/",
        b"\x82\xa4type\xff\xa3nsp\xa1/",
        b"\x82\xa4type\x02\xa3nsp\x01",
        b"\x82\xa4type\x02\xa3nsp\xa1/",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x80",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x90",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa7connect",
        b"\x83\xa4type\x03\xa3nsp\xa1/\xa4data\x90",
        b"\x83\xa4type\0\xa3nsp\xa1/\xa4data\xc0",
        b"\x83\xa4type\x01\xa3nsp\xa1/\xa4data\xc0",
        b"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa1e\xa2id\xff",
        b"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa1e\xa4data\x91\xa1e",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdd\xff\xff\xff\xff\xa1e",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdb\xff\xff\xff\xff",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e\xa1\xff",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e\x81\x90\x01",
    ] {
        assert!(Packet::read(bytes, 10).and_then(|read| read.parsed().map(drop)).is_err(), "{bytes:x?}");
    }
    assert!(Packet::read(&[EVENT, b"\0"].concat(), 10).is_err(), "two packets in one");
    // Arrays in arrays, as many as fit a message: refused before they cost anything.
    assert!(Packet::read(&around(&vec![0x91; 1_000_000]), 10).is_err());
}

#[test]
fn packets_are_written_as_the_official_parser_reads_them() {
    let connected = b"\x83\xa4type\0\xa3nsp\xa1/\xa4data\x81\xa3sid\xa1x";
    assert_eq!(written(r#"0{"sid":"x"}"#, &[]), connected);
    assert_eq!(written("1/admin,", &[]), b"\x82\xa4type\x01\xa3nsp\xa6/admin");
    assert_eq!(written("312[]", &[]), b"\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x90\xa2id\x0c");
    let bytes = r#"52-["f",{ "num": 1, "_placeholder": true },{"_placeholder":true,"num":0},{"num":1}]"#;
    assert_eq!(
        written(bytes, &[b"a", b""]),
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x94\xa1f\xc4\0\xc4\x01a\x81\xa3num\x01"
    );
    // Without attachments a place is a map as any other.
    assert!(
        written(r#"2["f",{"_placeholder":true,"num":0}]"#, &[]).ends_with(b"\xac_placeholder\xc3\xa3num\0")
    );
}

#[test]
fn half_a_surrogate_pair_is_replaced() {
    assert!(written(r#"2["\ud800!"]"#, &[]).ends_with("\u{FFFD}!".as_bytes()));
}

#[test]
fn deep_json_is_written_without_recursion() {
    let deep = format!("2[\"x\",{}{}]", "[".repeat(10_000), "]".repeat(10_000));
    assert!(written(&deep, &[]).ends_with(&[0x91, 0x90]));
}

#[test]
fn lengths_of_every_size_read_back() {
    for length in [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        let text = "x".repeat(length);
        let list = vec![json!(null); length];
        let map: serde_json::Map<_, _> = (0..length).map(|key| (key.to_string(), json!(key))).collect();
        let args = (&text, &list, &map, crate::Attachment(0));
        let bytes = Bytes::from(vec![7; length]);
        let outgoing = Outgoing::binary_event("/", "e", &args, std::slice::from_ref(&bytes)).unwrap();
        let read = Packet::read(outgoing.frames(Parser::Msgpack).first.payload(), 1).unwrap();
        assert_eq!(event(&read).2, json!(["e", text, list, map, { "_placeholder": true, "num": 0 }]));
        assert_eq!(read.attachments, [bytes]);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // serde_json does not read every float back as it wrote it.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 200, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
            prop::collection::btree_map(".{0,10}", inner, 0..40)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(args in prop::collection::vec(any_json(), 0..6), id in prop::option::of(any::<u64>())) {
        let outgoing = Outgoing::from(crate::packet::event("/n", id, "name", &args, &[]).unwrap());
        let frames = outgoing.frames(Parser::Msgpack);
        let read = Packet::read(frames.first.payload(), 0).unwrap();
        let (name, read_id, data) = event(&read);
        prop_assert_eq!((name.as_str(), read_id), ("name", id));
        let expected: Vec<Value> = std::iter::once(json!("name")).chain(args).collect();
        prop_assert_eq!(data, Value::from(expected));
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Packet::read(&bytes, 3).map(|read| read.parsed().map(drop));
        let _ = Packet::read(&around(&bytes), 3).map(|read| read.parsed().map(drop));
    }
}
