//! A node at work: from a listener to the last connection closed.
//!
//! [`run`] never binds and never reads the environment, the clock or the command line: a test gives it port 0, two
//! nodes run in one process, and whoever holds the token stops it.

use crate::{
    config::Config,
    gateway::{Gateway, GatewaySettings},
    http::{self, connection::Connections},
    limits::{Limits, Now},
};
use anyhow::Context as _;
use plaza_chat::{Chat, Clock};
use plaza_store::Store;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
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
    /// Time that never goes back, for limits and uptime.
    pub now: Now,
}

/// Serves until `shutdown`, and then stops within `server.grace_ms`: it accepts nobody more, tells its clients and
/// closes them, commits what was accepted, closes the store.
///
/// # Errors
/// When the store cannot be read or written at the start.
pub async fn run(deps: Deps, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let Deps { config, store, clock, now } = deps;
    let (tracker, stop_chat) = (TaskTracker::new(), CancellationToken::new());
    let (chat, committed) =
        Chat::start(store.clone(), clock, config.chat.clone(), stop_chat.clone(), &tracker)
            .await
            .context("Cannot start")?;
    let limits = Arc::new(Limits::new(config.limits.clone(), now.clone()));
    let settings = GatewaySettings {
        node: config.server.node.clone(),
        socket: config.socket.settings(&config.server.node, &config.server.allowed_origins),
    };
    let gateway = Gateway::start(chat.clone(), committed, settings, limits.clone(), shutdown.clone());
    let gateway = Arc::new(gateway);
    let state = http::State {
        chat,
        limits,
        gateway: gateway.clone(),
        node: config.server.node.as_str().into(),
        started: now(),
        now,
    };
    let router = http::router(state, &config.server, config.web);

    let connections = Connections::default();
    connections.accept(listener, router, &config, &shutdown).await;

    tracing::info!("Stopping: nobody is let in any more");
    let grace = Grace::from_now(config.server.grace());
    let closing = async {
        gateway.drain().await;
        connections.finish().await;
    };
    if timeout_at(grace.for_clients, closing).await.is_err() {
        tracing::warn!("Some connections did not close in time and are cut");
        connections.cut();
    }
    let storing = async {
        stop_chat.cancel();
        tracker.close();
        tracker.wait().await;
        store.close().await;
    };
    if timeout_at(grace.in_all, storing).await.is_err() {
        tracing::warn!("The store did not close in time; what was acknowledged is in it");
    }
    tracing::info!("Stopped");
    Ok(())
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
