//! Whom somebody does not want to hear from: such a one can neither start a direct room with them nor write in the one
//! there is, and does not see whether they are here. What was written before stays.

use crate::{
    Chat,
    accounts::people,
    failure::{Failure, Outcome},
    log::parsed,
    unavailable,
    words::{rows, words},
};
use plaza_protocol::{BlockUser, BlockedList, Code, Error, RoomId, UnblockUser, User, UserId};
use sqlx::{AnyConnection, Row};
use std::collections::HashSet;

/// Most that one user may have blocked at once.
const MOST: i64 = 1_000;

impl Chat {
    /// From now on `user` does not hear from somebody; who that is, is the answer. Blocking again changes nothing.
    ///
    /// # Errors
    /// `not_found` for an unknown user, `bad_request` for oneself, `conflict` for one who has blocked 1,000.
    pub async fn block_user(&self, user: &UserId, request: BlockUser) -> Result<User, Error> {
        let mut tx = self.writer().await?;
        let whom =
            people::any(&mut tx, &request.user).await?.ok_or_else(|| people::no_such_user(&request.user))?;
        if whom.id == *user {
            return Err(Error::bad_request("You cannot block yourself."));
        }
        insert(&mut tx, user, &whom.id).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(whom)
    }

    /// From now on `user` hears from somebody again; who that is, is the answer. One who was not blocked is no error.
    ///
    /// # Errors
    /// `not_found` for an unknown user.
    pub async fn unblock_user(&self, user: &UserId, request: UnblockUser) -> Result<User, Error> {
        let mut tx = self.writer().await?;
        let whom =
            people::any(&mut tx, &request.user).await?.ok_or_else(|| people::no_such_user(&request.user))?;
        sqlx::query("DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2")
            .bind(user.as_str())
            .bind(whom.id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(whom)
    }

    /// Whom `user` has blocked, by name.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn blocked_users(&self, user: &UserId) -> Result<BlockedList, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        Ok(BlockedList { users: blocked(&mut reader, user).await? })
    }

    /// Those of `among` who have blocked `user`.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn blocked_by(&self, user: &UserId, among: &[UserId]) -> Result<HashSet<UserId>, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        Ok(blockers(&mut reader, user, among).await?)
    }
}

async fn insert(tx: &mut AnyConnection, user: &UserId, whom: &UserId) -> Outcome<()> {
    let row = sqlx::query("SELECT COUNT(*) FROM blocks WHERE user_id = $1 AND blocked_id <> $2")
        .bind(user.as_str())
        .bind(whom.as_str())
        .fetch_one(&mut *tx)
        .await?;
    if row.try_get::<i64, _>(0)? >= MOST {
        let sentence =
            format!("You have blocked {MOST} people, which is the most allowed. Unblock one first.");
        return Err(Failure::Refused(Error::new(Code::Conflict, sentence)));
    }
    sqlx::query("INSERT INTO blocks (user_id, blocked_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(user.as_str())
        .bind(whom.as_str())
        .execute(tx)
        .await?;
    Ok(())
}

async fn blocked(connection: &mut AnyConnection, user: &UserId) -> Outcome<Vec<User>> {
    let rows = sqlx::query(
        "SELECT users.id, users.name, users.guest FROM blocks JOIN users ON users.id = blocks.blocked_id
         WHERE blocks.user_id = $1 ORDER BY users.name, users.id",
    )
    .bind(user.as_str())
    .fetch_all(connection)
    .await?;
    let users: sqlx::Result<_> = rows
        .iter()
        .map(|row| {
            Ok(User { id: parsed(row, 0)?, name: row.try_get(1)?, guest: row.try_get::<i64, _>(2)? != 0 })
        })
        .collect();
    Ok(users?)
}

async fn blockers(
    connection: &mut AnyConnection,
    user: &UserId,
    among: &[UserId],
) -> Outcome<HashSet<UserId>> {
    let rows = sqlx::query(words(connection).blockers)
        .bind(rows(among)?)
        .bind(user.as_str())
        .fetch_all(connection)
        .await?;
    let users: sqlx::Result<_> = rows.iter().map(|row| parsed(row, 0)).collect();
    Ok(users?)
}

/// Whether `user` may write to somebody directly.
pub(crate) async fn may_write(tx: &mut AnyConnection, user: &UserId, to: &User) -> Outcome<()> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM blocks WHERE user_id = $1 AND blocked_id = $2),
            (SELECT COUNT(*) FROM blocks WHERE user_id = $2 AND blocked_id = $1)",
    )
    .bind(user.as_str())
    .bind(to.id.as_str())
    .fetch_one(tx)
    .await?;
    let (blocks, is_blocked) = (row.try_get::<i64, _>(0)? != 0, row.try_get::<i64, _>(1)? != 0);
    Ok(between(blocks, is_blocked, &to.name).map_or(Ok(()), Err)?)
}

/// Of these memberships of direct rooms, each a room and a user: those in which one of the two has blocked the other, by
/// their places in the list. Nothing that shows that somebody is there passes in them.
pub(crate) async fn parted(
    connection: &mut AnyConnection,
    pairs: &[(&RoomId, &UserId)],
) -> sqlx::Result<HashSet<usize>> {
    let mut parted = HashSet::new();
    if pairs.is_empty() {
        return Ok(parted);
    }
    for row in &sqlx::query(words(connection).directly).bind(rows(pairs)?).fetch_all(connection).await? {
        if row.try_get::<i64, _>(1)? + row.try_get::<i64, _>(2)? > 0 {
            parted.insert(row.try_get::<i64, _>(0)? as usize);
        }
    }
    Ok(parted)
}

/// What keeps one from writing to the other: that one `blocks` the other, or `is_blocked` by them.
pub(crate) fn between(blocks: bool, is_blocked: bool, other: &str) -> Option<Error> {
    let sentence = match (blocks, is_blocked) {
        (true, _) => format!("You have blocked {other}. Unblock them first to write to them."),
        (false, true) => format!("{other} does not take messages from you."),
        (false, false) => return None,
    };
    Some(Error::new(Code::Forbidden, sentence))
}
