//! What comes in: messages, bounded in bytes, and what may have been lost.
//!
//! Interruptions do not queue behind messages. Each shard and direction has one slot that knows what was told
//! and what is so now, so a link that flaps while nobody reads costs no memory, and the reader is told once.
//! A `Restored` that overtakes messages is no lie: who compares positions after it sees at least what they bring.

use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

use crate::counters::Counters;

/// What a message costs beside its bytes: its place in the queue and its allocation.
const OVERHEAD: usize = 64;

/// What a node hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Bytes that some node, perhaps this one, published on a channel.
    Message {
        /// Where.
        channel: Arc<str>,
        /// What.
        payload: Bytes,
    },
    /// From now on messages may be missed, or may have been already.
    Interrupted {
        /// The shard whose channels it concerns ([`Bus::shard_of`](crate::Bus::shard_of)).
        shard: usize,
        /// What comes in, or what goes out.
        direction: Direction,
    },
    /// All is in force again. What was missed does not come any more: now is the time to compare positions.
    Restored {
        /// The shard whose channels it concerns.
        shard: usize,
        /// What comes in, or what goes out.
        direction: Direction,
    },
}

/// Which way messages were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// This node may have missed what others published.
    In,
    /// Others may have missed what this node published.
    Out,
}

/// Both directions.
const DIRECTIONS: [Direction; 2] = [Direction::In, Direction::Out];

/// The one place where everything arrives.
#[derive(Debug)]
pub struct Receiver(pub(crate) Arc<Inbox>);

impl Receiver {
    /// The next thing that came in; `None` once the bus is shut down and all was taken. Cancel safe.
    pub async fn recv(&mut self) -> Option<Incoming> {
        loop {
            let arrived = self.0.arrived.notified();
            if let Some(next) = self.0.take() {
                return next;
            }
            arrived.await;
        }
    }

    /// The next thing, if there is one already.
    pub fn try_recv(&mut self) -> Option<Incoming> {
        self.0.take().flatten()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What waits to be received.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
    most_bytes: usize,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<(Arc<str>, Bytes)>,
    bytes: usize,
    /// One a shard and direction.
    tellings: Vec<[Telling; 2]>,
    /// Some telling differs from what was told.
    untold: bool,
    closed: bool,
}

/// What was told of a shard's direction, and what is so now.
#[derive(Debug, Default, Clone, Copy)]
struct Telling {
    /// `Interrupted` was told, and `Restored` was not.
    told: bool,
    /// The link is down.
    down: bool,
    /// The queue was full, and has not been emptied to the half since.
    full: bool,
    /// Something was lost since the last `Interrupted`.
    lost: bool,
}

impl Telling {
    fn broken(self) -> bool {
        self.down || self.full
    }

    fn has_news(self) -> bool {
        if self.told { !self.broken() } else { self.broken() || self.lost }
    }
}

impl Inbox {
    /// An inbox for this many shards.
    pub(crate) fn new(shards: usize, most_bytes: usize, counters: Arc<Counters>) -> Arc<Self> {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            tellings: vec![Default::default(); shards],
            untold: false,
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), arrived: Notify::new(), most_bytes, counters })
    }

    /// Puts a message in, or loses it and says so.
    pub(crate) fn push(&self, shard: usize, channel: Arc<str>, payload: Bytes) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let cost = channel.len() + payload.len() + OVERHEAD;
        if state.bytes + cost > self.most_bytes {
            self.counters.incoming_dropped.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            state.change(shard, Direction::In, |telling| {
                telling.full = true;
                telling.lost = true;
            });
        } else {
            self.counters.received.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            state.bytes += cost;
            state.queue.push_back((channel, payload));
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Says whether a direction of a shard works. Down, it may be losing messages.
    pub(crate) fn set_down(&self, shard: usize, direction: Direction, down: bool) {
        self.lock().change(shard, direction, |telling| {
            telling.down = down;
            telling.lost |= down;
        });
        self.arrived.notify_one();
    }

    /// Says that something was lost, and that it goes on.
    pub(crate) fn lost(&self, shard: usize, direction: Direction) {
        self.lock().change(shard, direction, |telling| telling.lost = true);
        self.arrived.notify_one();
    }

    /// Nothing comes in any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// The next thing; `Some(None)` at the end, `None` while there is nothing.
    fn take(&self) -> Option<Option<Incoming>> {
        let mut state = self.lock();
        if state.untold {
            if let Some(news) = state.news() {
                return Some(Some(news));
            }
            state.untold = false;
        }
        let Some((channel, payload)) = state.queue.pop_front() else {
            return state.closed.then_some(None);
        };
        state.bytes -= channel.len() + payload.len() + OVERHEAD;
        if state.bytes <= self.most_bytes / 2 {
            state.has_room_again();
        }
        Some(Some(Incoming::Message { channel, payload }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, shard: usize, direction: Direction, change: impl FnOnce(&mut Telling)) {
        if let Some(directions) = self.tellings.get_mut(shard) {
            change(&mut directions[direction as usize]);
            self.untold = true;
        }
    }

    fn has_room_again(&mut self) {
        for telling in self.tellings.iter_mut().flatten() {
            if telling.full {
                telling.full = false;
                self.untold = true;
            }
        }
    }

    fn news(&mut self) -> Option<Incoming> {
        for (shard, directions) in self.tellings.iter_mut().enumerate() {
            for direction in DIRECTIONS {
                let telling = &mut directions[direction as usize];
                if !telling.has_news() {
                    continue;
                }
                telling.told = !telling.told;
                telling.lost = false;
                return Some(if telling.told {
                    Incoming::Interrupted { shard, direction }
                } else {
                    Incoming::Restored { shard, direction }
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(most_bytes: usize) -> (Arc<Inbox>, Receiver) {
        let inbox = Inbox::new(2, most_bytes, Arc::default());
        (inbox.clone(), Receiver(inbox))
    }

    fn message(text: &'static str) -> Incoming {
        Incoming::Message { channel: "c".into(), payload: Bytes::from_static(text.as_bytes()) }
    }

    const INTERRUPTED: Incoming = Incoming::Interrupted { shard: 1, direction: Direction::In };
    const RESTORED: Incoming = Incoming::Restored { shard: 1, direction: Direction::In };

    #[test]
    fn a_link_that_flaps_unread_is_told_once() {
        let (inbox, mut receiver) = inbox(1_000);
        for _ in 0..100 {
            inbox.set_down(1, Direction::In, true);
            inbox.set_down(1, Direction::In, false);
        }
        assert_eq!(receiver.try_recv(), Some(INTERRUPTED));
        assert_eq!(receiver.try_recv(), Some(RESTORED));
        assert_eq!(receiver.try_recv(), None);
    }

    #[test]
    fn a_loss_between_the_two_is_covered_by_the_second() {
        let (inbox, mut receiver) = inbox(1_000);
        inbox.set_down(1, Direction::In, true);
        assert_eq!(receiver.try_recv(), Some(INTERRUPTED));
        inbox.lost(1, Direction::In);
        assert_eq!(receiver.try_recv(), None);
        inbox.set_down(1, Direction::In, false);
        assert_eq!(receiver.try_recv(), Some(RESTORED));
        assert_eq!(receiver.try_recv(), None);
    }

    #[test]
    fn what_does_not_fit_is_lost_and_told_and_told_restored_once_half_is_read() {
        let (inbox, mut receiver) = inbox(4 * (OVERHEAD + 2));
        for text in ["1", "2", "3", "4", "5"] {
            inbox.push(1, "c".into(), Bytes::from_static(text.as_bytes()));
        }
        assert_eq!(receiver.try_recv(), Some(INTERRUPTED));
        assert_eq!(receiver.try_recv(), Some(message("1")));
        assert_eq!(receiver.try_recv(), Some(message("2")));
        assert_eq!(receiver.try_recv(), Some(RESTORED));
        inbox.push(1, "c".into(), Bytes::from_static(b"6"));
        for text in ["3", "4", "6"] {
            assert_eq!(receiver.try_recv(), Some(message(text)));
        }
        assert_eq!(receiver.try_recv(), None);
    }

    #[tokio::test]
    async fn the_end_comes_after_what_waited() {
        let (inbox, mut receiver) = inbox(1_000);
        inbox.push(0, "c".into(), Bytes::from_static(b"1"));
        inbox.close();
        assert_eq!(receiver.recv().await, Some(message("1")));
        assert_eq!(receiver.recv().await, None);
        assert_eq!(receiver.recv().await, None);
    }
}
