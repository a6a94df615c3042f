//! Commands for a room's owners and moderators: what each member may do, and the room's name.

use super::{
    event::{self, Change},
    rules::{Ranked as _, Rules, asker, forbidden, member},
    run::Made,
};
use crate::{accounts::people, failure::Outcome, rooms::fold};
use plaza_protocol::{Code, Error, Role, RoomId, RoomKind, Timestamp, User, UserRef};
use sqlx::{AnyConnection, Row};

/// Gives somebody a role. A room that has people keeps an owner; where all it has are guests who have expired, and who
/// will never hand it over, one of those who are left may make themselves one.
pub(super) async fn set(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: &RoomId,
    by: &User,
    whom: &UserRef,
    role: Role,
    at: Timestamp,
) -> Outcome<Made> {
    let asker = asker(tx, room, by).await?;
    if asker.kind == RoomKind::Direct {
        return Err(forbidden("In a direct room both may do the same: there are no roles.").into());
    }
    if asker.role != Role::Owner {
        let takes = role == Role::Owner && people::any(tx, whom).await?.is_some_and(|user| user.id == by.id);
        if !(takes && may_take_over(tx, rules, room, asker.role, at).await?) {
            return Err(forbidden("Only owners may say what members of this room may do.").into());
        }
    }
    let (user, there) = member(tx, room, whom).await?;
    if there.role == role {
        return Ok(Made::nothing(there.seq));
    }
    if there.role == Role::Owner {
        has_another_owner(tx, room).await?;
    }
    let event = event::append(tx, room, by, Change::Role(&user, role), at).await?;
    sqlx::query("UPDATE members SET role = $3 WHERE room_id = $1 AND user_id = $2")
        .bind(room.as_str())
        .bind(user.id.as_str())
        .bind(role.as_str())
        .execute(tx)
        .await?;
    Ok(Made::one(event))
}

/// Whether one who is no owner may become one by themselves: no owner is left, and nobody who is ranks above them. A
/// guest may be seen a little later than the store knows, so all expired ones are known to have been gone for long.
async fn may_take_over(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: &RoomId,
    role: Role,
    now: Timestamp,
) -> Outcome<bool> {
    let above: &[&str] = if role == Role::Moderator { &[OWNER_LEFT] } else { &[OWNER_LEFT, MODERATOR_LEFT] };
    for statement in above {
        let left = sqlx::query(*statement).bind(room.as_str()).bind(rules.guests_since(now.as_millis()));
        if left.fetch_optional(&mut *tx).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A statement that finds one in this role who is an account, or a guest who has neither expired nor logged out.
macro_rules! left_in_role {
    ($role:literal) => {
        concat!(
            "SELECT 1 FROM members CROSS JOIN users
             WHERE users.id = members.user_id AND members.room_id = $1 AND members.role = '",
            $role,
            "' AND (users.guest = 0 OR (users.token_hash IS NOT NULL AND users.seen_at > $2)) LIMIT 1"
        )
    };
}

const OWNER_LEFT: &str = left_in_role!("owner");
const MODERATOR_LEFT: &str = left_in_role!("moderator");

/// Refuses to take a room its only owner.
pub(super) async fn has_another_owner(tx: &mut AnyConnection, room: &RoomId) -> Outcome<()> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM (SELECT 1 FROM members WHERE room_id = $1 AND role = 'owner' LIMIT 2) AS owners",
    )
    .bind(room.as_str())
    .fetch_one(tx)
    .await?;
    if row.try_get::<i64, _>(0)? > 1 {
        return Ok(());
    }
    let sentence = "You are the only owner of this room. Make somebody else an owner first.";
    Err(Error::new(Code::Conflict, sentence).into())
}

/// Gives the room another name.
pub(super) async fn rename(
    tx: &mut AnyConnection,
    room: &RoomId,
    by: &User,
    name: &str,
    at: Timestamp,
) -> Outcome<Made> {
    let asker = asker(tx, room, by).await?;
    if asker.kind == RoomKind::Direct {
        return Err(forbidden("A direct room has no name of its own: each sees the other's.").into());
    }
    if !asker.role.moderates() {
        return Err(forbidden("Only owners and moderators may rename this room.").into());
    }
    let renamed = sqlx::query("UPDATE rooms SET name = $2 WHERE id = $1 AND name <> $2")
        .bind(room.as_str())
        .bind(name)
        .execute(&mut *tx)
        .await?;
    if renamed.rows_affected() == 0 {
        return Ok(Made::nothing(asker.seq));
    }
    if asker.kind == RoomKind::Public {
        sqlx::query("UPDATE public_rooms SET folded = $2 WHERE room_id = $1")
            .bind(room.as_str())
            .bind(fold(name, room))
            .execute(&mut *tx)
            .await?;
    }
    Ok(Made::one(event::append(tx, room, by, Change::Name(name), at).await?))
}
