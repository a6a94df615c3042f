//! Role `gateway`: clients, over Socket.IO and the API, and the page.

use super::{Deps, Shutdown};
use crate::{gateway::Gateway, http};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, time::sleep};

/// Serves clients until it is told to stop. Then nobody new comes in while those who are here stay for
/// `server.drain.delay_ms`; they are told and closed over `server.drain.spread_ms`.
pub(crate) async fn run(deps: Deps, gateway: Arc<Gateway>, listener: TcpListener, shutdown: Shutdown) {
    let router = http::router(deps.state_at(&listener), gateway.service(), &deps.config);
    let (how, random) = (&deps.config.server.drain, &*deps.random);
    let leaving = async {
        let gently = async || {
            gateway.refuse_new(how.delay() + how.spread() + how.retry_after());
            sleep(how.delay()).await;
            gateway.let_go(how, how.spread(), random).await;
        };
        shutdown.drain(gently, async || gateway.let_go(how, Duration::ZERO, random).await).await;
        gateway.close().await;
    };
    deps.let_in(listener, router, leaving).await;
}
