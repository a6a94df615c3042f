//! The namespaces of this node, and what is subscribed to for each.

use crate::{Bus, Channel, Subscription, wire::Channels};
use futures_util::future::join_all;
use plaza_socketio::Namespace;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// By name.
#[derive(Debug, Default)]
pub(super) struct Spaces(Mutex<HashMap<Box<str>, Space>>);

#[derive(Debug)]
struct Space {
    namespace: Weak<Namespace>,
    /// As long as the namespace is there.
    standing: Vec<Arc<Subscription>>,
    /// Those with members here.
    rooms: HashMap<Box<str>, Arc<Subscription>>,
}

impl Spaces {
    pub(super) fn open(&self, namespace: &Arc<Namespace>, bus: &Bus, channels: &Channels, uid: &str) {
        let name = namespace.name();
        let mut names =
            vec![channels.namespace(name), channels.requests(name), channels.responses_to(name, uid)];
        names.extend(channels.responses(name));
        // In the sharded format requests are made where everything is said; a channel is subscribed to once.
        names.dedup();
        let standing = names
            .into_iter()
            .filter_map(|name| Channel::new(name).ok())
            .map(|channel| Arc::new(bus.subscribe(&channel)))
            .collect();
        let space = Space { namespace: Arc::downgrade(namespace), standing, rooms: HashMap::new() };
        self.lock().insert(name.into(), space);
    }

    /// One is gone. Whether it is: another of its name may have been opened meanwhile.
    pub(super) fn close(&self, namespace: &str) -> bool {
        let mut spaces = self.lock();
        let gone = spaces.get(namespace).is_some_and(|space| space.namespace.strong_count() == 0);
        if gone {
            spaces.remove(namespace);
        }
        gone
    }

    pub(super) fn enter(&self, namespace: &str, room: &str, subscribe: impl FnOnce() -> Subscription) {
        if let Some(space) = self.lock().get_mut(namespace) {
            space.rooms.insert(room.into(), Arc::new(subscribe()));
        }
    }

    pub(super) fn leave(&self, namespace: &str, room: &str) {
        if let Some(space) = self.lock().get_mut(namespace) {
            space.rooms.remove(room);
        }
    }

    pub(super) fn find(&self, namespace: &str) -> Option<Arc<Namespace>> {
        self.lock().get(namespace)?.namespace.upgrade()
    }

    pub(super) fn names(&self) -> Vec<Box<str>> {
        self.lock().keys().cloned().collect()
    }

    pub(super) async fn ready(&self) {
        let standing: Vec<_> = self.lock().values().flat_map(|space| space.standing.clone()).collect();
        join_all(standing.iter().map(|subscription| subscription.ready())).await;
    }

    /// Whether this namespace's questions are heard; waits until they are.
    pub(super) async fn namespace_ready(&self, namespace: &str) {
        let standing = self.lock().get(namespace).map(|space| space.standing.clone()).unwrap_or_default();
        join_all(standing.iter().map(|subscription| subscription.ready())).await;
    }

    pub(super) async fn hears(&self, namespace: &str, room: &str) {
        let subscription = self.lock().get(namespace).and_then(|space| space.rooms.get(room).cloned());
        if let Some(subscription) = subscription {
            // An error: the bus is shut down, and nothing is heard ever after.
            let _ = subscription.ready().await;
        }
        self.namespace_ready(namespace).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Space>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
