//! What this node wants to hear, and for how long.
//!
//! A channel is wanted while somebody holds a [`Subscription`] to it, and a short while longer: people who reload
//! a page leave a room and come back, and every change is a round trip and a chance to miss something.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use crate::{bus::BusError, bus::Carrier, channel::Channel};

/// Whether a subscription is in force.
pub(crate) type Confirmed = watch::Sender<bool>;

/// This node hears the channel while this is held.
#[derive(Debug)]
#[must_use = "dropped, it ends the subscription"]
pub struct Subscription {
    channel: Channel,
    confirmed: watch::Receiver<bool>,
    topics: Arc<Topics>,
}

impl Subscription {
    /// Resolves once the server has confirmed the subscription: what is published from now on comes in, until an
    /// [`Incoming::Interrupted`](crate::Incoming::Interrupted). At once if that is so already; while the server is
    /// away it waits, so the caller sets the limit. An error once the bus is shut down.
    pub async fn ready(&self) -> Result<(), BusError> {
        let mut confirmed = self.confirmed.clone();
        confirmed.wait_for(|yes| *yes).await.map(drop).map_err(|_| BusError::Closed)
    }

    /// Whether the subscription is in force now.
    pub fn is_subscribed(&self) -> bool {
        *self.confirmed.borrow()
    }

    /// The channel.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topics.release(&self.channel);
    }
}

/// All that this node wants to hear.
#[derive(Debug)]
pub(crate) struct Topics {
    state: Mutex<State>,
    carrier: Carrier,
    linger: Duration,
    /// Something lingers.
    lingering: Notify,
}

#[derive(Debug, Default)]
struct State {
    wanted: HashMap<Channel, Wanted>,
    /// What is looked at when: one entry a lingering channel, in the order of the times.
    going: VecDeque<(Instant, Channel)>,
    closed: bool,
}

#[derive(Debug)]
struct Wanted {
    holders: usize,
    confirmed: Arc<Confirmed>,
    /// When the last holder went.
    left: Option<Instant>,
    /// It is in `going`.
    going: bool,
}

impl Topics {
    pub(crate) fn new(carrier: Carrier, linger: Duration) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), carrier, linger, lingering: Notify::new() })
    }

    /// One more holder of this.
    pub(crate) fn hold(self: &Arc<Self>, channel: Channel) -> Subscription {
        let mut state = self.lock();
        let confirmed = if state.closed {
            // Its sender is gone at once: it is never confirmed.
            watch::channel(false).1
        } else {
            match state.wanted.entry(channel.clone()) {
                Entry::Occupied(mut wanted) => {
                    let wanted = wanted.get_mut();
                    wanted.holders += 1;
                    wanted.left = None;
                    wanted.confirmed.subscribe()
                }
                Entry::Vacant(vacant) => {
                    let confirmed = Arc::new(watch::Sender::new(false));
                    let receiver = confirmed.subscribe();
                    self.carrier.want(&channel, &confirmed);
                    vacant.insert(Wanted { holders: 1, confirmed, left: None, going: false });
                    receiver
                }
            }
        };
        drop(state);
        Subscription { channel, confirmed, topics: self.clone() }
    }

    fn release(&self, channel: &Channel) {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(wanted) = state.wanted.get_mut(channel) else { return };
        wanted.holders = wanted.holders.saturating_sub(1);
        if wanted.holders > 0 {
            return;
        }
        let now = Instant::now();
        wanted.left = Some(now);
        if !wanted.going {
            wanted.going = true;
            state.going.push_back((now + self.linger, channel.clone()));
            self.lingering.notify_one();
        }
    }

    /// How many channels are wanted.
    pub(crate) fn len(&self) -> usize {
        self.lock().wanted.len()
    }

    /// Ends what has lingered long enough. Runs until it is dropped.
    pub(crate) async fn let_go(&self) {
        loop {
            let next = self.lock().going.front().map(|(when, _)| *when);
            match next {
                Some(when) => sleep_until(when).await,
                None => self.lingering.notified().await,
            }
            self.let_go_until(Instant::now());
        }
    }

    fn let_go_until(&self, now: Instant) {
        let mut state = self.lock();
        let state = &mut *state;
        while state.going.front().is_some_and(|(when, _)| *when <= now) {
            let Some((_, channel)) = state.going.pop_front() else { return };
            let Some(wanted) = state.wanted.get_mut(&channel) else { continue };
            match wanted.left.map(|left| left + self.linger) {
                // Somebody came back.
                None => wanted.going = false,
                // Somebody came back and went again.
                Some(due) if due > now => state.going.push_back((due, channel)),
                Some(_) => {
                    state.wanted.remove(&channel);
                    self.carrier.unwant(&channel);
                }
            }
        }
    }

    /// Nothing is wanted any more, and nothing new will be.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.going.clear();
        for (channel, _) in state.wanted.drain() {
            self.carrier.unwant(&channel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
