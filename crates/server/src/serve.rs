//! A node at work: from a listener to the last connection closed.
//!
//! [`run`] never binds and never reads the environment, the clock or the command line: a test gives it port 0, two
//! nodes run in one process, and whoever holds the token stops it.

use crate::{
    config::Config,
    gateway::{Cluster, ClusterOptions, Gateway, GatewaySettings},
    http::{
        self,
        connection::{Connections, Entrance, Speaking},
    },
    limits::{Limits, Now},
    telemetry::{health::Health, metrics::Metrics, operator},
    tls::Tls,
    zalo,
};
use anyhow::{Context as _, bail};
use plaza_chat::{Chat, Clock, Failed, Random, Tasks};
use plaza_store::Store;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// What a node needs.
pub struct Deps {
    /// Checked, and with a node's name.
    pub config: Config,
    /// Opened with [`plaza_chat::MIGRATIONS`]; the node closes it.
    pub store: Store,
    /// What people are told the time is.
    pub clock: Arc<dyn Clock>,
    /// What ids, tokens, salts and delays are made of.
    pub random: Arc<dyn Random>,
    /// Time that never goes back, for limits and uptime.
    pub now: Now,
    /// Where there are other nodes on the store.
    pub cluster: Option<ClusterOptions>,
}

/// Where a node is spoken to. A listener alone is one that speaks HTTP.
#[derive(Debug)]
pub struct Doors {
    /// For clients.
    pub listener: TcpListener,
    /// What is spoken there, where it is HTTPS.
    pub tls: Option<Tls>,
    /// For the operator.
    pub metrics: Option<TcpListener>,
    /// For webhooks, where they have a door of their own. The same is spoken there as to clients.
    pub webhooks: Option<TcpListener>,
}

impl From<TcpListener> for Doors {
    fn from(listener: TcpListener) -> Self {
        Self { listener, tls: None, metrics: None, webhooks: None }
    }
}

/// Serves until `shutdown`, or until an administrator asks for a stop, and then lets its clients go: nobody new comes in
/// while those who are here stay for `server.drain.delay_ms`, then they are told and closed over `server.drain.spread_ms`.
/// What was accepted is committed and the store closed within `server.grace_ms`. It stops by itself when one of its
/// tasks has failed, and then at once, since a node without its log or its feed can do nothing for its clients.
///
/// # Errors
/// When the store cannot be read or written at the start, and after a stop that a failed task was the reason for.
pub async fn run(deps: Deps, doors: impl Into<Doors>, shutdown: CancellationToken) -> anyhow::Result<()> {
    run_and_tell(deps, doors, shutdown, async |_| {}).await
}

/// As [`run`], and where a task was the reason for the stop, tells `tell` in one sentence without a full stop: at once,
/// while clients are still being closed, and waits for it.
///
/// # Errors
/// As [`run`]'s.
pub async fn run_and_tell(
    deps: Deps,
    doors: impl Into<Doors>,
    shutdown: CancellationToken,
    tell: impl AsyncFnOnce(&str),
) -> anyhow::Result<()> {
    let Doors { listener, tls, metrics, webhooks } = doors.into();
    let node = Node::start(deps, &shutdown).await?;
    let router = http::router(node.state_at(&listener), &node.config);
    let entrance = Entrance::new(listener, tls.clone(), &node.config, router);
    let operator = metrics.map(|listener| Operator::let_in(listener, &node, entrance.speaking()));
    let webhooks = webhooks.map(|listener| {
        let router = http::for_webhooks(node.state_at(&listener), &node.config);
        Entrance::new(listener, tls.clone(), &node.config, router)
    });
    let public = Public::open(entrance, webhooks, tls);

    let failed = node.until_stop().await;
    let failed = match failed {
        Some(failed) => Some(failed),
        None => node.drain().await,
    };
    let failed = match failed {
        Some(failed) => {
            let reason = failed.to_string();
            let _ = tokio::join!(node.stop(true, public), tell(&reason));
            Some(failed)
        }
        None => {
            let failed = node.stop(false, public).await.err();
            if let Some(failed) = failed {
                tell(&failed.to_string()).await;
            }
            failed
        }
    };
    if let Some(operator) = operator {
        operator.send_away().await;
    }
    if let Some(failed) = failed {
        bail!("{failed}, so this node has stopped. What was acknowledged is stored. Start it again.");
    }
    tracing::info!("Stopped");
    Ok(())
}

/// A node whose tasks run.
struct Node {
    config: Config,
    store: Store,
    random: Arc<dyn Random>,
    state: http::State,
    tasks: Tasks,
    /// Its tasks may end.
    stop: CancellationToken,
    stop_chat: CancellationToken,
}

impl Node {
    async fn start(deps: Deps, shutdown: &CancellationToken) -> anyhow::Result<Self> {
        let Deps { config, store, clock, random, now, cluster } = deps;
        let (stop, stop_chat) = (CancellationToken::new(), CancellationToken::new());
        let draining = shutdown.child_token();
        let tasks = Tasks::new(stop.clone());
        let cluster = match cluster {
            Some(options) => {
                let (node, stop_bus) = (&config.server.node, stop_chat.clone());
                Some(Cluster::start(options, &store, &*random, node, stop_bus).await?)
            }
            None => None,
        };
        let courier = cluster.as_ref().map(|cluster| cluster.courier.clone());
        let bus = cluster.as_ref().map(Cluster::state);
        let settings = config.chat.clone();
        let (chat, committed) = Chat::start_among(
            courier,
            store.clone(),
            clock.clone(),
            random.clone(),
            settings,
            stop_chat.clone(),
            &tasks,
        )
        .await
        .context("Cannot start")?;
        let limits = Arc::new(Limits::new(config.limits.clone(), now.clone()));
        let metrics = Arc::new(Metrics::default());
        let answers =
            zalo::start(&config.webhooks.zalo, &chat, stop.clone(), &tasks).context("Cannot start")?;
        let mut socket = config.socket.settings(&config.server.node, &config.server.allowed_origins);
        let for_sockets = random.clone();
        socket.random = plaza_socketio::Random::new(move |bytes| for_sockets.fill(bytes));
        let settings = GatewaySettings {
            node: config.server.node.clone(),
            socket,
            request_deadline: config.socket.request_deadline(),
            metrics: Arc::clone(&metrics),
            zalo: answers.clone(),
        };
        let (stopping, limited) = (stop.clone(), limits.clone());
        let gateway =
            Gateway::start(chat.clone(), committed, settings, limited, cluster, stopping, &tasks).await?;
        let health = Health::new(store.clone(), bus, draining.clone());
        let state = http::State {
            chat,
            limits,
            gateway: Arc::new(gateway),
            node: config.server.node.as_str().into(),
            public_url: config.server.public_url.as_str().into(),
            started: now(),
            now,
            health,
            draining,
            metrics,
            clock,
            trusted_proxies: config.server.trusted_proxies.clone(),
            keyless: false,
            zalo_account: Arc::new(config.webhooks.zalo.clone()),
            zalo: answers,
        };
        Ok(Self { config, store, random, state, tasks, stop, stop_chat })
    }

    /// What is answered at this listener: who needs no key there depends on who can reach it.
    fn state_at(&self, listener: &TcpListener) -> http::State {
        let local = listener.local_addr().is_ok_and(|addr| addr.ip().to_canonical().is_loopback());
        let keyless = local && self.config.webhooks.keyless_on_loopback;
        http::State { keyless, ..self.state.clone() }
    }

    /// Waits for the stop, or for a task that fails: which that was.
    async fn until_stop(&self) -> Option<Failed> {
        tokio::select! {
            () = self.state.draining.cancelled() => None,
            failed = self.failed() => Some(failed),
        }
    }

    /// Waits for a task that fails, and says so.
    async fn failed(&self) -> Failed {
        let failed = self.tasks.failed().await;
        tracing::error!(
            task = failed.task,
            panicked = failed.panicked,
            "A task has failed without which nothing works"
        );
        failed
    }

    /// Keeps its clients for a while in which no new ones come, and lets them go; a task that fails ends that.
    async fn drain(&self) -> Option<Failed> {
        let how = &self.config.server.drain;
        tracing::info!("Stopping: nobody is let in any more");
        let gateway = &self.state.gateway;
        gateway.refuse_new(how.delay() + how.spread() + how.retry_after());
        let draining = async {
            sleep(how.delay()).await;
            gateway.let_go(how, how.spread(), &*self.random).await;
        };
        tokio::select! {
            () = draining => None,
            failed = self.failed() => Some(failed),
        }
    }

    /// Closes whoever is still there, commits what was accepted, and closes the store.
    async fn stop(&self, has_failed: bool, mut public: Public) -> Result<(), Failed> {
        let grace = Grace::from_now(self.config.server.grace());
        self.state.draining.cancel();
        self.stop.cancel();
        let closing = async {
            if has_failed {
                self.state.gateway.let_go(&self.config.server.drain, Duration::ZERO, &*self.random).await;
            }
            self.state.gateway.close().await;
            public.close().await;
        };
        if timeout_at(grace.for_clients, closing).await.is_err() {
            tracing::warn!("Some connections did not close in time and are cut");
            public.cut();
        }
        let storing = async {
            self.stop_chat.cancel();
            let finished = self.tasks.finish().await;
            self.store.close().await;
            finished
        };
        timeout_at(grace.in_all, storing).await.unwrap_or_else(|_| {
            tracing::warn!("The store did not close in time; what was acknowledged is in it");
            Ok(())
        })
    }
}

/// Where people are let in, until the last of them has been told goodbye: who polls fetches that with a request.
struct Public {
    connections: Connections,
    leave: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Public {
    /// Webhooks too, where they have a door of their own.
    fn open(entrance: Entrance, webhooks: Option<Entrance>, tls: Option<Tls>) -> Self {
        let (connections, leave) = (Connections::default(), CancellationToken::new());
        let accepting = tokio::spawn({
            let (connections, leave) = (connections.clone(), leave.clone());
            async move {
                let following = async {
                    if let Some(tls) = tls {
                        leave.run_until_cancelled(tls.follow()).await;
                    }
                };
                let posting = async {
                    if let Some(webhooks) = webhooks {
                        connections.accept(webhooks, &leave).await;
                    }
                };
                tokio::join!(connections.accept(entrance, &leave), posting, following);
            }
        });
        Self { connections, leave, accepting }
    }

    /// Lets nobody in any more, and waits for those who are in to end what they are at.
    async fn close(&mut self) {
        self.leave.cancel();
        let _ = (&mut self.accepting).await;
        self.connections.finish().await;
    }

    fn cut(&self) {
        self.leave.cancel();
        self.connections.cut();
    }
}

/// Where the operator looks at a node, also while it stops.
struct Operator {
    connections: Connections,
    leave: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Operator {
    fn let_in(listener: TcpListener, node: &Node, speaking: Speaking) -> Self {
        let http::State { chat, gateway, now, started, health, metrics, .. } = node.state.clone();
        let sources = operator::Sources { metrics, chat, gateway, speaking, now, started };
        let entrance = Entrance::for_operator(listener, &node.config, operator::router(sources, health));
        let (connections, leave) = (Connections::default(), CancellationToken::new());
        let accepting = tokio::spawn({
            let (connections, leave) = (connections.clone(), leave.clone());
            async move { connections.accept(entrance, &leave).await }
        });
        Self { connections, leave, accepting }
    }

    /// Nothing here is worth waiting for.
    async fn send_away(self) {
        self.leave.cancel();
        let _ = self.accepting.await;
        self.connections.cut();
    }
}

/// The two deadlines of a stop.
struct Grace {
    for_clients: Instant,
    in_all: Instant,
}

/// The store's part of the grace period is a quarter, and never more than this.
const MOST_FOR_STORE: Duration = Duration::from_secs(2);

impl Grace {
    fn from_now(grace: Duration) -> Self {
        let now = Instant::now();
        let in_all = now + grace;
        Self { for_clients: in_all - (grace / 4).min(MOST_FOR_STORE), in_all }
    }
}
