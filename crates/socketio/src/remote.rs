//! Sockets as they are told of: on this node or another, by their id, handshake, rooms and data.

use crate::{
    EncodeError, Payload, Refusal,
    asking::{AckError, BroadcastAckError},
    broadcast::Broadcast,
    id::SocketId,
    members::Target,
    namespace::Namespace,
    socket::Socket,
};
use http::{header, request::Parts};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// What is kept of the request that opened a session, in the shape that Node's `socket.handshake` has, but for what is
/// secret (the headers `authorization`, `cookie` and `proxy-authorization`, and `auth`) and for the time.
///
/// It costs memory as long as the client stays, so it is kept only where the server is told so:
/// `builder.on_request(Handshake::keep)`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Where the client is, if the application has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// By name, in small letters. Those that are no text are left out.
    pub headers: BTreeMap<String, String>,
    /// Path and query.
    pub url: String,
    /// The query's keys and values, as they were sent.
    pub query: BTreeMap<String, String>,
    /// Whether it was a page's request.
    pub xdomain: bool,
    /// Whether it came over TLS, if the application has said so.
    #[serde(default)]
    pub secure: bool,
}

const SECRET: [header::HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

impl Handshake {
    /// What this request says of itself.
    pub fn of(request: &Parts) -> Self {
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let open = !SECRET.contains(name);
            value.to_str().ok().filter(|_| open).map(|value| (name.as_str().to_owned(), value.to_owned()))
        };
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), value.to_owned())
        };
        Self {
            address: None,
            headers: request.headers.iter().filter_map(header).collect(),
            url: request.uri.to_string(),
            query: request.uri.query().unwrap_or_default().split('&').map(pair).collect(),
            xdomain: request.headers.contains_key(header::ORIGIN),
            secure: false,
        }
    }

    /// For [`Builder::on_request`](crate::Builder::on_request): keeps it, and refuses nobody.
    pub fn keep(request: &Parts) -> Result<http::Extensions, Refusal> {
        let mut kept = http::Extensions::new();
        kept.insert(Self::of(request));
        Ok(kept)
    }
}

/// What one node tells another of a socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SocketInfo {
    /// Its public id.
    pub id: SocketId,
    /// The request that opened its session, if that was [kept](Handshake::keep).
    pub handshake: Option<Handshake>,
    /// The rooms it is in, its own not among them.
    pub rooms: Vec<String>,
    /// What [`Handlers::describe`](crate::Handlers::describe) says of it.
    pub data: Value,
}

/// The other nodes did not all answer.
#[derive(Debug, thiserror::Error)]
#[error("not all nodes answered: {0}")]
pub struct FetchError(pub String);

/// A socket on this node or another: what is known of it, and what can be done to it from afar.
#[derive(Debug, Clone)]
pub struct RemoteSocket {
    namespace: Arc<Namespace>,
    info: SocketInfo,
}

impl RemoteSocket {
    /// Its public id.
    pub fn id(&self) -> SocketId {
        self.info.id
    }

    /// What was told of it.
    pub fn info(&self) -> &SocketInfo {
        &self.info
    }

    /// Sends it an event; `args` is a tuple, an array or a slice, one element an argument.
    pub fn emit(&self, event: &str, args: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        self.alone().emit(event, args)
    }

    /// Sends it an event and asks for an acknowledgement, `within` some time.
    pub async fn emit_with_ack(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized + Sync),
        within: Duration,
    ) -> Result<Payload, AckError> {
        match self.alone().emit_with_ack(event, args, within).await {
            Ok(answers) => answers.into_iter().next().ok_or(AckError::Disconnected),
            Err(BroadcastAckError::Encode(error)) => Err(error.into()),
            Err(BroadcastAckError::Incomplete { .. }) => Err(AckError::Timeout),
        }
    }

    /// Puts it into a room.
    pub fn join(&self, room: &str) {
        self.alone().join(room);
    }

    /// Takes it out of a room.
    pub fn leave(&self, room: &str) {
        self.alone().leave(room);
    }

    /// Lets go of it; with `close`, of its session too.
    pub fn disconnect(&self, close: bool) {
        self.alone().disconnect(close);
    }

    fn alone(&self) -> Broadcast<'_> {
        self.namespace.to(self.info.id.as_str())
    }
}

impl Namespace {
    /// What there is to tell of the sockets of a target on **this node**; an [`Adapter`](crate::Adapter) tells it to
    /// another.
    pub fn infos(&self, target: &Target) -> Vec<SocketInfo> {
        self.sockets(target).iter().map(|socket| self.info(socket)).collect()
    }

    fn info(&self, socket: &Socket) -> SocketInfo {
        SocketInfo {
            id: socket.id(),
            handshake: socket.request().get().cloned(),
            rooms: socket.rooms().iter().map(ToString::to_string).collect(),
            data: self.handlers().description(socket),
        }
    }

    /// The sockets of a target on this node and, unless only those are wanted, on all others.
    pub(crate) async fn fetch(&self, target: &Target, local: bool) -> Result<Vec<RemoteSocket>, FetchError> {
        let mut infos = self.infos(target);
        if !local {
            infos.extend(self.adapter().fetch(self.name(), target).await?);
        }
        let Some(namespace) = self.itself() else { return Ok(Vec::new()) };
        Ok(infos.into_iter().map(|info| RemoteSocket { namespace: Arc::clone(&namespace), info }).collect())
    }
}
