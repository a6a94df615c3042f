//! Socket.IO events to chat and back. Not here yet: nothing connects.

use crate::limits::Limits;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use plaza_chat::{Chat, Clock, Committed};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the gateway is told.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// This node's name, as clients see it.
    pub node: String,
    /// Heartbeats and bounds.
    pub socket: plaza_socketio::Config,
}

/// The sockets of this node.
pub struct Gateway {}

impl Gateway {
    /// Starts to deliver what is committed.
    pub fn start(
        _chat: Chat,
        mut committed: mpsc::Receiver<Committed>,
        _settings: GatewaySettings,
        _limits: Arc<Limits>,
        _clock: Arc<dyn Clock>,
        _shutdown: CancellationToken,
    ) -> Self {
        tokio::spawn(async move { while committed.recv().await.is_some() {} });
        Self {}
    }

    /// Answers requests under `/socket.io/`.
    pub fn service(&self) -> Service {
        Service
    }

    /// Sockets connected now.
    pub fn connections(&self) -> u64 {
        0
    }

    /// Tells every client that the session ends, and closes it.
    pub async fn drain(&self) {}
}

/// Answers requests under `/socket.io/`.
#[derive(Debug, Clone)]
pub struct Service;

impl tower::Service<Request<Body>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        ready(Ok(response))
    }
}
