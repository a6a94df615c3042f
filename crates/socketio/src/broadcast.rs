//! Sending to many: `namespace.to("room").except("other").emit("event", &args)`.

use crate::{
    EncodeError, Payload,
    adapter::ToOthers,
    asking::{Answers, BroadcastAckError},
    members::{Room, Target},
    namespace::Namespace,
    outgoing::Outgoing,
    remote::{FetchError, RemoteSocket},
};
use bytes::Bytes;
use serde::Serialize;
use std::{future::ready, time::Duration};

/// A choice of sockets, on this node and on all others, and what to do with them.
#[derive(Debug)]
#[must_use = "a broadcast does nothing until it emits, fetches, joins, leaves or disconnects"]
pub struct Broadcast<'a> {
    namespace: &'a Namespace,
    target: Target,
    volatile: bool,
    local: bool,
}

impl<'a> Broadcast<'a> {
    pub(crate) fn new(namespace: &'a Namespace) -> Self {
        Self { namespace, target: Target::default(), volatile: false, local: false }
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

    /// Only on this node.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// An event that is worth nothing later: those do without it who could not have it at once, because their
    /// connection takes nothing at the moment, because no poll of theirs is there, or because half of their outbox is in
    /// use. It makes nobody a slow consumer. Of no meaning where an acknowledgement is asked for.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
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
        let Self { namespace, target, volatile, local } = self;
        namespace.act(&ToOthers::Send { target, message, volatile }, local);
        Ok(())
    }

    /// Sends an event and waits until each of them has acknowledged it: what they answered, in the order in which they
    /// did. An error, which has the answers that came, after `within`, or as soon as those who have not answered are
    /// gone.
    pub async fn emit_with_ack(
        self,
        event: &str,
        args: &(impl Serialize + ?Sized + Sync),
        within: Duration,
    ) -> Result<Vec<Payload>, BroadcastAckError> {
        self.emit_binary_with_ack(event, args, &[], within).await
    }

    /// The same with bytes, as [`emit_binary`](Self::emit_binary) sends them.
    pub async fn emit_binary_with_ack(
        self,
        event: &str,
        args: &(impl Serialize + ?Sized + Sync),
        attachments: &[Bytes],
        within: Duration,
    ) -> Result<Vec<Payload>, BroadcastAckError> {
        let Self { namespace, target, local, .. } = self;
        let event = Outgoing::binary_event(namespace.name(), event, args, attachments)?;
        let others = match local {
            true => Box::pin(ready(Answers::default())),
            false => namespace.adapter().ask(namespace.name(), &target, &event, within),
        };
        let (here, there) = futures_util::join!(namespace.ask(&target, &event, within), others);
        let answers: Vec<_> = here.answers.into_iter().chain(there.answers).collect();
        match here.missing + there.missing {
            0 => Ok(answers),
            missing => Err(BroadcastAckError::Incomplete { answers, missing }),
        }
    }

    /// What there is to know of them: id, handshake, rooms and data of each. An error only where other nodes, which the
    /// adapter asks, do not answer.
    pub async fn fetch_sockets(self) -> Result<Vec<RemoteSocket>, FetchError> {
        self.namespace.fetch(&self.target, self.local).await
    }

    /// Puts all of them into a room.
    pub fn join(self, room: &str) {
        self.namespace.act(&ToOthers::Join { target: self.target, room: room.into() }, self.local);
    }

    /// Takes all of them out of a room.
    pub fn leave(self, room: &str) {
        self.namespace.act(&ToOthers::Leave { target: self.target, room: room.into() }, self.local);
    }

    /// Lets go of all of them; with `close`, of their sessions too.
    pub fn disconnect(self, close: bool) {
        self.namespace.act(&ToOthers::Disconnect { target: self.target, close }, self.local);
    }
}
