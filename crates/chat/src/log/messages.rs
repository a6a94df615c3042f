//! A run of messages, appended with a handful of statements however many there are.

use super::{
    command::{Done, NewMessage},
    direct, event,
    keys::{Key, Keys},
};
use crate::{
    blocks,
    words::{self, words},
};
use plaza_protocol::{Code, Content, Error, Event, Message, RoomId, SentMessage, Seq, Timestamp, UserId};
use sqlx::{AnyConnection, Row};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

/// A message that the store has, from before or from earlier in this run.
pub(super) struct Stored {
    pub(super) sent: SentMessage,
    /// `None` where retention has cut it.
    pub(super) content: Option<Content>,
}

/// Where a room stands: its newest position, and how many messages it has.
#[derive(Clone, Copy)]
struct Top {
    seq: Seq,
    messages: u64,
}

/// What a sender has written in a room as its member: how many messages, and the position of the newest.
#[derive(Clone, Copy)]
struct Own {
    count: u64,
    seq: Seq,
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
    keys: &mut Keys,
    run: Vec<NewMessage>,
    at: Timestamp,
    answers: &mut Vec<Result<Done, Error>>,
    events: &mut Vec<Arc<Event>>,
) -> sqlx::Result<()> {
    let Before { of_message, mut own, mut tops, mut stored, unheard } = before(tx, keys, &run).await?;
    let mut added = Vec::new();
    for (message, (sender, key)) in run.into_iter().zip(of_message) {
        let own = &mut own[sender];
        let vacant = match stored.entry(key) {
            Entry::Occupied(first) => {
                answers.push(again(first.get(), &message.content, own.is_some()));
                continue;
            }
            Entry::Vacant(vacant) => vacant,
        };
        let (Some(top), Some(own)) = (tops.get_mut(&message.room), own) else {
            answers.push(Err(Error::no_such_room()));
            continue;
        };
        if let Some(blocked) = unheard.get(&sender) {
            answers.push(Err(blocked.clone()));
            continue;
        }
        *top = Top { seq: top.seq + 1, messages: top.messages + 1 };
        let prev = std::mem::replace(own, Own { count: own.count + 1, seq: top.seq }).seq;
        let sent = SentMessage { seq: top.seq, id: message.id, at };
        let key = vacant.key().clone();
        vacant.insert(Stored { sent: sent.clone(), content: Some(message.content.clone()) });
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
        added.push(Added { message, key, stored_as, messages: top.messages, own: own.count, prev });
    }
    if !added.is_empty() {
        insert(tx, &added).await?;
    }
    for Added { message, key, .. } in added {
        keys.add(key, message.seq);
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
fn again(first: &Stored, content: &Content, is_member: bool) -> Result<Done, Error> {
    if first.content.as_ref().is_none_or(|first| first == content) {
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

/// Who sends a run of messages, where their rooms stand, and what is stored already.
struct Before {
    /// For each message, which of `own` is its sender's, and its key.
    of_message: Vec<(usize, Key)>,
    /// For each pair of a room and a sender; `None` for one who is no member.
    own: Vec<Option<Own>>,
    tops: HashMap<RoomId, Top>,
    stored: HashMap<Key, Stored>,
    /// Those of the pairs between whom and the other one of a direct room stands a block.
    unheard: HashMap<usize, Error>,
}

/// A pair that is a membership, the room's top and messages, and the user's messages and the position of the newest.
type MemberRow = (usize, Seq, u64, u64, Seq);
/// A message that is stored already, its position, id and time, and its kind and body, unless retention has cut it.
type StoredRow = (usize, Seq, String, i64, Option<String>, Option<String>);

async fn before(tx: &mut AnyConnection, keys: &Keys, run: &[NewMessage]) -> sqlx::Result<Before> {
    let mut pairs: Vec<(&RoomId, &UserId)> = Vec::new();
    let mut index = HashMap::new();
    let of_message: Vec<(usize, Key)> = run
        .iter()
        .map(|NewMessage { room, sender, client_id, .. }| {
            let pair = *index.entry((room, &sender.id)).or_insert_with(|| {
                pairs.push((room, &sender.id));
                pairs.len() - 1
            });
            (pair, Key::of(room, &sender.id, client_id))
        })
        .collect();
    let wanted: Vec<&Key> = of_message.iter().map(|(_, key)| key).collect();
    let (members, stored) = look(tx, keys, &pairs, &wanted).await?;
    let mut own = vec![None; pairs.len()];
    let mut tops = HashMap::new();
    for (pair, seq, messages, count, own_seq) in members {
        tops.insert(pairs[pair].0.clone(), Top { seq, messages });
        own[pair] = Some(Own { count, seq: own_seq });
    }
    let unheard = unheard(tx, &pairs).await?;
    Ok(Before { of_message, own, tops, stored, unheard })
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
    pairs: &[(&RoomId, &UserId)],
) -> sqlx::Result<HashMap<usize, Error>> {
    let directly: Vec<usize> = (0..pairs.len()).filter(|pair| direct::is_id(pairs[*pair].0)).collect();
    let mut unheard = HashMap::new();
    if directly.is_empty() {
        return Ok(unheard);
    }
    let asked: Vec<_> = directly.iter().map(|pair| pairs[*pair]).collect();
    let rows = sqlx::query(words(tx).directly).bind(words::rows(&asked)?).fetch_all(tx).await?;
    for row in &rows {
        let pair = directly[row.try_get::<i64, _>(0)? as usize];
        let (blocks, is_blocked) = (row.try_get::<i64, _>(1)? != 0, row.try_get::<i64, _>(2)? != 0);
        if let Some(error) = blocks::between(blocks, is_blocked, row.try_get(3)?) {
            unheard.insert(pair, error);
        }
    }
    Ok(unheard)
}
