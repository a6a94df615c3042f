//! The gateway: Socket.IO events to chat, and what chat's feed says to sockets.
//!
//! A client's way: it is let in by its token or as a guest (`seat`), is brought up to date and goes live
//! (`catch_up`), and then asks (`commands`). It is sent away when its session is revoked (`registry`) or the
//! node stops ([`Gateway::drain`]).

mod catch_up;
mod commands;
mod figures;
mod people;
mod registry;
mod seat;

use crate::{
    client_addr::{ClientAddr, UNKNOWN},
    limits::{Action, Limits},
    telemetry::metrics::Metrics,
};
use plaza_chat::{Chat, Committed, Feed, Item, Presence, Random, Subscriber, Tasks};
use plaza_protocol::{Ending, Error, Told};
use plaza_socketio::{Config, EncodeError, Handlers, Outgoing, Refusal, Socket, SocketIo};
use registry::Registry;
use seat::{AskedBefore, Seat};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The one namespace.
const NAMESPACE: &str = "/";

/// What the gateway is told.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// This node's name, as clients see it.
    pub node: String,
    /// Heartbeats and bounds.
    pub socket: Config,
    /// How long a request may wait that does not say so itself.
    pub request_deadline: Duration,
    /// Where it is counted what clients do.
    pub(crate) metrics: Arc<Metrics>,
}

/// The sockets of this node.
pub struct Gateway {
    io: SocketIo,
    here: Arc<Here>,
}

/// What every handler works with.
struct Here {
    chat: Chat,
    feed: Feed<Member>,
    presence: Presence<Member>,
    limits: Arc<Limits>,
    node: String,
    registry: Registry,
    metrics: Arc<Metrics>,
    /// How long a request may wait that does not say so itself.
    request_deadline: Duration,
}

/// A socket whose client is a member of rooms: what the feed sends to.
struct Member(Arc<Socket>);

impl Subscriber for Member {
    type Frame = Option<Outgoing>;

    fn encode(item: &Item) -> Self::Frame {
        let encoded = match item {
            Item::Event(event) => Outgoing::event(NAMESPACE, event.name(), &[&**event]),
            Item::Read(read) => told(read),
            Item::Receipts(receipts) => told(receipts),
            Item::Typing(typing) => told(typing),
            Item::Presence(presence) => told(presence),
            Item::Resumed(rooms) => told(rooms),
        };
        encoded
            .inspect_err(|error| tracing::error!(%error, "An event cannot be encoded and is not sent"))
            .ok()
    }

    fn cost(frame: &Self::Frame) -> usize {
        frame.as_ref().map_or(0, Outgoing::cost)
    }

    fn free(&self) -> usize {
        self.0.free_in_outbox()
    }

    fn close(&self) {
        self.0.close_transport();
    }

    fn send(&self, frame: &Self::Frame) {
        if let Some(frame) = frame {
            // Closed: the socket is on its way out, and its client will come back with its positions.
            let _ = self.0.send(frame);
        }
    }
}

impl Gateway {
    /// Starts to deliver what is committed, and to answer clients. Its tasks, among `tasks`, end with `committed`, and
    /// with `shutdown`.
    pub fn start(
        chat: Chat,
        committed: mpsc::Receiver<Committed>,
        settings: GatewaySettings,
        limits: Arc<Limits>,
        shutdown: CancellationToken,
        tasks: &Tasks,
    ) -> Self {
        let feed = Feed::start(&chat, committed, tasks);
        let presence = Presence::start(&chat, shutdown.clone(), tasks);
        let registry = Registry::default();
        let here = Arc::new(Here {
            chat,
            feed,
            presence,
            limits: Arc::clone(&limits),
            node: settings.node,
            registry,
            metrics: settings.metrics,
            request_deadline: settings.request_deadline,
        });
        tasks.spawn("sessions", registry::watch(Arc::clone(&here), shutdown));
        let io = SocketIo::builder(settings.socket)
            .on_request(move |request| {
                let addr = request.extensions.get::<ClientAddr>().copied().unwrap_or(ClientAddr(UNKNOWN));
                // The official client comes again after a 503 by itself.
                limits
                    .check(Action::Connect, addr.0, None)
                    .map_err(|error| Refusal::unavailable(error.message))?;
                let mut kept = http::Extensions::new();
                kept.insert(addr);
                kept.insert(AskedBefore::default());
                Ok(kept)
            })
            .namespace(NAMESPACE, handlers(&here))
            .build();
        Self { io, here }
    }

    /// Answers requests under `/socket.io/`.
    pub fn service(&self) -> SocketIo {
        self.io.clone()
    }

    /// Sockets connected now.
    pub fn connections(&self) -> u64 {
        self.io.of(NAMESPACE).map_or(0, |namespace| namespace.len() as u64)
    }

    /// Refuses what would have everybody be sent more, while there is too much for all of them to take.
    ///
    /// # Errors
    /// `busy`.
    pub(crate) fn not_overloaded(&self) -> Result<(), Error> {
        if self.io.overloaded() { Err(commands::overloaded()) } else { Ok(()) }
    }

    /// Tells every client that its session ends and when to come back, closes all, and waits for the last of
    /// their requests.
    pub async fn drain(&self, random: &dyn Random) {
        for socket in self.here.registry.all() {
            // Spread, so that they do not all come at once.
            let retry_after_ms = random.between(500, 2_500).into();
            let ending = Ending { reason: "shutdown".to_owned(), retry_after_ms, url: None };
            tell(&socket, &ending);
        }
        self.io.close().await;
    }
}

/// An event that is no room's, encoded.
fn told<T: Told>(object: &T) -> Result<Outgoing, EncodeError> {
    Outgoing::event(NAMESPACE, T::EVENT, &[object])
}

/// Sends one of them.
fn tell<T: Told>(socket: &Socket, object: &T) {
    if let Err(error) = socket.emit(T::EVENT, &[object]) {
        tracing::error!(%error, event = T::EVENT, "An event cannot be encoded and is not sent");
    }
}

fn handlers(here: &Arc<Here>) -> Handlers {
    let (entering, arriving, leaving) = (Arc::clone(here), Arc::clone(here), Arc::clone(here));
    let handlers = Handlers::default()
        .middleware(move |socket, auth| {
            let here = Arc::clone(&entering);
            async move { seat::take(&here, &socket, auth).await }
        })
        .on_connect(move |socket, auth| {
            let here = Arc::clone(&arriving);
            here.metrics.connected();
            async move { catch_up::arrive(&here, socket, auth).await }
        })
        .on_disconnect(move |socket, reason| {
            let here = Arc::clone(&leaving);
            here.metrics.disconnected(reason);
            async move {
                if let Some(seat) = socket.data::<Seat>() {
                    tracing::debug!(user = %seat.identity.user.id, %reason, "A client has gone");
                    here.registry.remove(&seat.identity.session, &socket);
                    here.presence.went(seat.presence).await;
                    if let Some(connection) = seat.left() {
                        here.feed.disconnect(connection).await;
                    }
                }
            }
        });
    commands::register(handlers, here)
}
