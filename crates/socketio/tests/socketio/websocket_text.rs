//! The cases about UTF-8 (Autobahn's section 6): what is none closes with 1007, in whatever pieces it comes.

use crate::support::raw::{Case, Seen, carry_out, echo, fragments, frame, quiet};

/// Text, with Engine.IO's `4` in front: in one frame, a byte a fragment, and cut in two.
fn in_every_shape(number: &str, text: &[u8], sees: &Seen) -> Vec<Case> {
    let text = [b"4", text].concat();
    let cut = text.len() / 2;
    let shapes = [
        ("whole", frame(0x81, &text)),
        ("a byte a fragment", fragments(0x01, &text, 1)),
        ("in two", [frame(0x01, &text[..cut]), frame(0x80, &text[cut..])].concat()),
    ];
    let case = |(shape, sends)| Case {
        name: format!("6.{number}: {text:02x?}, {shape}"),
        sends,
        sees: vec![sees.clone()],
    };
    shapes.into_iter().map(case).collect()
}

#[tokio::test]
async fn what_is_utf8_comes_back() {
    let (_, addr) = echo(quiet()).await;
    let cases: Vec<_> = [
        ("1", ""),
        ("2", "Hello-µ@ßöäüàá-UTF-8!!"),
        ("5", "κόσμε"),
        ("7", "\u{0}"),
        ("7", "\u{80}"),
        ("7", "\u{800}"),
        ("7", "\u{10000}"),
        ("9", "\u{7f}"),
        ("9", "\u{7ff}"),
        ("9", "\u{ffff}"),
        ("9", "\u{10ffff}"),
        ("11", "\u{d7ff}"),
        ("11", "\u{e000}"),
        ("11", "\u{fffd}"),
        ("22", "\u{fffe}"),
        ("22", "\u{1fffe}\u{2ffff}\u{10fffe}"),
        ("23", "\u{feff}\u{fff0}\u{1f469}\u{200d}\u{1f680}"),
    ]
    .into_iter()
    .flat_map(|(number, text)| in_every_shape(number, text.as_bytes(), &Seen::Text(format!("4{text}"))))
    .collect();
    carry_out(addr, &cases).await;
}

#[tokio::test]
async fn what_is_not_utf8_closes_with_1007() {
    let (_, addr) = echo(quiet()).await;
    let cases: Vec<_> = [
        ("3", &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64"[..]),
        ("4", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80\x65"),
        // Cut short.
        ("6", b"\xce"),
        ("6", b"\xce\xba\xe1"),
        ("6", b"\xce\xba\xe1\xbd"),
        ("6", b"\xf0\x90\x80"),
        // Above U+10FFFF, and the forms of five and six bytes.
        ("8", b"\xf8\x88\x80\x80\x80"),
        ("8", b"\xfc\x84\x80\x80\x80\x80"),
        ("10", b"\xf7\xbf\xbf\xbf"),
        ("10", b"\xf4\x90\x80\x80"),
        // Continuation bytes by themselves, beginnings without any, impossible bytes.
        ("12", b"\x80"),
        ("12", b"\xbf\x80\xbf\x80"),
        ("13", b"\xc0 \xc1 \xc2 \xdf "),
        ("13", b"\xe0 \xef "),
        ("14", b"\xc0"),
        ("14", b"\xfd\xbf\xbf\xbf\xbf"),
        ("16", b"\xfe"),
        ("16", b"\xff"),
        ("16", b"\xfe\xfe\xff\xff"),
        // Longer than need be.
        ("17", b"\xc0\xaf"),
        ("17", b"\xe0\x80\xaf"),
        ("17", b"\xf0\x80\x80\xaf"),
        ("18", b"\xc1\xbf"),
        ("18", b"\xe0\x9f\xbf"),
        ("18", b"\xf0\x8f\xbf\xbf"),
        ("19", b"\xc0\x80"),
        ("19", b"\xe0\x80\x80"),
        // Surrogates, alone and in pairs.
        ("20", b"\xed\xa0\x80"),
        ("20", b"\xed\xbf\xbf"),
        ("21", b"\xed\xa0\x80\xed\xb0\x80"),
        ("21", b"\xed\xaf\xbf\xed\xbf\xbf"),
    ]
    .into_iter()
    .flat_map(|(number, text)| in_every_shape(number, text, &Seen::Close(Some(1007))))
    .collect();
    carry_out(addr, &cases).await;
}
