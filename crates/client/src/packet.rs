//! Socket.IO v5 packets as text: `<type>[/namespace,][ack id][JSON]`.
//!
//! Pure, so that it can be given anything: malformed text is an error, never a panic. Binary packets (types 5
//! and 6) are named and refused.
//! <https://socket.io/docs/v4/socket-io-protocol/#packet-encoding>

use serde_json::value::RawValue;

/// A packet from the server.
#[derive(Debug, Clone)]
pub enum Packet {
    /// The namespace is open; the payload carries `sid`.
    Connect(Option<Box<RawValue>>),
    /// The server disconnects this namespace.
    Disconnect,
    /// An event: its name, its arguments, and the id to acknowledge it by, if it wants that.
    Event {
        /// First of the array.
        name: String,
        /// The others.
        args: Vec<Box<RawValue>>,
        /// Present when the server waits for an acknowledgement.
        ack: Option<u64>,
    },
    /// Answer to an event of ours.
    Ack {
        /// Which one.
        id: u64,
        /// What was given to the acknowledgement.
        args: Vec<Box<RawValue>>,
    },
    /// The connect was refused.
    ConnectError(Option<Box<RawValue>>),
}

/// Why text is not a packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// Reads a packet of the namespace `/`; `None` for one of another namespace, which this client never joins.
pub fn decode(text: &str) -> Result<Option<Packet>, Malformed> {
    let kind = *text.as_bytes().first().ok_or(Malformed("an empty packet"))?;
    if matches!(kind, b'5' | b'6') {
        return Err(Malformed("a packet with binary attachments, which this client does not take"));
    }
    if !(b'0'..=b'4').contains(&kind) {
        return Err(Malformed("an unknown packet type"));
    }
    let (namespace, rest) = split_namespace(&text[1..]);
    let (id, json) = split_id(rest)?;
    let packet = match kind {
        b'0' => Packet::Connect(payload(json)?),
        b'1' => Packet::Disconnect,
        b'2' => {
            let (name, args) = event(json)?;
            Packet::Event { name, args, ack: id }
        }
        b'3' => Packet::Ack {
            id: id.ok_or(Malformed("an acknowledgement without an id"))?,
            args: serde_json::from_str(json).map_err(|_| Malformed("an acknowledgement without an array"))?,
        },
        _ => Packet::ConnectError(payload(json)?),
    };
    Ok((namespace == "/").then_some(packet))
}

fn split_namespace(rest: &str) -> (&str, &str) {
    if !rest.starts_with('/') {
        return ("/", rest);
    }
    let (name, rest) = rest.split_once(',').unwrap_or((rest, ""));
    // A query string may follow the name and is no part of it.
    (name.split_once('?').map_or(name, |(name, _)| name), rest)
}

fn split_id(rest: &str) -> Result<(Option<u64>, &str), Malformed> {
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, json) = rest.split_at(end);
    if digits.is_empty() {
        return Ok((None, json));
    }
    digits.parse().map(|id| (Some(id), json)).map_err(|_| Malformed("an id that is no number"))
}

fn payload(json: &str) -> Result<Option<Box<RawValue>>, Malformed> {
    if json.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(json).map(Some).map_err(|_| Malformed("a payload that is not JSON"))
}

fn event(json: &str) -> Result<(String, Vec<Box<RawValue>>), Malformed> {
    let mut args: Vec<Box<RawValue>> =
        serde_json::from_str(json).map_err(|_| Malformed("an event that is not an array"))?;
    if args.is_empty() {
        return Err(Malformed("an event without a name"));
    }
    let name =
        serde_json::from_str(args.remove(0).get()).map_err(|_| Malformed("an event without a name"))?;
    Ok((name, args))
}

/// CONNECT with its `auth`, as JSON.
pub fn connect(auth: &str) -> String {
    format!("0{auth}")
}

/// DISCONNECT.
pub fn disconnect() -> String {
    "1".to_owned()
}

/// EVENT with one argument, as JSON, and an id if an answer is wanted.
pub fn encode_event(id: Option<u64>, name: &str, argument: &str) -> String {
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    format!("2{id}[{},{argument}]", serde_json::Value::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_protocol_document_are_read() {
        let read = |text| decode(text).unwrap().unwrap();
        assert!(matches!(read("0{\"sid\":\"x\"}"), Packet::Connect(Some(_))));
        assert!(matches!(read("0"), Packet::Connect(None)));
        assert!(matches!(read("1"), Packet::Disconnect));
        assert!(matches!(read("4{\"message\":\"no\"}"), Packet::ConnectError(Some(_))));
        let Packet::Event { name, args, ack } = read("2[\"foo\",1,{\"a\":[]}]") else { panic!() };
        assert_eq!((name.as_str(), args.len(), ack), ("foo", 2, None));
        assert!(matches!(read("212[\"foo\"]"), Packet::Event { ack: Some(12), .. }));
        let Packet::Ack { id, args } = read("313[\"bar\"]") else { panic!() };
        assert_eq!((id, args[0].get()), (13, "\"bar\""));
    }

    #[test]
    fn another_namespace_is_none_of_ours() {
        assert!(decode("0/admin,{\"sid\":\"x\"}").unwrap().is_none());
        assert!(decode("2/admin?token=1,[\"foo\"]").unwrap().is_none());
        assert!(decode("1/admin").unwrap().is_none());
    }

    #[test]
    fn malformed_packets_are_errors() {
        for bad in [
            "",
            "9",
            "2",
            "2{}",
            "2[]",
            "2[1]",
            "2abc",
            "3[1]",
            "31",
            "31{}",
            "0abc",
            "51-[\"a\"]",
            "é",
            "2[\"a\"",
        ] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        assert!(decode(&format!("2{}[\"a\"]", "9".repeat(30))).is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = encode_event(Some(7), "room:\"join", "{\"a\":1}");
        let Some(Packet::Event { name, args, ack }) = decode(&text).unwrap() else { panic!("{text}") };
        assert_eq!((name.as_str(), args[0].get(), ack), ("room:\"join", "{\"a\":1}", Some(7)));
        assert_eq!(encode_event(None, "a", "1"), "2[\"a\",1]");
        assert_eq!(connect("{}"), "0{}");
    }

    proptest! {
        #[test]
        fn nothing_the_server_sends_makes_it_panic(text in ".*") {
            let _ = decode(&text);
        }

        #[test]
        fn nor_what_nearly_is_a_packet(kind in "[0-9]", nsp in "(/[a-z?=]*,?)?", id in "[0-9]{0,25}", json in "[\\[\\]{}\",0-9a-zé\\\\]{0,20}") {
            let _ = decode(&format!("{kind}{nsp}{id}{json}"));
        }
    }
}
