//! The position of a moment, for who wants to read what was said then.

use super::event::read_seq;
use crate::{Chat, failure::Outcome, rooms::seen, unavailable};
use plaza_protocol::{Error, Locate, Position, RoomId, Seq, UserId};
use sqlx::{AnyConnection, Row};

impl Chat {
    /// The position of the first event accepted at a moment or later; one past the newest where there is none. A clock
    /// that was set back makes it a guess.
    ///
    /// # Errors
    /// `not_found` for one who is no member.
    pub async fn locate(&self, user: &UserId, request: Locate) -> Result<Position, Error> {
        let mut snapshot = self.inner.store.snapshot().await.map_err(unavailable)?;
        let there = seen(&mut snapshot, &request.room_id, user).await?.ok_or_else(Error::no_such_room)?;
        let seq = first_since(&mut snapshot, &request.room_id, there.seq, request.at.as_millis()).await?;
        Ok(Position { seq })
    }
}

/// Halves what may hold it, each time by one look at the log: times stand in no index, and hardly ever out of order.
async fn first_since(connection: &mut AnyConnection, room: &RoomId, top: Seq, at: i64) -> Outcome<Seq> {
    let row = sqlx::query("SELECT seq FROM events WHERE room_id = $1 ORDER BY seq LIMIT 1")
        .bind(room.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let mut end = top + 1;
    let mut first = row.map_or(Ok(end), |row| read_seq(&row, 0))?;
    while first < end {
        let middle = first + (end - first) / 2;
        let row = sqlx::query("SELECT at FROM events WHERE room_id = $1 AND seq = $2")
            .bind(room.as_str())
            .bind(middle as i64)
            .fetch_one(&mut *connection)
            .await?;
        if row.try_get::<i64, _>(0)? < at {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(first)
}
