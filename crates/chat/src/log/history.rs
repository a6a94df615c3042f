//! Reading the log: pages for members, ranges for the feed.

use super::event::{self, select_events};
use crate::{Chat, failure::Outcome, rooms::seen, unavailable};
use plaza_protocol::{Error, Event, EventsPage, History, RoomId, Seq, UserId};
use sqlx::{AnyConnection, Row, any::AnyRow};
use std::sync::Arc;

/// Most events [`Chat::range`] gives at once.
const MAX_RANGE: u32 = 1_000;

const ABOVE: &str = select_events!("WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");
const BELOW: &str = select_events!("WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");

impl Chat {
    /// A page of a room's log, ascending; also bounded to [`Settings::answer_bytes`](crate::Settings::answer_bytes),
    /// and with at least one event if there is one. Membership and page are of one
    /// moment: one who was removed sees nothing of what came after.
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
        let mut snapshot = self.inner.store.snapshot().await.map_err(unavailable)?;
        seen(&mut snapshot, &request.room_id, user).await?.ok_or_else(Error::no_such_room)?;
        let bytes = self.inner.settings.answer_bytes;
        let page = match request.after {
            Some(after) => above(&mut snapshot, &request.room_id, after, limit, bytes).await,
            None => {
                below(&mut snapshot, &request.room_id, request.before.unwrap_or(Seq::MAX), limit, bytes).await
            }
        };
        Ok(page?.0)
    }

    /// Events of a room above a position, ascending, for who has checked already that they may be seen: at most
    /// `limit` (and 1,000, and [`Settings::answer_bytes`](crate::Settings::answer_bytes)), at least one if there is one.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn range(&self, room: &RoomId, after: Seq, limit: u32) -> Result<Vec<Arc<Event>>, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let limit = limit.clamp(1, MAX_RANGE);
        let (page, _) = above(&mut reader, room, after, limit, self.inner.settings.answer_bytes).await?;
        Ok(page.events.into_iter().map(Arc::new).collect())
    }
}

impl Chat {
    /// The newest events of a room, ascending, for the node itself.
    pub(crate) async fn newest(&self, room: &RoomId, limit: u32) -> Result<Vec<Arc<Event>>, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let bytes = self.inner.settings.answer_bytes;
        let (page, _) = below(&mut reader, room, Seq::MAX, limit, bytes).await?;
        Ok(page.events.into_iter().map(Arc::new).collect())
    }
}

/// A page above a position, and its size in bytes.
pub(crate) async fn above(
    connection: &mut AnyConnection,
    room: &RoomId,
    after: Seq,
    limit: u32,
    bytes: usize,
) -> Outcome<(EventsPage, usize)> {
    let rows = fetch(connection, ABOVE, room, after, limit).await?;
    Ok(page(&rows, limit, bytes)?)
}

async fn below(
    connection: &mut AnyConnection,
    room: &RoomId,
    before: Seq,
    limit: u32,
    bytes: usize,
) -> Outcome<(EventsPage, usize)> {
    let rows = fetch(connection, BELOW, room, before, limit).await?;
    let (mut page, bytes) = page(&rows, limit, bytes)?;
    page.events.reverse();
    Ok((page, bytes))
}

/// One row more than the limit, to know whether there are more.
async fn fetch(
    connection: &mut AnyConnection,
    statement: &'static str,
    room: &RoomId,
    from: Seq,
    limit: u32,
) -> sqlx::Result<Vec<AnyRow>> {
    sqlx::query(statement)
        .bind(room.as_str())
        .bind(i64::try_from(from).unwrap_or(i64::MAX))
        .bind(i64::from(limit) + 1)
        .fetch_all(connection)
        .await
}

fn page(rows: &[AnyRow], limit: u32, max_bytes: usize) -> sqlx::Result<(EventsPage, usize)> {
    /// What an event takes beside its body, about.
    const FRAME: usize = 300;
    let mut events = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for row in rows.iter().take(limit as usize) {
        let size = row.try_get::<&str, _>("body")?.len() + FRAME;
        if !events.is_empty() && bytes + size > max_bytes {
            break;
        }
        bytes += size;
        events.push(event::read(row)?);
    }
    let more = events.len() < rows.len();
    Ok((EventsPage { events, more }, bytes))
}
