//! Keeping somebody out of a room, and letting them in again. A ban is of a user's id: a guest who comes back as a new
//! guest is somebody else.

use super::{
    event::{self, Change},
    membership::take_out,
    rules::{Ranked as _, asker, forbidden, known, outranks, stays_two},
    run::Made,
};
use crate::{
    failure::Outcome,
    rooms::{Seen, seen},
};
use plaza_protocol::{Error, RoomId, RoomKind, Timestamp, User, UserId, UserRef};
use sqlx::AnyConnection;

/// Puts somebody out, if they are in, and keeps them out.
pub(super) async fn ban(
    tx: &mut AnyConnection,
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
    let banned = sqlx::query("INSERT INTO bans (room_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(room.as_str())
        .bind(user.id.as_str())
        .execute(&mut *tx)
        .await?;
    if banned.rows_affected() == 0 {
        return Ok(Made::nothing(asker.seq));
    }
    let event = event::append(tx, room, by, Change::Banned(&user), at).await?;
    if there.is_some() {
        take_out(tx, room, &user).await?;
    }
    Ok(Made::one(event))
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
