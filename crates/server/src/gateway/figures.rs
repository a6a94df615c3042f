//! What the operator asks of the sockets.

use super::Gateway;
use plaza_chat::{FeedStats, PresenceStats};
use std::sync::Arc;

impl Gateway {
    /// Engine.IO sessions now, those that are in no namespace yet included.
    pub(crate) fn sessions(&self) -> usize {
        self.io.clients()
    }

    /// Clients that wait for their turn to come in.
    pub(crate) fn arrivals_waiting(&self) -> usize {
        self.here.arrivals.waiting()
    }

    /// What waits for all of them, in bytes.
    pub(crate) fn outbox_bytes(&self) -> usize {
        self.io.outbox_bytes()
    }

    /// What was passed on to them.
    pub(crate) fn feed_stats(&self) -> &Arc<FeedStats> {
        self.here.feed.stats()
    }

    /// Who is here and watched.
    pub(crate) fn presence_stats(&self) -> &PresenceStats {
        self.here.presence.stats()
    }
}
