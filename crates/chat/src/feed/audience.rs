//! The connections of this node, by user: who is told of memberships that change.

use super::{ConnectionId, Subscriber};
use plaza_bus::Subscription;
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
    by_user: HashMap<UserId, Present>,
    next: u64,
}

/// Somebody who is connected.
struct Present {
    connections: Vec<ConnectionId>,
    /// To what other nodes say of them.
    followed: Option<Arc<Subscription>>,
}

impl<S: Subscriber> Audience<S> {
    pub(super) fn new() -> Self {
        Self { connections: HashMap::new(), by_user: HashMap::new(), next: 0 }
    }

    /// `follow` is asked for whoever is not here yet.
    pub(super) fn connect(
        &mut self,
        user: UserId,
        subscriber: Arc<S>,
        follow: impl FnOnce(&UserId) -> Option<Subscription>,
    ) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        let present = self
            .by_user
            .entry(user.clone())
            .or_insert_with(|| Present { connections: Vec::new(), followed: follow(&user).map(Arc::new) });
        present.connections.push(id);
        let stage = Stage::ComingIn { changed: false };
        self.connections.insert(id, Connection { user, subscriber, rooms: HashSet::new(), stage });
        id
    }

    pub(super) fn disconnect(&mut self, id: ConnectionId) -> Option<Connection<S>> {
        let gone = self.connections.remove(&id)?;
        if let Some(present) = self.by_user.get_mut(&gone.user) {
            present.connections.retain(|other| *other != id);
            if present.connections.is_empty() {
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
        self.by_user.get(user).map(|present| present.connections.clone()).unwrap_or_default()
    }

    /// Everybody with a connection that is fed: it is known in all of its user's rooms, as one that comes in is not yet.
    pub(super) fn live_users(&self) -> Vec<UserId> {
        let is_live = |id: &ConnectionId| {
            self.connections.get(id).is_some_and(|connection| connection.stage == Stage::Live)
        };
        let live = self.by_user.iter().filter(|(_, present)| present.connections.iter().any(is_live));
        live.map(|(user, _)| user.clone()).collect()
    }

    /// By what a connection's user is heard of from other nodes.
    pub(super) fn followed(&self, id: ConnectionId) -> Option<&Arc<Subscription>> {
        let user = &self.connections.get(&id)?.user;
        self.by_user.get(user)?.followed.as_ref()
    }

    pub(super) fn is_here(&self, user: &UserId) -> bool {
        self.by_user.contains_key(user)
    }
}
