//! How much the feed passes on and how late, for the operator.

use crate::Clock;
use plaza_protocol::Event;
use plaza_store::Histogram;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What a feed has passed on so far.
pub struct FeedStats {
    clock: Arc<dyn Clock>,
    deliveries: AtomicU64,
    /// From when the log took a message to when it had been put into the last outbox, in microseconds, for messages that
    /// had receivers. The clock tells milliseconds.
    pub lag: Histogram,
}

impl FeedStats {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, deliveries: AtomicU64::new(0), lag: Histogram::new(Histogram::MICROS) }
    }

    /// Events put into outboxes: each once for each receiver.
    pub fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Relaxed)
    }

    /// An event has been passed on.
    pub(super) fn passed(&self, event: &Event, receivers: usize) {
        if receivers == 0 {
            return;
        }
        self.deliveries.fetch_add(receivers as u64, Ordering::Relaxed);
        if let Event::Message(message) = event {
            let millis = self.clock.now().saturating_sub(message.at.as_millis());
            // A clock that was set back in between tells nothing.
            self.lag.add(u64::try_from(millis).unwrap_or(0).saturating_mul(1_000));
        }
    }
}

impl std::fmt::Debug for FeedStats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedStats").field("deliveries", &self.deliveries()).finish_non_exhaustive()
    }
}
