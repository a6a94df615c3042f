//! The seam to other nodes.
//!
//! A namespace does to its own sockets whatever it is asked, then hands the same to its adapter, which tells the
//! other nodes; what they tell comes in through [`Namespace::apply`](crate::Namespace::apply). The contract:
//! an adapter may lose, repeat and reorder; it must not block, and it must not bring back what this node said.

use crate::{
    members::{Room, Target},
    outgoing::Outgoing,
};

/// What one node tells the others.
#[derive(Debug, Clone)]
pub enum ToOthers {
    /// Send this to them.
    Send {
        /// Whom.
        target: Target,
        /// What, encoded.
        message: Outgoing,
    },
    /// Put them into a room.
    Join {
        /// Whom.
        target: Target,
        /// Where.
        room: Room,
    },
    /// Take them out of a room.
    Leave {
        /// Whom.
        target: Target,
        /// Of where.
        room: Room,
    },
    /// Let go of them.
    Disconnect {
        /// Whom.
        target: Target,
        /// Their sessions too.
        close: bool,
    },
}

/// Carries what one node says to the others.
pub trait Adapter: Send + Sync + 'static {
    /// Tells the other nodes. Called after this node has done the same to its own sockets.
    fn publish(&self, namespace: &str, message: &ToOthers);
}

/// The adapter of a node that is alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Adapter for Alone {
    fn publish(&self, _: &str, _: &ToOthers) {}
}
