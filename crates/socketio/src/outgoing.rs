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

    /// What it counts for in an outbox, in bytes: those it has as JSON, and some for each frame.
    pub fn cost(&self) -> usize {
        self.0.json.cost()
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
    // What `packet` writes is text behind the type of an Engine.IO message, and has a head.
    let text = std::str::from_utf8(&json.first.payload()[1..]).unwrap_or_default();
    let attachments: Vec<&[u8]> = json.rest.iter().map(Frame::payload).collect();
    let packet = Head::parse(text).map(|head| msgpack::packet(&head, &attachments)).unwrap_or_default();
    Frame::binary(&packet).into()
}
