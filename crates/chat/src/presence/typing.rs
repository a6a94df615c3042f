//! Who may be told that somebody writes.

use crate::{Chat, unavailable};
use plaza_protocol::{Error, Typing, UserId};
use sqlx::Row;

/// How many members the room has, whether the writer hides, and, in a direct room, whether one of the two has
/// blocked the other.
const WRITER: &str = "
    SELECT rooms.members, users.hidden,
        (SELECT COUNT(*) FROM members AS other
         JOIN blocks ON (blocks.user_id = other.user_id AND blocks.blocked_id = members.user_id)
            OR (blocks.user_id = members.user_id AND blocks.blocked_id = other.user_id)
         WHERE rooms.kind = 'direct' AND other.room_id = rooms.id)
    FROM members
    JOIN rooms ON rooms.id = members.room_id
    JOIN users ON users.id = members.user_id
    WHERE members.room_id = $1 AND members.user_id = $2";

impl Chat {
    /// Whether the other members of a room are told that one of them writes: not in a room that is too large for it, not
    /// between two of whom one has blocked the other, and not of one who does not want to be seen.
    ///
    /// # Errors
    /// `not_found` for one who is no member.
    pub async fn is_seen_typing(&self, user: &UserId, request: &Typing) -> Result<bool, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let found = sqlx::query(WRITER)
            .bind(request.room_id.as_str())
            .bind(user.as_str())
            .fetch_optional(&mut *reader)
            .await
            .map_err(unavailable)?;
        let row = found.ok_or_else(Error::no_such_room)?;
        let number = |at: usize| row.try_get::<i64, _>(at).map_err(unavailable);
        let (members, hidden, blocked) = (number(0)?, number(1)? != 0, number(2)? != 0);
        Ok(members <= i64::from(self.inner.settings.typing_room_size) && !hidden && !blocked)
    }
}
