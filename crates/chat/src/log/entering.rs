//! Making rooms and joining them.

use super::{
    command::Done,
    membership::take_in,
    rules::{Rules, forbidden, has_room_for_one_more},
    run::Made,
};
use crate::{
    failure::Outcome,
    rooms::{fold, summary},
};
use plaza_protocol::{Code, CreatedRoom, Error, JoinedRoom, Role, RoomId, RoomKind, Timestamp, User, UserId};
use sqlx::{AnyConnection, Row};

/// A public room or a group, with its first member, who owns it.
pub(super) async fn create(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: RoomId,
    name: String,
    kind: RoomKind,
    owner: &User,
    at: Timestamp,
) -> Outcome<Made> {
    let taken =
        sqlx::query("SELECT 1 FROM rooms WHERE id = $1").bind(room.as_str()).fetch_optional(&mut *tx).await?;
    if taken.is_some() {
        return Err(
            Error::new(Code::Conflict, "There is a room with this id already. Choose another id.").into()
        );
    }
    has_room_for_one_more(tx, rules, kind, owner, owner).await?;
    insert(tx, &room, &name, kind, &owner.id, at).await?;
    let event = take_in(tx, &room, Role::Owner, owner, owner, at).await?;
    let made = summary(tx, &room, &owner.id).await?.ok_or_else(Error::no_such_room)?;
    Ok(Made { done: Done::Created(CreatedRoom { room: made }), events: vec![event] })
}

/// A public room, made where there is none; who comes into an empty one owns it.
pub(super) async fn join(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: RoomId,
    user: &User,
    at: Timestamp,
) -> Outcome<Made> {
    if let Some(room) = summary(tx, &room, &user.id).await? {
        return Ok(Made { done: Done::Joined(JoinedRoom { seq: room.seq, room }), events: Vec::new() });
    }
    let found = sqlx::query("SELECT kind, members FROM rooms WHERE id = $1")
        .bind(room.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let role = match found {
        None if rules.create_on_join && room.is_choosable() => {
            has_room_for_one_more(tx, rules, RoomKind::Public, user, user).await?;
            insert(tx, &room, room.as_str(), RoomKind::Public, &user.id, at).await?;
            Role::Owner
        }
        Some(row) if row.try_get::<&str, _>(0)? == RoomKind::Public.as_str() => {
            if super::bans::is_banned(tx, &room, &user.id).await? {
                return Err(forbidden("You are banned from this room.").into());
            }
            has_room_for_one_more(tx, rules, RoomKind::Public, user, user).await?;
            if row.try_get::<i64, _>(1)? == 0 { Role::Owner } else { Role::Member }
        }
        _ => return Err(Error::no_such_room().into()),
    };
    let event = take_in(tx, &room, role, user, user, at).await?;
    let room = summary(tx, &room, &user.id).await?.ok_or_else(Error::no_such_room)?;
    Ok(Made { done: Done::Joined(JoinedRoom { seq: event.seq(), room }), events: vec![event] })
}

/// A room without members.
pub(super) async fn insert(
    tx: &mut AnyConnection,
    room: &RoomId,
    name: &str,
    kind: RoomKind,
    by: &UserId,
    at: Timestamp,
) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO rooms (id, name, kind, seq, created_by, created_at) VALUES ($1, $2, $3, 0, $4, $5)",
    )
    .bind(room.as_str())
    .bind(name)
    .bind(kind.as_str())
    .bind(by.as_str())
    .bind(at.as_millis())
    .execute(&mut *tx)
    .await?;
    if kind == RoomKind::Public {
        sqlx::query("INSERT INTO public_rooms (room_id, folded) VALUES ($1, $2)")
            .bind(room.as_str())
            .bind(fold(name, room))
            .execute(tx)
            .await?;
    }
    Ok(())
}
