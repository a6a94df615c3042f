//! What a namespace does with its clients.
//!
//! Handlers belong to the namespace and not to each socket, so that an idle socket costs no closure.

use crate::{DisconnectReason, event::Event, socket::Socket};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

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

/// Why an event does not reach its handler: what an [event middleware](Handlers::event_middleware) says, for the handler
/// of [refused](Handlers::on_refused) events. A text becomes one by `into()`.
pub type Refused = Box<dyn Error + Send + Sync>;

type Middleware =
    Box<dyn Fn(Arc<Socket>, Value) -> BoxFuture<'static, Result<(), ConnectError>> + Send + Sync>;
type OnConnect = Box<dyn Fn(Arc<Socket>, Value) -> BoxFuture<'static, ()> + Send + Sync>;
type OnAny = Box<dyn Fn(&Arc<Socket>, &Event) + Send + Sync>;
type EventMiddleware = Box<dyn Fn(&Arc<Socket>, &Event) -> Result<(), Refused> + Send + Sync>;
type OnRefused = Box<dyn Fn(Arc<Socket>, Event, Refused) -> BoxFuture<'static, ()> + Send + Sync>;
type OnEvent = Box<dyn Fn(Arc<Socket>, Event) -> BoxFuture<'static, ()> + Send + Sync>;
type OnDisconnect = Box<dyn Fn(Arc<Socket>, DisconnectReason) -> BoxFuture<'static, ()> + Send + Sync>;
type Describe = Box<dyn Fn(&Socket) -> Value + Send + Sync>;

/// What a namespace does with its clients; given to [`Builder::namespace`](crate::Builder::namespace).
#[derive(Default)]
pub struct Handlers {
    middleware: Vec<Middleware>,
    connect: Option<OnConnect>,
    any: Vec<OnAny>,
    event_middleware: Vec<EventMiddleware>,
    refused: Option<OnRefused>,
    events: BTreeMap<Box<str>, OnEvent>,
    otherwise: Option<OnEvent>,
    disconnect: Option<OnDisconnect>,
    describe: Option<Describe>,
}

impl Handlers {
    /// Asked in turn, with the client's `auth` (`{}` if it gave none), before a client is connected. A client that goes
    /// meanwhile is asked about no more: the future is dropped where it waits.
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

    /// Shown every event, before anything else is done with it; Node's `onAny`. It looks and does not wait.
    #[must_use]
    pub fn on_any(mut self, look: impl Fn(&Arc<Socket>, &Event) + Send + Sync + 'static) -> Self {
        self.any.push(Box::new(look));
        self
    }

    /// Asked in turn before an event reaches its handler; Node's `socket.use`. An error keeps it from there, and is for
    /// [`on_refused`](Self::on_refused).
    ///
    /// It does not wait, since a client's handlers start in the order of its events. What must wait for an answer (of a
    /// database, say) belongs in the handlers.
    #[must_use]
    pub fn event_middleware(
        mut self,
        allow: impl Fn(&Arc<Socket>, &Event) -> Result<(), Refused> + Send + Sync + 'static,
    ) -> Self {
        self.event_middleware.push(Box::new(allow));
        self
    }

    /// Called instead of an event's handler when an event middleware has refused it; what Node emits as `error`. It may
    /// acknowledge the event, or let go of the socket. Without it the client hears nothing.
    #[must_use]
    pub fn on_refused<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Arc<Socket>, Event, Refused) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.refused = Some(Box::new(move |socket, event, why| Box::pin(handler(socket, event, why))));
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

    /// Says what [`Broadcast::fetch_sockets`](crate::Broadcast::fetch_sockets) tells of a socket's data, on this node
    /// and on others. Without it that is `null`.
    #[must_use]
    pub fn describe(mut self, describe: impl Fn(&Socket) -> Value + Send + Sync + 'static) -> Self {
        self.describe = Some(Box::new(describe));
        self
    }

    /// Whether the client may come in: the middleware's answer, one after the other.
    pub(crate) async fn allow(&self, socket: &Arc<Socket>, auth: &Value) -> Result<(), ConnectError> {
        for allow in &self.middleware {
            allow(Arc::clone(socket), auth.clone()).await?;
        }
        Ok(())
    }

    pub(crate) fn connected(&self, socket: &Arc<Socket>, auth: Value) -> BoxFuture<'static, ()> {
        match &self.connect {
            Some(handler) => begin(|| handler(Arc::clone(socket), auth)),
            None => Box::pin(async {}),
        }
    }

    /// The handler of an event; `None`: nobody listens to it.
    pub(crate) fn handle(&self, socket: &Arc<Socket>, event: Event) -> Option<BoxFuture<'static, ()>> {
        if self.any.is_empty() && self.event_middleware.is_empty() {
            let handler = self.events.get(event.name.as_str()).or(self.otherwise.as_ref())?;
            return Some(begin(|| handler(Arc::clone(socket), event)));
        }
        let looked = || {
            self.any.iter().for_each(|look| look(socket, &event));
            self.event_middleware.iter().try_for_each(|allow| allow(socket, &event))
        };
        match catch_unwind(AssertUnwindSafe(looked)) {
            Ok(Ok(())) => {
                let handler = self.events.get(event.name.as_str()).or(self.otherwise.as_ref())?;
                Some(begin(|| handler(Arc::clone(socket), event)))
            }
            Ok(Err(why)) => {
                tracing::debug!(event = event.name, why, "event refused");
                let handler = self.refused.as_ref()?;
                Some(begin(|| handler(Arc::clone(socket), event, why)))
            }
            Err(panic) => Some(Box::pin(async move { resume_unwind(panic) })),
        }
    }

    pub(crate) fn disconnected(
        &self,
        socket: &Arc<Socket>,
        reason: DisconnectReason,
    ) -> Option<BoxFuture<'static, ()>> {
        self.disconnect.as_ref().map(|handler| begin(|| handler(Arc::clone(socket), reason)))
    }

    pub(crate) fn description(&self, socket: &Socket) -> Value {
        self.describe.as_ref().map_or(Value::Null, |describe| describe(socket))
    }
}

/// Calls a handler for its future. One that panics already there does so when the future is first polled, where it
/// is caught: it must not take its client's task along.
fn begin(handler: impl FnOnce() -> BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
    catch_unwind(AssertUnwindSafe(handler))
        .unwrap_or_else(|panic| Box::pin(async move { resume_unwind(panic) }))
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("events", &self.events.keys()).finish_non_exhaustive()
    }
}
