//! A namespace: its sockets, their rooms, and the handlers they share.
//!
//! Handlers belong to the namespace and not to each socket, so that an idle socket costs no closure.

use crate::{
    DisconnectReason, EncodeError, Payload,
    adapter::{Adapter, ToOthers},
    broadcast::Broadcast,
    engine::Session,
    members::{Members, Target},
    outgoing::in_encoding,
    packet,
    socket::Socket,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};
use tokio::time::Instant;

/// An event as a client sent it.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub payload: Payload,
    /// To be used when the client asked for an acknowledgement.
    pub ack: Option<Ack>,
    /// When the server read the last of it from the connection, before any wait for this client's other handlers. What
    /// lies in the kernel's buffers meanwhile has not been read.
    pub received: Instant,
}

/// A client's wish for an acknowledgement. Dropped unused, the client waits in vain.
#[derive(Debug)]
pub struct Ack {
    pub(crate) id: u64,
    pub(crate) socket: Arc<Socket>,
}

impl Ack {
    /// Answers; `args` is a tuple, an array or a slice, one element an argument.
    pub fn send(self, args: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        self.send_binary(args, &[])
    }

    /// Answers with bytes, whose places in `args` are [`Attachment`](crate::Attachment)s.
    pub fn send_binary(
        self,
        args: &(impl Serialize + ?Sized),
        attachments: &[Bytes],
    ) -> Result<(), EncodeError> {
        let message = packet::ack(self.socket.namespace().name(), self.id, args, attachments)?;
        let _ = self.socket.send(&message.into());
        Ok(())
    }
}

/// Why a client may not connect: it gets both in its `connect_error`.
#[derive(Debug, Clone)]
pub struct ConnectError {
    /// One sentence.
    pub message: String,
    /// For programs.
    pub data: Option<Value>,
}

impl ConnectError {
    /// Without data.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// With data.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }
}

type Middleware =
    Box<dyn Fn(Arc<Socket>, Value) -> BoxFuture<'static, Result<(), ConnectError>> + Send + Sync>;
type OnConnect = Box<dyn Fn(Arc<Socket>, Value) -> BoxFuture<'static, ()> + Send + Sync>;
type OnEvent = Box<dyn Fn(Arc<Socket>, Event) -> BoxFuture<'static, ()> + Send + Sync>;
type OnDisconnect = Box<dyn Fn(Arc<Socket>, DisconnectReason) -> BoxFuture<'static, ()> + Send + Sync>;

/// What a namespace does with its clients; given to [`Builder::namespace`](crate::Builder::namespace).
#[derive(Default)]
pub struct Handlers {
    middleware: Vec<Middleware>,
    connect: Option<OnConnect>,
    events: HashMap<Box<str>, OnEvent>,
    otherwise: Option<OnEvent>,
    disconnect: Option<OnDisconnect>,
}

impl Handlers {
    /// Asked in turn, with the client's `auth` (`{}` if it gave none), before a client is connected.
    #[must_use]
    pub fn middleware<F, Fut>(mut self, allow: F) -> Self
    where
        F: Fn(Arc<Socket>, Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        self.middleware.push(Box::new(move |socket, auth| Box::pin(allow(socket, auth))));
        self
    }

    /// Called when a client has connected, with its `auth`. It starts before any handler of the client's events.
    #[must_use]
    pub fn on_connect<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Arc<Socket>, Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.connect = Some(Box::new(move |socket, auth| Box::pin(handler(socket, auth))));
        self
    }

    /// Called for each event of this name. One client's handlers **start** in the order of its events, and up
    /// to [`Config::in_flight`](crate::Config::in_flight) of them run at a time. What must be in that order, a
    /// handler does before it first waits.
    #[must_use]
    pub fn on<F, Fut>(mut self, event: &str, handler: F) -> Self
    where
        F: Fn(Arc<Socket>, Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.events.insert(event.into(), Box::new(move |socket, event| Box::pin(handler(socket, event))));
        self
    }

    /// Called for each event that no other handler is for. Without one such events are passed over, and a client that
    /// waits for an acknowledgement waits in vain.
    #[must_use]
    pub fn otherwise<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Arc<Socket>, Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.otherwise = Some(Box::new(move |socket, event| Box::pin(handler(socket, event))));
        self
    }

    /// Called when a client that had connected is gone, as soon as that is known.
    #[must_use]
    pub fn on_disconnect<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Arc<Socket>, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.disconnect = Some(Box::new(move |socket, reason| Box::pin(handler(socket, reason))));
        self
    }
}

/// One namespace of a server.
pub struct Namespace {
    name: Box<str>,
    handlers: Handlers,
    members: Members,
    adapter: Arc<dyn Adapter>,
}

impl Namespace {
    pub(crate) fn new(name: &str, handlers: Handlers, adapter: Arc<dyn Adapter>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), handlers, members: Members::default(), adapter })
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
        match message {
            ToOthers::Send { target, message } => self.members.for_each(target, |socket| {
                let _ = socket.send(message);
            }),
            ToOthers::Join { target, room } => {
                self.members.select(target).iter().for_each(|socket| socket.join(room));
            }
            ToOthers::Leave { target, room } => {
                self.members.select(target).iter().for_each(|socket| socket.leave(room));
            }
            ToOthers::Disconnect { target, close } => {
                self.members.select(target).iter().for_each(|socket| socket.disconnect(*close));
            }
        }
    }

    /// The sockets of this node that a target names.
    pub fn sockets(&self, target: &Target) -> Vec<Arc<Socket>> {
        self.members.select(target)
    }

    pub(crate) fn everywhere(&self, message: &ToOthers) {
        self.apply(message);
        self.adapter.publish(&self.name, message);
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

    /// Whether the client may come in: the middleware's answer, one after the other.
    pub(crate) async fn allow(&self, socket: &Arc<Socket>, auth: &Value) -> Result<(), ConnectError> {
        for allow in &self.handlers.middleware {
            allow(Arc::clone(socket), auth.clone()).await?;
        }
        Ok(())
    }

    /// Lets the client in and tells it so; the handler to run, if it was still there.
    pub(crate) fn admit(&self, socket: &Arc<Socket>, auth: Value) -> Option<BoxFuture<'static, ()>> {
        let session: &Session = socket.session();
        let connected = packet::connected(&self.name, socket.id().as_str(), None);
        if session.send(&in_encoding(connected, socket.parser())).is_err() || !socket.connected() {
            return None;
        }
        self.members.insert(Arc::clone(socket));
        Some(match &self.handlers.connect {
            Some(handler) => begin(|| handler(Arc::clone(socket), auth)),
            None => Box::pin(async {}),
        })
    }

    /// The handler of an event; `None`: nobody listens to it.
    pub(crate) fn handle(&self, socket: &Arc<Socket>, event: Event) -> Option<BoxFuture<'static, ()>> {
        let handler = self.handlers.events.get(event.name.as_str()).or(self.handlers.otherwise.as_ref())?;
        Some(begin(|| handler(Arc::clone(socket), event)))
    }

    pub(crate) fn depart(
        &self,
        socket: &Arc<Socket>,
        reason: DisconnectReason,
    ) -> Option<BoxFuture<'static, ()>> {
        self.handlers.disconnect.as_ref().map(|handler| begin(|| handler(Arc::clone(socket), reason)))
    }
}

/// Calls a handler for its future. One that panics already there does so when the future is first polled, where it
/// is caught: it must not take its client's task along.
fn begin(handler: impl FnOnce() -> BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
    catch_unwind(AssertUnwindSafe(handler))
        .unwrap_or_else(|panic| Box::pin(async move { resume_unwind(panic) }))
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name)
            .field("sockets", &self.len())
            .finish_non_exhaustive()
    }
}
