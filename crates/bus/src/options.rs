//! What a bus is told: what carries it, and its bounds.

use std::time::Duration;

use crate::LocalBus;

/// What a bus is told.
#[derive(Debug, Clone)]
pub struct BusOptions {
    /// What carries the messages.
    pub link: Link,
    /// Most bytes that may wait to be published, for each server.
    pub most_outgoing_bytes: usize,
    /// Most bytes that may wait to be received.
    pub most_incoming_bytes: usize,
    /// How long a channel stays subscribed after its last [`Subscription`](crate::Subscription) was dropped.
    pub linger: Duration,
}

/// What carries the messages.
#[derive(Debug, Clone)]
pub enum Link {
    /// Nothing but memory: the nodes of one process that share this.
    Local(LocalBus),
}

impl BusOptions {
    /// The usual bounds over this link: 16 MiB to publish, 64 MiB to receive, 2 s of linger.
    pub fn new(link: Link) -> Self {
        Self {
            link,
            most_outgoing_bytes: 16 << 20,
            most_incoming_bytes: 64 << 20,
            linger: Duration::from_secs(2),
        }
    }
}
