//! A message of a webhook: of somebody who is no member of the room, and may write there all the same.
//!
//! It goes through the same queue and gets its position in the same way as others. Nobody's count of their own messages
//! changes by it, so it has no ordinal and every member counts it as another's.

use super::{
    batch::Memory,
    command::{Done, NewMessage},
    direct, event,
    keys::Key,
    messages::{self, Stored},
    run::Made,
};
use crate::failure::Outcome;
use plaza_protocol::{Code, Error, Event, Message, SentMessage, Timestamp};
use sqlx::{AnyConnection, Row};

/// Writes it; one that is there already is answered as the first time.
pub(super) async fn write(
    tx: &mut AnyConnection,
    memory: &mut Memory,
    message: NewMessage,
    at: Timestamp,
) -> Outcome<Made> {
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
    let seq = event::read_seq(&raised, 0)?;
    let message = Message { room_id: room, seq, id, client_id, sender, content, at };
    let key = Key::of(&message.room_id, &message.sender.id, &message.client_id);
    if let Some(Stored { sent, content: first }) = messages::stored(tx, &memory.keys, &key).await? {
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
    memory.keys.add(key, seq);
    let sent = SentMessage { seq: message.seq, id: message.id.clone(), at };
    Ok(Made { done: Done::Sent(sent), events: vec![Event::Message(message)] })
}
