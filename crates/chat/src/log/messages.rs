//! A run of messages, appended with a handful of statements however many there are.

use super::{
    batch::Memory,
    command::{Done, NewMessage},
    direct, event,
    keys::{Key, Keys},
    standing::{Own, Top},
};
use crate::{
    blocks,
    words::{self, words},
};
use plaza_protocol::{Code, Content, Error, Event, Message, RoomId, SentMessage, Seq, Timestamp, UserId};
use sqlx::{AnyConnection, Row};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// A message that the store has from before.
pub(super) struct Stored {
    pub(super) sent: SentMessage,
    /// `None` where retention has cut it.
    pub(super) content: Option<Content>,
}

/// A message that is new.
struct Added {
    message: Message,
    key: Key,
    /// Its kind, and its body as JSON.
    stored_as: (&'static str, String),
    /// Messages in the room, with it.
    messages: u64,
    /// The sender's among them, with it.
    own: u64,
    /// The position of the sender's one before it.
    prev: Seq,
}

/// Appends the messages in their order: one answer for each, one event for each that is new.
pub(super) async fn append(
    tx: &mut AnyConnection,
    memory: &mut Memory,
    run: Vec<NewMessage>,
    at: Timestamp,
    answers: &mut Vec<Result<Done, Error>>,
    events: &mut Vec<Arc<Event>>,
) -> sqlx::Result<()> {
    let Before { keys, stored, unheard } = before(tx, memory, &run).await?;
    let mut added: Vec<Added> = Vec::with_capacity(run.len());
    // Where in `added` a message of this run is that others may repeat.
    let mut fresh: HashMap<Key, usize> = HashMap::with_capacity(run.len());
    for (message, key) in run.into_iter().zip(keys) {
        let standing = memory.standing.of(&message.room, &message.sender.id);
        if let Some(Stored { sent, content }) = stored.get(&key) {
            answers.push(again(sent.clone(), content.as_ref(), &message.content, standing.is_some()));
            continue;
        }
        if let Some(Added { message: first, .. }) = fresh.get(&key).map(|place| &added[*place]) {
            let sent = SentMessage { seq: first.seq, id: first.id.clone(), at: first.at };
            answers.push(again(sent, Some(&first.content), &message.content, standing.is_some()));
            continue;
        }
        let Some((top, own)) = standing else {
            answers.push(Err(Error::no_such_room()));
            continue;
        };
        if !unheard.is_empty()
            && let Some(blocked) = unheard.get(&(message.room.clone(), message.sender.id.clone()))
        {
            answers.push(Err(blocked.clone()));
            continue;
        }
        *top = Top { seq: top.seq + 1, messages: top.messages + 1 };
        let prev = std::mem::replace(own, Own { count: own.count + 1, seq: top.seq }).seq;
        let stored_as = (message.kind, message.body);
        let message = Message {
            room_id: message.room,
            seq: top.seq,
            id: message.id,
            client_id: message.client_id,
            sender: message.sender,
            content: message.content,
            at,
        };
        answers.push(Ok(Done::Sent(SentMessage { seq: message.seq, id: message.id.clone(), at })));
        fresh.insert(key.clone(), added.len());
        added.push(Added { message, key, stored_as, messages: top.messages, own: own.count, prev });
    }
    if !added.is_empty() {
        insert(tx, &added).await?;
    }
    for Added { message, key, .. } in added {
        memory.keys.add(key, message.seq);
        events.push(Arc::new(Event::Message(message)));
    }
    Ok(())
}

/// Stores new messages, and how their rooms and their senders then stand.
async fn insert(tx: &mut AnyConnection, added: &[Added]) -> sqlx::Result<()> {
    let mut rows = Vec::with_capacity(added.len());
    let (mut tops, mut owns) = (HashMap::new(), HashMap::new());
    for Added { message, stored_as: (kind, body), messages, own, prev, .. } in added {
        let Message { room_id, seq, id, client_id, sender, at, .. } = message;
        tops.insert(room_id, (room_id, seq, messages));
        owns.insert((room_id, &sender.id), (room_id, &sender.id, own, seq));
        let (sender, name, guest) = (&sender.id, &sender.name, u8::from(sender.guest));
        let at = at.as_millis();
        rows.push((room_id, seq, id, sender, name, guest, client_id, kind, body, at, messages, own, prev));
    }
    let tops: Vec<_> = tops.into_values().collect();
    let owns: Vec<_> = owns.into_values().collect();
    let rows = [words::rows(&rows)?, words::rows(&tops)?, words::rows(&owns)?];
    let [messages, tops, owns] = rows;
    sqlx::query(words(tx).append).bind(messages).bind(tops).bind(owns).execute(tx).await?;
    Ok(())
}

/// The answer for one that is stored already. One who is no member any more gets the first acknowledgement
/// too, since the message is there; about any other message he is told nothing. Of one that retention has cut nobody
/// knows any more what it said, and the first acknowledgement is all there is to say.
fn again(
    sent: SentMessage,
    first: Option<&Content>,
    content: &Content,
    is_member: bool,
) -> Result<Done, Error> {
    if first.is_none_or(|first| first == content) {
        Ok(Done::Sent(sent))
    } else if is_member {
        Err(Error::new(
            Code::Conflict,
            "Another message of yours in this room has this clientId. Give this one a new clientId.",
        ))
    } else {
        Err(Error::no_such_room())
    }
}

/// What is to be known before a run of messages is appended; where rooms and senders stand, memory knows then.
struct Before {
    /// Of each message.
    keys: Vec<Key>,
    stored: HashMap<Key, Stored>,
    /// What stands between a sender in a direct room and the other one.
    unheard: HashMap<(RoomId, UserId), Error>,
}

/// A pair that is a membership, the room's top and messages, and the user's messages and the position of the newest.
type MemberRow = (usize, Seq, u64, u64, Seq);
/// A message that is stored already, its position, id and time, and its kind and body, unless retention has cut it.
type StoredRow = (usize, Seq, String, i64, Option<String>, Option<String>);

async fn before(tx: &mut AnyConnection, memory: &mut Memory, run: &[NewMessage]) -> sqlx::Result<Before> {
    let Memory { keys: held, standing } = memory;
    let keys: Vec<Key> = run
        .iter()
        .map(|NewMessage { room, sender, client_id, .. }| Key::of(room, &sender.id, client_id))
        .collect();
    let unknown = pairs(run, |room, sender| !standing.knows(room, sender));
    let direct = pairs(run, |room, _| direct::is_id(room));
    let (members, stored) = look(tx, held, &unknown, &keys.iter().collect::<Vec<_>>()).await?;
    for (pair, seq, messages, count, own_seq) in members {
        let (room, sender) = unknown[pair];
        standing.learn(room, sender, Top { seq, messages }, Own { count, seq: own_seq });
    }
    let unheard = unheard(tx, &direct).await?;
    Ok(Before { keys, stored, unheard })
}

/// Rooms and senders of a run, each pair once.
fn pairs(run: &[NewMessage], wanted: impl Fn(&RoomId, &UserId) -> bool) -> Vec<(&RoomId, &UserId)> {
    let mut seen = HashSet::new();
    run.iter()
        .map(|message| (&message.room, &message.sender.id))
        .filter(|(room, sender)| wanted(room, sender) && seen.insert((*room, *sender)))
        .collect()
}

/// What the store has under a key.
pub(super) async fn stored(tx: &mut AnyConnection, keys: &Keys, key: &Key) -> sqlx::Result<Option<Stored>> {
    let (_, mut stored) = look(tx, keys, &[], &[key]).await?;
    Ok(stored.remove(key))
}

/// Which of the pairs are memberships, and what is stored under the keys.
async fn look(
    tx: &mut AnyConnection,
    keys: &Keys,
    pairs: &[(&RoomId, &UserId)],
    wanted: &[&Key],
) -> sqlx::Result<(Vec<MemberRow>, HashMap<Key, Stored>)> {
    let asked: Vec<_> = wanted
        .iter()
        .map(|key| {
            let [room, sender, client_id] = key.parts();
            (room, sender, client_id, keys.seq(key))
        })
        .collect();
    let row = sqlx::query(words(tx).before_append)
        .bind(words::rows(pairs)?)
        .bind(words::rows(&asked)?)
        .fetch_one(tx)
        .await?;
    let members = serde_json::from_str(row.try_get(0)?).map_err(event::decode)?;
    let known: Vec<StoredRow> = serde_json::from_str(row.try_get(1)?).map_err(event::decode)?;
    let mut stored = HashMap::with_capacity(wanted.len());
    for (at, seq, id, time, kind, body) in known {
        let sent = SentMessage { seq, id, at: Timestamp::from_millis(time) };
        let content = match kind {
            Some(kind) => Some(event::content(&kind, body.as_deref().unwrap_or_default())?),
            None => None,
        };
        stored.insert(wanted[at].clone(), Stored { sent, content });
    }
    Ok((members, stored))
}

/// What keeps senders in direct rooms from being heard.
async fn unheard(
    tx: &mut AnyConnection,
    direct: &[(&RoomId, &UserId)],
) -> sqlx::Result<HashMap<(RoomId, UserId), Error>> {
    let mut unheard = HashMap::new();
    if direct.is_empty() {
        return Ok(unheard);
    }
    let rows = sqlx::query(words(tx).directly).bind(words::rows(direct)?).fetch_all(tx).await?;
    for row in &rows {
        let (room, sender) = direct[row.try_get::<i64, _>(0)? as usize];
        let (blocks, is_blocked) = (row.try_get::<i64, _>(1)? != 0, row.try_get::<i64, _>(2)? != 0);
        if let Some(error) = blocks::between(blocks, is_blocked, row.try_get(3)?) {
            unheard.insert((room.clone(), sender.clone()), error);
        }
    }
    Ok(unheard)
}
