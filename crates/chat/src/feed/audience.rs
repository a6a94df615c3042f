//! The connections of this node, by user: who is told of memberships that change.

use super::{ConnectionId, Subscriber};
use plaza_protocol::{RoomId, UserId};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// One connection.
pub(super) struct Connection<S: Subscriber> {
    pub(super) user: UserId,
    pub(super) subscriber: Arc<S>,
    /// Rooms that know it, fed or coming in.
    pub(super) rooms: HashSet<RoomId>,
    pub(super) stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It catches up; `changed`: its memberships changed since it last looked.
    ComingIn {
        changed: bool,
    },
    Live,
}

/// All of them.
pub(super) struct Audience<S: Subscriber> {
    connections: HashMap<ConnectionId, Connection<S>>,
    by_user: HashMap<UserId, Vec<ConnectionId>>,
    next: u64,
}

impl<S: Subscriber> Audience<S> {
    pub(super) fn new() -> Self {
        Self { connections: HashMap::new(), by_user: HashMap::new(), next: 0 }
    }

    pub(super) fn connect(&mut self, user: UserId, subscriber: Arc<S>) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        self.by_user.entry(user.clone()).or_default().push(id);
        let stage = Stage::ComingIn { changed: false };
        self.connections.insert(id, Connection { user, subscriber, rooms: HashSet::new(), stage });
        id
    }

    pub(super) fn disconnect(&mut self, id: ConnectionId) -> Option<Connection<S>> {
        let gone = self.connections.remove(&id)?;
        if let Some(ids) = self.by_user.get_mut(&gone.user) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_user.remove(&gone.user);
            }
        }
        Some(gone)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection<S>> {
        self.connections.get_mut(&id)
    }

    /// The ids of a user's connections.
    pub(super) fn of_user(&self, user: &UserId) -> Vec<ConnectionId> {
        self.by_user.get(user).cloned().unwrap_or_default()
    }

    pub(super) fn is_here(&self, user: &UserId) -> bool {
        self.by_user.contains_key(user)
    }
}
