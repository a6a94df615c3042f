//! What a shard's servers are to be asked for, and what of it is in force.
//!
//! One desk a shard. Each entry says which server serves it now; whoever talks to that server takes from its queue
//! what to ask next. While nobody talks to a server it has no queue: on connecting, everything it serves is queued
//! anew. So a queue never holds a channel twice, and never grows while a server is away.
//!
//! A channel that was in force and is not any more is *lost*. The shard is interrupted while there is one.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};
use tokio::sync::Notify;

use crate::{
    channel::Channel,
    counters::Counters,
    inbox::{Direction, Inbox},
    topics::Confirmed,
};

/// Names a server within the bus.
pub(crate) type ServerId = usize;

/// What is to be asked of a server next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Subscribe(Channel),
    Unsubscribe(Channel),
}

/// A shard's subscriptions.
#[derive(Debug)]
pub(crate) struct Desk {
    shard: usize,
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    wanted: HashMap<Channel, Entry>,
    queues: HashMap<ServerId, Queue>,
    lost: usize,
}

#[derive(Debug)]
struct Entry {
    confirmed: Arc<Confirmed>,
    /// Who serves it, if that is known.
    server: Option<ServerId>,
    stage: Stage,
    /// It was in force, and has not been since.
    lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Asked,
    InForce,
}

#[derive(Debug, Default)]
struct Queue {
    channels: VecDeque<Channel>,
    queued: HashSet<Channel>,
    wake: Arc<Notify>,
}

impl Queue {
    fn push(&mut self, channel: &Channel) {
        if self.queued.insert(channel.clone()) {
            self.channels.push_back(channel.clone());
            self.wake.notify_one();
        }
    }
}

impl State {
    fn entry(&mut self, channel: &Channel) -> Option<&mut Entry> {
        self.wanted.get_mut(channel)
    }

    fn entries(&mut self) -> impl Iterator<Item = (Channel, &mut Entry)> {
        self.wanted.iter_mut().map(|(channel, entry)| (channel.clone(), entry))
    }

    fn enqueue(&mut self, server: Option<ServerId>, channel: &Channel) {
        if let Some(queue) = server.and_then(|server| self.queues.get_mut(&server)) {
            queue.push(channel);
        }
    }
}

impl Entry {
    /// Not in force any more. Whether it was.
    fn end(&mut self) -> bool {
        let was = self.stage == Stage::InForce;
        self.stage = Stage::Idle;
        if was {
            self.confirmed.send_replace(false);
        }
        let newly = was && !self.lost;
        self.lost |= was;
        newly
    }
}

impl Desk {
    pub(crate) fn new(shard: usize, inbox: Arc<Inbox>, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self { shard, inbox, counters, state: Mutex::default() })
    }

    pub(crate) fn want(&self, channel: &Channel, confirmed: &Arc<Confirmed>, server: Option<ServerId>) {
        let mut state = self.lock();
        let entry = Entry { confirmed: confirmed.clone(), server, stage: Stage::Idle, lost: false };
        state.wanted.insert(channel.clone(), entry);
        state.enqueue(server, channel);
    }

    pub(crate) fn unwant(&self, channel: &Channel) {
        let mut state = self.lock();
        let Some(entry) = state.wanted.remove(channel) else { return };
        state.enqueue(entry.server, channel);
        if entry.lost {
            self.found(&mut state);
        }
    }

    /// Somebody talks to this server from now on: what wakes it when there is something to ask.
    pub(crate) fn connect(&self, server: ServerId) -> Arc<Notify> {
        let mut state = self.lock();
        let mut queue = Queue::default();
        for (channel, entry) in state.entries() {
            if entry.server == Some(server) {
                queue.push(&channel);
            }
        }
        let wake = queue.wake.clone();
        state.queues.insert(server, queue);
        wake
    }

    /// Nobody talks to this server any more.
    pub(crate) fn disconnect(&self, server: ServerId) {
        let mut state = self.lock();
        state.queues.remove(&server);
        let ended = state.entries().filter(|(_, entry)| entry.server == Some(server));
        let lost = ended.filter_map(|(_, entry)| entry.end().then_some(())).count();
        self.lose(&mut state, lost);
    }

    /// What to ask of the server next, given what this connection has asked for before.
    pub(crate) fn next(&self, server: ServerId, held: &HashSet<Channel>) -> Option<Ask> {
        let mut state = self.lock();
        loop {
            let queue = state.queues.get_mut(&server)?;
            let channel = queue.channels.pop_front()?;
            queue.queued.remove(&channel);
            match state.entry(&channel) {
                Some(entry) if entry.server == Some(server) && entry.stage == Stage::Idle => {
                    entry.stage = Stage::Asked;
                    if entry.lost {
                        self.counters.resubscribes.fetch_add(1, Relaxed);
                    }
                    return Some(Ask::Subscribe(channel));
                }
                Some(entry) if entry.server == Some(server) => {}
                _ if held.contains(&channel) => return Some(Ask::Unsubscribe(channel)),
                _ => {}
            }
        }
    }

    /// The server has confirmed.
    pub(crate) fn in_force(&self, server: ServerId, channel: &Channel) {
        let mut state = self.lock();
        let Some(entry) = state.entry(channel).filter(|entry| entry.server == Some(server)) else { return };
        if entry.stage != Stage::Asked {
            return;
        }
        entry.stage = Stage::InForce;
        entry.confirmed.send_replace(true);
        if std::mem::take(&mut entry.lost) {
            self.found(&mut state);
        }
    }

    /// The server has refused, or has ended the subscription by itself. Whether it is still wanted of this server.
    pub(crate) fn ended(&self, server: ServerId, channel: &Channel) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.entry(channel).filter(|entry| entry.server == Some(server)) else {
            return false;
        };
        let lost = usize::from(entry.end());
        self.lose(&mut state, lost);
        true
    }

    /// It has to be asked for once more, of whoever serves it now.
    pub(crate) fn again(&self, channel: &Channel) {
        let mut state = self.lock();
        let server = state.entry(channel).and_then(|entry| entry.server);
        state.enqueue(server, channel);
    }

    /// Who serves what has changed.
    pub(crate) fn route(&self, server_of: impl Fn(&Channel) -> Option<ServerId>) {
        let mut state = self.lock();
        let mut moved = Vec::new();
        let mut lost = 0;
        for (channel, entry) in state.entries() {
            let server = server_of(&channel);
            if entry.server != server {
                lost += usize::from(entry.end());
                moved.push((channel, entry.server));
                entry.server = server;
            }
        }
        for (channel, before) in moved {
            state.enqueue(before, &channel);
            let now = state.entry(&channel).and_then(|entry| entry.server);
            state.enqueue(now, &channel);
        }
        self.lose(&mut state, lost);
    }

    /// The shared name of a channel, if it is wanted.
    pub(crate) fn name(&self, channel: &str) -> Option<Arc<str>> {
        self.lock().wanted.get_key_value(channel).map(|(channel, _)| channel.name().clone())
    }

    /// What of this server is taken to be in force.
    pub(crate) fn all_in_force(&self, server: ServerId) -> Vec<Channel> {
        let mut state = self.lock();
        let all = state.entries().filter(|(_, entry)| entry.server == Some(server));
        all.filter(|(_, entry)| entry.stage == Stage::InForce).map(|(channel, _)| channel).collect()
    }

    fn lose(&self, state: &mut State, count: usize) {
        if count > 0 {
            state.lost += count;
            self.inbox.set_down(self.shard, Direction::In, true);
        }
    }

    fn found(&self, state: &mut State) {
        state.lost = state.lost.saturating_sub(1);
        if state.lost == 0 {
            self.inbox.set_down(self.shard, Direction::In, false);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
