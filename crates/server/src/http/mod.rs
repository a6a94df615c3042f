//! What Plaza answers over HTTP: the API, health, the web client; and beside them, under `/socket.io/`, the gateway.

mod accounts;
mod administration;
pub(crate) mod connection;
mod device;
mod documented;
mod extract;
mod headers;
mod messages;
mod nodes;
mod places;
mod plain;
mod problem;
mod rooms;
mod sessions;
mod webhooks;

pub(crate) use administration::reset_page;

use crate::{
    client_addr::{self, Proxies},
    config, documents,
    gateway::Gateway,
    limits::{Limits, Now},
    telemetry::{
        health::Health as NodeHealth,
        metrics::{self, Metrics},
    },
    web,
    zalo::Answers,
};
use aide::{axum::ApiRouter, openapi::OpenApi};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State as TheState},
    middleware::{Next, from_fn, from_fn_with_state},
    routing::{any, get},
};
use http::{Method, StatusCode};
use plaza_chat::{Chat, Clock};
use plaza_protocol::{Code, Error, Health};
use plaza_socketio::SocketIo;
use problem::Refusal;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Most bytes of a request's body under `/api`.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What handlers may reach. Cheap to clone.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) chat: Chat,
    pub(crate) limits: Arc<Limits>,
    /// Where clients are connected to this process.
    pub(crate) gateway: Option<Arc<Gateway>>,
    pub(crate) node: Arc<str>,
    /// Where people reach this Plaza; empty where that is not configured.
    pub(crate) public_url: Arc<str>,
    pub(crate) now: Now,
    /// `now` when this node began to serve.
    pub(crate) started: Duration,
    pub(crate) health: NodeHealth,
    /// Cancelled: this node lets its clients go and stops.
    pub(crate) draining: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trusted_proxies: client_addr::TrustedProxies,
    /// Whether a program on this machine may write without a key, where this is asked.
    pub(crate) keyless: bool,
    /// The account that Zalo tells of.
    pub(crate) zalo_account: Arc<config::Zalo>,
    pub(crate) zalo: Answers,
}

impl State {
    /// Sockets that are connected to this process.
    fn connections(&self) -> u64 {
        self.gateway.as_ref().map_or(0, |gateway| gateway.connections())
    }

    /// Refuses what would have everybody be sent more, while there is too much for those who are here to take.
    fn not_overloaded(&self) -> Result<(), Error> {
        self.gateway.as_ref().map_or(Ok(()), |gateway| gateway.not_overloaded())
    }

    /// For what is only asked where clients are.
    fn gateway(&self) -> Result<&Gateway, Error> {
        self.gateway.as_deref().ok_or_else(|| Error::new(Code::NotFound, "No clients are served here."))
    }
}

/// Everything that clients are served; webhooks too, unless another process or another address has them.
pub(crate) fn router(state: State, sockets: SocketIo, config: &config::Config) -> Router {
    let config::Config { server, web, .. } = config;
    let here = config.posts_at_gateway();
    let (api, document) = api(server, here);
    let proxies = Arc::new(Proxies::new(server.trusted_proxies.clone()));
    let (health_of, metrics) = (state.health.clone(), Arc::clone(&state.metrics));
    let pages =
        if web.enabled { Router::new().fallback(web::serve) } else { Router::new().fallback(no_page) };
    Router::new()
        .nest("/api", api)
        .merge(if here { posted_to(server) } else { elsewhere() })
        .merge(documents::router(&document))
        .route("/api", any(unknown))
        .route("/api/", any(unknown))
        .route("/health", get(health))
        .route("/livez", get(NodeHealth::live))
        .route("/readyz", get(move || health_of.clone().ready()))
        .route("/config.json", web::settings(web))
        .merge(pages)
        .layer(from_fn(headers::security(&web.api_base_url)))
        .route_service("/socket.io", sockets.clone())
        .route_service("/socket.io/", sockets)
        .layer(from_fn_with_state(proxies, client_addr::layer))
        .layer(from_fn_with_state(metrics, metrics::count))
        .with_state(state)
}

/// Webhooks alone, at an address of their own.
pub(crate) fn for_webhooks(state: State, config: &config::Config) -> Router {
    let proxies = Arc::new(Proxies::new(config.server.trusted_proxies.clone()));
    let (health_of, metrics) = (state.health.clone(), Arc::clone(&state.metrics));
    Router::new()
        .merge(posted_to(&config.server))
        .nest("/api/v1", posted_to(&config.server))
        .route("/health", get(health))
        .route("/livez", get(NodeHealth::live))
        .route("/readyz", get(move || health_of.clone().ready()))
        .fallback(unknown)
        .layer(from_fn(headers::security("")))
        .layer(from_fn_with_state(proxies, client_addr::layer))
        .layer(from_fn_with_state(metrics, metrics::count))
        .with_state(state)
}

/// `/webhook` and what is below it, where they are not answered.
fn elsewhere() -> Router<State> {
    Router::new().route("/webhook", any(unknown)).route("/webhook/{*below}", any(unknown))
}

/// `/webhook` and what is below it, bounded as the API is. No page of another origin may ask it.
fn posted_to(server: &config::Server) -> Router<State> {
    let limit = Duration::from_millis(server.request_timeout_ms);
    let deadline = move |request: Request, next: Next| headers::deadline(limit, request, next);
    Router::from(webhooks::router())
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(deadline))
        .layer(from_fn(headers::uncached))
}

/// Version 1 of the API, and its document, which tells of webhooks wherever they are.
pub(crate) fn v1(with_webhooks: bool) -> (Router<State>, OpenApi) {
    let mut document = documents::openapi();
    let described = webhooks::router();
    let webhooks = if with_webhooks {
        described
    } else {
        let _ = described.finish_api_with(&mut document, |document| document);
        ApiRouter::new()
    };
    let router = ApiRouter::new()
        .merge(webhooks)
        .merge(accounts::router())
        .merge(sessions::router())
        .merge(administration::router())
        .merge(rooms::router())
        .merge(messages::router())
        .merge(nodes::router())
        .finish_api_with(&mut document, documents::finish_openapi);
    (router, document)
}

/// Everything under `/api`, and its document; whatever goes wrong there is answered as problem details.
fn api(server: &config::Server, with_webhooks: bool) -> (Router<State>, OpenApi) {
    let (v1, document) = v1(with_webhooks);
    let limit = Duration::from_millis(server.request_timeout_ms);
    let deadline = move |request: Request, next: Next| headers::deadline(limit, request, next);
    let router = Router::new()
        .nest("/v1", v1)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(deadline))
        .layer(from_fn(headers::uncached))
        .layer(headers::cors(&server.allowed_origins));
    (router, document)
}

async fn health(TheState(state): TheState<State>) -> Json<Health> {
    Json(Health {
        status: if state.health.is_degraded() { "degraded" } else { "ok" }.into(),
        node: state.node.to_string(),
        version: crate::VERSION.into(),
        uptime_seconds: (state.now)().saturating_sub(state.started).as_secs(),
        connections: state.connections(),
    })
}

async fn unknown() -> Refusal {
    Error::new(Code::NotFound, "There is no such address in the API.").into()
}

async fn wrong_method(method: Method) -> Refusal {
    let message = format!("This address does not answer {method}.");
    Refusal::bad_request(StatusCode::METHOD_NOT_ALLOWED, message)
}

async fn no_page() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "Not found.\n")
}
