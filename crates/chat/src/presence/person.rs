//! Somebody who is here, or watched: what is known of them, and how they look to one who may not see all of it.

use super::{Facts, PresenceId};
use plaza_bus::Subscription;
use plaza_protocol::{Timestamp, User};
use std::collections::HashSet;
use tokio::time::Instant;

/// Somebody who is here, or watched.
#[derive(Default)]
pub(super) struct Person {
    pub(super) connections: Vec<PresenceId>,
    pub(super) leaving: Option<Leaving>,
    pub(super) known: Option<Box<Known>>,
}

/// One whose last connection has ended, a moment ago.
#[derive(Clone, Copy)]
pub(super) struct Leaving {
    pub(super) until: Instant,
    pub(super) since: Timestamp,
}

/// What is known of somebody who is watched.
pub(super) struct Known {
    pub(super) user: User,
    pub(super) visible: bool,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) watchers: HashSet<PresenceId>,
    /// The other nodes with which they are online.
    pub(super) nodes: HashSet<String>,
    /// To what those say of them.
    pub(super) followed: Option<Subscription>,
}

/// Somebody as one watcher may see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Online,
    Offline(Option<Timestamp>),
}

impl Person {
    /// Whether somebody is online with this node.
    pub(super) fn is_here(&self) -> bool {
        !self.connections.is_empty() || self.leaving.is_some()
    }

    /// Whether they are online: with any node is enough.
    pub(super) fn is_online(&self) -> bool {
        self.is_here() || self.known.as_ref().is_some_and(|known| !known.nodes.is_empty())
    }

    pub(super) fn is_forgotten(&self) -> bool {
        !self.is_here() && self.known.is_none()
    }

    /// As `own`, or as somebody else who may be blocked.
    pub(super) fn view(&self, visible: bool, last_seen: Option<Timestamp>, own: bool, blocked: bool) -> View {
        let seen = own || (visible && !blocked);
        match (self.is_online(), seen) {
            (true, true) => View::Online,
            (false, true) => View::Offline(last_seen),
            (_, false) => View::Offline(None),
        }
    }
}

impl From<Facts> for Known {
    fn from(Facts { user, visible, last_seen, nodes, .. }: Facts) -> Self {
        Self { user, visible, last_seen, watchers: HashSet::new(), nodes, followed: None }
    }
}
