//! Where rooms stand, and what those who wrote last have written in them: remembered from one batch to the next, so that
//! a batch asks the store only for who has not written for a while.
//!
//! Whatever changes a room or its members is an event in the room's log, and comes through this log. So what is
//! remembered of a room holds until then, as long as no other node writes there.

use plaza_protocol::{RoomId, Seq, UserId};
use std::collections::HashMap;

/// How many senders are remembered, each of them once for each room: some 4 MB. With one more all are forgotten.
pub(super) const REMEMBERED: usize = 16_384;

/// Where a room stands: its newest position, and how many messages it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Top {
    pub(super) seq: Seq,
    pub(super) messages: u64,
}

/// What a member has written in a room: how many messages, and the position of the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) count: u64,
    pub(super) seq: Seq,
}

/// Rooms, and members of theirs.
#[derive(Debug)]
pub(crate) struct Standing {
    most: usize,
    rooms: HashMap<RoomId, Room>,
    members: usize,
}

#[derive(Debug)]
struct Room {
    top: Top,
    members: HashMap<UserId, Own>,
}

impl Standing {
    /// Of so many at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, rooms: HashMap::new(), members: 0 }
    }

    /// Whether it is known that somebody is a member, and what they have written.
    pub(super) fn knows(&self, room: &RoomId, user: &UserId) -> bool {
        self.rooms.get(room).is_some_and(|room| room.members.contains_key(user))
    }

    /// A member of a room, for one who changes both. `None`: it is not known that they are one.
    pub(super) fn of(&mut self, room: &RoomId, user: &UserId) -> Option<(&mut Top, &mut Own)> {
        let Room { top, members } = self.rooms.get_mut(room)?;
        Some((top, members.get_mut(user)?))
    }

    /// What the store says of a member.
    pub(super) fn learn(&mut self, room: &RoomId, user: &UserId, top: Top, own: Own) {
        let known = match self.rooms.get_mut(room) {
            Some(known) => known,
            None => self.rooms.entry(room.clone()).or_insert(Room { top, members: HashMap::new() }),
        };
        known.top = top;
        self.members += usize::from(known.members.insert(user.clone(), own).is_none());
    }

    /// Something in a room was changed otherwise than through this.
    pub(super) fn forget(&mut self, room: &RoomId) {
        if let Some(room) = self.rooms.remove(room) {
            self.members -= room.members.len();
        }
    }

    /// Forgets all, if they are too many.
    pub(super) fn bound(&mut self) {
        if self.members > self.most {
            *self = Self::new(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_forgotten_alone_or_all_together() {
        let (room, other) = ("hall".parse().unwrap(), "yard".parse().unwrap());
        let (ana, ben): (UserId, UserId) = ("v_ana".parse().unwrap(), "v_ben".parse().unwrap());
        let (top, own) = (Top { seq: 7, messages: 3 }, Own { count: 2, seq: 6 });
        let mut standing = Standing::new(3);
        for (room, user) in [(&room, &ana), (&room, &ben), (&other, &ana), (&room, &ana)] {
            standing.learn(room, user, top, own);
        }
        standing.bound();
        assert!(standing.knows(&room, &ben) && standing.knows(&other, &ana));
        standing.forget(&room);
        assert!(!standing.knows(&room, &ana) && standing.knows(&other, &ana));
        assert_eq!(standing.members, 1);
        assert_eq!(standing.of(&other, &ana), Some((&mut top.clone(), &mut own.clone())));
        assert_eq!(standing.of(&other, &ben), None);

        standing.most = 0;
        standing.bound();
        assert!(!standing.knows(&other, &ana));
        assert_eq!(standing.members, 0);
    }
}
