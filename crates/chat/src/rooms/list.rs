//! The rooms one is in.

use super::{kind, role};
use crate::{
    Chat,
    failure::Outcome,
    log::{parsed, read_seq},
    unavailable,
};
use plaza_protocol::{Error, RoomId, RoomList, RoomSummary, Seq, Timestamp, User, UserId};
use sqlx::{AnyConnection, Row, any::AnyRow};

impl Chat {
    /// Every room the user is a member of, by name, each with how many messages are unread.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn list_rooms(&self, user: &UserId) -> Result<RoomList, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let rooms = list(&mut reader, user).await?;
        Ok(RoomList { rooms })
    }

    /// The rooms the user is a member of, each with what its log has, of one moment.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn memberships(&self, user: &UserId) -> Result<Vec<(RoomId, Extent)>, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        Ok(extents(&mut reader, user).await?)
    }
}

/// What a room's log has: every event from the first to the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The position of the oldest event; where retention has cut all, one past the newest.
    pub first: Seq,
    /// The position of the newest event, also of one that is cut.
    pub top: Seq,
}

/// What a room's log has; nothing where there is none or the user is no member.
pub(crate) async fn extent(
    connection: &mut AnyConnection,
    room: &RoomId,
    user: &UserId,
) -> Outcome<Option<Extent>> {
    let row = sqlx::query(
        "SELECT rooms.kept_from, rooms.seq FROM members JOIN rooms ON rooms.id = members.room_id
         WHERE members.room_id = $1 AND members.user_id = $2",
    )
    .bind(room.as_str())
    .bind(user.as_str())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Extent { first: read_seq(&row, 0)?, top: read_seq(&row, 1)? }))
}

/// See [`Chat::memberships`].
pub(crate) async fn extents(connection: &mut AnyConnection, user: &UserId) -> Outcome<Vec<(RoomId, Extent)>> {
    let rows = sqlx::query(
        "SELECT rooms.id, rooms.kept_from, rooms.seq FROM members JOIN rooms ON rooms.id = members.room_id
         WHERE members.user_id = $1 ORDER BY rooms.id",
    )
    .bind(user.as_str())
    .fetch_all(connection)
    .await?;
    let extents: sqlx::Result<_> = rows
        .iter()
        .map(|row| Ok((parsed(row, 0)?, Extent { first: read_seq(row, 1)?, top: read_seq(row, 2)? })))
        .collect();
    Ok(extents?)
}

/// A statement that gives rows for [`read`]. What is unread is told by subtraction, in time that does not grow with
/// it. Only in a direct room is somebody looked for beside the user: everywhere else there is nothing to look by.
macro_rules! select_summaries {
    ($rest:literal) => {
        concat!(
            "SELECT rooms.id, COALESCE(other.name, rooms.name) AS shown, rooms.kind, rooms.seq,
                members.read_seq, members.role,
                rooms.messages - members.own - members.read_others AS unread,
                rooms.members, other.id, other.guest, newest.at
             FROM members JOIN rooms ON rooms.id = members.room_id
             LEFT JOIN members AS beside
                ON beside.room_id = CASE WHEN rooms.kind = 'direct' THEN rooms.id END
                AND beside.user_id <> members.user_id
             LEFT JOIN users AS other ON other.id = beside.user_id
             LEFT JOIN events AS newest ON newest.room_id = rooms.id AND newest.seq = rooms.seq ",
            $rest
        )
    };
}

const ALL: &str = select_summaries!("WHERE members.user_id = $1 ORDER BY shown, rooms.id");
const ONE: &str = select_summaries!("WHERE members.user_id = $1 AND members.room_id = $2");

async fn list(connection: &mut AnyConnection, user: &UserId) -> Outcome<Vec<RoomSummary>> {
    let rows = sqlx::query(ALL).bind(user.as_str()).fetch_all(connection).await?;
    let rooms: sqlx::Result<_> = rows.iter().map(read).collect();
    Ok(rooms?)
}

/// The room as this user sees it; nothing where there is none or the user is no member.
pub(crate) async fn summary(
    connection: &mut AnyConnection,
    room: &RoomId,
    user: &UserId,
) -> Outcome<Option<RoomSummary>> {
    let row = sqlx::query(ONE).bind(user.as_str()).bind(room.as_str()).fetch_optional(connection).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

fn read(row: &AnyRow) -> sqlx::Result<RoomSummary> {
    let name: String = row.try_get(1)?;
    let with = match row.try_get::<Option<&str>, _>(8)? {
        None => None,
        Some(_) => {
            let guest = row.try_get::<i64, _>(9)? != 0;
            Some(User { id: parsed(row, 8)?, name: name.clone(), guest })
        }
    };
    Ok(RoomSummary {
        id: parsed(row, 0)?,
        name,
        kind: kind(row.try_get(2)?)?,
        seq: read_seq(row, 3)?,
        at: row.try_get::<Option<i64>, _>(10)?.map(Timestamp::from_millis),
        read_seq: read_seq(row, 4)?,
        role: role(row.try_get(5)?)?,
        unread: read_seq(row, 6)?,
        members: read_seq(row, 7)?,
        with,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_store::{Durability, Store, StoreOptions};
    use sqlx::AssertSqlSafe;

    #[tokio::test]
    async fn what_is_unread_is_told_without_a_walk_through_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            durability: Durability::None,
            ..StoreOptions::new(folder.path().join("plan.db"), [7; 16])
        };
        let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
        for statement in [ALL, ONE] {
            let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let mut reader = store.read().await.unwrap();
            let plan = sqlx::query(explained).bind("u").bind("hall").fetch_all(&mut *reader).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            assert!(steps.iter().all(|step| !step.starts_with("SCAN")), "{steps:?}");
            // One event of each room, found by its key, whose columns are all given.
            let log: Vec<_> = steps.iter().filter(|step| step.contains("newest")).collect();
            assert!(log.len() == 1 && log[0].contains("(room_id=? AND seq=?)"), "{steps:?}");
        }
    }
}
