//! A message of a webhook: of somebody who is no member of the room, and may write there all the same.
//!
//! It goes through the same queue and gets its position in the same way as others. Nobody's count of their own messages
//! changes by it, so it has no ordinal and every member counts it as another's.

use super::{
    command::{Done, NewMessage},
    direct, event,
    run::Made,
};
use crate::failure::Outcome;
use plaza_protocol::{Code, Content, Error, Event, Message, SentMessage, Timestamp};
use sqlx::{AnyConnection, Row};

/// Writes it; one that is there already is answered as the first time.
pub(super) async fn write(tx: &mut AnyConnection, message: NewMessage, at: Timestamp) -> Outcome<Made> {
    let NewMessage { sender, room, client_id, content, kind, body, id } = message;
    if direct::is_id(&room) {
        return Err(Error::no_such_room().into());
    }
    // First, since it also takes the room from all others who write there: what is looked at then stays as it is.
    let raised = sqlx::query(
        "UPDATE rooms SET seq = seq + 1, messages = messages + 1 WHERE id = $1 RETURNING seq, messages",
    )
    .bind(room.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let Some(raised) = raised else { return Err(Error::no_such_room().into()) };
    let message =
        Message { room_id: room, seq: event::read_seq(&raised, 0)?, id, client_id, sender, content, at };
    if let Some((sent, first)) = known(tx, &message).await? {
        sqlx::query("UPDATE rooms SET seq = seq - 1, messages = messages - 1 WHERE id = $1")
            .bind(message.room_id.as_str())
            .execute(&mut *tx)
            .await?;
        if first.is_some_and(|first| first != message.content) {
            let sentence = "Another message of this webhook has this key. Give this one a new key.";
            return Err(Error::new(Code::Conflict, sentence).into());
        }
        return Ok(Made { done: Done::Sent(sent), events: Vec::new() });
    }
    sqlx::query(
        "INSERT INTO events (room_id, seq, type, id, sender_id, sender_name, sender_guest, client_id, kind, body, at,
            messages)
         VALUES ($1, $2, 'message', $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(message.room_id.as_str())
    .bind(message.seq as i64)
    .bind(message.id.as_str())
    .bind(message.sender.id.as_str())
    .bind(message.sender.name.as_str())
    .bind(i64::from(message.sender.guest))
    .bind(message.client_id.as_str())
    .bind(kind)
    .bind(body)
    .bind(at.as_millis())
    .bind(raised.try_get::<i64, _>(1)?)
    .execute(&mut *tx)
    .await?;
    let sent = SentMessage { seq: message.seq, id: message.id.clone(), at };
    Ok(Made { done: Done::Sent(sent), events: vec![Event::Message(message)] })
}

/// What the store has under the same name of the same sender, and what that says, unless retention has cut it.
async fn known(
    tx: &mut AnyConnection,
    message: &Message,
) -> sqlx::Result<Option<(SentMessage, Option<Content>)>> {
    let row = sqlx::query(
        "SELECT seq, id, at, kind, body FROM events WHERE room_id = $1 AND sender_id = $2 AND client_id = $3
         UNION ALL
         SELECT seq, id, at, NULL, NULL FROM cut_messages
         WHERE room_id = $1 AND sender_id = $2 AND client_id = $3",
    )
    .bind(message.room_id.as_str())
    .bind(message.sender.id.as_str())
    .bind(message.client_id.as_str())
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let sent = SentMessage {
        seq: event::read_seq(&row, 0)?,
        id: row.try_get(1)?,
        at: Timestamp::from_millis(row.try_get(2)?),
    };
    let content = match row.try_get::<Option<&str>, _>(3)? {
        Some(kind) => Some(event::content(kind, row.try_get(4)?)?),
        None => None,
    };
    Ok(Some((sent, content)))
}
