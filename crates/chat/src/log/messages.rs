//! A run of messages, appended with a handful of statements however many there are.

use super::{
    command::{Done, NewMessage},
    event,
};
use crate::sqlite;
use plaza_protocol::{Code, Content, Error, Event, Message, RoomId, SentMessage, Seq, Timestamp, UserId};
use serde_json::json;
use sqlx::{AnyConnection, Row};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

/// A message that the store has, from before or from earlier in this run.
struct Stored {
    sent: SentMessage,
    content: Content,
}

/// Appends the messages in their order: one answer for each, one event for each that is new.
pub(super) async fn append(
    tx: &mut AnyConnection,
    run: Vec<NewMessage>,
    at: Timestamp,
    answers: &mut Vec<Result<Done, Error>>,
    events: &mut Vec<Arc<Event>>,
) -> sqlx::Result<()> {
    let (members, mut tops) = memberships(tx, &run).await?;
    let mut stored = known(tx, &run, &members).await?;
    let mut raised = HashMap::new();
    let mut rows = Vec::new();
    for (message, is_member) in run.into_iter().zip(members) {
        let Some(top) = tops.get_mut(&message.room).filter(|_| is_member) else {
            answers.push(Err(Error::no_such_room()));
            continue;
        };
        let key = (message.room.clone(), message.sender.id.clone(), message.client_id.as_str().to_owned());
        let vacant = match stored.entry(key) {
            Entry::Occupied(first) => {
                answers.push(again(first.get(), &message.content));
                continue;
            }
            Entry::Vacant(vacant) => vacant,
        };
        *top += 1;
        raised.insert(message.room.clone(), *top);
        let sent = SentMessage { seq: *top, id: message.id.clone(), at };
        vacant.insert(Stored { sent: sent.clone(), content: message.content.clone() });
        answers.push(Ok(Done::Sent(sent)));
        rows.push(json!([
            message.room,
            *top,
            message.id,
            message.sender.id,
            message.sender.name,
            u8::from(message.sender.guest),
            message.client_id,
            message.kind,
            message.body,
            at.as_millis(),
        ]));
        events.push(Arc::new(Event::Message(Message {
            room_id: message.room,
            seq: *top,
            id: message.id,
            client_id: message.client_id,
            sender: message.sender,
            content: message.content,
            at,
        })));
    }
    if !rows.is_empty() {
        sqlx::query(sqlite::APPEND_MESSAGES).bind(json!(rows).to_string()).execute(&mut *tx).await?;
        let tops: Vec<_> = raised.iter().collect();
        sqlx::query(sqlite::RAISE_TOPS).bind(json!(tops).to_string()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// The answer for one that is stored already.
fn again(first: &Stored, content: &Content) -> Result<Done, Error> {
    if first.content == *content {
        Ok(Done::Sent(first.sent.clone()))
    } else {
        Err(Error::new(Code::Conflict, "This clientId stands for another message of yours in this room."))
    }
}

/// Which of the messages' senders are members, and the tops of their rooms.
async fn memberships(
    tx: &mut AnyConnection,
    run: &[NewMessage],
) -> sqlx::Result<(Vec<bool>, HashMap<RoomId, Seq>)> {
    let mut pairs: Vec<(&RoomId, &UserId)> = Vec::new();
    let mut index = HashMap::new();
    let pair_of: Vec<usize> = run
        .iter()
        .map(|message| {
            let pair = (&message.room, &message.sender.id);
            *index.entry(pair).or_insert_with(|| {
                pairs.push(pair);
                pairs.len() - 1
            })
        })
        .collect();
    let rows = sqlx::query(sqlite::MEMBERSHIPS).bind(json!(pairs).to_string()).fetch_all(tx).await?;
    let mut is_member = vec![false; pairs.len()];
    let mut tops = HashMap::new();
    for row in &rows {
        let pair = row.try_get::<i64, _>(0)? as usize;
        is_member[pair] = true;
        tops.insert(pairs[pair].0.clone(), event::read_seq(row, 1)?);
    }
    Ok((pair_of.into_iter().map(|pair| is_member[pair]).collect(), tops))
}

type Key = (RoomId, UserId, String);

/// Those of the messages that the store has.
async fn known(
    tx: &mut AnyConnection,
    run: &[NewMessage],
    members: &[bool],
) -> sqlx::Result<HashMap<Key, Stored>> {
    let wanted: Vec<_> = run
        .iter()
        .zip(members)
        .filter(|(_, is_member)| **is_member)
        .map(|(message, _)| (&message.room, &message.sender.id, &message.client_id))
        .collect();
    let mut stored = HashMap::with_capacity(wanted.len());
    if wanted.is_empty() {
        return Ok(stored);
    }
    let rows = sqlx::query(sqlite::KNOWN_MESSAGES).bind(json!(wanted).to_string()).fetch_all(tx).await?;
    for row in &rows {
        let (room, sender, client_id) = wanted[row.try_get::<i64, _>(0)? as usize];
        let sent = SentMessage {
            seq: event::read_seq(row, 1)?,
            id: row.try_get(2)?,
            at: Timestamp::from_millis(row.try_get(3)?),
        };
        let content = event::content(row.try_get(4)?, row.try_get(5)?)?;
        let key = (room.clone(), sender.clone(), client_id.as_str().to_owned());
        stored.insert(key, Stored { sent, content });
    }
    Ok(stored)
}
