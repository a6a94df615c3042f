//! Who is kept out of a room.

use super::{place, seen};
use crate::{
    Chat,
    failure::Outcome,
    log::{may_ban, parsed},
    unavailable,
};
use plaza_protocol::{BansPage, Error, ListBans, RoomId, User, UserId};
use sqlx::{AnyConnection, Row};

/// Users a page.
const PAGE: usize = 100;

impl Chat {
    /// A page of those who are banned from a room, in the order of their ids.
    ///
    /// # Errors
    /// `not_found` for one who is no member, `forbidden` for one who may not ban.
    pub async fn room_bans(&self, user: &UserId, request: ListBans) -> Result<BansPage, Error> {
        let mut snapshot = self.inner.store.snapshot().await.map_err(unavailable)?;
        let asker = seen(&mut snapshot, &request.room_id, user).await?.ok_or_else(Error::no_such_room)?;
        may_ban(&asker)?;
        let after = place(request.after);
        Ok(page(&mut snapshot, &request.room_id, &after).await?)
    }
}

async fn page(connection: &mut AnyConnection, room: &RoomId, after: &str) -> Outcome<BansPage> {
    let rows = sqlx::query(
        "SELECT users.id, users.name, users.guest FROM bans JOIN users ON users.id = bans.user_id
         WHERE bans.room_id = $1 AND bans.user_id > $2 ORDER BY bans.user_id LIMIT $3",
    )
    .bind(room.as_str())
    .bind(after)
    .bind(PAGE as i64 + 1)
    .fetch_all(connection)
    .await?;
    let mut users = Vec::with_capacity(rows.len().min(PAGE));
    for row in rows.iter().take(PAGE) {
        users.push(User {
            id: parsed(row, 0)?,
            name: row.try_get(1)?,
            guest: row.try_get::<i64, _>(2)? != 0,
        });
    }
    let next = users.last().filter(|_| rows.len() > PAGE).map(|last| last.id.as_str().to_owned());
    Ok(BansPage { users, next })
}
