//! The server: namespaces over Engine.IO, as a service that answers HTTP requests.

use crate::{
    adapter::{Adapter, Alone},
    client::Client,
    config::Config,
    engine::{Application, CloseReason, Engine, Refusal, Session},
    handlers::Handlers,
    namespace::Namespace,
    namespaces::{Family, Namespaces},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// Why a socket was disconnected. [`as_str`](Self::as_str) gives the name Node's server has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The server let go of it.
    ServerNamespaceDisconnect,
    /// Its session ended.
    Transport(CloseReason),
}

impl DisconnectReason {
    /// The name that handlers and logs see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::Transport(reason) => reason.as_str(),
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

type OnRequest = Box<dyn Fn(&Parts) -> Result<http::Extensions, Refusal> + Send + Sync>;

struct Sockets {
    namespaces: Arc<Namespaces>,
    on_request: OnRequest,
}

impl Application for Sockets {
    type Protocol = Client;

    fn open(&self, session: &Arc<Session>, request: &Parts) -> Result<Client, Refusal> {
        let kept = (self.on_request)(request)?;
        self.namespaces.forget_from_now_on();
        Ok(Client::new(Arc::clone(session), Arc::clone(&self.namespaces), kept))
    }
}

/// Puts a server together.
pub struct Builder {
    config: Config,
    adapter: Arc<dyn Adapter>,
    namespaces: Vec<(String, Handlers)>,
    families: Vec<Family>,
    on_request: OnRequest,
}

impl Builder {
    /// Adds a namespace; `name` has a slash in front.
    #[must_use]
    pub fn namespace(mut self, name: &str, handlers: Handlers) -> Self {
        self.namespaces.push((name.to_owned(), handlers));
        self
    }

    /// Adds all namespaces whose names `wanted` says yes to, each made when the first client asks for it and gone with
    /// the last; Node's `io.of(/regex/)`. Predicates are asked in the order in which they were added, with the client's
    /// `auth` (`{}` if it gave none), and only for names that are not there. A name begins with a slash and has at most
    /// 255 bytes; there are at most [`Config::max_dynamic_namespaces`] at once.
    ///
    /// It says which names may be, and does not wait; who may come in is for [`Handlers::middleware`] to say. A namespace
    /// whose only client is refused there is gone again.
    #[must_use]
    pub fn namespaces(
        mut self,
        wanted: impl Fn(&str, &serde_json::Value) -> bool + Send + Sync + 'static,
        handlers: Handlers,
    ) -> Self {
        self.families.push(Family { predicate: Box::new(wanted), handlers: Arc::new(handlers) });
        self
    }

    /// Carries broadcasts to other nodes.
    #[must_use]
    pub fn adapter(mut self, adapter: impl Adapter) -> Self {
        self.adapter = Arc::new(adapter);
        self
    }

    /// Asked with the head of the request that opens a session: refuses it, or says what is to be kept of it for
    /// [`Socket::request`](crate::Socket::request). The rest is let go, since it would cost memory as long as the
    /// client stays.
    #[must_use]
    pub fn on_request(
        mut self,
        keep: impl Fn(&Parts) -> Result<http::Extensions, Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.on_request = Box::new(keep);
        self
    }

    /// The server.
    pub fn build(self) -> SocketIo {
        let namespaces = Namespaces::new(self.config.clone(), self.namespaces, self.families, self.adapter);
        SocketIo { engine: Engine::new(self.config, Sockets { namespaces, on_request: self.on_request }) }
    }
}

/// A Socket.IO server. A clone is the same server. It is a `tower` service over HTTP requests: mount it in axum
/// with `route_service`, or [`serve`](crate::serve()) it alone.
#[derive(Clone)]
pub struct SocketIo {
    engine: Engine<Sockets>,
}

impl SocketIo {
    /// A server with these settings.
    pub fn builder(config: Config) -> Builder {
        Builder {
            config,
            adapter: Arc::new(Alone),
            namespaces: Vec::new(),
            families: Vec::new(),
            on_request: Box::new(|_| Ok(http::Extensions::new())),
        }
    }

    /// One of its namespaces; of those that are made on demand, one that is there.
    pub fn of(&self, name: &str) -> Option<Arc<Namespace>> {
        self.engine.application().namespaces.find(name)
    }

    /// All its namespaces, those made on demand among them, in no order.
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        self.engine.application().namespaces.all()
    }

    /// How many clients there are, in a namespace or not.
    pub fn clients(&self) -> usize {
        self.engine.sessions()
    }

    /// Whether more waits for all clients together than [`Config::total_outbox_bytes`]. New clients are refused
    /// meanwhile; an application may ask those who send to come again, and never because of one who reads slowly.
    pub fn overloaded(&self) -> bool {
        self.engine.overloaded()
    }

    /// How many bytes wait for all clients together, counted as [`Config::total_outbox_bytes`] says.
    pub fn outbox_bytes(&self) -> usize {
        self.engine.outbox_bytes()
    }

    /// Takes no new clients from now on, and leaves those there are: who asks is answered 503 and told to come again after
    /// `retry_after`. A proxy that tries the next node after a 503 sends them on.
    pub fn refuse_new(&self, retry_after: Duration) {
        self.engine.refuse_new(retry_after);
    }

    /// Ends every session with "server shutting down", takes no new ones, and waits for the last handler.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// Answers one request; 404 outside the server's path.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let path = &self.engine.application().namespaces.config.path;
        if request.uri().path().trim_end_matches('/') != path.trim_end_matches('/') {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        self.engine.respond(request).await
    }
}

impl fmt::Debug for SocketIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIo").field("clients", &self.clients()).finish_non_exhaustive()
    }
}

impl<B> tower_service::Service<Request<B>> for SocketIo
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.respond(request).await) })
    }
}
