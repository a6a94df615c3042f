//! A node at work: from a listener to the last connection closed.
//!
//! [`run`] never binds and never reads the environment, the clock or the command line: a test gives it port 0, two
//! nodes run in one process, and whoever holds the token stops it.

use crate::{
    config::Config,
    gateway::{Gateway, GatewaySettings},
    http::{
        self,
        connection::{Connections, Entrance},
    },
    limits::{Limits, Now},
    tls::Tls,
};
use anyhow::{Context as _, bail};
use plaza_chat::{Chat, Clock, Failed, Random, Tasks};
use plaza_store::Store;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    time::{Instant, timeout_at},
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
}

/// Where a node is spoken to. A listener alone is one that speaks HTTP.
#[derive(Debug)]
pub struct Doors {
    /// For clients.
    pub listener: TcpListener,
    /// What is spoken there, where it is HTTPS.
    pub tls: Option<Tls>,
}

impl From<TcpListener> for Doors {
    fn from(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }
}

/// Serves until `shutdown`, and then stops within `server.grace_ms`: it accepts nobody more, tells its clients and
/// closes them, commits what was accepted, closes the store. It stops in the same way by itself when one of its tasks
/// has failed, since a node without its log or its feed takes clients and can do nothing for them.
///
/// # Errors
/// When the store cannot be read or written at the start, and after a stop that a failed task was the reason for.
pub async fn run(deps: Deps, doors: impl Into<Doors>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let Doors { listener, tls } = doors.into();
    let Deps { config, store, clock, random, now } = deps;
    let (stop, stop_chat) = (shutdown.child_token(), CancellationToken::new());
    let tasks = Tasks::new(stop.clone());
    let (chat, committed) =
        Chat::start(store.clone(), clock, random.clone(), config.chat.clone(), stop_chat.clone(), &tasks)
            .await
            .context("Cannot start")?;
    let limits = Arc::new(Limits::new(config.limits.clone(), now.clone()));
    let mut socket = config.socket.settings(&config.server.node, &config.server.allowed_origins);
    let for_sockets = random.clone();
    socket.random = plaza_socketio::Random::new(move |bytes| for_sockets.fill(bytes));
    let settings = GatewaySettings { node: config.server.node.clone(), socket };
    let gateway = Gateway::start(chat.clone(), committed, settings, limits.clone(), stop.clone(), &tasks);
    let gateway = Arc::new(gateway);
    let state = http::State {
        chat,
        limits,
        gateway: gateway.clone(),
        node: config.server.node.as_str().into(),
        public_url: config.server.public_url.as_str().into(),
        started: now(),
        now,
    };
    let router = http::router(state, &config.server, config.web);

    let connections = Connections::default();
    let entrance = Entrance::new(listener, tls.clone(), &config, router);
    let following = async {
        if let Some(tls) = &tls {
            stop.run_until_cancelled(tls.follow()).await;
        }
    };
    let accepting = connections.accept(entrance, &stop);
    let ((), (), failed) = tokio::join!(accepting, following, stop_when_one_fails(&tasks, &stop));

    tracing::info!("Stopping: nobody is let in any more");
    let grace = Grace::from_now(config.server.grace());
    let closing = async {
        gateway.drain(&*random).await;
        connections.finish().await;
    };
    if timeout_at(grace.for_clients, closing).await.is_err() {
        tracing::warn!("Some connections did not close in time and are cut");
        connections.cut();
    }
    let storing = async {
        stop_chat.cancel();
        let finished = tasks.finish().await;
        store.close().await;
        finished
    };
    let finished = timeout_at(grace.in_all, storing).await.unwrap_or_else(|_| {
        tracing::warn!("The store did not close in time; what was acknowledged is in it");
        Ok(())
    });
    if let Some(failed) = failed.or(finished.err()) {
        bail!("{failed}, so this node has stopped. What was acknowledged is stored. Start it again.");
    }
    tracing::info!("Stopped");
    Ok(())
}

/// Stops the node when a task fails, and tells which; nothing if it is stopped for another reason.
async fn stop_when_one_fails(tasks: &Tasks, stop: &CancellationToken) -> Option<Failed> {
    let failed = stop.run_until_cancelled(tasks.failed()).await?;
    tracing::error!(
        task = failed.task,
        panicked = failed.panicked,
        "A task has failed without which nothing works"
    );
    stop.cancel();
    Some(failed)
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
