//! Commands that bring somebody into a room or put somebody out.

use super::{
    bans,
    event::{self, Change},
    roles,
    rules::{Rules, asker, forbidden, has_room_for_one_more, member},
    run::Made,
};
use crate::{accounts::people, failure::Outcome, rooms::seen};
use plaza_protocol::{Event, Role, RoomId, RoomKind, Timestamp, User, UserRef};
use sqlx::AnyConnection;

pub(super) async fn leave(
    tx: &mut AnyConnection,
    room: &RoomId,
    user: &User,
    at: Timestamp,
) -> Outcome<Made> {
    let here = asker(tx, room, user).await?;
    if here.kind == RoomKind::Direct {
        return Err(forbidden(
            "A direct room cannot be left. Block the other one if you do not want to hear from them.",
        )
        .into());
    }
    // Who is alone leaves nobody without an owner.
    if here.role == Role::Owner && here.members > 1 {
        roles::has_another_owner(tx, room).await?;
    }
    let event = event::append(tx, room, user, Change::Removed(user), at).await?;
    take_out(tx, room, user).await?;
    Ok(Made::one(event))
}

pub(super) async fn add(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: &RoomId,
    by: &User,
    whom: &UserRef,
    at: Timestamp,
) -> Outcome<Made> {
    let asker = asker(tx, room, by).await?;
    rules.may_add(&asker)?;
    let since = rules.guests_since(at.as_millis());
    let user = people::live(tx, whom, since).await?.ok_or_else(|| people::no_such_user(whom))?;
    if let Some(there) = seen(tx, room, &user.id).await? {
        return Ok(Made::nothing(there.seq));
    }
    if bans::is_banned(tx, room, &user.id).await? {
        return Err(forbidden(format!("{} is banned from this room.", user.name)).into());
    }
    has_room_for_one_more(tx, rules, asker.kind, &user, by).await?;
    Ok(Made::one(take_in(tx, room, Role::Member, &user, by, at).await?))
}

pub(super) async fn remove(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: &RoomId,
    by: &User,
    whom: &UserRef,
    at: Timestamp,
) -> Outcome<Made> {
    let asker = asker(tx, room, by).await?;
    if people::any(tx, whom).await?.is_some_and(|user| user.id == by.id) {
        return leave(tx, room, by, at).await;
    }
    rules.may_remove_some(&asker)?;
    let (user, there) = member(tx, room, whom).await?;
    Rules::may_remove(&asker, &user, there.role)?;
    let event = event::append(tx, room, by, Change::Removed(&user), at).await?;
    take_out(tx, room, &user).await?;
    Ok(Made::one(event))
}

/// Makes somebody a member, with the event that says so. What was written until now is read.
pub(super) async fn take_in(
    tx: &mut AnyConnection,
    room: &RoomId,
    role: Role,
    user: &User,
    by: &User,
    at: Timestamp,
) -> Outcome<Event> {
    let event = event::append(tx, room, by, Change::Added(user), at).await?;
    sqlx::query("UPDATE rooms SET members = members + 1 WHERE id = $1")
        .bind(room.as_str())
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO members (room_id, user_id, role, read_seq, own, own_seq, read_others)
         SELECT id, $2, $3, seq, 0, 0, messages FROM rooms WHERE id = $1",
    )
    .bind(room.as_str())
    .bind(user.id.as_str())
    .bind(role.as_str())
    .execute(tx)
    .await?;
    Ok(event)
}

/// Ends a membership; the caller has appended the event that says so.
pub(super) async fn take_out(tx: &mut AnyConnection, room: &RoomId, user: &User) -> Outcome<()> {
    sqlx::query("UPDATE rooms SET members = members - 1 WHERE id = $1")
        .bind(room.as_str())
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM members WHERE room_id = $1 AND user_id = $2")
        .bind(room.as_str())
        .bind(user.id.as_str())
        .execute(tx)
        .await?;
    Ok(())
}
