//! The small application's three events, cut out of JSON that is taken to be as the load writes it: no spaces, no escapes.

use super::frame;
use std::{io::Write, rc::Rc};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    Join { room: &'a [u8] },
    Message { room: &'a [u8], text: &'a [u8], t0: &'a [u8] },
    Echo { text: &'a [u8] },
}

/// What an event asks for.
pub(super) fn asked(array: &[u8]) -> Option<Asked<'_>> {
    if let Some(rest) = array.strip_prefix(br#"["msg",""#) {
        let (room, rest) = split(rest, b'"')?;
        let (text, rest) = split(rest.strip_prefix(br#",""#)?, b'"')?;
        let (t0, _) = split(rest.strip_prefix(b",")?, b']')?;
        return Some(Asked::Message { room, text, t0 });
    }
    if let Some(rest) = array.strip_prefix(br#"["echo",""#) {
        return Some(Asked::Echo { text: split(rest, b'"')?.0 });
    }
    let rest = array.strip_prefix(br#"["join",""#)?;
    Some(Asked::Join { room: split(rest, b'"')?.0 })
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The event `msg`, for every member.
pub(super) fn message(room: &[u8], text: &[u8], t0: &[u8]) -> Rc<[u8]> {
    frame(&[br#"42["msg",{"room":""#, room, br#"","text":""#, text, br#"","t0":"#, t0, b"}]"].concat())
}

/// `{ok: true}`.
pub(super) fn done(ack: u64) -> Rc<[u8]> {
    frame(format!(r#"43{ack}[{{"ok":true}}]"#).as_bytes())
}

/// The text that was sent.
pub(super) fn echo(ack: u64, text: &[u8]) -> Rc<[u8]> {
    let mut answer = Vec::with_capacity(text.len() + 16);
    let _ = write!(answer, r#"43{ack}[""#);
    answer.extend_from_slice(text);
    answer.extend_from_slice(br#""]"#);
    frame(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{dialect::Dialect, mark::Mark};

    #[test]
    fn what_the_load_writes_is_understood() {
        let (mark, mut packet) = (Mark { stream: 1, seq: 2, at_us: 3 }, Vec::new());
        Dialect::Rooms.message(&mut packet, 5, 7, mark);
        let Some(Asked::Message { room: b"r7", text, t0: b"3" }) = asked(&packet[3..]) else {
            panic!("{:?}", asked(&packet[3..]));
        };
        assert_eq!(Mark::find(text), Some(mark));
        let text = text.to_vec();
        assert_eq!(asked(&Dialect::Rooms.join(5, 7)[3..]), Some(Asked::Join { room: b"r7" }));
        Dialect::echo(&mut packet, 5, mark);
        assert_eq!(asked(&packet[3..]), Some(Asked::Echo { text: &text }));
    }

    #[test]
    fn what_it_says_is_json() {
        let message = message(b"r1", b"hello", b"4");
        assert_eq!(&message[2..], br#"42["msg",{"room":"r1","text":"hello","t0":4}]"#);
        assert_eq!(&echo(9, b"hello")[2..], br#"439["hello"]"#);
    }
}
