//! For how long rooms are kept.

use plaza_protocol::RoomId;
use serde::Deserialize;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// For how long rooms are kept, in days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days that a room's events are kept, 0 to 36,500; 0: for ever.
    pub days: u32,
    /// As many at most in rooms that a guest has made, 0 to 36,500; 0: as in others.
    pub guest_room_days: u32,
    /// Rooms with days of their own, which hold whoever made them; at most 10,000.
    pub rooms: Vec<RoomDays>,
}

/// One room's days, written as `lobby=7`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RoomDays {
    /// The room, whether there is one or not.
    pub room: RoomId,
    /// Days that its events are kept, 0 to 36,500; 0: for ever.
    pub days: u32,
}

impl TryFrom<String> for RoomDays {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(room, days)| {
            Some(Self { room: room.trim().parse().ok()?, days: days.trim().parse().ok()? })
        });
        parsed.ok_or_else(|| format!("{text:?} is no room with its days; write it like \"lobby=7\""))
    }
}

impl Retention {
    /// Most days that can be configured: a hundred years.
    const MOST_DAYS: u32 = 36_500;
    const MOST_ROOMS: usize = 10_000;

    /// Whether every value is within its bounds.
    pub(crate) fn check(&self) -> Result<(), String> {
        let days = [("days", self.days), ("guest_room_days", self.guest_room_days)];
        let of_rooms = self.rooms.iter().map(|room| ("rooms", room.days));
        for (key, days) in days.into_iter().chain(of_rooms) {
            if days > Self::MOST_DAYS {
                return Err(format!(
                    "retention.{key} has {days} days, and must have 0 to {}.",
                    Self::MOST_DAYS
                ));
            }
        }
        let rooms = self.rooms.len();
        if rooms > Self::MOST_ROOMS {
            return Err(format!("retention.rooms has {rooms} rooms, and at most {} fit.", Self::MOST_ROOMS));
        }
        Ok(())
    }

    /// The moment before which events of a room are cut, in milliseconds; `None`: none are.
    pub(super) fn cut_before(&self, room: &RoomId, of_guest: bool, now: i64) -> Option<i64> {
        let own = self.rooms.iter().find(|own| own.room == *room).map(|own| own.days);
        let days = match own {
            Some(days) => days,
            None if of_guest => shorter(self.days, self.guest_room_days),
            None => self.days,
        };
        (days > 0).then(|| now - i64::from(days) * DAY_MILLIS)
    }

    /// The newest moment before which events of any room are cut; `None`: nothing ever is.
    pub(super) fn newest_to_cut(&self, now: i64) -> Option<i64> {
        let all =
            [self.days, self.guest_room_days].into_iter().chain(self.rooms.iter().map(|room| room.days));
        all.filter(|days| *days > 0).min().map(|days| now - i64::from(days) * DAY_MILLIS)
    }
}

/// The shorter time, where 0 is for ever.
fn shorter(a: u32, b: u32) -> u32 {
    match (a, b) {
        (0, days) | (days, 0) => days,
        (a, b) => a.min(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retention(days: u32, guest_room_days: u32, rooms: &[&str]) -> Retention {
        let rooms = rooms.iter().map(|room| RoomDays::try_from((*room).to_owned()).unwrap()).collect();
        Retention { days, guest_room_days, rooms }
    }

    #[test]
    fn the_rooms_own_days_hold_then_the_guests_then_the_others() {
        let lobby: RoomId = "lobby".parse().unwrap();
        let now = 1_000 * DAY_MILLIS;
        let days = |retention: Retention, of_guest| {
            retention.cut_before(&lobby, of_guest, now).map(|before| (now - before) / DAY_MILLIS)
        };
        assert_eq!(days(retention(0, 0, &[]), true), None);
        assert_eq!(days(retention(30, 0, &[]), true), Some(30));
        assert_eq!(days(retention(30, 7, &[]), true), Some(7));
        assert_eq!(days(retention(30, 90, &[]), true), Some(30));
        assert_eq!(days(retention(0, 7, &[]), true), Some(7));
        assert_eq!(days(retention(0, 7, &[]), false), None);
        assert_eq!(days(retention(30, 7, &["lobby=90", "other=1"]), true), Some(90));
        assert_eq!(days(retention(30, 7, &["lobby=0"]), false), None);
        let newest = |retention: Retention| retention.newest_to_cut(now).map(|at| (now - at) / DAY_MILLIS);
        assert_eq!(newest(retention(0, 0, &["lobby=0"])), None);
        assert_eq!(newest(retention(30, 0, &["lobby=90"])), Some(30));
        assert_eq!(newest(retention(0, 7, &["lobby=3"])), Some(3));
    }

    #[test]
    fn what_is_no_room_with_its_days_is_named() {
        for text in ["lobby", "lobby=", "lobby=x", "=7", "a room=7", "lobby=-1"] {
            let refused = RoomDays::try_from(text.to_owned()).unwrap_err();
            assert!(refused.contains(text) && refused.contains("lobby=7"), "{refused}");
        }
        let refused = retention(0, 0, &["lobby=40000"]).check().unwrap_err();
        assert!(refused.contains("retention.rooms") && refused.contains("36500"), "{refused}");
        assert_eq!(retention(36_500, 1, &["lobby=0"]).check(), Ok(()));
    }
}
