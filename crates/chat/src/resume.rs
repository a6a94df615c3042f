//! Coming back: which positions the log can serve, and what was missed since.

use crate::{
    Chat,
    rooms::{Extent, extents},
    unavailable,
};
use plaza_protocol::{
    Error, EventsPage, Reload, Resume, ResumePage, Resumed, RoomId, RoomResumed, Seq, UserId,
};
use std::collections::{BTreeMap, HashMap};

/// Most events a room in one answer.
const ROOM_EVENTS: u32 = 200;

/// What becomes of one room when its user comes back. `held` is the position the client has, `same_epoch`
/// whether it is one of this store, `extent` what the room's log has if the user is a member now.
pub fn decide(held: Option<Seq>, same_epoch: bool, extent: Option<Extent>) -> RoomResumed {
    let reload = |reload| RoomResumed::Reload { reload };
    let Some(Extent { first, top }) = extent else { return reload(Reload::Unknown) };
    match held {
        None => RoomResumed::Span { from: top, to: top },
        Some(held) if !same_epoch || held > top => reload(Reload::Epoch),
        Some(held) if held + 1 < first => reload(Reload::Trimmed),
        Some(held) if top - held > Reload::MAX_MISSED => reload(Reload::TooFar),
        Some(held) => RoomResumed::Span { from: held, to: top },
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
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let extents: HashMap<RoomId, Extent> = extents(&mut reader, user).await?.into_iter().collect();
        let mut reader = Some(reader);
        let mut left = self.inner.settings.answer_bytes;
        let mut rooms = BTreeMap::new();
        for (name, held) in request.positions {
            let known = name.parse::<RoomId>().ok().and_then(|room| extents.get_key_value(&room));
            let page = match (decide(Some(held), same_epoch, known.map(|(_, extent)| *extent)), known) {
                (RoomResumed::Reload { reload }, _) => ResumePage::Reload { reload },
                (RoomResumed::Span { from, to }, Some((room, _))) if from < to && left > 0 => {
                    let (page, bytes) =
                        self.page_above(&mut reader, room, (from, to), ROOM_EVENTS, left).await?;
                    left = left.saturating_sub(bytes);
                    match page.events.first() {
                        Some(event) if event.seq() == from + 1 => ResumePage::Events(page),
                        // Retention has cut it since it was decided that it can be served.
                        _ => ResumePage::Reload { reload: Reload::Trimmed },
                    }
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
            // held, same epoch, the first and the newest of the log
            ((None, true, Some((1, 7))), span(7, 7)),
            ((None, false, Some((1, 7))), span(7, 7)),
            ((Some(0), true, Some((1, 7))), span(0, 7)),
            ((Some(5), true, Some((1, 7))), span(5, 7)),
            ((Some(7), true, Some((1, 7))), span(7, 7)),
            ((Some(8), true, Some((1, 7))), reload(Reload::Epoch)),
            ((Some(u64::MAX), true, Some((1, 7))), reload(Reload::Epoch)),
            ((Some(5), false, Some((1, 7))), reload(Reload::Epoch)),
            ((Some(5), true, None), reload(Reload::Unknown)),
            ((Some(5), false, None), reload(Reload::Unknown)),
            ((Some(7), true, Some((1, 1_007))), span(7, 1_007)),
            ((Some(6), true, Some((1, 1_007))), reload(Reload::TooFar)),
            // Cut up to 4, and altogether.
            ((None, true, Some((5, 7))), span(7, 7)),
            ((Some(0), true, Some((5, 7))), reload(Reload::Trimmed)),
            ((Some(3), true, Some((5, 7))), reload(Reload::Trimmed)),
            ((Some(4), true, Some((5, 7))), span(4, 7)),
            ((Some(3), false, Some((5, 7))), reload(Reload::Epoch)),
            ((Some(3), true, Some((5, 2_000))), reload(Reload::Trimmed)),
            ((Some(6), true, Some((8, 7))), reload(Reload::Trimmed)),
            ((Some(7), true, Some((8, 7))), span(7, 7)),
        ];
        for ((held, same_epoch, log), expected) in cases {
            let extent = log.map(|(first, top)| Extent { first, top });
            assert_eq!(decide(held, same_epoch, extent), expected, "{held:?} {same_epoch} {log:?}");
        }
    }
}
