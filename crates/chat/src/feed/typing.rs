//! Who was said to be writing a moment ago, so that it is passed on once in a while and not with every key.

use plaza_protocol::{RoomId, UserId};
use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// The same person and room are passed on at most this often.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What was passed on within the last two seconds, and nothing else.
#[derive(Default)]
pub(super) struct Typing {
    recent: HashSet<(RoomId, UserId)>,
    since: VecDeque<(Instant, (RoomId, UserId))>,
}

impl Typing {
    /// Whether to pass it on.
    pub(super) fn is_news(&mut self, room: &RoomId, user: &UserId, now: Instant) -> bool {
        while let Some((_, passed)) = self.since.pop_front_if(|(since, _)| now >= *since + AGAIN_AFTER) {
            self.recent.remove(&passed);
        }
        let key = (room.clone(), user.clone());
        let is_news = self.recent.insert(key.clone());
        if is_news {
            self.since.push_back((now, key));
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_two_seconds_for_each_room_and_person() {
        let (room, other): (RoomId, RoomId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (ana, ben): (UserId, UserId) = ("u_a".parse().unwrap(), "u_b".parse().unwrap());
        let mut typing = Typing::default();
        let began = Instant::now();
        assert!(typing.is_news(&room, &ana, began));
        assert!(!typing.is_news(&room, &ana, began + AGAIN_AFTER - Duration::from_millis(1)));
        assert!(typing.is_news(&room, &ben, began));
        assert!(typing.is_news(&other, &ana, began));
        assert!(typing.is_news(&room, &ana, began + AGAIN_AFTER));
        assert!(!typing.is_news(&room, &ana, began + AGAIN_AFTER));
        assert!(typing.is_news(&other, &ben, began + 10 * AGAIN_AFTER));
        assert_eq!((typing.recent.len(), typing.since.len()), (1, 1), "what is old is forgotten");
    }
}
