//! Whether a node lives, and whether it should be sent clients.
//!
//! A node that lives and is not ready is left alone, and gets no new clients: it drains, or waits for its disk. One that
//! does not answer at all is restarted. So what a restart does not mend must not show in `/livez`.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use plaza_bus::ServerState;
use plaza_store::Store;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a node knows of how it is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Health {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    /// The servers that carry the bus, where there are other nodes.
    bus: Option<watch::Receiver<Vec<ServerState>>>,
    draining: CancellationToken,
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize)]
struct Readiness {
    /// `ready`, `degraded` or `not_ready`.
    status: &'static str,
    /// Why it is not.
    reasons: Vec<&'static str>,
}

impl Health {
    /// `draining`: once it is cancelled the node is on its way out.
    pub(crate) fn new(
        store: Store,
        bus: Option<watch::Receiver<Vec<ServerState>>>,
        draining: CancellationToken,
    ) -> Self {
        Self { inner: Arc::new(Inner { store, bus, draining }) }
    }

    /// Whether everything works, but some of it more slowly: without the bus, nodes find what others wrote by asking the
    /// log.
    pub(crate) fn is_degraded(&self) -> bool {
        let bus = self.inner.bus.as_ref();
        bus.is_some_and(|bus| bus.borrow().iter().any(|server| !server.is_up()))
    }

    /// `/livez`: that this is answered is the answer.
    pub(crate) async fn live() -> Response {
        uncached((StatusCode::OK, "alive\n").into_response())
    }

    /// `/readyz`
    pub(crate) async fn ready(self) -> Response {
        let reasons = self.reasons().await;
        let (status, word) = match reasons.as_slice() {
            [] if self.is_degraded() => (StatusCode::OK, "degraded"),
            [] => (StatusCode::OK, "ready"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
        };
        uncached((status, Json(Readiness { status: word, reasons })).into_response())
    }

    async fn reasons(&self) -> Vec<&'static str> {
        let Inner { store, draining, .. } = &*self.inner;
        let mut reasons = Vec::new();
        if draining.is_cancelled() {
            reasons.push("the node is draining");
        }
        // Why is in the log: who may ask here need not know where the data lies.
        if store.can_write().await.is_err() {
            reasons.push("the store cannot be written");
        }
        reasons
    }
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
