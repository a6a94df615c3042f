//! Reading the log: pages for members, ranges for the feed.

use super::event::{self, select_events};
use crate::{
    Chat, Courier,
    courier::{Found, Recent, SizedEvent},
    rooms::{Extent, extent},
    unavailable,
};
use plaza_protocol::{Error, Event, EventsPage, History, RoomId, Seq, UserId};
use plaza_store::Reader;
use sqlx::{AnyConnection, Row, any::AnyRow};
use std::{ops::RangeInclusive, sync::Arc};

/// Most events [`Chat::range`] gives at once.
const MAX_RANGE: u32 = 1_000;

const ABOVE: &str = select_events!("WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");
const BELOW: &str = select_events!("WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
const SPAN: &str = select_events!("WHERE room_id = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq");

/// Pages. Who reads one is a member at one moment, and the log's ends are those of that moment: what is between them does
/// not change any more, so it may be read later, and from elsewhere.
impl Chat {
    /// A page of a room's log, ascending; also bounded to [`Settings::answer_bytes`](crate::Settings::answer_bytes),
    /// and with at least one event if there is one. One who was removed sees nothing of what came after.
    ///
    /// # Errors
    /// `not_found` for one who is no member; `bad_request` for a limit out of bounds or for both ends at once.
    pub async fn history(&self, user: &UserId, request: History) -> Result<EventsPage, Error> {
        let limit = request.limit.unwrap_or(History::DEFAULT_LIMIT);
        if !(1..=History::MAX_LIMIT).contains(&limit) {
            return Err(Error::bad_request(format!("The limit must be from 1 to {}.", History::MAX_LIMIT)));
        }
        if request.before.is_some() && request.after.is_some() {
            return Err(Error::bad_request("Give either before or after, not both."));
        }
        let room = &request.room_id;
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let extent = extent(&mut reader, room, user).await?;
        let (Extent { first, top }, mut reader) = (extent.ok_or_else(Error::no_such_room)?, Some(reader));
        let bytes = self.inner.settings.answer_bytes;
        if let Some(after) = request.after {
            let after = after.max(first.saturating_sub(1));
            return Ok(self.page_above(&mut reader, room, (after, top), limit, bytes).await?.0);
        }
        let last = top.min(request.before.unwrap_or(Seq::MAX).saturating_sub(1));
        let from = first.max((last + 1).saturating_sub(limit.into()));
        let mut events = self.events(&mut reader, room, from..=last, top).await?;
        let dropped = events.len() - fit(events.iter().rev(), bytes).0;
        let events: Vec<_> = events.drain(dropped..).map(|(event, _)| event).collect();
        Ok(EventsPage { events, more: dropped > 0 || (first < from && from <= last) })
    }

    /// What there is above a position up to the top that the log had, ascending, for who has checked already that it may
    /// be seen: at most 200 events, and [`Settings::answer_bytes`](crate::Settings::answer_bytes), at least one if there
    /// is one. Where retention has cut meanwhile, it begins later.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn missed(&self, room: &RoomId, after: Seq, top: Seq) -> Result<Vec<Arc<Event>>, Error> {
        let bytes = self.inner.settings.answer_bytes;
        let (page, _) = self.page_above(&mut None, room, (after, top), History::MAX_LIMIT, bytes).await?;
        Ok(page.events.into_iter().map(Arc::new).collect())
    }

    /// The same as a page, and its size in bytes.
    pub(crate) async fn page_above(
        &self,
        reader: &mut Option<Reader>,
        room: &RoomId,
        (after, top): (Seq, Seq),
        limit: u32,
        bytes: usize,
    ) -> Result<(EventsPage, usize), Error> {
        let last = top.min(after.saturating_add(limit.into()));
        let mut events = self.events(reader, room, after.saturating_add(1)..=last, top).await?;
        let (fitting, size) = fit(events.iter(), bytes);
        let more = last < top || fitting < events.len();
        events.truncate(fitting);
        Ok((EventsPage { events: events.into_iter().map(|(event, _)| event).collect(), more }, size))
    }

    /// Events at positions that the log has, where its newest is at `top`: from copies of them where there are such, else
    /// from the log, through this reader. One is not kept while others are asked.
    async fn events(
        &self,
        reader: &mut Option<Reader>,
        room: &RoomId,
        span: RangeInclusive<Seq>,
        top: Seq,
    ) -> Result<Vec<SizedEvent>, Error> {
        if span.is_empty() {
            return Ok(Vec::new());
        }
        let courier = self.inner.courier.as_ref();
        let recent = courier.and_then(Courier::recent).filter(|_| Recent::reaches(*span.start(), top));
        let found = match recent {
            Some(recent) => {
                *reader = None;
                recent.read(room, span.clone()).await
            }
            None => Found::Nothing,
        };
        if let Found::All(events) = found {
            return Ok(events);
        }
        let connection = match reader {
            Some(reader) => reader,
            None => reader.insert(self.inner.store.read().await.map_err(unavailable)?),
        };
        let rows = fetch(connection, SPAN, room, *span.start(), *span.end()).await.map_err(unavailable)?;
        let events: sqlx::Result<Vec<_>> = rows.iter().map(sized).collect();
        let events = events.map_err(unavailable)?;
        if let (Found::Lacks(missing), Some(recent)) = (found, recent) {
            let lacking = |event: &&Event| missing.binary_search(&event.seq()).is_ok();
            recent.keep(events.iter().map(|(event, _)| event).filter(lacking));
        }
        Ok(events)
    }

    /// Events of a room above a position, ascending, for who has checked already that they may be seen: at most
    /// `limit` (and 1,000, and [`Settings::answer_bytes`](crate::Settings::answer_bytes)), at least one if there is one.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn range(&self, room: &RoomId, after: Seq, limit: u32) -> Result<Vec<Arc<Event>>, Error> {
        let limit = limit.clamp(1, MAX_RANGE);
        self.nearest(ABOVE, room, after, limit).await
    }

    /// The newest events of a room, ascending, for the node itself.
    pub(crate) async fn newest(&self, room: &RoomId, limit: u32) -> Result<Vec<Arc<Event>>, Error> {
        let mut events = self.nearest(BELOW, room, Seq::MAX, limit).await?;
        events.reverse();
        Ok(events)
    }

    /// Events from a position on, in the statement's direction.
    async fn nearest(
        &self,
        statement: &'static str,
        room: &RoomId,
        from: Seq,
        limit: u32,
    ) -> Result<Vec<Arc<Event>>, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let rows = fetch(&mut reader, statement, room, from, limit.into()).await.map_err(unavailable)?;
        let events: sqlx::Result<Vec<_>> = rows.iter().map(sized).collect();
        let mut events = events.map_err(unavailable)?;
        let (fitting, _) = fit(events.iter(), self.inner.settings.answer_bytes);
        events.truncate(fitting);
        Ok(events.into_iter().map(|(event, _)| Arc::new(event)).collect())
    }
}

/// Runs a statement about a room, with a position and another or a limit.
async fn fetch(
    connection: &mut AnyConnection,
    statement: &'static str,
    room: &RoomId,
    from: Seq,
    upto: u64,
) -> sqlx::Result<Vec<AnyRow>> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let statement = sqlx::query(statement).bind(room.as_str()).bind(number(from)).bind(number(upto));
    statement.fetch_all(connection).await
}

/// An event from its row, and its size.
fn sized(row: &AnyRow) -> sqlx::Result<SizedEvent> {
    /// What an event takes beside its body, about.
    const FRAME: usize = 300;
    Ok((event::read(row)?, row.try_get::<&str, _>("body")?.len() + FRAME))
}

/// How many of these fit into some bytes, at least one, and how many bytes those are.
fn fit<'a>(events: impl Iterator<Item = &'a SizedEvent>, most_bytes: usize) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    for (_, size) in events {
        if count > 0 && bytes + size > most_bytes {
            break;
        }
        (count, bytes) = (count + 1, bytes + size);
    }
    (count, bytes)
}
