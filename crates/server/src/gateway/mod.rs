//! The gateway: Socket.IO events to chat, and what chat's feed says to sockets.
//!
//! A client's way: it waits for its turn (`arrivals`), is let in by its token or as a guest (`seat`), is brought up to date and goes live
//! (`catch_up`), and then asks (`commands`). It is sent away when its session is revoked (`registry`) or the
//! node stops ([`Gateway::let_go`]).

mod arrivals;
mod catch_up;
mod cluster;
mod commands;
mod figures;
mod member;
mod people;
mod registry;
mod seat;

use crate::{
    client_addr::{ClientAddr, UNKNOWN},
    config::{self, Drain},
    limits::{Action, Limits},
    telemetry::metrics::Metrics,
    zalo::Answers,
};
pub use arrivals::ArrivalSettings;
use arrivals::Arrivals;
pub use cluster::ClusterOptions;
pub(crate) use cluster::{BusFigures, Cluster, Counted};
use member::Member;
use plaza_chat::{Chat, Committed, Feed, JoinError, Presence, Random, Tasks};
use plaza_protocol::{Ending, Error, Told};
use plaza_socketio::{Config, EncodeError, Handlers, Outgoing, Refusal, Socket, SocketIo};
use registry::Registry;
use seat::{AskedBefore, Seat};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How far apart the groups are in which clients are let go.
const WAVE: Duration = Duration::from_millis(50);
/// The one namespace.
const NAMESPACE: &str = "/";

/// What the gateway is told.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// This node's name, as clients see it.
    pub node: String,
    /// Heartbeats and bounds.
    pub socket: Config,
    /// How many may come in at the same time.
    pub arrivals: ArrivalSettings,
    /// How long a request may wait that does not say so itself.
    pub request_deadline: Duration,
    /// Where it is counted what clients do.
    pub(crate) metrics: Arc<Metrics>,
    /// Where answers to people at Zalo go.
    pub(crate) zalo: Answers,
}

impl GatewaySettings {
    /// As configured.
    pub(crate) fn new(
        config: &config::Config,
        random: &Arc<dyn Random>,
        metrics: &Arc<Metrics>,
        zalo: &Answers,
    ) -> Self {
        let config::Config { server, socket: sockets, .. } = config;
        let mut socket = sockets.settings(&server.node, &server.allowed_origins);
        let for_sockets = Arc::clone(random);
        socket.random = plaza_socketio::Random::new(move |bytes| for_sockets.fill(bytes));
        Self {
            node: server.node.clone(),
            socket,
            arrivals: sockets.arrivals(),
            request_deadline: sockets.request_deadline(),
            metrics: Arc::clone(metrics),
            zalo: zalo.clone(),
        }
    }
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
    arrivals: Arrivals,
    /// Whether there are other nodes, and services that share rooms.
    shares_rooms: bool,
    metrics: Arc<Metrics>,
    zalo: Answers,
    /// How long a request may wait that does not say so itself.
    request_deadline: Duration,
}

impl Gateway {
    /// Starts to deliver what is committed, and to answer clients; with `cluster`, as one of several nodes. Its tasks,
    /// among `tasks`, end with `committed`, and with `shutdown`.
    ///
    /// # Errors
    /// [`JoinError`], of one of several.
    pub(crate) async fn start(
        chat: Chat,
        committed: mpsc::Receiver<Committed>,
        settings: GatewaySettings,
        limits: Arc<Limits>,
        cluster: Option<Cluster>,
        shutdown: CancellationToken,
        tasks: &Tasks,
    ) -> Result<Self, JoinError> {
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
            arrivals: Arrivals::new(settings.arrivals),
            shares_rooms: cluster.is_some(),
            metrics: settings.metrics,
            zalo: settings.zalo,
            request_deadline: settings.request_deadline,
        });
        tasks.spawn("sessions", registry::watch(Arc::clone(&here), shutdown.clone()));
        let mut builder = SocketIo::builder(settings.socket);
        if let Some(cluster) = &cluster {
            builder = builder.adapter(cluster.adapter.clone());
        }
        let arriving = Arc::clone(&here);
        let io = builder
            .on_request(move |request| {
                let addr = request.extensions.get::<ClientAddr>().copied().unwrap_or(ClientAddr(UNKNOWN));
                // The official client comes again by itself. Not 503: a proxy would try the next node.
                limits
                    .check(Action::Connect, addr.0, None)
                    .map_err(|error| Refusal::too_many(error.message))?;
                arriving.arrivals.room()?;
                let mut kept = http::Extensions::new();
                kept.insert(addr);
                kept.insert(AskedBefore::default());
                Ok(kept)
            })
            .namespace(NAMESPACE, handlers(&here))
            .build();
        if let Some(cluster) = cluster {
            let Here { chat, feed, presence, .. } = &*here;
            let connected = io.clone();
            cluster.join(chat, feed, presence, move || connections(&connected), tasks, shutdown).await?;
        }
        Ok(Self { io, here })
    }

    /// Answers requests under `/socket.io/`.
    pub fn service(&self) -> SocketIo {
        self.io.clone()
    }

    /// Sockets connected now.
    pub fn connections(&self) -> u64 {
        connections(&self.io)
    }

    /// Refuses what would have everybody be sent more, while there is too much for all of them to take.
    ///
    /// # Errors
    /// `busy`.
    pub(crate) fn not_overloaded(&self) -> Result<(), Error> {
        if self.io.overloaded() { Err(commands::overloaded()) } else { Ok(()) }
    }

    /// Lets nobody new in from now on, and leaves those who are here.
    pub fn refuse_new(&self, retry_after: Duration) {
        self.io.refuse_new(retry_after);
    }

    /// Tells its clients that their sessions end, when to come back and where to, and closes each as it is told: one
    /// after the other, over `spread`. Who is let in meanwhile is told as well.
    pub async fn let_go(&self, how: &Drain, spread: Duration, random: &dyn Random) {
        let here = self.here.registry.all();
        let waves = usize::try_from(spread.as_millis() / WAVE.as_millis()).unwrap_or(usize::MAX).max(1);
        let mut gone = 0;
        for wave in 1..=waves {
            let until = here.len() * wave / waves;
            here[gone..until].iter().for_each(|socket| self.send_away(socket, how, random));
            gone = until;
            if wave < waves {
                tokio::time::sleep(WAVE).await;
            }
        }
        self.here.registry.all().iter().for_each(|socket| self.send_away(socket, how, random));
    }

    fn send_away(&self, socket: &Arc<Socket>, how: &Drain, random: &dyn Random) {
        let (retry_after_ms, url) = (how.retry_of_one(random), how.url_of_one(random));
        tell(socket, &Ending { reason: "shutdown".to_owned(), retry_after_ms, url });
        socket.shut_down();
        // Its end takes a moment, in which it must not be told again.
        if let Some(seat) = socket.data::<Seat>() {
            self.here.registry.remove(&seat.identity.session, socket);
        }
    }

    /// Closes who is left, and waits for the last of their requests.
    pub async fn close(&self) {
        self.io.close().await;
    }
}

fn connections(io: &SocketIo) -> u64 {
    io.of(NAMESPACE).map_or(0, |namespace| namespace.len() as u64)
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
