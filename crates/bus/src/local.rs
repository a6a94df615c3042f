//! The bus of one process: nodes that share memory.

use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    channel::Channel,
    inbox::{Direction, Inbox},
    topics::Confirmed,
};

/// What the nodes of one process share to hear each other. Clones are the same bus.
#[derive(Debug, Clone, Default)]
pub struct LocalBus(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    table: RwLock<Table>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    nodes: HashMap<u64, Arc<Inbox>>,
    channels: HashMap<Channel, Vec<(u64, Arc<Inbox>)>>,
    down: bool,
}

/// One node's end.
#[derive(Debug)]
pub(crate) struct LocalLink {
    bus: LocalBus,
    id: u64,
    inbox: Arc<Inbox>,
}

impl LocalBus {
    /// A bus without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bus down, or up again, for all its nodes: down, it loses everything, and tells them so. For tests.
    pub fn set_down(&self, down: bool) {
        let mut table = self.0.table.write().unwrap_or_else(PoisonError::into_inner);
        table.down = down;
        for inbox in table.nodes.values() {
            inbox.set_down(0, Direction::In, down);
            inbox.set_down(0, Direction::Out, down);
        }
    }

    pub(crate) fn join(&self, inbox: Arc<Inbox>) -> LocalLink {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.table.write().unwrap_or_else(PoisonError::into_inner).nodes.insert(id, inbox.clone());
        LocalLink { bus: self.clone(), id, inbox }
    }
}

impl LocalLink {
    pub(crate) fn publish(&self, channel: &Channel, payload: &Bytes) {
        let table = self.bus.0.table.read().unwrap_or_else(PoisonError::into_inner);
        if table.down {
            return;
        }
        for (_, inbox) in table.channels.get(channel).into_iter().flatten() {
            inbox.push(0, channel.name().clone(), payload.clone());
        }
    }

    /// Whether no other node shares this memory, so that nobody would hear what is published.
    pub(crate) fn is_alone(&self) -> bool {
        self.bus.0.table.read().unwrap_or_else(PoisonError::into_inner).nodes.len() <= 1
    }

    pub(crate) fn subscribers(&self, channel: &Channel) -> usize {
        let table = self.bus.0.table.read().unwrap_or_else(PoisonError::into_inner);
        table.channels.get(channel).map_or(0, Vec::len)
    }

    pub(crate) fn want(&self, channel: &Channel, confirmed: &Confirmed) {
        let mut table = self.bus.0.table.write().unwrap_or_else(PoisonError::into_inner);
        table.channels.entry(channel.clone()).or_default().push((self.id, self.inbox.clone()));
        confirmed.send_replace(true);
    }

    pub(crate) fn unwant(&self, channel: &Channel) {
        let mut table = self.bus.0.table.write().unwrap_or_else(PoisonError::into_inner);
        let Some(nodes) = table.channels.get_mut(channel) else { return };
        nodes.retain(|(id, _)| *id != self.id);
        if nodes.is_empty() {
            table.channels.remove(channel);
        }
    }
}

impl Drop for LocalLink {
    fn drop(&mut self) {
        self.bus.0.table.write().unwrap_or_else(PoisonError::into_inner).nodes.remove(&self.id);
    }
}
