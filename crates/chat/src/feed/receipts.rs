//! How far members have read, gathered so that a room is told at most once a second, however many of them read.
//!
//! The first one after a quiet second is told at once; those within the second after it wait and go out together. So
//! what a room's readers cost is one small frame a second to each of its connections, and only in rooms up to the
//! configured size.

use plaza_protocol::{RoomId, Seq, UserId};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// A room is told at most this often.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Rooms that were told within the last second, and what they will be told next.
#[derive(Default)]
pub(super) struct Gathering {
    rooms: HashMap<RoomId, BTreeMap<UserId, Seq>>,
    next: VecDeque<(Instant, RoomId)>,
}

impl Gathering {
    /// Somebody has read. `true`: tell the room now.
    pub(super) fn moved(&mut self, room: &RoomId, user: &UserId, seq: Seq, now: Instant) -> bool {
        let Some(waiting) = self.rooms.get_mut(room) else {
            self.begin(room.clone(), now);
            return true;
        };
        let read = waiting.entry(user.clone()).or_default();
        *read = seq.max(*read);
        false
    }

    /// Somebody is no member any more.
    pub(super) fn gone(&mut self, room: &RoomId, user: &UserId) {
        if let Some(waiting) = self.rooms.get_mut(room) {
            waiting.remove(user);
        }
    }

    /// When [`Self::due`] has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next.front().map(|(at, _)| *at)
    }

    /// What a room is to be told now, if there is one.
    pub(super) fn due(&mut self, now: Instant) -> Option<(RoomId, BTreeMap<UserId, Seq>)> {
        while let Some((_, room)) = self.next.pop_front_if(|(at, _)| now >= *at) {
            let read = self.rooms.remove(&room).unwrap_or_default();
            if !read.is_empty() {
                self.begin(room.clone(), now);
                return Some((room, read));
            }
        }
        None
    }

    fn begin(&mut self, room: RoomId, now: Instant) {
        self.next.push_back((now + EVERY, room.clone()));
        self.rooms.insert(room, BTreeMap::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (RoomId, UserId, UserId) {
        ("lobby".parse().unwrap(), "u_ana".parse().unwrap(), "u_ben".parse().unwrap())
    }

    #[test]
    fn the_first_at_once_and_then_together_every_second() {
        let (room, ana, ben) = ids();
        let mut gathering = Gathering::default();
        let began = Instant::now();
        assert!(gathering.moved(&room, &ana, 1, began));
        for seq in 2..=9 {
            assert!(!gathering.moved(&room, &ana, seq, began));
        }
        assert!(!gathering.moved(&room, &ben, 5, began));
        assert_eq!(gathering.due(began), None);
        let at = gathering.next().unwrap();
        assert_eq!(at, began + EVERY);
        let read = BTreeMap::from([(ana.clone(), 9), (ben.clone(), 5)]);
        assert_eq!(gathering.due(at), Some((room.clone(), read)));
        assert!(!gathering.moved(&room, &ben, 6, at), "it was told this very moment");
        assert_eq!(gathering.due(at + EVERY), Some((room.clone(), [(ben.clone(), 6)].into())));
        assert_eq!(gathering.due(at + 2 * EVERY), None);
        assert!(gathering.rooms.is_empty() && gathering.next.is_empty(), "a quiet room costs nothing");
        assert!(gathering.moved(&room, &ana, 10, at + 2 * EVERY));
    }

    #[test]
    fn one_who_has_gone_is_not_told_of() {
        let (room, ana, ben) = ids();
        let mut gathering = Gathering::default();
        let began = Instant::now();
        gathering.moved(&room, &ana, 1, began);
        gathering.moved(&room, &ana, 2, began);
        gathering.moved(&room, &ben, 2, began);
        gathering.gone(&room, &ana);
        assert_eq!(gathering.due(began + EVERY), Some((room, [(ben, 2)].into())));
    }
}
