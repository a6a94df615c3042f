//! Coming back: which positions the log can serve, and what was missed since.

use crate::{Chat, log::above, rooms::tops, unavailable};
use plaza_protocol::{
    Error, EventsPage, Reload, Resume, ResumePage, Resumed, RoomId, RoomResumed, Seq, UserId,
};
use std::collections::{BTreeMap, HashMap};

/// Most events a room in one answer.
const ROOM_EVENTS: u32 = 200;

/// What becomes of one room when its user comes back. `held` is the position the client has, `same_epoch`
/// whether it is one of this store, `top` the room's newest position if the user is a member now.
pub fn decide(held: Option<Seq>, same_epoch: bool, top: Option<Seq>) -> RoomResumed {
    let reload = |reload| RoomResumed::Reload { reload };
    match (held, top) {
        (_, None) => reload(Reload::Unknown),
        (None, Some(top)) => RoomResumed::Span { from: top, to: top },
        (Some(held), Some(top)) if !same_epoch || held > top => reload(Reload::Epoch),
        (Some(held), Some(top)) if top - held > Reload::MAX_MISSED => reload(Reload::TooFar),
        (Some(held), Some(top)) => RoomResumed::Span { from: held, to: top },
    }
}

impl Chat {
    /// What was missed since the positions given, room by room, as of one moment. At most 200 events a room and
    /// [`Settings::answer_bytes`](crate::Settings::answer_bytes) in all; where that was not enough, `more` says so.
    ///
    /// # Errors
    /// `bad_request` for more positions than a user may have rooms.
    pub async fn resume(&self, user: &UserId, request: Resume) -> Result<Resumed, Error> {
        // Direct rooms are counted by themselves.
        let most = 2 * self.inner.settings.rooms_per_user as usize;
        if request.positions.len() > most {
            return Err(Error::bad_request(format!(
                "There are {} positions in this request, and at most {most} fit.",
                request.positions.len()
            )));
        }
        let same_epoch = request.epoch == self.epoch();
        let mut snapshot = self.inner.store.snapshot().await.map_err(unavailable)?;
        let tops: HashMap<RoomId, Seq> = tops(&mut snapshot, user).await?.into_iter().collect();
        let mut left = self.inner.settings.answer_bytes;
        let mut rooms = BTreeMap::new();
        for (name, held) in request.positions {
            let known = name.parse::<RoomId>().ok().and_then(|room| tops.get_key_value(&room));
            let page = match (decide(Some(held), same_epoch, known.map(|(_, top)| *top)), known) {
                (RoomResumed::Reload { reload }, _) => ResumePage::Reload { reload },
                (RoomResumed::Span { from, to }, Some((room, _))) if from < to && left > 0 => {
                    let (page, bytes) = above(&mut snapshot, room, from, ROOM_EVENTS, left).await?;
                    left = left.saturating_sub(bytes);
                    ResumePage::Events(page)
                }
                (RoomResumed::Span { from, to }, _) => {
                    ResumePage::Events(EventsPage { events: Vec::new(), more: from < to })
                }
            };
            rooms.insert(name, page);
        }
        Ok(Resumed { rooms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_coming_back() {
        let span = |from, to| RoomResumed::Span { from, to };
        let reload = |reload| RoomResumed::Reload { reload };
        let cases = [
            // held, same epoch, top
            ((None, true, Some(7)), span(7, 7)),
            ((None, false, Some(7)), span(7, 7)),
            ((Some(0), true, Some(7)), span(0, 7)),
            ((Some(5), true, Some(7)), span(5, 7)),
            ((Some(7), true, Some(7)), span(7, 7)),
            ((Some(8), true, Some(7)), reload(Reload::Epoch)),
            ((Some(u64::MAX), true, Some(7)), reload(Reload::Epoch)),
            ((Some(5), false, Some(7)), reload(Reload::Epoch)),
            ((Some(5), true, None), reload(Reload::Unknown)),
            ((Some(5), false, None), reload(Reload::Unknown)),
            ((Some(7), true, Some(1_007)), span(7, 1_007)),
            ((Some(6), true, Some(1_007)), reload(Reload::TooFar)),
        ];
        for ((held, same_epoch, top), expected) in cases {
            assert_eq!(decide(held, same_epoch, top), expected, "{held:?} {same_epoch} {top:?}");
        }
    }
}
