//! What the bus counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Plain counts, for whoever shows figures.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) published: AtomicU64,
    pub(crate) publish_dropped: AtomicU64,
    pub(crate) publish_failed: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) incoming_dropped: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) disconnects: AtomicU64,
    pub(crate) resubscribes: AtomicU64,
    pub(crate) cache_dropped: AtomicU64,
}

/// What the bus has counted since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BusStats {
    /// Messages taken for publishing.
    pub published: u64,
    /// Messages not published, because too much waited already; on a pair, once for each server.
    pub publish_dropped: u64,
    /// Messages that a server refused, or that a lost connection may have swallowed; on a pair, once for each server.
    pub publish_failed: u64,
    /// Messages that came in.
    pub received: u64,
    /// Messages that came in and were dropped, because too many waited to be read.
    pub incoming_dropped: u64,
    /// Connections made to servers.
    pub connects: u64,
    /// Connections lost.
    pub disconnects: u64,
    /// Channels subscribed again after a loss or a move.
    pub resubscribes: u64,
    /// Copies that the cache did not take, because its server was away or too slow; on a pair, once for each server.
    pub cache_dropped: u64,
    /// Channels that this node wants to hear now, those that linger included.
    pub channels: u64,
}

impl Counters {
    pub(crate) fn read(&self, channels: usize) -> BusStats {
        BusStats {
            published: self.published.load(Relaxed),
            publish_dropped: self.publish_dropped.load(Relaxed),
            publish_failed: self.publish_failed.load(Relaxed),
            received: self.received.load(Relaxed),
            incoming_dropped: self.incoming_dropped.load(Relaxed),
            connects: self.connects.load(Relaxed),
            disconnects: self.disconnects.load(Relaxed),
            resubscribes: self.resubscribes.load(Relaxed),
            cache_dropped: self.cache_dropped.load(Relaxed),
            channels: channels as u64,
        }
    }
}
