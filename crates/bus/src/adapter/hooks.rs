//! What the application does with what other nodes say.

use crate::wire::Content;
use futures_util::future::BoxFuture;
use plaza_socketio::{Namespace, Payload, Target};
use std::{fmt, future::Future, sync::Arc};

/// An event from another server for this one; Node's `serverSideEmit`.
#[derive(Debug)]
pub struct ServerEvent {
    /// Where.
    pub namespace: Arc<Namespace>,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub payload: Payload,
}

/// An event that bears what Plaza adds. Anybody who may publish may have made it: a reason to look into the log, and
/// nothing more.
#[derive(Debug)]
pub struct FromPlaza<'a> {
    /// Of which namespace.
    pub namespace: &'a str,
    /// For whom.
    pub target: &'a Target,
    /// What Plaza adds, as JSON.
    pub plaza: &'a str,
    /// The array with the event's name in front, and its bytes.
    pub event: &'a Content<'a>,
}

type Reserved = Box<dyn Fn(&str, &str) -> bool + Send + Sync>;
type OnServerEvent = Box<dyn Fn(ServerEvent) -> BoxFuture<'static, Option<Content<'static>>> + Send + Sync>;
type OnPlaza = Box<dyn Fn(FromPlaza<'_>) + Send + Sync>;

/// What the application does with what other nodes say. Without any, events reach sockets and servers are answered with
/// nothing.
#[derive(Default)]
pub struct Hooks {
    pub(super) reserved: Option<Reserved>,
    pub(super) server_event: Option<OnServerEvent>,
    pub(super) plaza: Option<OnPlaza>,
}

impl Hooks {
    /// Says of a namespace and an event's name whether it is the application's own: from other servers such an event is
    /// dropped and counted.
    #[must_use]
    pub fn reserve(mut self, reserved: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.reserved = Some(Box::new(reserved));
        self
    }

    /// Called with events from other servers. What it answers goes to those that asked, within
    /// [`answers_within`](super::AdapterOptions::answers_within); nothing, otherwise.
    #[must_use]
    pub fn on_server_event<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(ServerEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<Content<'static>>> + Send + 'static,
    {
        self.server_event = Some(Box::new(move |event| Box::pin(handler(event))));
        self
    }

    /// Called with events that bear what Plaza adds, in the order in which they come. It must not wait.
    #[must_use]
    pub fn on_plaza(mut self, handler: impl Fn(FromPlaza<'_>) + Send + Sync + 'static) -> Self {
        self.plaza = Some(Box::new(handler));
        self
    }

    pub(super) fn is_reserved(&self, namespace: &str, event: &str) -> bool {
        self.reserved.as_ref().is_some_and(|reserved| reserved(namespace, event))
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}
