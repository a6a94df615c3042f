//! The namespaces of this node, and what is subscribed to for each.

use crate::{Bus, Channel, Subscription, wire::Channels};
use futures_util::future::join_all;
use plaza_socketio::Namespace;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Spaces(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_name: HashMap<Box<str>, Space>,
    /// How many shards of the bus may be losing what comes in.
    interrupted: usize,
}

#[derive(Debug)]
struct Space {
    namespace: Weak<Namespace>,
    /// As long as the namespace is there.
    standing: Vec<Arc<Subscription>>,
    /// Those with members here, or away, and how often each is occupied.
    rooms: HashMap<Box<str>, (usize, Arc<Subscription>)>,
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
        let mut state = self.lock();
        if state.interrupted > 0 {
            namespace.hears_others(false);
        }
        state.by_name.insert(name.into(), space);
    }

    /// A shard may lose what comes in.
    pub(super) fn interrupted(&self) {
        self.change(|interrupted| interrupted + 1);
    }

    /// And does so no more.
    pub(super) fn restored(&self) {
        self.change(|interrupted| interrupted.saturating_sub(1));
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let (namespaces, hears): (Vec<_>, _) = {
            let mut state = self.lock();
            state.interrupted = change(state.interrupted);
            let there = state.by_name.values().filter_map(|space| space.namespace.upgrade());
            (there.collect(), state.interrupted == 0)
        };
        // Outside the lock: a namespace says under its own that a room is vacated.
        namespaces.iter().for_each(|namespace| namespace.hears_others(hears));
    }

    /// One is gone. Whether it is: another of its name may have been opened meanwhile.
    pub(super) fn close(&self, namespace: &str) -> bool {
        let spaces = &mut self.lock().by_name;
        let gone = spaces.get(namespace).is_some_and(|space| space.namespace.strong_count() == 0);
        if gone {
            spaces.remove(namespace);
        }
        gone
    }

    pub(super) fn enter(&self, namespace: &str, room: &str, subscribe: impl FnOnce() -> Subscription) {
        if let Some(space) = self.lock().by_name.get_mut(namespace) {
            let (times, _) = space.rooms.entry(room.into()).or_insert_with(|| (0, Arc::new(subscribe())));
            *times += 1;
        }
    }

    pub(super) fn leave(&self, namespace: &str, room: &str) {
        if let Some(space) = self.lock().by_name.get_mut(namespace)
            && let Some((times, _)) = space.rooms.get_mut(room)
        {
            *times -= 1;
            if *times == 0 {
                space.rooms.remove(room);
            }
        }
    }

    pub(super) fn find(&self, namespace: &str) -> Option<Arc<Namespace>> {
        self.lock().by_name.get(namespace)?.namespace.upgrade()
    }

    pub(super) fn names(&self) -> Vec<Box<str>> {
        self.lock().by_name.keys().cloned().collect()
    }

    pub(super) async fn ready(&self) {
        let standing: Vec<_> =
            self.lock().by_name.values().flat_map(|space| space.standing.clone()).collect();
        join_all(standing.iter().map(|subscription| subscription.ready())).await;
    }

    /// Whether this namespace's questions are heard; waits until they are.
    pub(super) async fn namespace_ready(&self, namespace: &str) {
        let standing =
            self.lock().by_name.get(namespace).map(|space| space.standing.clone()).unwrap_or_default();
        join_all(standing.iter().map(|subscription| subscription.ready())).await;
    }

    pub(super) async fn hears(&self, namespace: &str, room: &str) {
        let subscription = self
            .lock()
            .by_name
            .get(namespace)
            .and_then(|space| space.rooms.get(room).map(|(_, heard)| heard.clone()));
        if let Some(subscription) = subscription {
            // An error: the bus is shut down, and nothing is heard ever after.
            let _ = subscription.ready().await;
        }
        self.namespace_ready(namespace).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
