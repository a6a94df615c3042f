//! What waits to be published through one connection, bounded in bytes.

use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};
use tokio::sync::Notify;

use super::{desk::ServerId, states::Outgoing};
use crate::{channel::Channel, counters::Counters};

/// What a message costs beside its bytes: its place in the queue.
const OVERHEAD: usize = 64;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) channel: Channel,
    pub(crate) payload: Bytes,
    /// How often a server has said that it is another's.
    pub(crate) moved: u8,
}

impl Message {
    pub(crate) fn new(channel: &Channel, payload: Bytes) -> Self {
        Self { channel: channel.clone(), payload, moved: 0 }
    }

    pub(crate) fn cost(&self) -> usize {
        self.channel.as_str().len() + self.payload.len() + OVERHEAD
    }
}

/// What waits to be published.
#[derive(Debug)]
pub(crate) struct Outbox {
    server: ServerId,
    outgoing: Arc<Outgoing>,
    counters: Arc<Counters>,
    most_bytes: usize,
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Message>,
    bytes: usize,
    /// The connection is away: nothing waits for it, since what it would bring later is of no use to anybody.
    closed: bool,
    /// It was full, and has not been emptied to the half since.
    full: bool,
}

impl Outbox {
    pub(crate) fn new(
        server: ServerId,
        outgoing: Arc<Outgoing>,
        counters: Arc<Counters>,
        most_bytes: usize,
    ) -> Arc<Self> {
        let (state, filled) = (Mutex::default(), Notify::new());
        Arc::new(Self { server, outgoing, counters, most_bytes, state, filled })
    }

    /// Puts a message in, or loses it.
    pub(crate) fn push(&self, message: Message) {
        let cost = message.cost();
        let mut state = self.lock();
        if state.closed {
            self.counters.publish_failed.fetch_add(1, Relaxed);
            return;
        }
        if state.bytes + cost > self.most_bytes {
            self.counters.publish_dropped.fetch_add(1, Relaxed);
            if !std::mem::replace(&mut state.full, true) {
                drop(state);
                self.outgoing.breaks(self.server, "more is published than the server takes");
            }
            return;
        }
        state.bytes += cost;
        state.queue.push_back(message);
        if state.queue.len() == 1 {
            self.filled.notify_one();
        }
    }

    /// Resolves when something waits.
    pub(crate) async fn filled(&self) {
        while self.lock().queue.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Takes messages in their order, up to a number and about a size in bytes.
    pub(crate) fn take(&self, most: usize, most_bytes: usize) -> Vec<Message> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < most && bytes < most_bytes {
            let Some(message) = state.queue.pop_front() else { break };
            let cost = message.cost();
            bytes += cost;
            state.bytes -= cost;
            taken.push(message);
        }
        if state.full && state.bytes <= self.most_bytes / 2 {
            state.full = false;
            drop(state);
            self.outgoing.mends(self.server);
        }
        taken
    }

    /// The connection is away: what waits is lost, and what comes until [`Outbox::open`].
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let lost = state.queue.len() as u64;
        state.queue.clear();
        state.bytes = 0;
        let full = std::mem::take(&mut state.full);
        drop(state);
        self.counters.publish_failed.fetch_add(lost, Relaxed);
        if full {
            self.outgoing.mends(self.server);
        }
    }

    /// The connection is there again.
    pub(crate) fn open(&self) {
        self.lock().closed = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
