//! How it stands with each server: for the log, health and figures.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

use super::desk::ServerId;
use crate::{
    ServerState,
    inbox::{Direction, Inbox},
};

/// All servers and how it stands with them.
#[derive(Debug)]
pub(crate) struct States {
    sender: watch::Sender<Vec<ServerState>>,
}

impl States {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { sender: watch::Sender::new(Vec::new()) })
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Vec<ServerState>> {
        self.sender.subscribe()
    }

    pub(crate) fn add(&self, id: ServerId, server: &str, shard: usize) {
        let why: Option<Arc<str>> = Some("not connected yet".into());
        let (publishing, subscribing) = (why.clone(), why);
        let state = ServerState { id, server: server.into(), shard, found: None, publishing, subscribing };
        self.sender.send_modify(|servers| servers.push(state));
    }

    pub(crate) fn remove(&self, id: ServerId) {
        self.sender.send_modify(|servers| servers.retain(|state| state.id != id));
    }

    pub(crate) fn found(&self, id: ServerId, found: &str) {
        self.change(id, |state| replace(&mut state.found, Some(found)));
    }

    /// Why nothing can be published there; `None` if something can.
    pub(crate) fn publishing(&self, id: ServerId, why: Option<&str>) {
        self.change(id, |state| {
            let changed = replace(&mut state.publishing, why);
            log(changed, &state.server, "publishing", why);
            changed
        });
    }

    /// Why subscriptions there are not in force; `None` if they are.
    pub(crate) fn subscribing(&self, id: ServerId, why: Option<&str>) {
        self.change(id, |state| {
            let changed = replace(&mut state.subscribing, why);
            log(changed, &state.server, "subscribing", why);
            changed
        });
    }

    fn change(&self, id: ServerId, change: impl FnOnce(&mut ServerState) -> bool) {
        self.sender
            .send_if_modified(|servers| servers.iter_mut().find(|state| state.id == id).is_some_and(change));
    }
}

fn replace(old: &mut Option<Arc<str>>, new: Option<&str>) -> bool {
    let changed = old.as_deref() != new;
    if changed {
        *old = new.map(Arc::from);
    }
    changed
}

fn log(changed: bool, server: &str, what: &str, why: Option<&str>) {
    match why {
        _ if !changed => {}
        Some(why) => tracing::warn!(server, "{what} is interrupted: {why}"),
        None => tracing::info!(server, "{what} works"),
    }
}

/// Whether what this node publishes on a shard reaches the others.
#[derive(Debug)]
pub(crate) struct Outgoing {
    shard: usize,
    /// Each server carries everything, so one that is up is enough.
    paired: bool,
    inbox: Arc<Inbox>,
    states: Arc<States>,
    /// How many of each server's connections do not work.
    broken: Mutex<HashMap<ServerId, usize>>,
}

impl Outgoing {
    pub(crate) fn new(shard: usize, paired: bool, inbox: Arc<Inbox>, states: Arc<States>) -> Arc<Self> {
        Arc::new(Self { shard, paired, inbox, states, broken: Mutex::default() })
    }

    /// A server more; its connections are taken to work until they do not.
    pub(crate) fn add(&self, server: ServerId) {
        self.with(|broken| {
            broken.insert(server, 0);
        });
    }

    /// A server less; what was on its way there is lost.
    pub(crate) fn remove(&self, server: ServerId) {
        self.lost();
        self.with(|broken| {
            broken.remove(&server);
        });
    }

    /// One of the server's connections has ceased to work, and what went through it may be lost.
    pub(crate) fn breaks(&self, server: ServerId, why: &str) {
        self.states.publishing(server, Some(why));
        self.with(|broken| {
            if let Some(count) = broken.get_mut(&server) {
                *count += 1;
            }
        });
        self.lost();
    }

    /// It still does not work, for this reason.
    pub(crate) fn still(&self, server: ServerId, why: &str) {
        self.states.publishing(server, Some(why));
    }

    /// It works again.
    pub(crate) fn mends(&self, server: ServerId) {
        let mut works = false;
        self.with(|broken| {
            if let Some(count) = broken.get_mut(&server) {
                *count = count.saturating_sub(1);
                works = *count == 0;
            }
        });
        if works {
            self.states.publishing(server, None);
            // Of a pair: who was connected to this one only has missed what went to the other.
            self.lost();
        }
    }

    /// A message was lost, and it goes on.
    pub(crate) fn lost(&self) {
        self.inbox.lost(self.shard, Direction::Out);
    }

    fn with(&self, change: impl FnOnce(&mut HashMap<ServerId, usize>)) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut broken);
        let down = if self.paired {
            !broken.is_empty() && broken.values().all(|count| *count > 0)
        } else {
            broken.values().any(|count| *count > 0)
        };
        self.inbox.set_down(self.shard, Direction::Out, down);
    }
}
