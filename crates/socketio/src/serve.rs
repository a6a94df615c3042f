//! Serving a service alone on a listener; in an application of its own it is mounted in that one's HTTP server.

use crate::HttpStream;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{convert::Infallible, future::Future, io, time::Duration};
use tokio::net::TcpListener;
use tower_service::Service;

/// How long a connection that speaks HTTP may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request, from the connection's first moment or the end of the answer before. 10 s
    pub head: Duration,
    /// While it takes nothing of an answer. 30 s
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), stall: Duration::from_secs(30) }
    }
}

/// Answers connections on `listener` until `shutdown` is ready. Sessions are ended by their server's `close`, not
/// here. An error of one connection ends that connection; only an error of the listener that lasts ends all.
pub async fn serve<S>(listener: TcpListener, service: S, shutdown: impl Future<Output = ()>) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    serve_with(listener, service, Patience::default(), shutdown).await
}

/// The same with another patience.
pub async fn serve_with<S>(
    listener: TcpListener,
    service: S,
    patience: Patience,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    tokio::pin!(shutdown);
    loop {
        let (stream, _) = tokio::select! {
            () = &mut shutdown => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // One that was gone before it was accepted, or no descriptor left for the moment.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // Not the one of hyper-util that tells versions apart: it waits without end for the first bytes.
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(patience.head);
            let stream = TokioIo::new(HttpStream::new(stream, patience.stall));
            if let Err(error) = builder.serve_connection(stream, service).with_upgrades().await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}
