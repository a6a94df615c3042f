//! The rooms one is in.

use super::{kind, role};
use crate::{
    Chat,
    failure::Outcome,
    log::{parsed, read_seq},
    unavailable,
};
use plaza_protocol::{Error, RoomId, RoomList, RoomSummary, Seq, UserId};
use sqlx::{AnyConnection, Row};

impl Chat {
    /// Every room the user is a member of, by name, each with its unread messages counted.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn list_rooms(&self, user: &UserId) -> Result<RoomList, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let rooms = list(&mut reader, user).await?;
        Ok(RoomList { rooms })
    }

    /// The rooms the user is a member of, with their tops, of one moment.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn memberships(&self, user: &UserId) -> Result<Vec<(RoomId, Seq)>, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        Ok(tops(&mut reader, user).await?)
    }
}

/// See [`Chat::memberships`].
pub(crate) async fn tops(connection: &mut AnyConnection, user: &UserId) -> Outcome<Vec<(RoomId, Seq)>> {
    let rows = sqlx::query(
        "SELECT rooms.id, rooms.seq FROM members JOIN rooms ON rooms.id = members.room_id
         WHERE members.user_id = $1 ORDER BY rooms.id",
    )
    .bind(user.as_str())
    .fetch_all(connection)
    .await?;
    let tops: sqlx::Result<_> = rows.iter().map(|row| Ok((parsed(row, 0)?, read_seq(row, 1)?))).collect();
    Ok(tops?)
}

async fn list(connection: &mut AnyConnection, user: &UserId) -> Outcome<Vec<RoomSummary>> {
    let rows = sqlx::query(
        "SELECT rooms.id, rooms.name, rooms.kind, rooms.seq, members.read_seq, members.role,
            (SELECT COUNT(*) FROM events
             WHERE events.room_id = rooms.id AND events.seq > members.read_seq
                AND events.type = 'message' AND events.sender_id <> members.user_id) AS unread
         FROM members JOIN rooms ON rooms.id = members.room_id
         WHERE members.user_id = $1 ORDER BY rooms.name, rooms.id",
    )
    .bind(user.as_str())
    .fetch_all(connection)
    .await?;
    let mut rooms = Vec::with_capacity(rows.len());
    for row in &rows {
        rooms.push(RoomSummary {
            id: parsed(row, 0)?,
            name: row.try_get(1)?,
            kind: kind(row.try_get(2)?)?,
            seq: read_seq(row, 3)?,
            read_seq: read_seq(row, 4)?,
            role: role(row.try_get(5)?)?,
            unread: read_seq(row, 6)?,
        });
    }
    Ok(rooms)
}
