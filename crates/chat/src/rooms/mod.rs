//! Rooms as people see them: which there are, who is in them and who is kept out, how far one has read.

mod bans;
mod discover;
mod list;
mod members;
mod read;

pub(crate) use discover::{fold, fold_earlier};
pub use list::Extent;
pub(crate) use list::{extent, extents, summary};
pub use read::Marked;
pub(crate) use read::{ReadJob, ReadQueue, start as start_reads};

use crate::{
    failure::Outcome,
    log::{decode, read_seq},
};
use plaza_protocol::{Role, RoomId, RoomKind, Seq, UserId};
use sqlx::{AnyConnection, Row};

/// A room that one is a member of.
pub(crate) struct Seen {
    pub(crate) kind: RoomKind,
    pub(crate) seq: Seq,
    pub(crate) role: Role,
    /// How many are in it.
    pub(crate) members: u64,
}

/// The room as this user sees it; nothing where there is none or the user is no member.
pub(crate) async fn seen(
    connection: &mut AnyConnection,
    room: &RoomId,
    user: &UserId,
) -> Outcome<Option<Seen>> {
    let row = sqlx::query(
        "SELECT rooms.kind, rooms.seq, members.role, rooms.members
         FROM members JOIN rooms ON rooms.id = members.room_id
         WHERE members.room_id = $1 AND members.user_id = $2",
    )
    .bind(room.as_str())
    .bind(user.as_str())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (kind, role) = (kind(row.try_get(0)?)?, role(row.try_get(2)?)?);
    Ok(Some(Seen { kind, seq: read_seq(&row, 1)?, role, members: read_seq(&row, 3)? }))
}

/// A room's kind from its column.
/// Where a page begins. No id has a NUL, and PostgreSQL takes none in a text.
fn place(after: Option<String>) -> String {
    after.unwrap_or_default().replace('\0', "")
}

fn kind(text: &str) -> sqlx::Result<RoomKind> {
    RoomKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| decode(format!("a room of an unknown kind {text:?}")))
}

/// A member's role from its column.
fn role(text: &str) -> sqlx::Result<Role> {
    Role::ALL
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| decode(format!("a member of an unknown role {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_role_can_be_read_back() {
        for text in ["public", "group", "direct"] {
            assert_eq!(kind(text).unwrap().as_str(), text);
        }
        for text in ["owner", "moderator", "member"] {
            assert_eq!(role(text).unwrap().as_str(), text);
        }
        assert!(kind("other").is_err() && role("other").is_err());
    }
}
