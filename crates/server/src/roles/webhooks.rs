//! Role `webhooks`, at an address of its own: programs that write into rooms. Where it has none, the gateway serves it.
//!
//! Without role `gateway` beside it there are no sockets, no feed and no presence in the process. What it writes goes
//! through the log of the rooms like any message, and the gateways are told over the bus.

use super::{Deps, Shutdown};
use crate::http;
use tokio::{net::TcpListener, time::sleep};

/// Answers webhooks until it is told to stop, and for `server.drain.delay_ms` more, in which a load balancer finds others.
pub(crate) async fn run(deps: Deps, listener: TcpListener, shutdown: Shutdown) {
    let router = http::for_webhooks(deps.state_at(&listener), &deps.config);
    let delay = deps.config.server.drain.delay();
    deps.let_in(listener, router, shutdown.drain(async || sleep(delay).await, async || {})).await;
}
