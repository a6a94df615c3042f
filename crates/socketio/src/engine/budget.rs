//! What waits for all clients of a server together, counted so that it can say when it has too much to do.
//!
//! One client that reads slowly has its own bound, the outbox's. When many are behind at once it is the server that
//! does not keep up: then it takes no new clients, and whoever lets clients send can ask them to come again.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes of all outboxes. A frame that many wait for counts for each: each of them is still to be written.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: AtomicUsize,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), limit }
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.bytes() > self.limit
    }
}
