//! A node at work: from a listener to the last connection closed.
//!
//! [`run`] never binds and never reads the environment, the clock or the command line: a test gives it port 0, two
//! nodes run in one process, and whoever holds the token stops it.

use crate::{
    config::Config,
    gateway::{Cluster, ClusterOptions, Counted, Gateway, GatewaySettings},
    http::{
        self,
        connection::{Connections, Entrance},
    },
    limits::{Limits, Now},
    roles::{self, LetGo, Role, Shutdown},
    telemetry::{health::Health, metrics::Metrics, operator},
    tls::Tls,
    zalo,
};
use anyhow::{Context as _, bail};
use plaza_chat::{Chat, Clock, Committed, Failed, Random, Tasks};
use plaza_store::Store;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

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

/// Where a node is spoken to: each role at its address. A listener alone is the gateway's, and speaks HTTP.
#[derive(Debug, Default)]
pub struct Doors {
    /// For clients, where the process has role `gateway`.
    pub gateway: Option<TcpListener>,
    /// For webhooks, where it has that role and they have a door of their own.
    pub webhooks: Option<TcpListener>,
    /// For the operator.
    pub metrics: Option<TcpListener>,
    /// What is spoken at the doors of the roles, where it is HTTPS.
    pub tls: Option<Tls>,
}

impl From<TcpListener> for Doors {
    fn from(listener: TcpListener) -> Self {
        Self { gateway: Some(listener), ..Self::default() }
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
    let Doors { gateway, webhooks, metrics, tls } = doors.into();
    let node = Node::start(deps, tls, &shutdown).await?;
    let operator = metrics.map(|listener| Operator::let_in(listener, &node));
    let mut roles = Roles::start(&node, gateway, webhooks)?;

    let failed = tokio::select! {
        () = node.deps.state.draining.cancelled() => node.drain(&mut roles).await,
        failed = node.failed() => Some(failed),
    };
    let failed = match failed {
        Some(failed) => {
            let reason = failed.to_string();
            let _ = tokio::join!(node.stop(roles), tell(&reason));
            Some(failed)
        }
        None => {
            let failed = node.stop(roles).await.err();
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
    deps: roles::Deps,
    store: Store,
    /// What is said on the bus, where there are other nodes.
    bus: Option<Arc<Counted>>,
    tasks: Tasks,
    /// Its tasks may end.
    stop: CancellationToken,
    stop_chat: CancellationToken,
}

impl Node {
    async fn start(deps: Deps, tls: Option<Tls>, shutdown: &CancellationToken) -> anyhow::Result<Self> {
        let Deps { config, store, clock, random, now, cluster } = deps;
        let (stop, stop_chat) = (CancellationToken::new(), CancellationToken::new());
        let draining = shutdown.child_token();
        let tasks = Tasks::new(stop.clone());
        let node = config.server.node.as_str();
        let cluster = match cluster {
            Some(options) => Some(Cluster::start(options, &store, &*random, node, stop_chat.clone()).await?),
            None => None,
        };
        let courier = cluster.as_ref().map(|cluster| cluster.courier.clone());
        let state_of_bus = cluster.as_ref().map(Cluster::state);
        let bus = cluster.as_ref().map(|cluster| Arc::new(cluster.counted()));
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
        let gateway = if config.has(Role::Gateway) {
            let settings = GatewaySettings::new(&config, &random, &metrics, &answers);
            let (limits, stopping) = (Arc::clone(&limits), stop.clone());
            let gateway =
                Gateway::start(chat.clone(), committed, settings, limits, cluster, stopping, &tasks).await?;
            Some(Arc::new(gateway))
        } else {
            behind(&chat, committed, cluster, &stop, &tasks).await?;
            None
        };
        let state = http::State {
            chat,
            limits,
            gateway,
            node: node.into(),
            public_url: config.server.public_url.as_str().into(),
            started: now(),
            now,
            health: Health::new(store.clone(), state_of_bus, draining.clone()),
            draining,
            metrics,
            clock,
            trusted_proxies: config.server.trusted_proxies.clone(),
            keyless: false,
            zalo_account: Arc::new(config.webhooks.zalo.clone()),
            zalo: answers,
        };
        let connections = Connections::default();
        let deps = roles::Deps { config: Arc::new(config), state, random, tls, connections };
        Ok(Self { deps, store, bus, tasks, stop, stop_chat })
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

    /// Has its roles let go of their clients; a task that fails ends that.
    async fn drain(&self, roles: &mut Roles) -> Option<Failed> {
        tracing::info!("Stopping: nobody is let in any more");
        tokio::select! {
            () = roles.let_go.gone() => None,
            failed = self.failed() => Some(failed),
        }
    }

    /// Closes whoever is still there, commits what was accepted, and closes the store.
    async fn stop(&self, roles: Roles) -> Result<(), Failed> {
        let grace = Grace::from_now(self.deps.config.server.grace());
        let connections = &self.deps.connections;
        self.deps.state.draining.cancel();
        self.stop.cancel();
        let closing = async {
            roles.close().await;
            connections.finish().await;
        };
        if timeout_at(grace.for_clients, closing).await.is_err() {
            tracing::warn!("Some connections did not close in time and are cut");
            roles.cut.cancel();
            connections.cut();
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

/// The roles of a node at work.
struct Roles {
    serving: TaskTracker,
    let_go: LetGo,
    /// There is no time for letting go any more.
    closing: CancellationToken,
    /// Nor for closing.
    cut: CancellationToken,
}

impl Roles {
    /// Each at its door, if it has one.
    fn start(
        node: &Node,
        gateway: Option<TcpListener>,
        webhooks: Option<TcpListener>,
    ) -> anyhow::Result<Self> {
        let deps = &node.deps;
        let (shutdown, let_go) = Shutdown::new(deps.state.draining.clone());
        let closing = shutdown.closing.clone();
        let roles = Self { serving: TaskTracker::new(), let_go, closing, cut: CancellationToken::new() };
        match (&deps.state.gateway, gateway) {
            (Some(gateway), Some(listener)) => {
                let run = roles::gateway::run(deps.clone(), Arc::clone(gateway), listener, shutdown.clone());
                roles.spawn(node, "clients", run);
            }
            (None, None) => {}
            _ => bail!("Role gateway and an address for clients go together."),
        }
        if let Some(listener) = webhooks {
            roles.spawn(node, "webhooks", roles::webhooks::run(deps.clone(), listener, shutdown));
        }
        if let Some(tls) = deps.tls.clone() {
            let stop = node.stop.clone();
            node.tasks.spawn("the certificate", async move {
                stop.run_until_cancelled(tls.follow()).await;
            });
        }
        Ok(roles)
    }

    fn spawn(&self, node: &Node, name: &'static str, run: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        let run = async move {
            cut.run_until_cancelled(run).await;
        };
        node.tasks.spawn(name, self.serving.track_future(run));
    }

    /// Waits until nobody is let in any more.
    async fn close(&self) {
        self.closing.cancel();
        self.serving.close();
        self.serving.wait().await;
    }
}

/// A node without clients: it is one of the others, who tell them what it commits.
async fn behind(
    chat: &Chat,
    mut committed: mpsc::Receiver<Committed>,
    cluster: Option<Cluster>,
    stop: &CancellationToken,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    tasks.spawn("what was committed", async move { while committed.recv().await.is_some() {} });
    match cluster {
        Some(cluster) => Ok(cluster.join_behind(chat, tasks, stop.clone()).await?),
        None => bail!("Without role gateway nobody would hear of what is written: it needs a bus."),
    }
}

/// Where the operator looks at a node, also while it stops.
struct Operator {
    connections: Connections,
    leave: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Operator {
    fn let_in(listener: TcpListener, node: &Node) -> Self {
        let roles::Deps { config, state, connections: speaking, .. } = node.deps.clone();
        let http::State { chat, gateway, now, started, health, metrics, .. } = state;
        let bus = node.bus.clone();
        let sources = operator::Sources { metrics, chat, gateway, bus, speaking, now, started };
        let entrance = Entrance::for_operator(listener, &config, operator::router(sources, health));
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
