//! What the operator asks of the sockets.

use super::{BusFigures, Gateway, cluster};
use plaza_chat::{FeedStats, PresenceStats};
use std::sync::Arc;

impl Gateway {
    /// Engine.IO sessions now, those that are in no namespace yet included.
    pub(crate) fn sessions(&self) -> usize {
        self.io.clients()
    }

    /// What waits for all of them, in bytes.
    pub(crate) fn outbox_bytes(&self) -> usize {
        self.io.outbox_bytes()
    }

    /// What was passed on to them.
    pub(crate) fn feed_stats(&self) -> &Arc<FeedStats> {
        self.here.feed.stats()
    }

    /// What was said on the bus, and by other servers, where there is one.
    pub(crate) fn bus_figures(&self) -> Option<BusFigures> {
        self.counted.as_ref().map(cluster::Counted::read)
    }

    /// Who is here and watched.
    pub(crate) fn presence_stats(&self) -> &PresenceStats {
        self.here.presence.stats()
    }
}
