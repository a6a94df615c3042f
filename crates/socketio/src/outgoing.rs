//! A packet on its way out, in whichever encoding its receivers have.

use crate::{
    engine::{Frame, Outgoing as Frames},
    msgpack,
    packet::{self, EncodeError, Head},
};
use bytes::Bytes;
use serde::Serialize;
use std::sync::{Arc, OnceLock};

/// How one client's packets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parser {
    /// The default encoding: JSON, bytes behind it.
    Json,
    /// That of `socket.io-msgpack-parser`.
    Msgpack,
}

/// An event, encoded once for any number of receivers: as JSON when it is made, as MessagePack when the first
/// client that speaks it gets it. A clone shares the bytes.
#[derive(Debug, Clone)]
pub struct Outgoing(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    json: Frames,
    msgpack: OnceLock<Frames>,
}

impl Outgoing {
    /// An event for a namespace, for [`Socket::send`](crate::Socket::send) to any number of its sockets. `args` is a
    /// tuple, an array or a slice, one element an argument.
    pub fn event(namespace: &str, name: &str, args: &(impl Serialize + ?Sized)) -> Result<Self, EncodeError> {
        Self::binary_event(namespace, name, args, &[])
    }

    /// An event with bytes, whose places in `args` are [`Attachment`](crate::Attachment)s.
    pub fn binary_event(
        namespace: &str,
        name: &str,
        args: &(impl Serialize + ?Sized),
        attachments: &[Bytes],
    ) -> Result<Self, EncodeError> {
        packet::event(namespace, None, name, args, attachments).map(Self::from)
    }

    /// An event whose JSON array, the name first, is there already: an [`Adapter`](crate::Adapter) has it from another
    /// node. An error where it is no such array, or the name is reserved.
    pub fn from_json(namespace: &str, json: &str, attachments: &[Bytes]) -> Result<Self, EncodeError> {
        packet::ready_event(namespace, json, attachments).map(Self::from)
    }

    /// Its JSON array, the name first, for an [`Adapter`](crate::Adapter) to tell another node.
    pub fn json(&self) -> &str {
        Head::parse(text(&self.0.json)).map_or("[]", |head| head.body)
    }

    /// The bytes that the places in its JSON stand for.
    pub fn attachments(&self) -> impl Iterator<Item = &[u8]> {
        self.0.json.rest.iter().map(Frame::payload)
    }

    /// What it counts for in an outbox, in bytes: those it has as JSON, and some for each frame.
    pub fn cost(&self) -> usize {
        self.0.json.cost()
    }

    /// The same event, asking for an acknowledgement of this id.
    pub(crate) fn with_id(&self, id: u64) -> Self {
        let text = text(&self.0.json);
        let body = Head::parse(text).map_or(0, |head| head.body.len());
        let (head, body) = text.split_at(text.len() - body);
        self.rewritten(text.len() + 8, |buffer| {
            buffer.extend_from_slice(head.as_bytes());
            buffer.extend_from_slice(id.to_string().as_bytes());
            buffer.extend_from_slice(body.as_bytes());
        })
    }

    /// The same event with one argument more, at the end.
    pub(crate) fn with_offset(&self, offset: &str) -> Self {
        let text = text(&self.0.json);
        self.rewritten(text.len() + offset.len() + 4, |buffer| {
            // An event is an array with at least its name in it.
            buffer.extend_from_slice(text.strip_suffix(']').unwrap_or(text).as_bytes());
            buffer.extend_from_slice(b",\"");
            buffer.extend_from_slice(offset.as_bytes());
            buffer.extend_from_slice(b"\"]");
        })
    }

    /// Another text with the same bytes behind it.
    fn rewritten(&self, capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let rest = self.0.json.rest.clone();
        Frames { first: Frame::text(capacity, write), rest }.into()
    }

    pub(crate) fn frames(&self, parser: Parser) -> &Frames {
        match parser {
            Parser::Json => &self.0.json,
            Parser::Msgpack => self.0.msgpack.get_or_init(|| rewritten(&self.0.json)),
        }
    }
}

impl From<Frames> for Outgoing {
    /// From the default encoding.
    fn from(json: Frames) -> Self {
        Self(Arc::new(Encoded { json, msgpack: OnceLock::new() }))
    }
}

/// The packet in this parser's encoding, for those that only one client gets.
pub(crate) fn in_encoding(json: Frames, parser: Parser) -> Frames {
    match parser {
        Parser::Json => json,
        Parser::Msgpack => rewritten(&json),
    }
}

fn rewritten(json: &Frames) -> Frames {
    let attachments: Vec<&[u8]> = json.rest.iter().map(Frame::payload).collect();
    // What `packet` writes has a head.
    let packet = Head::parse(text(json)).map(|head| msgpack::packet(&head, &attachments)).unwrap_or_default();
    Frame::binary(&packet).into()
}

/// The packet's text, without the type of the Engine.IO message that carries it.
fn text(json: &Frames) -> &str {
    std::str::from_utf8(&json.first.payload()[1..]).unwrap_or_default()
}
