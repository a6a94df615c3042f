//! Per-message compression (RFC 7692; Autobahn's sections 12 and 13, as far as this server agrees to it), with raw
//! frames: what is negotiated, what comes back, and what is refused.

use crate::support::{
    Polling, Server, one,
    raw::{Raw, Seen, case, echo, fragments, frame, quiet},
};
use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress};
use plaza_socketio::{Compression, Config, Handlers};

const OFFER: &str = "permessage-deflate; client_max_window_bits";
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

fn config(threshold: usize) -> Config {
    Config { compression: Some(Compression { threshold }), ..quiet() }
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 1_000);
    let mut compress = Compress::new(Level::best(), false);
    compress.compress_vec(data, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(compress.total_in(), data.len() as u64);
    out.strip_suffix(&[0, 0, 0xFF, 0xFF]).unwrap().to_vec()
}

fn inflate(data: &[u8], len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len + 1_000);
    let data = [data, &[0, 0, 0xFF, 0xFF]].concat();
    Decompress::new(false).decompress_vec(&data, &mut out, FlushDecompress::Sync).unwrap();
    out
}

/// The next message, which is compressed if `deflated` and says this.
async fn comes(raw: &mut Raw, what: &str, expected: &[u8], deflated: bool) {
    let bytes = match raw.next().await {
        Seen::Text(text) if !deflated => text.into_bytes(),
        Seen::Binary(bytes) if !deflated => bytes,
        Seen::Deflated(bytes) if deflated => inflate(&bytes, expected.len()),
        other => panic!("{what}: {}", format!("{other:?}").chars().take(200).collect::<String>()),
    };
    assert!(bytes == expected, "{what}: {} bytes, not {}", bytes.len(), expected.len());
}

#[tokio::test]
async fn it_is_agreed_on_where_both_want_it() {
    let (_, addr) = echo(config(1_024)).await;
    for (offer, agreed) in [
        (OFFER, true),
        ("permessage-deflate", true),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", true),
        ("x-unknown, permessage-deflate; client_max_window_bits=9", true),
        ("permessage-deflate; server_max_window_bits=9, permessage-deflate", true),
        ("permessage-deflate; server_max_window_bits=9", false),
        ("permessage-deflate; unknown", false),
        ("x-webkit-deflate-frame", false),
    ] {
        let raw = Raw::offering(addr, Some(offer)).await;
        assert_eq!(raw.extensions.as_deref(), agreed.then_some(AGREED), "{offer}");
    }
    assert_eq!(Raw::open(addr).await.extensions, None);
    // By default it is off.
    let (_, addr) = echo(quiet()).await;
    assert_eq!(Raw::offering(addr, Some(OFFER)).await.extensions, None);
}

#[tokio::test]
async fn messages_of_every_size_come_back_compressed_from_the_threshold_on() {
    let (_, addr) = echo(config(200)).await;
    let mut raw = Raw::offering(addr, Some(OFFER)).await;
    for len in [1, 16, 64, 199, 200, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072] {
        let text = "4abc ".repeat(len / 5 + 1).as_bytes()[..len].to_vec();
        for (first, deflated) in [(0x81, false), (0xC1, true)] {
            let sent = if deflated { deflate(&text) } else { text.clone() };
            raw.send(&frame(first, &sent)).await;
            comes(&mut raw, &format!("{len} of text, first byte {first:#x}"), &text, len >= 200).await;
            raw.send(&frame(first + 1, &sent)).await;
            comes(&mut raw, &format!("{len} bytes, first byte {first:#x}"), &text, len >= 200).await;
            // A byte a fragment, or nearly; only the first says that it is compressed, and a ping may come between.
            let (begin, rest) = sent.split_at(sent.len() / 2);
            let pieces = [
                frame(first & 0x7F, begin),
                frame(0x89, b"?"),
                // As a continuation has it: without opcode and bit.
                fragments(0x00, rest, len / 50 + 1),
            ];
            raw.send(&pieces.concat()).await;
            raw.expect("a ping between", &[Seen::Pong(b"?".to_vec())]).await;
            comes(&mut raw, &format!("{len} in fragments, first byte {first:#x}"), &text, len >= 200).await;
        }
    }
    // What does not get smaller goes out as it is.
    let noise: Vec<u8> = (0..5_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let noise =
        noise.iter().enumerate().map(|(at, byte)| byte ^ (at as u8).rotate_left(3)).collect::<Vec<_>>();
    raw.send(&frame(0x82, &noise)).await;
    match raw.next().await {
        Seen::Binary(bytes) => assert_eq!(bytes, noise),
        Seen::Deflated(bytes) => assert!(bytes.len() < noise.len()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_breaks_the_rules_of_compression_is_refused() {
    let config = Config { max_payload: 100_000, ..config(1_000_000) };
    let (engine, addr) = echo(config).await;
    let mut witness = Raw::open(addr).await;
    let hello = || deflate(b"4Hello");
    let close = |code| [Seen::Close(Some(code))];
    let bomb = deflate(&vec![0; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let text = |text: &str| [Seen::Text(text.into())];
    let cases = [
        case("good", &[frame(0xC1, &hello())], &text("4Hello")),
        case(
            "the RFC's two blocks",
            &[frame(0xC2, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")],
            &[Seen::Binary(b"Hello".to_vec())],
        ),
        case(
            "a final block",
            &[frame(0xC2, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")],
            &[Seen::Binary(b"Hello".to_vec())],
        ),
        case("an empty one", &[frame(0xC2, b"")], &[Seen::Binary(Vec::new())]),
        case("the bit on a continuation", &[frame(0x41, &hello()), frame(0xC0, b"")], &close(1002)),
        case("the bit on a ping", &[frame(0xC9, b"")], &close(1002)),
        case("the bit on a close", &[frame(0xC8, b"")], &close(1002)),
        case("another bit", &[frame(0xA1, &hello())], &close(1002)),
        case("no deflate", &[frame(0xC2, &[0xFF; 100])], &close(1007)),
        case("more behind the end", &[frame(0xC2, &[3, 0, 3, 0])], &close(1007)),
        case("not UTF-8 within", &[frame(0xC1, &deflate(b"4\xff"))], &close(1007)),
        case("at the bound", &[frame(0xC2, &deflate(&[7; 100_000]))], &[Seen::Binary(vec![7; 100_000])]),
        case("past it", &[frame(0xC2, &deflate(&[7; 100_001]))], &close(1009)),
        case("a bomb", &[frame(0xC2, &bomb)], &close(1009)),
        case("a bomb in fragments", &[fragments(0x42, &bomb, 1_000)], &close(1009)),
        case("too long even compressed", &[frame(0xC2, &vec![0; 101_000])[..14].to_vec()], &close(1009)),
    ];
    for case in &cases {
        let mut raw = Raw::offering(addr, Some(OFFER)).await;
        raw.send(&case.sends).await;
        raw.expect(&case.name, &case.sees).await;
        witness.send(&frame(0x81, b"4still here")).await;
        witness.expect("the witness", &text("4still here")).await;
    }
    // Where it was not agreed on, the bit is as reserved as any.
    witness.send(&frame(0xC1, &hello())).await;
    witness.expect("not agreed on", &close(1002)).await;
    crate::support::until("all to be gone", || engine.sessions() == 0).await;
}

#[tokio::test]
async fn a_broadcast_reaches_everybody_in_the_form_they_agreed_on() {
    let server = Server::start(one(config(1_024), Handlers::default()));
    let mut compressed = [Raw::join(&server, Some(OFFER)).await, Raw::join(&server, Some(OFFER)).await];
    let mut plain = Raw::join(&server, None).await;
    let polling = Polling::join(&server).await;
    let news = "news ".repeat(1_000);
    server.root().emit("news", &[&news]).unwrap();
    let expected = format!(r#"42["news","{news}"]"#);
    for raw in &mut compressed {
        comes(raw, "compressed", expected.as_bytes(), true).await;
    }
    comes(&mut plain, "plain", expected.as_bytes(), false).await;
    assert_eq!(polling.poll().await.body, expected);
    crate::support::until("all to be written", || server.io.outbox_bytes() == 0).await;
    // Many at once, so that writes end within frames: what is counted comes out even.
    for number in 0..50 {
        server.root().emit("news", &[&format!("{number} {}", "x".repeat(number * 500))]).unwrap();
    }
    for number in 0..50 {
        let expected = format!(r#"42["news","{number} {}"]"#, "x".repeat(number * 500));
        let long = expected.len() >= 1_024;
        for raw in &mut compressed {
            comes(raw, "one of many", expected.as_bytes(), long).await;
        }
        comes(&mut plain, "one of many", expected.as_bytes(), false).await;
    }
    polling.poll().await;
    crate::support::until("all to be written", || server.io.outbox_bytes() == 0).await;
}
