use super::*;
use proptest::prelude::*;

const MAX: usize = 1_000;

/// A masked frame as a client sends it.
fn frame(first: u8, data: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut bytes = vec![first];
    match data.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(data.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
    bytes
}

/// Everything a stream of bytes decodes to, in words, and the violation that ended it.
fn decode(mut bytes: Vec<u8>) -> (Vec<String>, Option<Violation>) {
    let (mut decoder, mut found, mut at) = (Decoder::default(), Vec::new(), 0);
    loop {
        match decoder.step(&mut bytes[at..], MAX) {
            Ok(Some((decoded, taken))) => {
                found.push(format!("{decoded:?}"));
                at += taken;
            }
            Ok(None) => return (found, None),
            Err(violation) => return (found, Some(violation)),
        }
    }
}

fn violation(bytes: Vec<u8>) -> Option<Violation> {
    decode(bytes).1
}

#[test]
fn the_rfcs_example_reads_hello() {
    // RFC 6455, section 5.7.
    let bytes = vec![0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(bytes), (vec!["Text(\"Hello\")".to_owned()], None));
}

#[test]
fn fragments_join_and_control_frames_come_between() {
    let bytes =
        [frame(0x01, b"He"), frame(0x89, b"p"), frame(0x00, b"l"), frame(0x80, b"lo"), frame(0x82, &[9])]
            .concat();
    let (found, violation) = decode(bytes);
    assert_eq!(found, ["Fragment", "Ping([112])", "Fragment", "Text(\"Hello\")", "Binary([9])"]);
    assert_eq!(violation, None);
}

#[test]
fn broken_rules_are_named() {
    use Violation::{NotUtf8, Protocol, TooLong};
    let unmasked = vec![0x81, 0x01, b'x'];
    let cases = [
        (unmasked, Protocol),
        (frame(0xC1, b"x"), Protocol),      // a reserved bit
        (frame(0x83, b"x"), Protocol),      // an unknown opcode
        (frame(0x8B, b"x"), Protocol),      // an unknown control opcode
        (frame(0x09, b"x"), Protocol),      // a ping in pieces
        (frame(0x89, &[0; 126]), Protocol), // a ping too long
        (frame(0x80, b"x"), Protocol),      // a continuation of nothing
        ([frame(0x01, b"x"), frame(0x81, b"y")].concat(), Protocol), // a message within a message
        (frame(0x81, &[0xFF]), NotUtf8),
        ([frame(0x01, &[0xC3]), frame(0x80, &[0x28])].concat(), NotUtf8),
        (frame(0x82, &[0; MAX + 1]), TooLong),
        ([frame(0x02, &[0; MAX]), frame(0x80, &[0])].concat(), TooLong),
        (frame(0x88, &[1]), Protocol),                   // half a close code
        (frame(0x88, &1005u16.to_be_bytes()), Protocol), // a code that may not be sent
        (frame(0x88, &[0x03, 0xE8, 0xFF]), NotUtf8),
        (vec![0x82, 0xFE, 0, 5], Protocol), // 5 written in two bytes
        (vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5], Protocol), // 5 written in eight
        (vec![0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], Protocol),
    ];
    for (bytes, expected) in cases {
        let shown: Vec<_> = bytes.iter().take(16).collect();
        assert_eq!(violation(bytes.clone()), Some(expected), "{shown:02x?}");
    }
}

#[test]
fn too_long_is_known_from_the_header_alone() {
    assert_eq!(violation(vec![0x82, 0xFF, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF]), Some(Violation::TooLong));
}

#[test]
fn a_close_tells_its_code() {
    assert_eq!(decode(frame(0x88, b"")).0, ["Close(None)"]);
    assert_eq!(decode(frame(0x88, &[0x03, 0xE9])).0, ["Close(Some(1001))"]);
}

proptest! {
    #[test]
    fn any_message_reads_back_in_any_pieces(data in prop::collection::vec(any::<u8>(), 0..MAX), cut in 0..MAX) {
        let cut = cut.min(data.len());
        let whole = frame(0x82, &data);
        let pieces = [frame(0x02, &data[..cut]), frame(0x80, &data[cut..])].concat();
        let expected = format!("Binary({data:?})");
        prop_assert_eq!(decode(whole).0.pop(), Some(expected.clone()));
        prop_assert_eq!(decode(pieces).0.pop(), Some(expected));
    }

    #[test]
    fn a_frame_cut_anywhere_is_incomplete(data in prop::collection::vec(any::<u8>(), 0..300), cut in 0..310usize) {
        let bytes = frame(0x82, &data);
        let cut = cut.min(bytes.len() - 1);
        prop_assert_eq!(decode(bytes[..cut].to_vec()), (vec![], None));
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(bytes);
    }
}
