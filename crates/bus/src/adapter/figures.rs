//! What an adapter counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) unsayable: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) reserved: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) answers_dropped: AtomicU64,
}

/// What an adapter has counted since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdapterFigures {
    /// Messages handed to the bus.
    pub sent: u64,
    /// Broadcasts to a room whose name is too long for a channel: no other node heard of them.
    pub unsayable: u64,
    /// Messages of other nodes that came in.
    pub received: u64,
    /// Those of them that were none, or beyond the bounds, and were dropped.
    pub malformed: u64,
    /// Those that bore the name of an event that is the application's own, and were dropped.
    pub reserved: u64,
    /// Those for a namespace that is not here.
    pub unknown: u64,
    /// Questions answered with nothing, because too many others were waiting.
    pub unanswered: u64,
    /// Answers that came when nobody waited for them any more, which the classic format does not tell from those for other
    /// nodes, or beyond the bounds.
    pub answers_dropped: u64,
}

impl Counts {
    pub(super) fn read(&self) -> AdapterFigures {
        AdapterFigures {
            sent: self.sent.load(Relaxed),
            unsayable: self.unsayable.load(Relaxed),
            received: self.received.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            reserved: self.reserved.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            unanswered: self.unanswered.load(Relaxed),
            answers_dropped: self.answers_dropped.load(Relaxed),
        }
    }
}
