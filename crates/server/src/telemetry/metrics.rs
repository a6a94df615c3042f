//! What is counted while a node is at work.
//!
//! Labels are names from closed lists, never what a client sent: no user, room or address, so the number of series is
//! bounded whatever comes. Each node has its own registry. What other crates count themselves is read from them when
//! somebody looks (`node`); they know nothing of Prometheus.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{Method, StatusCode};
use plaza_protocol::{Code, Error};
use plaza_socketio::DisconnectReason;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use std::{sync::Arc, time::Duration};

/// What this node has counted so far.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RequestLabel, Histogram>,
    http: Family<HttpLabels, Counter>,
    connects: Counter,
    disconnects: Family<ReasonLabel, Counter>,
    busy: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    request: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    request: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Bounds of how long a request takes, in seconds.
const SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            http: Family::default(),
            connects: Counter::default(),
            disconnects: Family::default(),
            busy: Counter::default(),
        }
    }
}

impl Metrics {
    /// A socket's request was answered, so long after it had been read.
    pub(crate) fn request<T>(&self, request: &'static str, done: &Result<T, Error>, took: Duration) {
        let outcome = match done {
            Ok(_) => "ok",
            Err(error) => error.code.as_str(),
        };
        if matches!(done, Err(Error { code: Code::Busy, .. })) {
            self.busy.inc();
        }
        self.requests.get_or_create(&RequestLabels { request, outcome }).inc();
        self.durations.get_or_create(&RequestLabel { request }).observe(took.as_secs_f64());
    }

    /// A client was not let in.
    pub(crate) fn refused(&self, error: &Error) {
        if error.code == Code::Busy {
            self.busy.inc();
        }
    }

    /// A socket has come.
    pub(crate) fn connected(&self) {
        self.connects.inc();
    }

    /// A socket has gone.
    pub(crate) fn disconnected(&self, reason: DisconnectReason) {
        self.disconnects.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc();
    }

    /// Puts them into a registry, each with what it means.
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests of sockets that were answered, by event name and by ok or the error's code";
        registry.register("plaza_requests", help, self.requests.clone());
        let help = "Time from reading a socket's request to its answer, by event name";
        registry.register("plaza_request_duration_seconds", help, self.durations.clone());
        let help = "HTTP requests that were answered, by method, route and status";
        registry.register("plaza_http_requests", help, self.http.clone());
        let help = "Sockets that have connected";
        registry.register("plaza_socket_connects", help, self.connects.clone());
        let help = "Sockets that have gone, by reason";
        registry.register("plaza_socket_disconnects", help, self.disconnects.clone());
        let help = "Requests and HTTP requests that were refused because the node was at its limit";
        registry.register("plaza_busy_refusals", help, self.busy.clone());
    }
}

/// Counts every HTTP request by its route: the template, not what stands in it.
pub(crate) async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let labels = (method(request.method()), route(&request));
    let response = next.run(request).await;
    let status = response.status();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        metrics.busy.inc();
    }
    let (method, route) = labels;
    metrics.http.get_or_create(&HttpLabels { method, route, status: status.as_u16() }).inc();
    response
}

/// Clients may invent methods.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

fn route(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    match matched {
        // A route that takes whatever comes is none.
        Some(route) if !route.contains("{*") => route.to_owned(),
        _ if request.uri().path().starts_with("/api/") => "(unknown)".to_owned(),
        _ => "(page)".to_owned(),
    }
}
