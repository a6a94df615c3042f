//! Serving a service alone on a listener; in an application of its own it is mounted in that one's HTTP server.

use crate::HttpStream;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{convert::Infallible, future::Future, io, time::Duration};
use tokio::net::TcpListener;
use tower_service::Service;

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// How long it may take nothing of an answer.
const STALL: Duration = Duration::from_secs(30);

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
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
            let stream = TokioIo::new(HttpStream::new(stream, STALL));
            if let Err(error) = builder.serve_connection_with_upgrades(stream, service).await {
                tracing::debug!(error, "a connection ended early");
            }
        });
    }
}
