//! Keeping somebody out of a room, and letting them in again. A ban is of a user's id: a guest who comes back as a new
//! guest is somebody else.

use super::{
    event::{self, Change},
    membership::take_out,
    rules::{Ranked as _, Rules, asker, forbidden, known, outranks, stays_two},
    run::Made,
};
use crate::{
    failure::Outcome,
    rooms::{Seen, seen},
};
use plaza_protocol::{Code, Error, RoomId, RoomKind, Timestamp, User, UserId, UserRef};
use sqlx::{AnyConnection, Row};

/// Puts somebody out, if they are in, and keeps them out.
pub(super) async fn ban(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: &RoomId,
    by: &User,
    whom: &UserRef,
    at: Timestamp,
) -> Outcome<Made> {
    let asker = asker(tx, room, by).await?;
    may_ban(&asker)?;
    let user = known(tx, whom).await?;
    if user.id == by.id {
        return Err(Error::bad_request("You cannot ban yourself.").into());
    }
    let there = seen(tx, room, &user.id).await?;
    if let Some(there) = &there {
        outranks(&asker, &user, there.role)?;
    }
    if is_banned(tx, room, &user.id).await? {
        return Ok(Made::nothing(asker.seq));
    }
    has_place_for_one_more(tx, rules, room).await?;
    sqlx::query("INSERT INTO bans (room_id, user_id) VALUES ($1, $2)")
        .bind(room.as_str())
        .bind(user.id.as_str())
        .execute(&mut *tx)
        .await?;
    let event = event::append(tx, room, by, Change::Banned(&user), at).await?;
    if there.is_some() {
        take_out(tx, room, &user).await?;
    }
    Ok(Made::one(event))
}

/// Whether one more may be banned from a room. Else guests who come and go would fill the store.
async fn has_place_for_one_more(tx: &mut AnyConnection, rules: &Rules, room: &RoomId) -> Outcome<()> {
    let row =
        sqlx::query("SELECT COUNT(*) FROM bans WHERE room_id = $1").bind(room.as_str()).fetch_one(tx).await?;
    let most = rules.bans_per_room;
    if row.try_get::<i64, _>(0)? < most {
        return Ok(());
    }
    let sentence = format!("As many are banned from this room as is allowed, {most}. Unban somebody first.");
    Err(Error::new(Code::Conflict, sentence).into())
}

/// Lets somebody come in again.
pub(super) async fn unban(
    tx: &mut AnyConnection,
    room: &RoomId,
    by: &User,
    whom: &UserRef,
    at: Timestamp,
) -> Outcome<Made> {
    let asker = asker(tx, room, by).await?;
    may_ban(&asker)?;
    let user = known(tx, whom).await?;
    let unbanned = sqlx::query("DELETE FROM bans WHERE room_id = $1 AND user_id = $2")
        .bind(room.as_str())
        .bind(user.id.as_str())
        .execute(&mut *tx)
        .await?;
    if unbanned.rows_affected() == 0 {
        return Ok(Made::nothing(asker.seq));
    }
    Ok(Made::one(event::append(tx, room, by, Change::Unbanned(&user), at).await?))
}

/// Whether a member may ban, unban, and see who is banned.
pub(crate) fn may_ban(asker: &Seen) -> Result<(), Error> {
    match asker.kind {
        RoomKind::Direct => Err(stays_two()),
        _ if asker.role.moderates() => Ok(()),
        _ => Err(forbidden("Only owners and moderators may ban people from this room.")),
    }
}

/// Whether somebody is kept out of a room.
pub(super) async fn is_banned(tx: &mut AnyConnection, room: &RoomId, user: &UserId) -> Outcome<bool> {
    let row = sqlx::query("SELECT 1 FROM bans WHERE room_id = $1 AND user_id = $2")
        .bind(room.as_str())
        .bind(user.as_str())
        .fetch_optional(tx)
        .await?;
    Ok(row.is_some())
}
