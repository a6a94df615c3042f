//! Rooms as their members see them: which there are, who is in them, how far one has read.

mod list;
mod members;
mod read;

pub(crate) use list::tops;
pub use read::Marked;
pub(crate) use read::{ReadQueue, start as start_reads};

use crate::{
    failure::Outcome,
    log::{decode, read_seq},
};
use plaza_protocol::{Role, RoomId, RoomKind, RoomSummary, Seq, UserId};
use sqlx::{AnyConnection, Row};

/// A room that one is a member of.
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: RoomKind,
    pub(crate) seq: Seq,
    pub(crate) role: Role,
    pub(crate) read_seq: Seq,
}

/// The room as this user sees it; nothing where there is none or the user is no member.
pub(crate) async fn seen(
    connection: &mut AnyConnection,
    room: &RoomId,
    user: &UserId,
) -> Outcome<Option<Seen>> {
    let row = sqlx::query(
        "SELECT rooms.name, rooms.kind, rooms.seq, members.role, members.read_seq
         FROM members JOIN rooms ON rooms.id = members.room_id
         WHERE members.room_id = $1 AND members.user_id = $2",
    )
    .bind(room.as_str())
    .bind(user.as_str())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Seen {
        name: row.try_get(0)?,
        kind: kind(row.try_get(1)?)?,
        seq: read_seq(&row, 2)?,
        role: role(row.try_get(3)?)?,
        read_seq: read_seq(&row, 4)?,
    }))
}

impl Seen {
    /// With its unread messages counted.
    pub(crate) async fn summary(
        self,
        connection: &mut AnyConnection,
        id: RoomId,
        user: &UserId,
    ) -> Outcome<RoomSummary> {
        let row = sqlx::query(
            "SELECT COUNT(*) FROM events
             WHERE room_id = $1 AND seq > $2 AND type = 'message' AND sender_id <> $3",
        )
        .bind(id.as_str())
        .bind(self.read_seq as i64)
        .bind(user.as_str())
        .fetch_one(connection)
        .await?;
        let unread = read_seq(&row, 0)?;
        let Self { name, kind, seq, role, read_seq } = self;
        Ok(RoomSummary { id, name, kind, seq, read_seq, unread, role })
    }
}

/// A room's kind from its column.
fn kind(text: &str) -> sqlx::Result<RoomKind> {
    [RoomKind::Public, RoomKind::Group]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| decode(format!("a room of an unknown kind {text:?}")))
}

/// A member's role from its column.
fn role(text: &str) -> sqlx::Result<Role> {
    [Role::Owner, Role::Member]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| decode(format!("a member of an unknown role {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_role_can_be_read_back() {
        for text in ["public", "group"] {
            assert_eq!(kind(text).unwrap().as_str(), text);
        }
        for text in ["owner", "member"] {
            assert_eq!(role(text).unwrap().as_str(), text);
        }
        assert!(kind("other").is_err() && role("other").is_err());
    }
}
