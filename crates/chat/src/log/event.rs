//! Events as rows: how they are written one by one, and read.

use crate::failure::Outcome;
use plaza_protocol::{Content, Event, MemberChange, Message, RoomId, Seq, Timestamp, User};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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

/// What a member event keeps in `body`; `sender` is who did it.
#[derive(Serialize, Deserialize)]
struct MemberBody {
    user: User,
}

/// Which way a member went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    In,
    Out,
}

/// Appends one member event and gives it its position.
pub(super) async fn append_member(
    tx: &mut AnyConnection,
    room: &RoomId,
    went: Went,
    user: &User,
    by: &User,
    at: Timestamp,
) -> Outcome<Event> {
    let row = sqlx::query("UPDATE rooms SET seq = seq + 1 WHERE id = $1 RETURNING seq, messages")
        .bind(room.as_str())
        .fetch_one(&mut *tx)
        .await?;
    let seq = read_seq(&row, 0)?;
    let change = MemberChange { room_id: room.clone(), seq, user: user.clone(), by: by.clone(), at };
    let event = match went {
        Went::In => Event::MemberAdded(change),
        Went::Out => Event::MemberRemoved(change),
    };
    let body = json!(MemberBody { user: user.clone() }).to_string();
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
    .bind(body)
    .bind(at.as_millis())
    .bind(row.try_get::<i64, _>(1)?)
    .execute(&mut *tx)
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
    let MemberBody { user } = serde_json::from_str(body).map_err(decode)?;
    let change = MemberChange { room_id, seq, user, by: sender, at };
    match kind {
        "member:added" => Ok(Event::MemberAdded(change)),
        "member:removed" => Ok(Event::MemberRemoved(change)),
        other => Err(decode(format!("an event of an unknown type {other:?}"))),
    }
}

/// A message's content from its two columns.
pub(super) fn content(kind: &str, body: &str) -> sqlx::Result<Content> {
    let body: Value = serde_json::from_str(body).map_err(decode)?;
    serde_json::from_value(json!({"kind": kind, "body": body})).map_err(decode)
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
