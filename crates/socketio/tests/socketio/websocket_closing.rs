//! The cases about the closing handshake (Autobahn's section 7): which codes may be sent, that a good one comes back,
//! and that nothing is done with what comes behind it.

use crate::support::raw::{Raw, Seen, carry_out, case, echo, frame, quiet};

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes(), reason].concat())
}

#[tokio::test]
async fn a_close_frame_is_answered_and_nothing_behind_it_is_heard() {
    let (_, addr) = echo(quiet()).await;
    let text = || frame(0x81, b"4Hello");
    let (hello, gone) = (|| Seen::Text("4Hello".into()), || Seen::Close(Some(1000)));
    let cases = [
        case("7.1.1: a message, then the end", &[text(), close(1000, b"")], &[hello(), gone()]),
        case("7.1.2: two ends", &[close(1000, b""), close(1001, b"")], &[gone()]),
        case("7.1.3: a ping behind it", &[close(1000, b""), frame(0x89, b"x")], &[gone()]),
        case("7.1.4: text behind it", &[close(1000, b""), text()], &[gone()]),
        case(
            "7.1.5: within a message",
            &[frame(0x01, b"4frag"), close(1000, b""), frame(0x80, b"ment")],
            &[gone()],
        ),
        case(
            "7.1.6: behind a large one",
            &[frame(0x82, &vec![7; 256 << 10]), text(), close(1000, b""), frame(0x89, b"")],
            &[Seen::Binary(vec![7; 256 << 10]), hello(), gone()],
        ),
        case("7.3.1: without a code", &[frame(0x88, b"")], &[Seen::Close(None)]),
        case("7.3.2: half a code", &[frame(0x88, &[0x03])], &[Seen::Close(Some(1002))]),
        case("7.3.4: with a reason", &[close(1000, "Grüße!".as_bytes())], &[gone()]),
        case("7.3.5: with the longest reason", &[close(1000, &[b'*'; 123])], &[gone()]),
        case("7.3.6: with one too long", &[close(1000, &[b'*'; 124])], &[Seen::Close(Some(1002))]),
        case(
            "7.5.1: a reason not in UTF-8",
            &[close(1000, b"\xce\xba\xed\xa0\x80")],
            &[Seen::Close(Some(1007))],
        ),
    ];
    carry_out(addr, &cases).await;
}

#[tokio::test]
async fn codes_that_may_be_sent_come_back_and_others_are_a_mistake() {
    let (_, addr) = echo(quiet()).await;
    let good =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    let bad = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
    let cases: Vec<_> = good
        .into_iter()
        .map(|code| case(format!("7.7: {code}"), &[close(code, b"")], &[Seen::Close(Some(code))]))
        .chain(bad.into_iter().flat_map(|code| {
            [&b""[..], b"a reason"].map(|reason| {
                case(format!("7.9: {code}"), &[close(code, reason)], &[Seen::Close(Some(1002))])
            })
        }))
        .collect();
    carry_out(addr, &cases).await;
}

#[tokio::test]
async fn a_client_that_is_gone_without_a_word_is_forgotten() {
    let (engine, addr) = echo(quiet()).await;
    let mut raw = Raw::open(addr).await;
    raw.send(&frame(0x01, b"4half a message")).await;
    raw.send(&[0x80, 0x85, 1, 2]).await;
    drop(raw);
    crate::support::until("the session to end", || engine.sessions() == 0).await;
}
