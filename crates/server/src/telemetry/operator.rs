//! What the operator asks on an address of its own: the figures, and how the node is.

use super::{health::Health, metrics::Metrics, node::Node, process::Process};
use crate::{
    gateway::{Counted, Gateway},
    http::connection::Connections,
    limits::Now,
};
use axum::{Router, response::IntoResponse, routing::get};
use http::{StatusCode, header};
use plaza_chat::Chat;
use prometheus_client::{encoding::text, registry::Registry};
use std::{sync::Arc, time::Duration};

/// The media type of OpenMetrics, which Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where this node's figures come from.
pub(crate) struct Sources {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) chat: Chat,
    /// Where clients are connected to this process.
    pub(crate) gateway: Option<Arc<Gateway>>,
    /// Where there are other nodes.
    pub(crate) bus: Option<Arc<Counted>>,
    pub(crate) speaking: Connections,
    pub(crate) now: Now,
    /// `now` when the node began to serve.
    pub(crate) started: Duration,
}

/// Answers `/metrics`, `/livez` and `/readyz`.
pub(crate) fn router(sources: Sources, health: Health) -> Router {
    let registry = Arc::new(registry(sources));
    let ready = move || health.clone().ready();
    Router::new()
        .route("/metrics", get(move || page(Arc::clone(&registry))))
        .route("/livez", get(Health::live))
        .route("/readyz", get(ready))
}

fn registry(sources: Sources) -> Registry {
    let Sources { metrics, chat, gateway, bus, speaking, now, started } = sources;
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    registry.register_collector(Box::new(Node { chat, gateway, bus, speaking, now, started }));
    registry.register_collector(Box::new(Process));
    registry
}

async fn page(registry: Arc<Registry>) -> impl IntoResponse {
    // It reads files of the system's, and a long list of those that are open.
    let page = tokio::task::spawn_blocking(move || {
        let mut page = String::new();
        text::encode(&mut page, &registry).map(|()| page)
    });
    match page.await {
        Ok(Ok(page)) => (StatusCode::OK, [(header::CONTENT_TYPE, OPEN_METRICS)], page),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            "The figures cannot be written down.\n".to_owned(),
        ),
    }
}
