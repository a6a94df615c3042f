//! Commands that make rooms and change who is in them. Each checks everything before it writes anything, so
//! that a refusal leaves nothing behind in the transaction it shares with others.

use super::{
    command::{Command, Done},
    event::{self, Went},
};
use crate::{
    ManagedBy, Settings,
    accounts::people,
    failure::{Failure, Outcome},
    rooms::{Seen, seen, summary},
};
use plaza_protocol::{
    Code, CreatedRoom, Error, Event, JoinedRoom, Position, Role, RoomId, RoomKind, RoomSummary, Timestamp,
    User, UserRef,
};
use sqlx::{AnyConnection, Row};

/// What the settings say about rooms.
pub(super) struct Rules {
    create_on_join: bool,
    members_managed_by: ManagedBy,
    rooms_per_user: i64,
    guest_millis: i64,
}

impl Rules {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            create_on_join: settings.create_on_join,
            members_managed_by: settings.members_managed_by,
            rooms_per_user: i64::from(settings.rooms_per_user),
            guest_millis: i64::from(settings.guest_seconds) * 1_000,
        }
    }
}

/// Runs one command; the event is what it added to the log.
pub(super) async fn run(
    tx: &mut AnyConnection,
    rules: &Rules,
    command: Command,
    at: Timestamp,
) -> Outcome<(Done, Option<Event>)> {
    match command {
        Command::Create { user, room, name, kind } => {
            if exists(tx, &room).await? {
                return Err(Error::new(
                    Code::Conflict,
                    "There is a room with this id already. Choose another id.",
                )
                .into());
            }
            has_room_for_one_more(tx, rules, &user, &user).await?;
            let (room, event) = create(tx, room, name, kind, &user, at).await?;
            Ok((Done::Created(CreatedRoom { room }), Some(event)))
        }
        Command::Join { user, room } => {
            let (joined, event) = join(tx, rules, room, &user, at).await?;
            Ok((Done::Joined(joined), event))
        }
        Command::Leave { user, room } => {
            seen(tx, &room, &user.id).await?.ok_or_else(Error::no_such_room)?;
            take_out(tx, &room, &user, &user, at).await
        }
        Command::Add { by, room, whom } => add(tx, rules, room, &by, &whom, at).await,
        Command::Remove { by, room, whom } => remove(tx, rules, room, &by, &whom, at).await,
        Command::Message(_) => {
            Err(Failure::Refused(Error::new(Code::Internal, "The server mixed this request up. Try again.")))
        }
    }
}

async fn join(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: RoomId,
    user: &User,
    at: Timestamp,
) -> Outcome<(JoinedRoom, Option<Event>)> {
    if let Some(room) = summary(tx, &room, &user.id).await? {
        return Ok((JoinedRoom { seq: room.seq, room }, None));
    }
    let found = sqlx::query("SELECT kind FROM rooms WHERE id = $1")
        .bind(room.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let (room, event) = match found {
        None if rules.create_on_join && room.is_choosable() => {
            has_room_for_one_more(tx, rules, user, user).await?;
            let name = room.as_str().to_owned();
            create(tx, room, name, RoomKind::Public, user, at).await?
        }
        Some(row) if row.try_get::<&str, _>(0)? == RoomKind::Public.as_str() => {
            has_room_for_one_more(tx, rules, user, user).await?;
            let event = take_in(tx, &room, Role::Member, user, user, at).await?;
            let joined = summary(tx, &room, &user.id).await?.ok_or_else(Error::no_such_room)?;
            (joined, event)
        }
        _ => return Err(Error::no_such_room().into()),
    };
    Ok((JoinedRoom { seq: event.seq(), room }, Some(event)))
}

async fn add(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: RoomId,
    by: &User,
    whom: &UserRef,
    at: Timestamp,
) -> Outcome<(Done, Option<Event>)> {
    let asker = seen(tx, &room, &by.id).await?.ok_or_else(Error::no_such_room)?;
    if asker.kind == RoomKind::Public {
        return Err(Error::new(
            Code::Forbidden,
            "Nobody can be added to a public room: people join it by its id.",
        )
        .into());
    }
    may_manage(rules, &asker)?;
    let since = at.as_millis() - rules.guest_millis;
    let user = people::live(tx, whom, since).await?.ok_or_else(|| people::no_such_user(whom))?;
    if let Some(there) = seen(tx, &room, &user.id).await? {
        return Ok((Done::At(Position { seq: there.seq }), None));
    }
    has_room_for_one_more(tx, rules, &user, by).await?;
    let event = take_in(tx, &room, Role::Member, &user, by, at).await?;
    Ok((Done::At(Position { seq: event.seq() }), Some(event)))
}

async fn remove(
    tx: &mut AnyConnection,
    rules: &Rules,
    room: RoomId,
    by: &User,
    whom: &UserRef,
    at: Timestamp,
) -> Outcome<(Done, Option<Event>)> {
    let asker = seen(tx, &room, &by.id).await?.ok_or_else(Error::no_such_room)?;
    let found = people::any(tx, whom).await?;
    if found.as_ref().is_some_and(|user| user.id == by.id) {
        return take_out(tx, &room, by, by, at).await;
    }
    if asker.kind == RoomKind::Public {
        return Err(Error::new(
            Code::Forbidden,
            "Nobody can be removed from a public room: people leave it themselves.",
        )
        .into());
    }
    may_manage(rules, &asker)?;
    let user = found.ok_or_else(|| people::no_such_user(whom))?;
    if seen(tx, &room, &user.id).await?.is_none() {
        return Err(Error::new(Code::NotFound, format!("{} is not a member of this room.", user.name)).into());
    }
    take_out(tx, &room, &user, by, at).await
}

fn may_manage(rules: &Rules, asker: &Seen) -> Result<(), Error> {
    if rules.members_managed_by == ManagedBy::Owners && asker.role != Role::Owner {
        return Err(Error::new(Code::Forbidden, "Only an owner may add and remove members of this room."));
    }
    Ok(())
}

async fn exists(tx: &mut AnyConnection, room: &RoomId) -> Outcome<bool> {
    let row = sqlx::query("SELECT 1 FROM rooms WHERE id = $1").bind(room.as_str()).fetch_optional(tx).await?;
    Ok(row.is_some())
}

/// Whether `user` may be in one room more; the sentence is for `by`.
async fn has_room_for_one_more(tx: &mut AnyConnection, rules: &Rules, user: &User, by: &User) -> Outcome<()> {
    let row = sqlx::query("SELECT COUNT(*) FROM members WHERE user_id = $1")
        .bind(user.id.as_str())
        .fetch_one(tx)
        .await?;
    if row.try_get::<i64, _>(0)? < rules.rooms_per_user {
        return Ok(());
    }
    let sentence = if user.id == by.id {
        format!("You are in {} rooms, which is the most allowed. Leave one first.", rules.rooms_per_user)
    } else {
        format!("{} is in {} rooms, which is the most allowed.", user.name, rules.rooms_per_user)
    };
    Err(Error::new(Code::Conflict, sentence).into())
}

async fn create(
    tx: &mut AnyConnection,
    room: RoomId,
    name: String,
    kind: RoomKind,
    owner: &User,
    at: Timestamp,
) -> Outcome<(RoomSummary, Event)> {
    sqlx::query(
        "INSERT INTO rooms (id, name, kind, seq, created_by, created_at) VALUES ($1, $2, $3, 0, $4, $5)",
    )
    .bind(room.as_str())
    .bind(name.as_str())
    .bind(kind.as_str())
    .bind(owner.id.as_str())
    .bind(at.as_millis())
    .execute(&mut *tx)
    .await?;
    let event = take_in(tx, &room, Role::Owner, owner, owner, at).await?;
    let made = summary(tx, &room, &owner.id).await?.ok_or_else(Error::no_such_room)?;
    Ok((made, event))
}

async fn take_in(
    tx: &mut AnyConnection,
    room: &RoomId,
    role: Role,
    user: &User,
    by: &User,
    at: Timestamp,
) -> Outcome<Event> {
    let event = event::append_member(tx, room, Went::In, user, by, at).await?;
    sqlx::query("UPDATE rooms SET members = members + 1 WHERE id = $1")
        .bind(room.as_str())
        .execute(&mut *tx)
        .await?;
    // What was written until now is read.
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

async fn take_out(
    tx: &mut AnyConnection,
    room: &RoomId,
    user: &User,
    by: &User,
    at: Timestamp,
) -> Outcome<(Done, Option<Event>)> {
    let event = event::append_member(tx, room, Went::Out, user, by, at).await?;
    sqlx::query("UPDATE rooms SET members = members - 1 WHERE id = $1")
        .bind(room.as_str())
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM members WHERE room_id = $1 AND user_id = $2")
        .bind(room.as_str())
        .bind(user.id.as_str())
        .execute(tx)
        .await?;
    Ok((Done::At(Position { seq: event.seq() }), Some(event)))
}
