//! Events as rows: how they are written one by one, and read.

use crate::failure::Outcome;
use plaza_protocol::{
    Content, Event, Kind, MemberChange, Message, Role, RoleChange, RoomChange, RoomId, Seq, Timestamp, User,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AnyConnection, Row, any::AnyRow};

/// A statement that gives rows for [`read`].
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT room_id, seq, type, id, sender_id, sender_name, sender_guest, client_id, kind, body, at
             FROM events ",
            $rest
        )
    };
}
pub(super) use select_events;

/// What happens to a room, but for messages.
pub(super) enum Change<'a> {
    Added(&'a User),
    Removed(&'a User),
    Banned(&'a User),
    Unbanned(&'a User),
    /// What somebody may do from now on.
    Role(&'a User, Role),
    /// The room's new name.
    Name(&'a str),
}

/// What such an event keeps in `body`; `sender` is who did it.
#[derive(Serialize, Deserialize)]
struct MemberBody {
    user: User,
}

#[derive(Serialize, Deserialize)]
struct RoleBody {
    user: User,
    role: Role,
}

#[derive(Serialize, Deserialize)]
struct RoomBody {
    #[serde(default)]
    name: Option<String>,
}

impl Change<'_> {
    /// As JSON, as it is stored.
    fn body(&self) -> String {
        match *self {
            Self::Added(user) | Self::Removed(user) | Self::Banned(user) | Self::Unbanned(user) => {
                json!(MemberBody { user: user.clone() })
            }
            Self::Role(user, role) => json!(RoleBody { user: user.clone(), role }),
            Self::Name(name) => json!(RoomBody { name: Some(name.to_owned()) }),
        }
        .to_string()
    }

    fn event(&self, room: &RoomId, seq: Seq, by: &User, at: Timestamp) -> Event {
        let (room_id, by) = (room.clone(), by.clone());
        let (user, event): (_, fn(MemberChange) -> Event) = match *self {
            Self::Added(user) => (user, Event::MemberAdded),
            Self::Removed(user) => (user, Event::MemberRemoved),
            Self::Banned(user) => (user, Event::MemberBanned),
            Self::Unbanned(user) => (user, Event::MemberUnbanned),
            Self::Role(user, role) => {
                let user = user.clone();
                return Event::MemberChanged(RoleChange { room_id, seq, user, role, by, at });
            }
            Self::Name(name) => {
                let name = Some(name.to_owned());
                return Event::RoomChanged(RoomChange { room_id, seq, name, by, at });
            }
        };
        event(MemberChange { room_id, seq, user: user.clone(), by, at })
    }
}

/// Appends one event and gives it its position.
pub(super) async fn append(
    tx: &mut AnyConnection,
    room: &RoomId,
    by: &User,
    change: Change<'_>,
    at: Timestamp,
) -> Outcome<Event> {
    let row = sqlx::query("UPDATE rooms SET seq = seq + 1 WHERE id = $1 RETURNING seq, messages")
        .bind(room.as_str())
        .fetch_one(&mut *tx)
        .await?;
    let seq = read_seq(&row, 0)?;
    let event = change.event(room, seq, by, at);
    sqlx::query(
        "INSERT INTO events (room_id, seq, type, sender_id, sender_name, sender_guest, body, at, messages)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(room.as_str())
    .bind(seq as i64)
    .bind(event.name())
    .bind(by.id.as_str())
    .bind(by.name.as_str())
    .bind(i64::from(by.guest))
    .bind(change.body())
    .bind(at.as_millis())
    .bind(row.try_get::<i64, _>(1)?)
    .execute(tx)
    .await?;
    Ok(event)
}

/// An event from its row.
pub(super) fn read(row: &AnyRow) -> sqlx::Result<Event> {
    let room_id = parsed(row, 0)?;
    let seq = read_seq(row, 1)?;
    let kind: &str = row.try_get(2)?;
    let sender = User { id: parsed(row, 4)?, name: row.try_get(5)?, guest: row.try_get::<i64, _>(6)? != 0 };
    let body: &str = row.try_get(9)?;
    let at = Timestamp::from_millis(row.try_get(10)?);
    if kind == "message" {
        let content = content(row.try_get(8)?, body)?;
        let client_id = parsed(row, 7)?;
        return Ok(Event::Message(Message {
            room_id,
            seq,
            id: row.try_get(3)?,
            client_id,
            sender,
            content,
            at,
        }));
    }
    let member = || -> sqlx::Result<_> {
        let MemberBody { user } = serde_json::from_str(body).map_err(decode)?;
        Ok(MemberChange { room_id: room_id.clone(), seq, user, by: sender.clone(), at })
    };
    match kind {
        "member:added" => Ok(Event::MemberAdded(member()?)),
        "member:removed" => Ok(Event::MemberRemoved(member()?)),
        "member:banned" => Ok(Event::MemberBanned(member()?)),
        "member:unbanned" => Ok(Event::MemberUnbanned(member()?)),
        "member:changed" => {
            let RoleBody { user, role } = serde_json::from_str(body).map_err(decode)?;
            Ok(Event::MemberChanged(RoleChange { room_id, seq, user, role, by: sender, at }))
        }
        "room:changed" => {
            let RoomBody { name } = serde_json::from_str(body).map_err(decode)?;
            Ok(Event::RoomChanged(RoomChange { room_id, seq, name, by: sender, at }))
        }
        other => Err(decode(format!("an event of an unknown type {other:?}"))),
    }
}

/// A message's content from its two columns.
pub(super) fn content(kind: &str, body: &str) -> sqlx::Result<Content> {
    let known = Kind::named(kind).ok_or_else(|| decode(format!("a message of an unknown kind {kind:?}")))?;
    Content::from_json(known, body).map_err(decode)
}

/// A position from a column.
pub(crate) fn read_seq(row: &AnyRow, column: usize) -> sqlx::Result<Seq> {
    Seq::try_from(row.try_get::<i64, _>(column)?).map_err(decode)
}

/// An id from a column.
pub(crate) fn parsed<T>(row: &AnyRow, column: usize) -> sqlx::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<&str, _>(column)?.parse().map_err(decode)
}

/// A row that says what it cannot say.
pub(crate) fn decode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
