//! Socket.IO packets, protocol revision 5, in the default encoding.
//!
//! Source: the Socket.IO protocol document, "Packet encoding": type digit, `N-` attachments of a binary packet,
//! namespace with a comma unless it is `/`, acknowledgement id, JSON. Attachments follow as messages of bytes.

use crate::engine::{Frame, Outgoing};
use bytes::Bytes;
use serde::{
    Deserialize, Serialize,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};
use std::{fmt, io::Write as _};

/// A packet a client may send, as far as its text goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed<'a> {
    pub(crate) namespace: &'a str,
    /// Attachments that follow.
    pub(crate) attachments: usize,
    pub(crate) content: Content<'a>,
}

/// What it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// With the JSON object of `auth`, if any.
    Connect(Option<&'a str>),
    Disconnect,
    /// With the whole JSON array, name included.
    Event {
        name: String,
        id: Option<u64>,
        json: &'a str,
    },
    /// With the JSON array of the answer.
    Ack {
        id: u64,
        json: &'a str,
    },
}

/// Bytes that are not what they should be. The connection on which a client sent such a packet is closed, as Node's
/// server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) &'static str);

const CONNECT: u8 = b'0';
const DISCONNECT: u8 = b'1';
const EVENT: u8 = b'2';
const ACK: u8 = b'3';
const CONNECT_ERROR: u8 = b'4';
const BINARY_EVENT: u8 = b'5';
const BINARY_ACK: u8 = b'6';

/// What stands in front of a packet's JSON.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    /// The digit of its type.
    pub(crate) kind: u8,
    /// Attachments that follow.
    pub(crate) attachments: usize,
    pub(crate) namespace: &'a str,
    pub(crate) id: Option<u64>,
    /// The rest, as it came.
    pub(crate) body: &'a str,
}

impl<'a> Head<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (&kind, mut rest) = text
            .as_bytes()
            .split_first()
            .filter(|(kind, _)| kind.is_ascii())
            .map(|(k, _)| (k, &text[1..]))
            .ok_or(Malformed("an empty packet"))?;
        let binary = matches!(kind, BINARY_EVENT | BINARY_ACK);
        let mut attachments = 0;
        if binary {
            let (count, after) = rest.split_once('-').ok_or(Malformed("no count of attachments"))?;
            attachments = number(count)
                .and_then(|count| usize::try_from(count).ok())
                .ok_or(Malformed("illegal attachments"))?;
            rest = after;
        }
        if binary && attachments == 0 {
            return Err(Malformed("a binary packet without attachments"));
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, body) = rest.split_at(digits);
        let id = match id {
            "" => None,
            digits => Some(number(digits).ok_or(Malformed("illegal id"))?),
        };
        Ok(Self { kind, attachments, namespace, id, body })
    }
}

impl<'a> Parsed<'a> {
    /// Reads one packet's text. The JSON in it is checked here, so what is handed on is well-formed.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let Head { kind, attachments, namespace, id, body } = Head::parse(text)?;
        Ok(Self { namespace, attachments, content: Content::read(kind, id, body)? })
    }
}

impl<'a> Content<'a> {
    /// What a packet of this type says; the JSON is checked.
    pub(crate) fn read(kind: u8, id: Option<u64>, json: &'a str) -> Result<Self, Malformed> {
        match (kind, id) {
            (CONNECT, None) if json.is_empty() => Ok(Content::Connect(None)),
            (CONNECT, None) => {
                serde_json::from_str::<Object>(json).map_err(|_| Malformed("auth is not a JSON object"))?;
                Ok(Content::Connect(Some(json)))
            }
            (DISCONNECT, None) if json.is_empty() => Ok(Content::Disconnect),
            (EVENT | BINARY_EVENT, id) => {
                let EventName(name) = serde_json::from_str(json).map_err(|_| Malformed("not an event"))?;
                Ok(Content::Event { name, id, json })
            }
            (ACK | BINARY_ACK, Some(id)) => {
                serde_json::from_str::<Vec<IgnoredAny>>(json)
                    .map_err(|_| Malformed("not an acknowledgement"))?;
                Ok(Content::Ack { id, json })
            }
            _ => Err(Malformed("a packet of no known type")),
        }
    }
}

/// Digits only, and no more than fit.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Any JSON object, checked and not kept.
struct Object;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Check;
        impl<'de> Visitor<'de> for Check {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Object)
            }
        }
        deserializer.deserialize_map(Check)
    }
}

/// The first element of an event's array; the others are checked and not kept.
struct EventName(String);

/// Names that mean something else to Socket.IO and that nobody may therefore send.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = EventName;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with an event's name")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<EventName, A::Error> {
                let Some(Name(name)) = seq.next_element()? else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                if RESERVED.contains(&name.as_str()) {
                    return Err(de::Error::custom("a reserved name"));
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(EventName(name))
            }
        }
        deserializer.deserialize_seq(First)
    }
}

/// A text, or a number as text.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;
        impl Visitor<'_> for TextOrNumber {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event's name, a text or a number")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(Name(name.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, name: u64) -> Result<Name, E> {
                Ok(Name(name.to_string()))
            }
            fn visit_i64<E: de::Error>(self, name: i64) -> Result<Name, E> {
                Ok(Name(name.to_string()))
            }
            fn visit_f64<E: de::Error>(self, name: f64) -> Result<Name, E> {
                let number = serde_json::Number::from_f64(name);
                number.map(|number| Name(number.to_string())).ok_or_else(|| E::custom("no number"))
            }
        }
        deserializer.deserialize_any(TextOrNumber)
    }
}

/// Why something cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It does not serialize to JSON.
    #[error("the arguments cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Arguments are a tuple, an array or a slice: one element an argument.
    #[error("the arguments are not a sequence")]
    NotASequence,
    /// Official clients have their own events of this name: `connect`, `connect_error`, `disconnect`, `disconnecting`,
    /// `newListener` or `removeListener`.
    #[error("the event's name is reserved")]
    ReservedName,
}

/// An event for a namespace, encoded once. `args` is a tuple, an array or a slice, one element an argument;
/// places of `attachments` in it are [`Attachment`](crate::Attachment)s.
pub(crate) fn event(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &(impl Serialize + ?Sized),
    attachments: &[Bytes],
) -> Result<Outgoing, EncodeError> {
    if RESERVED.contains(&name) {
        return Err(EncodeError::ReservedName);
    }
    let kind = if attachments.is_empty() { EVENT } else { BINARY_EVENT };
    encode(kind, namespace, id, attachments, |buffer| {
        buffer.push(b'[');
        serde_json::to_writer(&mut *buffer, name)?;
        let start = buffer.len();
        sequence(buffer, args)?;
        // `["name"` and `[args]` become `["name",args]`.
        match &buffer[start..] {
            [b'[', b']'] => buffer.truncate(start),
            _ => buffer[start] = b',',
        }
        if buffer.len() == start {
            buffer.push(b']');
        }
        Ok(())
    })
}

/// An event whose whole array, name included, is JSON already.
pub(crate) fn ready_event(
    namespace: &str,
    json: &str,
    attachments: &[Bytes],
) -> Result<Outgoing, EncodeError> {
    let EventName(_) = serde_json::from_str(json)?;
    let kind = if attachments.is_empty() { EVENT } else { BINARY_EVENT };
    encode(kind, namespace, None, attachments, |buffer| {
        buffer.extend_from_slice(json.trim().as_bytes());
        Ok(())
    })
}

/// An answer to an event that asked for one.
pub(crate) fn ack(
    namespace: &str,
    id: u64,
    args: &(impl Serialize + ?Sized),
    attachments: &[Bytes],
) -> Result<Outgoing, EncodeError> {
    let kind = if attachments.is_empty() { ACK } else { BINARY_ACK };
    encode(kind, namespace, Some(id), attachments, |buffer| sequence(buffer, args))
}

/// The answer to CONNECT, with the `pid` by which the socket can be recovered.
pub(crate) fn connected(namespace: &str, sid: &str, pid: Option<&str>) -> Outgoing {
    let body = match pid {
        Some(pid) => serde_json::json!({ "sid": sid, "pid": pid }),
        None => serde_json::json!({ "sid": sid }),
    };
    plain(CONNECT, namespace, &body)
}

/// The refusal of a CONNECT.
pub(crate) fn connect_error(namespace: &str, message: &str, data: Option<&serde_json::Value>) -> Outgoing {
    let body = match data {
        Some(data) => serde_json::json!({ "message": message, "data": data }),
        None => serde_json::json!({ "message": message }),
    };
    plain(CONNECT_ERROR, namespace, &body)
}

/// The server lets go of one namespace.
pub(crate) fn disconnect(namespace: &str) -> Outgoing {
    Frame::text(namespace.len() + 2, |buffer| head(buffer, DISCONNECT, namespace, None, 0)).into()
}

fn plain(kind: u8, namespace: &str, body: &serde_json::Value) -> Outgoing {
    let body = body.to_string();
    Frame::text(namespace.len() + body.len() + 2, |buffer| {
        head(buffer, kind, namespace, None, 0);
        buffer.extend_from_slice(body.as_bytes());
    })
    .into()
}

fn sequence(buffer: &mut Vec<u8>, args: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
    let start = buffer.len();
    serde_json::to_writer(&mut *buffer, args)?;
    if buffer.get(start) != Some(&b'[') {
        return Err(EncodeError::NotASequence);
    }
    Ok(())
}

fn encode(
    kind: u8,
    namespace: &str,
    id: Option<u64>,
    attachments: &[Bytes],
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<Outgoing, EncodeError> {
    let mut result = Ok(());
    let first = Frame::text(128, |buffer| {
        head(buffer, kind, namespace, id, attachments.len());
        result = write(buffer);
    });
    result.map(|()| Outgoing { first, rest: attachments.iter().map(|bytes| Frame::binary(bytes)).collect() })
}

fn head(buffer: &mut Vec<u8>, kind: u8, namespace: &str, id: Option<u64>, attachments: usize) {
    // Writing to a Vec cannot fail.
    buffer.push(kind);
    if attachments > 0 {
        let _ = write!(buffer, "{attachments}-");
    }
    if namespace != "/" {
        let _ = write!(buffer, "{namespace},");
    }
    if let Some(id) = id {
        // It writes digits, where `write!` would go through all that formatting can do.
        let _ = serde_json::to_writer(buffer, &id);
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
