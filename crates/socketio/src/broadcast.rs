//! Sending to many: `namespace.to("room").except("other").emit("event", &args)`.

use crate::{
    EncodeError,
    adapter::ToOthers,
    members::{Room, Target},
    namespace::Namespace,
    outgoing::Outgoing,
};
use bytes::Bytes;
use serde::Serialize;

/// A choice of sockets, on this node and on all others, and what to do with them.
#[derive(Debug)]
#[must_use = "a broadcast does nothing until it emits, joins, leaves or disconnects"]
pub struct Broadcast<'a> {
    namespace: &'a Namespace,
    target: Target,
}

impl<'a> Broadcast<'a> {
    pub(crate) fn new(namespace: &'a Namespace) -> Self {
        Self { namespace, target: Target::default() }
    }

    /// Everybody in this room too. `in` in Node's API, which is a keyword here.
    pub fn to(mut self, room: &str) -> Self {
        self.target.rooms.push(Room::from(room));
        self
    }

    /// But nobody in this room. A socket's id is a room with that socket in it.
    pub fn except(mut self, room: &str) -> Self {
        self.target.except.push(Room::from(room));
        self
    }

    /// Sends an event; `args` is a tuple, an array or a slice, one element an argument. It is encoded once.
    pub fn emit(self, event: &str, args: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        self.emit_binary(event, args, &[])
    }

    /// Sends an event with bytes, whose places in `args` are [`Attachment`](crate::Attachment)s.
    pub fn emit_binary(
        self,
        event: &str,
        args: &(impl Serialize + ?Sized),
        attachments: &[Bytes],
    ) -> Result<(), EncodeError> {
        let message = Outgoing::binary_event(self.namespace.name(), event, args, attachments)?;
        self.namespace.everywhere(&ToOthers::Send { target: self.target, message });
        Ok(())
    }

    /// Puts all of them into a room.
    pub fn join(self, room: &str) {
        self.namespace.everywhere(&ToOthers::Join { target: self.target, room: room.into() });
    }

    /// Takes all of them out of a room.
    pub fn leave(self, room: &str) {
        self.namespace.everywhere(&ToOthers::Leave { target: self.target, room: room.into() });
    }

    /// Lets go of all of them; with `close`, of their sessions too.
    pub fn disconnect(self, close: bool) {
        self.namespace.everywhere(&ToOthers::Disconnect { target: self.target, close });
    }
}
