//! A namespace: its sockets, their rooms, and the handlers they share.

use crate::{
    DisconnectReason, EncodeError,
    adapter::{Adapter, ToOthers},
    broadcast::Broadcast,
    handlers::Handlers,
    members::{Members, Target},
    namespaces::Namespaces,
    outgoing::{Outgoing, in_encoding},
    packet,
    recovery::Memory,
    socket::{Socket, State},
};
use serde::Serialize;
use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// One namespace of a server.
pub struct Namespace {
    name: Box<str>,
    itself: Weak<Namespace>,
    handlers: Arc<Handlers>,
    members: Members,
    adapter: Arc<dyn Adapter>,
    next_ack: AtomicU64,
    /// Where it is to be forgotten, if it was made on demand.
    home: Weak<Namespaces>,
    memory: Option<Memory>,
}

impl Namespace {
    pub(crate) fn new(
        name: &str,
        handlers: Arc<Handlers>,
        adapter: Arc<dyn Adapter>,
        home: Weak<Namespaces>,
        memory: Option<Memory>,
    ) -> Arc<Self> {
        let namespace = Arc::new_cyclic(|itself| Self {
            name: name.into(),
            itself: Weak::clone(itself),
            handlers,
            members: Members::new(name, Arc::clone(&adapter)),
            adapter,
            next_ack: AtomicU64::new(0),
            home,
            memory,
        });
        namespace.adapter.opened(&namespace);
        namespace
    }

    /// Its name, with a slash in front.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many sockets it has on this node.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has no socket on this node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// To everybody.
    pub fn broadcast(&self) -> Broadcast<'_> {
        Broadcast::new(self)
    }

    /// To everybody in a room.
    pub fn to(&self, room: &str) -> Broadcast<'_> {
        self.broadcast().to(room)
    }

    /// To everybody but those in a room.
    pub fn except(&self, room: &str) -> Broadcast<'_> {
        self.broadcast().except(room)
    }

    /// Sends an event to everybody.
    pub fn emit(&self, event: &str, args: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        self.broadcast().emit(event, args)
    }

    /// Does to this node's sockets what another node said.
    pub fn apply(&self, message: &ToOthers) {
        match (message, &self.memory) {
            (ToOthers::Send { target, message, volatile }, _) => self.deliver(target, message, *volatile),
            (_, Some(memory)) => memory.apply(&self.members, message),
            (_, None) => {
                let sockets = self.members.select(message.target());
                sockets.iter().for_each(|socket| message.apply_to(socket));
            }
        }
    }

    /// For an adapter: whether all that other nodes say in this namespace is heard, from now on. To be called when that may
    /// have ceased, and when it is so again; what is not heard cannot be recovered.
    pub fn hears_others(&self, hears: bool) {
        if let Some(memory) = &self.memory {
            memory.hears(hears);
        }
    }

    /// The sockets of this node that a target names.
    pub fn sockets(&self, target: &Target) -> Vec<Arc<Socket>> {
        self.members.select(target)
    }

    /// Does it here and, unless only this node is meant, on all others.
    pub(crate) fn act(&self, message: &ToOthers, local: bool) {
        self.apply(message);
        if !local {
            self.adapter.publish(&self.name, message);
        }
    }

    pub(crate) fn deliver(&self, target: &Target, message: &Outgoing, volatile: bool) {
        if let Some(memory) = &self.memory {
            return memory.deliver(&self.members, target, message, volatile);
        }
        // One that cannot be sent to is on its way out.
        self.members.for_each(target, |socket| {
            if !volatile || socket.flows() {
                let _ = socket.send_frames(message.frames(socket.parser()));
            }
        });
    }

    /// Calls `each` for every socket of a target on this node, once. It must not change who is where.
    pub(crate) fn for_each(&self, target: &Target, each: impl FnMut(&Arc<Socket>)) {
        self.members.for_each(target, each);
    }

    pub(crate) fn handlers(&self) -> &Handlers {
        &self.handlers
    }

    /// What it remembers for those who come back, where they may.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    pub(crate) fn adapter(&self) -> &dyn Adapter {
        &*self.adapter
    }

    /// Shared, as it is as long as anybody has it.
    pub(crate) fn itself(&self) -> Option<Arc<Self>> {
        self.itself.upgrade()
    }

    /// The id of the next acknowledgement that is asked for. One counter for all sockets, so that many can be asked with
    /// the same packet.
    pub(crate) fn next_ack(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn join(&self, socket: &Socket, room: &str) {
        self.members.join(socket, room);
    }

    pub(crate) fn leave(&self, socket: &Socket, room: &str) {
        self.members.leave(socket, room);
    }

    pub(crate) fn remove(&self, socket: &Socket) {
        self.members.remove(socket);
    }

    /// A socket is gone, for good or to come back.
    pub(crate) fn depart(&self, socket: &Socket, before: State, reason: DisconnectReason) {
        let Some(memory) = &self.memory else { return self.members.remove(socket) };
        if memory.depart(&self.members, socket, before, reason)
            && let (Some(home), Some(itself)) = (self.home.upgrade(), self.itself())
        {
            home.keep(itself, memory.window());
        }
    }

    /// Lets the client in and tells it so; whether it was still there.
    pub(crate) fn admit(&self, socket: &Arc<Socket>) -> bool {
        if let Some(memory) = &self.memory {
            return memory.admit(&self.members, &self.name, socket);
        }
        let connected = packet::connected(&self.name, socket.id().as_str(), None);
        if socket.session().send(&in_encoding(connected, socket.parser())).is_err() || !socket.connected() {
            return false;
        }
        self.members.insert(Arc::clone(socket));
        true
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.adapter.closed(&self.name);
        if let Some(home) = self.home.upgrade() {
            home.forget(&self.name);
        }
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name)
            .field("sockets", &self.len())
            .finish_non_exhaustive()
    }
}
