//! How many are here and watched, for the operator.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What presence keeps now, as of its last change.
#[derive(Debug, Default)]
pub struct PresenceStats {
    online: AtomicUsize,
    watches: AtomicUsize,
}

impl PresenceStats {
    /// People with a connection to this node, or who had one a moment ago; those who hide included.
    pub fn online(&self) -> usize {
        self.online.load(Ordering::Relaxed)
    }

    /// People watched, each once for each connection that watches them.
    pub fn watches(&self) -> usize {
        self.watches.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, online: usize, watches: usize) {
        self.online.store(online, Ordering::Relaxed);
        self.watches.store(watches, Ordering::Relaxed);
    }
}
