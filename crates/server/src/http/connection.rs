//! Accepting connections and speaking HTTP/1 on them.
//!
//! This is `axum::serve`, with what it cannot be told: bounds on connections, a deadline for a request's head, one for a
//! client that takes nothing of its answer, TLS, and a stop in two steps. After an upgrade hyper lets go of the
//! connection, and with it goes its place in the count; a handshake that is under way has one. The served IO type is
//! exactly `TokioIo<HttpStream>`: the gateway asks for it back by that name, and keeps the bare stream.

use super::{places::Places, plain};
use crate::{
    config,
    tls::{Entered, Tls},
};
use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use plaza_socketio::HttpStream;
use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service as _;

/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Connections of those who watch over the node.
const OPERATORS: usize = 64;
/// How long to wait when the system has no connection to give, as when file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Failures that follow each other within this time are one spell, and are told of once.
const SPELL: Duration = Duration::from_secs(30);

/// A way in, and what is behind it.
pub(crate) struct Entrance {
    listener: TcpListener,
    places: Places,
    inside: Arc<Inside>,
}

/// What each connection needs.
struct Inside {
    tls: Option<Tls>,
    protocol: Builder,
    patience: Duration,
    router: Router,
    /// Answers those who speak HTTP where HTTPS is spoken.
    plain: Router,
}

impl Entrance {
    /// For everybody.
    pub(crate) fn new(
        listener: TcpListener,
        tls: Option<Tls>,
        config: &config::Config,
        router: Router,
    ) -> Self {
        let places = Places::new(&config.server, config.limits.exempt_loopback);
        Self { listener, places, inside: Arc::new(Inside::new(tls, config, router)) }
    }

    /// For the operator, without TLS.
    pub(crate) fn for_operator(listener: TcpListener, config: &config::Config, router: Router) -> Self {
        let places = Places::for_anybody(OPERATORS);
        Self { listener, places, inside: Arc::new(Inside::new(None, config, router)) }
    }
}

impl Inside {
    fn new(tls: Option<Tls>, config: &config::Config, router: Router) -> Self {
        Self {
            tls,
            protocol: protocol(Duration::from_millis(config.server.header_timeout_ms)),
            patience: Duration::from_millis(config.server.write_timeout_ms),
            router,
            plain: plain::router(),
        }
    }
}

/// The connections that speak HTTP now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections {
    tracker: TaskTracker,
    finish: CancellationToken,
    cut: CancellationToken,
}

impl Connections {
    /// How many there are, those in their TLS handshake included.
    pub(crate) fn count(&self) -> usize {
        self.tracker.len()
    }

    /// Accepts until `stop`; closes the listener when it returns. Connections go on.
    pub(crate) async fn accept(&self, entrance: Entrance, stop: &CancellationToken) {
        let Entrance { listener, places, inside } = entrance;
        let mut door = Door { listener, failed: None };
        let accepting = async {
            while let Some(mut free) = places.free().await {
                let (stream, peer, place) = loop {
                    let (stream, peer) = door.next().await;
                    match places.take(free, peer.ip()) {
                        Ok(place) => break (stream, peer, place),
                        Err(back) => {
                            tracing::debug!(%peer, "One connection too many of this address is closed");
                            free = back;
                        }
                    }
                };
                let connection = self.clone().serve(Arc::clone(&inside), stream, peer);
                self.tracker.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
        };
        stop.run_until_cancelled(accepting).await;
    }

    /// Lets each connection end its request and closes it; resolves when none is left.
    pub(crate) async fn finish(&self) {
        self.finish.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Closes all at once, whatever they are at.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// One connection, from its first byte.
    async fn serve(self, inside: Arc<Inside>, stream: TcpStream, peer: SocketAddr) {
        let Inside { tls, protocol, patience, router, plain } = &*inside;
        let Some(tls) = tls else {
            return self.speak(protocol, HttpStream::new(stream, *patience), peer, router.clone()).await;
        };
        // Who has not come in yet has nothing to finish.
        match self.finish.run_until_cancelled(tls.enter(stream)).await {
            Some(Ok(Entered::Secured(stream))) => {
                let stream = HttpStream::over(stream, *patience);
                self.speak(protocol, stream, peer, router.clone()).await;
            }
            Some(Ok(Entered::Plain(stream))) => {
                self.speak(protocol, HttpStream::new(stream, *patience), peer, plain.clone()).await;
            }
            Some(Err(error)) => tracing::debug!(%peer, %error, "A TLS handshake came to nothing"),
            None => {}
        }
    }

    async fn speak(&self, protocol: &Builder, stream: HttpStream, peer: SocketAddr, router: Router) {
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = router.clone().call(request);
            async { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
        });
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service).with_upgrades());
        tokio::select! {
            ended = connection.as_mut() => return log_end(peer, ended),
            () = self.cut.cancelled() => return,
            () = self.finish.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            ended = connection => log_end(peer, ended),
            () = self.cut.cancelled() => {}
        }
    }
}

fn protocol(header_timeout: Duration) -> Builder {
    // Not hyper-util's, which tells versions apart: it waits without end for the first bytes.
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(MAX_HEAD_BYTES);
    builder
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    /// When the system last had none to give.
    failed: Option<Instant>,
}

impl Door {
    /// The next connection. Answers are small and wait for nothing: no Nagle.
    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "The connection went before it began");
                        continue;
                    }
                    return (stream, peer);
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    let now = Instant::now();
                    if self.failed.is_none_or(|failed| now - failed > SPELL) {
                        tracing::error!(%error, "Cannot accept connections; trying on, and saying so no more");
                    }
                    self.failed = Some(now);
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// How a connection ended concerns its client alone.
fn log_end(peer: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "The connection broke off");
    }
}
