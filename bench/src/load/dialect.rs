//! What clients and servers say to each other: the small application that every server runs, or Plaza's own protocol.

use super::mark::Mark;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// Which events a server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// `join(room, ack)`, `msg(room, text, t0, ack)`, `echo(text, ack)`.
    Rooms,
    /// `room:join`, `message:send` and `message`, as guests. It has no echo.
    Plaza,
}

impl Dialect {
    /// The packet that connects user number `user`.
    #[must_use]
    pub fn connect(self, user: usize) -> String {
        match self {
            Self::Rooms => "40".to_owned(),
            Self::Plaza => format!(r#"40{{"guest":"bench-{user}"}}"#),
        }
    }

    /// The packet that joins `room`.
    #[must_use]
    pub fn join(self, ack: u64, room: u32) -> Vec<u8> {
        match self {
            Self::Rooms => format!(r#"42{ack}["join","r{room}"]"#),
            Self::Plaza => format!(r#"42{ack}["room:join",{{"roomId":"r{room}"}}]"#),
        }
        .into_bytes()
    }

    /// Writes the packet of a message into `packet`.
    pub fn message(self, packet: &mut Vec<u8>, ack: u64, room: u32, mark: Mark) {
        packet.clear();
        let before = match self {
            Self::Rooms => write!(packet, r#"42{ack}["msg","r{room}",""#),
            Self::Plaza => write!(
                packet,
                r#"42{ack}["message:send",{{"roomId":"r{room}","clientId":"{ack}","kind":"text","body":{{"text":""#
            ),
        };
        before.expect("a vector takes everything");
        mark.push_text(packet);
        match self {
            Self::Rooms => write!(packet, r#"",{}]"#, mark.at_us),
            Self::Plaza => write!(packet, r#""}}}}]"#),
        }
        .expect("a vector takes everything");
    }

    /// Writes the packet of an echo into `packet`.
    pub fn echo(packet: &mut Vec<u8>, ack: u64, mark: Mark) {
        packet.clear();
        write!(packet, r#"42{ack}["echo",""#).expect("a vector takes everything");
        mark.push_text(packet);
        packet.extend_from_slice(br#""]"#);
    }

    /// Whether an event that a server sends is a message in a room.
    #[must_use]
    pub fn is_message(self, array: &[u8]) -> bool {
        array.starts_with(match self {
            Self::Rooms => br#"["msg","#,
            Self::Plaza => br#"["message","#,
        })
    }

    /// Whether an acknowledgement of a join or of a message says that it was done.
    #[must_use]
    pub fn is_ok(array: &[u8]) -> bool {
        const OK: &[u8] = br#""ok":true"#;
        array.windows(OK.len()).take(16).any(|part| part == OK)
    }

    /// Whether it says that there is too much to do just now.
    #[must_use]
    pub fn is_busy(array: &[u8]) -> bool {
        const BUSY: &[u8] = br#""code":"busy""#;
        array.windows(BUSY.len()).take(48).any(|part| part == BUSY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_json_and_bear_the_mark() {
        let mark = Mark { stream: 3, seq: 4, at_us: 5 };
        let mut packet = Vec::new();
        for dialect in [Dialect::Rooms, Dialect::Plaza] {
            dialect.message(&mut packet, 17, 8, mark);
            assert_eq!(Mark::find(&packet), Some(mark));
            let array = packet.strip_prefix(b"4217").expect("an event with its ack");
            serde_json::from_slice::<Vec<serde_json::Value>>(array).expect("JSON");
            let join = dialect.join(1, 8);
            serde_json::from_slice::<Vec<serde_json::Value>>(&join[3..]).expect("JSON");
        }
        Dialect::echo(&mut packet, 17, mark);
        serde_json::from_slice::<Vec<serde_json::Value>>(&packet[4..]).expect("JSON");
    }

    #[test]
    fn an_answer_is_told_from_a_refusal() {
        assert!(Dialect::is_ok(br#"[{"ok":true,"seq":4}]"#));
        assert!(!Dialect::is_ok(br#"[{"ok":false,"error":{"code":"busy"}}]"#));
        assert!(Dialect::is_busy(br#"[{"ok":false,"error":{"code":"busy"}}]"#));
        assert!(!Dialect::is_busy(br#"[{"ok":false,"error":{"code":"not_found"}}]"#));
    }

    #[test]
    fn a_message_is_told_from_other_events() {
        assert!(Dialect::Plaza.is_message(br#"["message",{"roomId":"r1"}]"#));
        assert!(!Dialect::Plaza.is_message(br#"["message:text",{"roomId":"r1"}]"#));
        assert!(!Dialect::Plaza.is_message(br#"["member:added",{"roomId":"r1"}]"#));
        assert!(Dialect::Rooms.is_message(br#"["msg",{"room":"r1"}]"#));
    }
}
