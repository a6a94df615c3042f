//! A client on its way into a namespace: which one, who it was there before, and whether it may come in.

use super::{Client, Connection, Done, Way};
use crate::{
    DisconnectReason,
    engine::CloseReason,
    handlers::ConnectError,
    namespace::Namespace,
    outgoing::{Parser, in_encoding},
    packet,
    recovery::{Memory, Pid},
    socket::{Identity, Socket},
};
use futures_util::FutureExt;
use serde_json::Value;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::task::coop::unconstrained;

impl Client {
    /// A CONNECT packet: the client wants into the namespace of this name.
    pub(super) fn connect(
        &mut self,
        name: &str,
        auth: Option<&str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseReason> {
        let Ok(auth) = serde_json::from_str(auth.unwrap_or("{}")) else {
            return Err(CloseReason::ForcedClose);
        };
        let namespace = match self.namespace(name, &auth) {
            Ok(namespace) => namespace,
            Err(error) => {
                self.refuse(name, &error);
                return Ok(());
            }
        };
        self.dropped.retain(|dropped| **dropped != *name);
        let socket = self
            .recovered(&namespace, &auth, cx)
            .unwrap_or_else(|| self.socket(&namespace, Identity::New(&self.config().random)));
        self.sockets.push(Connection { socket: Arc::clone(&socket), way: Way::Between });
        if socket.recovered() && namespace.memory().is_some_and(Memory::skips_middleware) {
            self.finish(Done::Allowed(socket, auth), cx);
            return Ok(());
        }
        let mut asking = Box::pin(allow(socket, auth));
        match pin!(unconstrained(asking.as_mut())).poll(cx) {
            Poll::Ready(done) => self.finish(done, cx),
            Poll::Pending => {
                if let Some(held) = self.sockets.last_mut() {
                    held.way = Way::Asking(asking);
                }
            }
        }
        Ok(())
    }

    fn socket(&self, namespace: &Arc<Namespace>, identity: Identity<'_>) -> Arc<Socket> {
        let (session, request) = (Arc::clone(&self.session), Arc::clone(&self.request));
        Socket::new(Arc::clone(namespace), session, request, self.encoding(), identity)
    }

    /// The socket that the client was in this namespace before its connection broke off, if it says so, and that can be.
    fn recovered(
        &mut self,
        namespace: &Arc<Namespace>,
        auth: &Value,
        cx: &mut Context<'_>,
    ) -> Option<Arc<Socket>> {
        let memory = namespace.memory()?;
        let pid = Pid::from_text(auth["pid"].as_str()?)?;
        // It knows sooner than the server that its connection is broken.
        if let Some(there) = memory.there(pid) {
            self.gone(&there, DisconnectReason::Transport(CloseReason::TransportClose), cx);
            there.session().close_with(CloseReason::TransportClose);
        }
        memory.recover(pid, auth["offset"].as_str(), self.session.free(), |previous| {
            self.socket(namespace, Identity::Recovered(Box::new(previous)))
        })
    }

    /// The namespace of this name, for one more of this client's sockets.
    fn namespace(&self, name: &str, auth: &Value) -> Result<Arc<Namespace>, ConnectError> {
        let found = catch_unwind(AssertUnwindSafe(|| self.namespaces.find_or_make(name, auth)));
        match found {
            Ok(Ok(_)) if self.sockets.len() >= self.config().max_namespaces => {
                Err(ConnectError::new("Too many namespaces"))
            }
            Ok(found) => found.map_err(|error| ConnectError::new(error.to_string())),
            Err(_) => {
                tracing::error!("a predicate of namespaces panicked; its client is refused");
                Err(ConnectError::new("Internal error"))
            }
        }
    }

    /// How the client is answered. It has sent something by now, or there would be nothing to answer.
    fn encoding(&self) -> Parser {
        self.parser.unwrap_or(Parser::Json)
    }

    /// Answers a CONNECT with an error.
    pub(super) fn refuse(&self, name: &str, error: &ConnectError) {
        let refusal = packet::connect_error(name, &error.message, error.data.as_ref());
        let _ = self.session.send(&in_encoding(refusal, self.encoding()));
    }
}

async fn allow(socket: Arc<Socket>, auth: Value) -> Done {
    let allowed = AssertUnwindSafe(socket.namespace().handlers().allow(&socket, &auth)).catch_unwind().await;
    match allowed.unwrap_or_else(|_| {
        tracing::error!("a middleware panicked; its client is refused");
        Err(ConnectError::new("Internal error"))
    }) {
        Ok(()) => Done::Allowed(socket, auth),
        Err(error) => Done::Refused(socket, error),
    }
}
