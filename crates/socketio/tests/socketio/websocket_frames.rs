//! The cases of the WebSocket conformance suites about framing, control frames, reserved bits and opcodes, fragments
//! and sizes (Autobahn's sections 1 to 5, 9 and 10), with Engine.IO's `4` in front of each text.

use crate::support::raw::{Case, Raw, Seen, carry_out, case, echo, fragments, frame, quiet};
use plaza_socketio::Config;

fn text(len: usize) -> String {
    "4".to_owned() + &"*".repeat(len - 1)
}

fn refused() -> Seen {
    Seen::Close(Some(1002))
}

#[tokio::test]
async fn frames_of_every_length_encoding() {
    let (_, addr) = echo(quiet()).await;
    let mut cases = Vec::new();
    for len in [1, 125, 126, 127, 128, 65_535, 65_536] {
        let text = text(len);
        let sends = [frame(0x81, text.as_bytes())];
        cases.push(case(format!("1.1: {len} of text"), &sends, &[Seen::Text(text)]));
    }
    for len in [0, 125, 126, 127, 128, 65_535, 65_536] {
        let bytes = vec![0xFE; len];
        cases.push(case(format!("1.2: {len} bytes"), &[frame(0x82, &bytes)], &[Seen::Binary(bytes)]));
    }
    // Lengths in more bytes than they need, the highest bit, and a mask that is missing.
    for (name, head) in [
        ("125 in two bytes", &[0x82, 0xFE, 0, 125][..]),
        ("125 in eight", &[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 125]),
        ("65,535 in eight", &[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
        ("the highest bit", &[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ("no mask", &[0x82, 5, 1, 2, 3, 4, 5]),
        ("no mask, and nothing", &[0x82, 0]),
    ] {
        cases.push(case(name, &[head.to_vec(), vec![0; 4]], &[refused()]));
    }
    carry_out(addr, &cases).await;
}

#[tokio::test]
async fn pings_and_pongs() {
    let (_, addr) = echo(quiet()).await;
    let ping = |data: &[u8]| frame(0x89, data);
    let pong = |data: &[u8]| Seen::Pong(data.to_vec());
    let numbers: Vec<_> = (0..10).map(|number| format!("payload-{number}")).collect();
    let cases = [
        case("2.1: without payload", &[ping(b"")], &[pong(b"")]),
        case("2.2: text", &[ping(b"Hello, world!")], &[pong(b"Hello, world!")]),
        case("2.3: bytes", &[ping(&[0, 255, 254, 253, 0])], &[pong(&[0, 255, 254, 253, 0])]),
        case("2.4: 125 bytes", &[ping(&[0xFE; 125])], &[pong(&[0xFE; 125])]),
        case("2.5: 126 bytes", &[ping(&[0xFE; 126])], &[refused()]),
        case("2.7: a pong nobody asked for", &[frame(0x8A, b"")], &[]),
        case("2.8: the same with payload", &[frame(0x8A, b"unsolicited")], &[]),
        case("2.9: a pong, then a ping", &[frame(0x8A, b"x"), ping(b"y")], &[pong(b"y")]),
        Case {
            name: "2.10: ten pings".into(),
            sends: numbers.iter().flat_map(|number| ping(number.as_bytes())).collect(),
            sees: numbers.iter().map(|number| pong(number.as_bytes())).collect(),
        },
        case("a pong of 126 bytes", &[frame(0x8A, &[0; 126])], &[refused()]),
    ];
    carry_out(addr, &cases).await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes() {
    let (_, addr) = echo(quiet()).await;
    let mut cases = Vec::new();
    let fine = || frame(0x81, b"4fine");
    for bits in 1..=7u8 {
        let bits_set = bits << 4;
        for (kind, opcode) in [("text", 0x81), ("bytes", 0x82), ("a ping", 0x89), ("a close", 0x88)] {
            let sends = [fine(), frame(opcode | bits_set, b""), frame(0x89, b"")];
            let sees = [Seen::Text("4fine".into()), refused()];
            cases.push(case(format!("3: reserved bits {bits} on {kind}"), &sends, &sees));
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for data in [&b""[..], b"reserved"] {
            let sends = [fine(), frame(0x80 | opcode, data), frame(0x89, b"")];
            let sees = [Seen::Text("4fine".into()), refused()];
            cases.push(case(format!("4: opcode {opcode}, {} bytes", data.len()), &sends, &sees));
        }
    }
    carry_out(addr, &cases).await;
}

#[tokio::test]
async fn fragments_join_and_what_does_not_belong_is_refused() {
    let (_, addr) = echo(quiet()).await;
    let (begin, middle, end) =
        (|data: &[u8]| frame(0x01, data), |data: &[u8]| frame(0x00, data), |data: &[u8]| frame(0x80, data));
    let ping = || frame(0x89, b"ping");
    let pong = || Seen::Pong(b"ping".to_vec());
    let joined = || Seen::Text("4fragment1fragment2".into());
    let cases = [
        case("5.1: a ping in two", &[frame(0x09, b"frag"), end(b"ment")], &[refused()]),
        case("5.2: a pong in two", &[frame(0x0A, b"frag"), end(b"ment")], &[refused()]),
        case("a close in two", &[frame(0x08, &[0x03]), end(&[0xE8])], &[refused()]),
        case("5.3: text in two", &[begin(b"4fragment1"), end(b"fragment2")], &[joined()]),
        case("5.6: a ping between", &[begin(b"4fragment1"), ping(), end(b"fragment2")], &[pong(), joined()]),
        case("5.9: an end of nothing", &[end(b"x"), frame(0x81, b"4y")], &[refused()]),
        case("5.12: a middle of nothing", &[middle(b"x"), frame(0x81, b"4y")], &[refused()]),
        case(
            "5.15: a middle after the end",
            &[begin(b"4fragment1"), end(b"fragment2"), middle(b"x"), frame(0x81, b"4y")],
            &[joined(), refused()],
        ),
        case("5.18: two beginnings", &[begin(b"4fragment1"), frame(0x81, b"fragment2")], &[refused()]),
        case("bytes within text", &[begin(b"4fragment1"), frame(0x82, b"fragment2")], &[refused()]),
        case(
            "5.19: five parts and two pings",
            &[begin(b"4f1"), middle(b"f2"), ping(), middle(b"f3"), middle(b"f4"), ping(), end(b"f5")],
            &[pong(), pong(), Seen::Text("4f1f2f3f4f5".into())],
        ),
        case("empty parts", &[begin(b""), middle(b"4"), middle(b""), end(b"")], &[Seen::Text("4".into())]),
        case("a close between", &[begin(b"4frag"), frame(0x88, &[0x03, 0xE8])], &[Seen::Close(Some(1000))]),
        case(
            "a part under the next message",
            &[frame(0x02, b"a"), end(b"b"), frame(0x02, b"c"), end(b"d")],
            &[Seen::Binary(b"ab".to_vec()), Seen::Binary(b"cd".to_vec())],
        ),
    ];
    carry_out(addr, &cases).await;
}

#[tokio::test]
async fn large_messages_whole_and_in_fragments() {
    let (_, addr) = echo(Config { max_payload: 4 << 20, ..quiet() }).await;
    let mut cases = Vec::new();
    for size in [64 << 10, 256 << 10, 1 << 20, 4 << 20] {
        let text = text(size);
        let sends = [frame(0x81, text.as_bytes())];
        cases.push(case(format!("9.1: {size} of text"), &sends, &[Seen::Text(text.clone())]));
        let sends = [fragments(0x02, text.as_bytes(), 64 << 10)];
        cases.push(case(
            format!("9.4: {size} bytes in fragments"),
            &sends,
            &[Seen::Binary(text.into_bytes())],
        ));
    }
    for size in [64, 1_024, 65_536] {
        let text = text(1 << 20);
        let sends = [fragments(0x01, text.as_bytes(), size)];
        cases.push(case(format!("9.3: a megabyte in fragments of {size}"), &sends, &[Seen::Text(text)]));
    }
    let text = text(65_536);
    let sends = [fragments(0x01, text.as_bytes(), 1_300)];
    cases.push(case("10.1: 65,536 in fragments of 1,300", &sends, &[Seen::Text(text)]));
    carry_out(addr, &cases).await;

    // One byte more than may be, in any shape, is known from the heads alone.
    let over = (4 << 20) + 1;
    let mut raw = Raw::open(addr).await;
    raw.send(&frame(0x82, &vec![0; over])[..14]).await;
    raw.expect("a frame too long", &[Seen::Close(Some(1009))]).await;
    let mut raw = Raw::open(addr).await;
    raw.send(&frame(0x02, &vec![0; 4 << 20])).await;
    raw.send(&frame(0x80, b"x")).await;
    raw.expect("fragments too long", &[Seen::Close(Some(1009))]).await;
}

#[tokio::test]
async fn many_messages_come_back_in_their_order() {
    let (_, addr) = echo(quiet()).await;
    for len in [0, 16, 64, 256, 1_024] {
        let mut raw = Raw::open(addr).await;
        let message = |number: u32| [format!("4{number}/").into_bytes(), vec![b'*'; len]].concat();
        // 9.7 and 9.8, a hundred under way at a time.
        for hundred in 0..10 {
            let numbers = || (hundred * 100)..(hundred * 100 + 100);
            raw.send(&numbers().flat_map(|number| frame(0x81, &message(number))).collect::<Vec<_>>()).await;
            let expected: Vec<_> =
                numbers().map(|number| Seen::Text(String::from_utf8(message(number)).unwrap())).collect();
            raw.expect(&format!("a thousand of {len}"), &expected).await;
        }
    }
}
