//! What a client holds of each room: the position it has seen everything up to.
//!
//! Pure: what to do with an event follows from the positions alone.

use plaza_protocol::{Event, Positions, Reload, RoomId, Seq, UserId};
use std::collections::BTreeMap;

/// Positions by room, of one epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    rooms: BTreeMap<RoomId, Seq>,
    /// Rooms that must be reloaded before anything of them is continued; in no room both.
    stale: BTreeMap<RoomId, Reload>,
}

/// What an event is to one who holds a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next one, or the first seen of its room.
    Next,
    /// Held already.
    Repeated,
    /// Its room is to be reloaded first, and what is loaded then holds it.
    Stale,
    /// Something between the position held and this event is missing.
    Gap {
        /// The position held.
        held: Seq,
    },
}

impl Held {
    /// Judges an event and, if it is the next one, moves the position. One's own removal ends the room.
    pub fn take(&mut self, event: &Event, me: &UserId) -> Verdict {
        let room = event.room_id();
        if self.stale.contains_key(room) {
            return Verdict::Stale;
        }
        match self.rooms.get(room) {
            Some(&held) if event.seq() <= held => return Verdict::Repeated,
            Some(&held) if event.seq() > held + 1 => return Verdict::Gap { held },
            _ => {}
        }
        match event {
            event if event.taken_out().is_some_and(|user| user.id == *me) => self.forget(room),
            _ => self.set(room.clone(), event.seq()),
        }
        Verdict::Next
    }

    /// Everything up to `seq` is held: so it was reloaded, or nothing of it was held before.
    pub fn set(&mut self, room: RoomId, seq: Seq) {
        self.stale.remove(&room);
        self.rooms.insert(room, seq);
    }

    /// What is held of this room cannot be continued.
    pub fn must_reload(&mut self, room: RoomId, reason: Reload) {
        self.rooms.remove(&room);
        self.stale.insert(room, reason);
    }

    /// A room that must be reloaded, and why.
    pub fn next_stale(&self) -> Option<(RoomId, Reload)> {
        self.stale.first_key_value().map(|(room, reason)| (room.clone(), *reason))
    }

    /// Whether this room must be reloaded.
    pub fn is_stale(&self, room: &RoomId) -> bool {
        self.stale.contains_key(room)
    }

    /// Nothing is held of this room any more.
    pub fn forget(&mut self, room: &RoomId) {
        self.stale.remove(room);
        self.rooms.remove(room);
    }

    /// The position held.
    pub fn get(&self, room: &RoomId) -> Option<Seq> {
        self.rooms.get(room).copied()
    }

    /// As CONNECT and `room:resume` take them.
    pub fn positions(&self) -> Positions {
        self.rooms.iter().map(|(room, seq)| (room.to_string(), *seq)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_protocol::{MemberChange, Timestamp, User};

    fn change(seq: Seq, who: &str) -> MemberChange {
        let user = User { id: who.parse().unwrap(), name: who.into(), guest: false };
        MemberChange {
            room_id: "r".parse().unwrap(),
            seq,
            user: user.clone(),
            by: user,
            at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn next_repeated_and_gap() {
        let me: UserId = "u_me".parse().unwrap();
        let mut held = Held::default();
        let mut take = |seq| held.take(&Event::MemberAdded(change(seq, "u_other")), &me);
        assert_eq!(take(7), Verdict::Next, "the first of a room may stand anywhere");
        assert_eq!(take(8), Verdict::Next);
        assert_eq!(take(8), Verdict::Repeated);
        assert_eq!(take(3), Verdict::Repeated);
        assert_eq!(take(10), Verdict::Gap { held: 8 });
        assert_eq!(take(9), Verdict::Next, "a gap moves nothing");
        assert_eq!(held.positions(), Positions::from([("r".into(), 9)]));
    }

    #[test]
    fn a_room_to_be_reloaded_takes_nothing_until_it_is() {
        let me: UserId = "u_me".parse().unwrap();
        let room: RoomId = "r".parse().unwrap();
        let mut held = Held::default();
        held.set(room.clone(), 33);
        held.must_reload(room.clone(), Reload::TooFar);
        assert_eq!(held.positions(), Positions::new());
        assert_eq!(held.take(&Event::MemberAdded(change(1566, "u_other")), &me), Verdict::Stale);
        assert_eq!(held.next_stale(), Some((room.clone(), Reload::TooFar)));
        held.set(room, 1570);
        assert_eq!(held.next_stale(), None);
        assert_eq!(held.take(&Event::MemberAdded(change(1571, "u_other")), &me), Verdict::Next);
    }

    #[test]
    fn my_own_removal_ends_the_room_and_others_do_not() {
        let me: UserId = "u_me".parse().unwrap();
        let room: RoomId = "r".parse().unwrap();
        let mut held = Held::default();
        held.set(room.clone(), 4);
        assert_eq!(held.take(&Event::MemberRemoved(change(5, "u_other")), &me), Verdict::Next);
        assert_eq!(held.get(&room), Some(5));
        assert_eq!(held.take(&Event::MemberRemoved(change(6, "u_me")), &me), Verdict::Next);
        assert_eq!(held.get(&room), None);
        assert_eq!(held.take(&Event::MemberAdded(change(9, "u_me")), &me), Verdict::Next);
    }
}
