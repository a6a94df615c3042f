//! A run of messages, appended with a handful of statements however many there are.

use super::{
    command::{Done, NewMessage},
    event,
};
use crate::sqlite;
use plaza_protocol::{
    ClientId, Code, Content, Error, Event, Message, RoomId, SentMessage, Seq, Timestamp, UserId,
};
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
    let mut stored = known(tx, &run).await?;
    let mut added = Vec::new();
    let mut raised = HashMap::new();
    for (message, is_member) in run.into_iter().zip(members) {
        let key = (message.room.clone(), message.sender.id.clone(), message.client_id.clone());
        let vacant = match stored.entry(key) {
            Entry::Occupied(first) => {
                answers.push(again(first.get(), &message.content, is_member));
                continue;
            }
            Entry::Vacant(vacant) => vacant,
        };
        let Some(top) = tops.get_mut(&message.room).filter(|_| is_member) else {
            answers.push(Err(Error::no_such_room()));
            continue;
        };
        *top += 1;
        raised.insert(message.room.clone(), *top);
        let sent = SentMessage { seq: *top, id: message.id, at };
        vacant.insert(Stored { sent: sent.clone(), content: message.content.clone() });
        let stored_as = (message.kind, message.body);
        let message = Message {
            room_id: message.room,
            seq: sent.seq,
            id: sent.id.clone(),
            client_id: message.client_id,
            sender: message.sender,
            content: message.content,
            at,
        };
        answers.push(Ok(Done::Sent(sent)));
        added.push((message, stored_as));
    }
    if !added.is_empty() {
        insert(tx, &added).await?;
        let tops: Vec<_> = raised.iter().collect();
        sqlx::query(sqlite::RAISE_TOPS).bind(sqlite::rows(&tops)?).execute(tx).await?;
    }
    events.extend(added.into_iter().map(|(message, _)| Arc::new(Event::Message(message))));
    Ok(())
}

/// Stores new messages, each with its kind and its body as JSON.
async fn insert(tx: &mut AnyConnection, added: &[(Message, (&str, String))]) -> sqlx::Result<()> {
    let rows: Vec<_> = added
        .iter()
        .map(|(message, (kind, body))| {
            let Message { room_id, seq, id, client_id, sender, at, .. } = message;
            let guest = u8::from(sender.guest);
            (room_id, seq, id, &sender.id, &sender.name, guest, client_id, kind, body, at.as_millis())
        })
        .collect();
    sqlx::query(sqlite::APPEND_MESSAGES).bind(sqlite::rows(&rows)?).execute(tx).await?;
    Ok(())
}

/// The answer for one that is stored already. One who is no member any more gets the first acknowledgement
/// too, since the message is there; about any other message he is told nothing.
fn again(first: &Stored, content: &Content, is_member: bool) -> Result<Done, Error> {
    if first.content == *content {
        Ok(Done::Sent(first.sent.clone()))
    } else if is_member {
        Err(Error::new(
            Code::Conflict,
            "Another message of yours in this room has this clientId. Give this one a new clientId.",
        ))
    } else {
        Err(Error::no_such_room())
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
    let rows = sqlx::query(sqlite::MEMBERSHIPS).bind(sqlite::rows(&pairs)?).fetch_all(tx).await?;
    let mut is_member = vec![false; pairs.len()];
    let mut tops = HashMap::new();
    for row in &rows {
        let pair = row.try_get::<i64, _>(0)? as usize;
        is_member[pair] = true;
        tops.insert(pairs[pair].0.clone(), event::read_seq(row, 1)?);
    }
    Ok((pair_of.into_iter().map(|pair| is_member[pair]).collect(), tops))
}

type Key = (RoomId, UserId, ClientId);

/// Those of the messages that the store has.
async fn known(tx: &mut AnyConnection, run: &[NewMessage]) -> sqlx::Result<HashMap<Key, Stored>> {
    let wanted: Vec<_> =
        run.iter().map(|message| (&message.room, &message.sender.id, &message.client_id)).collect();
    let mut stored = HashMap::with_capacity(wanted.len());
    let rows = sqlx::query(sqlite::KNOWN_MESSAGES).bind(sqlite::rows(&wanted)?).fetch_all(tx).await?;
    for row in &rows {
        let (room, sender, client_id) = wanted[row.try_get::<i64, _>(0)? as usize];
        let sent = SentMessage {
            seq: event::read_seq(row, 1)?,
            id: row.try_get(2)?,
            at: Timestamp::from_millis(row.try_get(3)?),
        };
        let content = event::content(row.try_get(4)?, row.try_get(5)?)?;
        stored.insert((room.clone(), sender.clone(), client_id.clone()), Stored { sent, content });
    }
    Ok(stored)
}
