//! A socket: one client's presence in one namespace.

use crate::{
    DisconnectReason, EncodeError, Payload,
    asking::Waiting,
    broadcast::Broadcast,
    engine::{CloseReason, Closed, Outgoing as Frames, Session},
    id::SocketId,
    members::{Room, Target},
    namespace::Namespace,
    outgoing::{Outgoing, Parser, in_encoding},
    packet,
    random::Random,
    recovery::{Previous, Recoverable},
};
use bytes::Bytes;
use serde::Serialize;
use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

/// One client in one namespace. Shared: whoever holds it can send to the client and move it between rooms.
pub struct Socket {
    id: SocketId,
    namespace: Arc<Namespace>,
    session: Arc<Session>,
    request: Arc<http::Extensions>,
    data: OnceLock<Data>,
    parser: Parser,
    state: AtomicU8,
    own: Mutex<Own>,
    /// Where its client can come back to it.
    recoverable: Option<Box<Recoverable>>,
}

/// What an application keeps with a socket.
pub(crate) type Data = Arc<dyn Any + Send + Sync>;

/// Who a socket is.
pub(crate) enum Identity<'a> {
    New(&'a Random),
    /// The one that it was before its connection broke off.
    Recovered(Box<Previous>),
}

/// What changes over a socket's life.
#[derive(Default)]
struct Own {
    rooms: Vec<Room>,
    acks: HashMap<u64, Waiting>,
}

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Connecting,
    Connected,
    /// The server has let go of it; its handlers have yet to learn.
    Dropped,
    /// The same, and its client is to leave all other namespaces and its session with it.
    ClientDropped,
    Disconnected,
}

impl From<u8> for State {
    fn from(state: u8) -> Self {
        [Self::Connecting, Self::Connected, Self::Dropped, Self::ClientDropped]
            .into_iter()
            .find(|known| *known as u8 == state)
            .unwrap_or(Self::Disconnected)
    }
}

impl Socket {
    pub(crate) fn new(
        namespace: Arc<Namespace>,
        session: Arc<Session>,
        request: Arc<http::Extensions>,
        parser: Parser,
        identity: Identity<'_>,
    ) -> Arc<Self> {
        let (id, data, rooms, recoverable) = match identity {
            Identity::New(random) => {
                let recoverable = namespace.memory().map(|_| Recoverable::new(SocketId::new(random)));
                (SocketId::new(random), None, Vec::new(), recoverable)
            }
            Identity::Recovered(was) => (was.id, was.data, was.rooms, Some(was.recoverable)),
        };
        Arc::new(Self {
            id,
            namespace,
            session,
            request,
            data: data.map(OnceLock::from).unwrap_or_default(),
            parser,
            state: AtomicU8::new(State::Connecting as u8),
            own: Mutex::new(Own { rooms, acks: HashMap::new() }),
            recoverable: recoverable.map(Box::new),
        })
    }

    /// Its public id.
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// Where it is connected.
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }

    /// What was kept of the request that opened the session, see [`Builder::on_request`](crate::Builder::on_request).
    pub fn request(&self) -> &http::Extensions {
        &self.request
    }

    /// Keeps a value with the socket, once: the first call wins. Best done in a middleware.
    pub fn set_data<T: Send + Sync + 'static>(&self, data: T) {
        let _ = self.data.set(Arc::new(data));
    }

    /// The value kept with the socket, if it is one of this type.
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.data.get()?.downcast_ref()
    }

    /// Whether events reach the client and come from it.
    pub fn is_connected(&self) -> bool {
        self.state() == State::Connected
    }

    /// Whether it is one whose connection broke off and whose client is back, see [`Config::recovery`](crate::Config):
    /// with the id, rooms and data that it had. What it missed has been sent.
    pub fn recovered(&self) -> bool {
        self.recoverable().is_some_and(Recoverable::is_restored)
    }

    /// Sends an event. `args` is a tuple, an array or a slice, one element an argument. An event to a socket
    /// that is not connected goes nowhere, as does one that a client never reads.
    pub fn emit(&self, event: &str, args: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        self.emit_binary(event, args, &[])
    }

    /// Sends an event with bytes, whose places in `args` are [`Attachment`](crate::Attachment)s.
    pub fn emit_binary(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
        attachments: &[Bytes],
    ) -> Result<(), EncodeError> {
        let message = Outgoing::binary_event(self.namespace.name(), event, args, attachments)?;
        let _ = self.send(&message);
        Ok(())
    }

    /// Sends what [`Outgoing::event`] made: for those who encode once and send to many.
    pub fn send(&self, message: &Outgoing) -> Result<(), Closed> {
        if self.namespace.memory().is_none() {
            return self.send_frames(message.frames(self.parser));
        }
        if !self.is_connected() || self.session.is_closed() {
            return Err(Closed);
        }
        self.namespace.deliver(&self.alone(), message, false);
        Ok(())
    }

    /// Sends an event that is worth nothing later, see [`Broadcast::volatile`]; whether it was sent.
    pub fn emit_volatile(&self, event: &str, args: &(impl Serialize + ?Sized)) -> Result<bool, EncodeError> {
        let message = Outgoing::event(self.namespace.name(), event, args)?;
        let sent = self.flows() && self.is_connected();
        if sent {
            self.namespace.deliver(&self.alone(), &message, true);
        }
        Ok(sent)
    }

    /// Waits until at most half of the client's outbox is in use, so that whoever sends much never makes it a
    /// slow consumer.
    pub async fn room_in_outbox(&self) -> Result<(), Closed> {
        self.session.room().await
    }

    /// Whether the server is [`overloaded`](crate::SocketIo::overloaded), for handlers that may ask a client to come again.
    pub fn server_is_overloaded(&self) -> bool {
        self.session.server_is_overloaded()
    }

    /// How many more bytes wait for the client before it can be called slow.
    pub fn free_in_outbox(&self) -> usize {
        self.session.free()
    }

    /// Puts the socket into a room; in a middleware, for the time when it is connected. It leaves all of them when
    /// it disconnects.
    pub fn join(&self, room: &str) {
        self.namespace.join(self, room);
    }

    /// Takes the socket out of a room.
    pub fn leave(&self, room: &str) {
        self.namespace.leave(self, room);
    }

    /// The rooms it is in, but for its own, which is named by its id.
    pub fn rooms(&self) -> Vec<Room> {
        self.lock().rooms.clone()
    }

    /// To everybody else in the namespace.
    pub fn broadcast(&self) -> Broadcast<'_> {
        self.namespace.broadcast().except(self.id.as_str())
    }

    /// To everybody else in a room.
    pub fn to(&self, room: &str) -> Broadcast<'_> {
        self.broadcast().to(room)
    }

    /// Lets go of the client in this namespace; with `close`, in all of them and of its session as well. It is told
    /// so, and an official client does not come back by itself; see [`close_transport`](Self::close_transport).
    pub fn disconnect(&self, close: bool) {
        let dropped = if close { State::ClientDropped } else { State::Dropped };
        if self.changes(State::Connected, dropped) {
            let goodbye = in_encoding(packet::disconnect(self.namespace.name()), self.parser);
            let _ = self.session.send(&goodbye);
            self.namespace.remove(self);
            self.session.wake();
        } else if close {
            self.session.close();
        }
    }

    /// Closes the client's session without a word in the namespace: an official client comes back by itself.
    pub fn close_transport(&self) {
        self.session.close();
    }

    /// As [`close_transport`](Self::close_transport), with the reason that [`SocketIo::close`](crate::SocketIo::close) gives:
    /// for a server that lets its clients go one after the other.
    pub fn shut_down(&self) {
        self.session.close_with(CloseReason::ServerShuttingDown);
    }

    pub(crate) fn connected(&self) -> bool {
        self.changes(State::Connecting, State::Connected)
    }

    fn state(&self) -> State {
        self.state.load(Ordering::Acquire).into()
    }

    fn changes(&self, from: State, to: State) -> bool {
        self.state.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether it is in its namespace or on its way there.
    pub(crate) fn may_come(&self) -> bool {
        matches!(self.state(), State::Connecting | State::Connected)
    }

    /// Whether [`Socket::disconnect`] was called and its handlers have yet to learn.
    pub(crate) fn was_dropped(&self) -> bool {
        matches!(self.state(), State::Dropped | State::ClientDropped)
    }

    /// Whether its client's other sockets are to go with it.
    pub(crate) fn was_dropped_with_client(&self) -> bool {
        self.state() == State::ClientDropped
    }

    /// The end: out of its rooms, nobody waits for its answers any more. Whether it had been connected.
    pub(crate) fn disconnected(&self, reason: DisconnectReason) -> bool {
        let before = State::from(self.state.swap(State::Disconnected as u8, Ordering::AcqRel));
        self.namespace.depart(self, before, reason);
        self.lock().acks = HashMap::new();
        tracing::trace!(id = %self.id, %reason, "socket disconnected");
        matches!(before, State::Connected | State::Dropped | State::ClientDropped)
    }

    pub(crate) fn acknowledged(&self, id: u64, payload: Payload) {
        let answer = self.lock().acks.remove(&id);
        if let Some(waiting) = answer {
            waiting.answered(payload);
        }
    }

    /// What comes as the acknowledgement of this id goes to who waits for it; nothing does once the client has gone.
    pub(crate) fn wait_for(&self, id: u64, waiting: Waiting) {
        let mut own = self.lock();
        if self.may_come() {
            own.acks.insert(id, waiting);
        }
    }

    /// Nobody waits for it any more.
    pub(crate) fn forget(&self, id: u64) {
        self.lock().acks.remove(&id);
    }

    /// Sends what is in this client's encoding.
    pub(crate) fn send_frames(&self, frames: &Frames) -> Result<(), Closed> {
        if self.is_connected() { self.session.send(frames) } else { Err(Closed) }
    }

    /// Whether what is sent now is handed on at once.
    pub(crate) fn flows(&self) -> bool {
        self.session.flows()
    }

    /// It has come into a room. Called while the members are locked.
    pub(crate) fn came_into(&self, room: &Room) {
        if let (Some(memory), Some(own)) = (self.namespace.memory(), self.recoverable()) {
            memory.joined(own, room);
        }
    }

    /// It has left a room. Called while the members are locked.
    pub(crate) fn went_out_of(&self, room: &str) {
        if let (Some(memory), Some(own)) = (self.namespace.memory(), self.recoverable()) {
            memory.left(own, room);
        }
    }

    pub(crate) fn recoverable(&self) -> Option<&Recoverable> {
        self.recoverable.as_deref()
    }

    pub(crate) fn shared_data(&self) -> Option<Data> {
        self.data.get().cloned()
    }

    fn alone(&self) -> Target {
        Target { rooms: vec![Room::from(self.id.as_str())], except: Vec::new() }
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(crate) fn parser(&self) -> Parser {
        self.parser
    }

    /// Changes its list of rooms; for [`Members`](crate::members::Members), which keeps the other side of it.
    pub(crate) fn with_rooms<R>(&self, change: impl FnOnce(&mut Vec<Room>) -> R) -> R {
        change(&mut self.lock().rooms)
    }

    fn lock(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.id).field("namespace", &self.namespace.name()).finish()
    }
}
