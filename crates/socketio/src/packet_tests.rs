use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> Parsed<'_> {
    Parsed::parse(text).unwrap()
}

fn event_of<'a>(
    namespace: &'a str,
    attachments: usize,
    name: &str,
    id: Option<u64>,
    json: &'a str,
) -> Parsed<'a> {
    Parsed { namespace, attachments, content: Content::Event { name: name.to_owned(), id, json } }
}

#[test]
fn the_protocols_examples_are_read() {
    let plain = |namespace, content| Parsed { namespace, attachments: 0, content };
    assert_eq!(parsed("0"), plain("/", Content::Connect(None)));
    assert_eq!(
        parsed(r#"0/admin,{"token":"1"}"#),
        plain("/admin", Content::Connect(Some(r#"{"token":"1"}"#)))
    );
    assert_eq!(parsed("0/admin"), plain("/admin", Content::Connect(None)));
    assert_eq!(parsed("1/admin,"), plain("/admin", Content::Disconnect));
    assert_eq!(parsed(r#"2["foo"]"#), event_of("/", 0, "foo", None, r#"["foo"]"#));
    assert_eq!(parsed(r#"2/admin,12["bar",1]"#), event_of("/admin", 0, "bar", Some(12), r#"["bar",1]"#));
    assert_eq!(parsed("3/admin,13[]"), plain("/admin", Content::Ack { id: 13, json: "[]" }));
    let json = r#"["baz",{"_placeholder":true,"num":0}]"#;
    assert_eq!(parsed(&format!("51-{json}")), event_of("/", 1, "baz", None, json));
    assert_eq!(parsed(r#"2[7,"x"]"#), event_of("/", 0, "7", None, r#"[7,"x"]"#));
}

#[test]
fn malformed_packets_are_refused() {
    for text in [
        "",
        "abc",
        "7",
        "2",
        "2{}",
        "2[]",
        "2[null]",
        "2[{}]",
        r#"2abc["x"]"#,
        r#"2["x""#,
        r#"2["connect"]"#,
        "3[]",
        "31{}",
        "0[]",
        "0null",
        "1{}",
        r#"5["x"]"#,
        r#"5x-["x"]"#,
        r#"5-["x"]"#,
        r#"5-1-["x"]"#,
        r#"299999999999999999999["x"]"#,
        "4{}",
        "ä",
        r#"2["a"] x"#,
    ] {
        assert!(Parsed::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn deep_json_is_read_without_recursion() {
    let deep = format!("2[\"x\",{}{}]", "[".repeat(10_000), "]".repeat(10_000));
    assert!(Parsed::parse(&deep).is_ok());
}

fn text(outgoing: &Outgoing) -> &str {
    std::str::from_utf8(outgoing.first.payload()).unwrap()
}

#[test]
fn packets_are_written_as_the_protocol_shows() {
    assert_eq!(text(&connected("/", "x", None)), r#"40{"sid":"x"}"#);
    let none: [u8; 0] = [];
    assert_eq!(text(&event("/", None, "foo", &none, &[]).unwrap()), r#"42["foo"]"#);
    assert_eq!(
        text(&event("/admin", Some(12), "b\"r", &(1, "x"), &[]).unwrap()),
        r#"42/admin,12["b\"r",1,"x"]"#
    );
    assert_eq!(text(&ack("/admin", 13, &[true], &[]).unwrap()), "43/admin,13[true]");
    assert_eq!(text(&disconnect("/admin")), "41/admin,");
    let refused = connect_error("/admin", "no", Some(&serde_json::json!({"code": 1})));
    assert_eq!(text(&refused), r#"44/admin,{"data":{"code":1},"message":"no"}"#);
    let binary = event("/", None, "baz", &[crate::Attachment(0)], &[Bytes::from_static(&[1, 2])]).unwrap();
    assert_eq!(text(&binary), r#"451-["baz",{"_placeholder":true,"num":0}]"#);
    assert_eq!(binary.rest[0].payload(), [1, 2]);
}

#[test]
fn arguments_are_a_sequence() {
    for bad in [serde_json::json!({}), serde_json::json!("x"), serde_json::json!(1)] {
        assert!(matches!(event("/", None, "x", &bad, &[]), Err(EncodeError::NotASequence)));
    }
}

proptest! {
    #[test]
    fn no_input_panics(text in ".*") {
        let _ = Parsed::parse(&text);
    }

    #[test]
    fn near_packets_do_not_panic(text in "[0-6][0-9]{0,3}-?(/[a-z]{0,3},?)?[0-9]{0,22}[\\[\\]{}\",:a-z0-9]{0,30}") {
        let _ = Parsed::parse(&text);
    }

    #[test]
    fn what_is_written_reads_back(name in "[a-z:]{1,10}", arg in ".*", id in proptest::option::of(any::<u64>())) {
        prop_assume!(!RESERVED.contains(&name.as_str()));
        let outgoing = event("/n", id, &name, &[&arg], &[]).unwrap();
        let Content::Event { name: read, id: read_id, json } = parsed(&text(&outgoing)[1..]).content else {
            return Err(TestCaseError::fail("not an event"));
        };
        prop_assert_eq!((read, read_id), (name.clone(), id));
        prop_assert_eq!(serde_json::from_str::<(String, String)>(json).unwrap(), (name, arg));
    }
}
