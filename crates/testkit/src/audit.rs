//! The auditor: does what every client noted agree with the log and with the promise?
//!
//! Pure: it is given a [`Record`] and finds [`Violation`]s. It trusts nobody: an acknowledgement must be found in
//! the log as it was given, and what a client saw must be a piece of the log without hole, repetition or change.

mod violation;

#[cfg(test)]
mod tests;

pub use violation::Violation;

use plaza_protocol::{ClientId, Content, Event, RoomId, Seq, TextBody, UserId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Everything noted in one run.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every acknowledgement that any client was given.
    pub acks: Vec<Ack>,
    /// What each client saw.
    pub views: Vec<View>,
    /// The rooms' logs as they stand at the end, read back from the server.
    pub logs: BTreeMap<RoomId, Vec<Event>>,
}

/// An acknowledged message.
#[derive(Debug, Clone)]
pub struct Ack {
    /// The client, by the name the run gave it.
    pub client: String,
    /// Who sent.
    pub sender: UserId,
    /// Where.
    pub room: RoomId,
    /// Under which name.
    pub client_id: ClientId,
    /// What was sent.
    pub text: String,
    /// The position it was given.
    pub seq: Seq,
    /// The id it was given.
    pub id: String,
}

/// What one client saw, in order.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The client, by the name the run gave it.
    pub client: String,
    /// In the order it was told.
    pub seen: Vec<Seen>,
    /// The rooms that it must have seen up to their end.
    pub complete: BTreeSet<RoomId>,
}

/// One thing a client saw.
#[derive(Debug, Clone)]
pub enum Seen {
    /// An event.
    Event(Event),
    /// It was told to reload this room: what follows need not continue what came before.
    Restart(RoomId),
    /// Something that a right server does not do.
    Fault(String),
}

/// Every way in which the record breaks the promise; none, if it holds.
pub fn audit(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    check_logs(record, &mut found);
    check_acks(record, &mut found);
    for view in &record.views {
        check_view(view, &record.logs, &mut found);
    }
    found
}

/// `seq` is 1 to n without a hole, ids are unique everywhere, and each send is in the log once.
fn check_logs(record: &Record, found: &mut Vec<Violation>) {
    let mut ids = HashSet::new();
    for (room, log) in &record.logs {
        let mut sends = HashMap::new();
        for (index, event) in log.iter().enumerate() {
            let expected = index as Seq + 1;
            if event.seq() != expected {
                found.push(Violation::Hole { room: room.clone(), expected, got: event.seq() });
            }
            let Event::Message(message) = event else { continue };
            if !ids.insert(message.id.as_str()) {
                found.push(Violation::IdTwice { room: room.clone(), id: message.id.clone() });
            }
            if let Some(first) = sends.insert((&message.sender.id, &message.client_id), message.seq) {
                found.push(Violation::SentTwice {
                    room: room.clone(),
                    client_id: message.client_id.clone(),
                    first,
                    second: message.seq,
                });
            }
        }
    }
}

/// Each acknowledged message is in the log, where and as it was acknowledged.
fn check_acks(record: &Record, found: &mut Vec<Violation>) {
    for ack in &record.acks {
        let lost = || Violation::Lost {
            client: ack.client.clone(),
            room: ack.room.clone(),
            client_id: ack.client_id.clone(),
            seq: ack.seq,
        };
        let Some(Event::Message(message)) = record.logs.get(&ack.room).and_then(|log| at(log, ack.seq))
        else {
            found.push(lost());
            continue;
        };
        let sent = Content::Text(TextBody { text: ack.text.clone() });
        if message.client_id != ack.client_id || message.sender.id != ack.sender {
            found.push(lost());
        } else if message.id != ack.id || message.content != sent {
            found.push(Violation::AckDiffers {
                client: ack.client.clone(),
                room: ack.room.clone(),
                seq: ack.seq,
                client_id: ack.client_id.clone(),
            });
        }
    }
}

/// Looks an event up by its position, also in a log with holes.
fn at(log: &[Event], seq: Seq) -> Option<&Event> {
    log.binary_search_by_key(&seq, Event::seq).ok().map(|index| &log[index])
}

/// One room as one client sees it, since it joined or reloaded.
#[derive(Default)]
struct Piece {
    seen: BTreeSet<Seq>,
}

fn check_view(view: &View, logs: &BTreeMap<RoomId, Vec<Event>>, found: &mut Vec<Violation>) {
    let mut pieces: BTreeMap<&RoomId, Piece> = BTreeMap::new();
    for seen in &view.seen {
        match seen {
            Seen::Event(event) => {
                let piece = pieces.entry(event.room_id()).or_default();
                check_seen(&view.client, event, piece, logs, found);
            }
            Seen::Restart(room) => {
                if let Some(piece) = pieces.remove(room) {
                    check_whole(&view.client, room, &piece, found);
                }
            }
            Seen::Fault(what) => {
                found.push(Violation::Fault { client: view.client.clone(), what: what.clone() });
            }
        }
    }
    for (room, piece) in &pieces {
        check_whole(&view.client, room, piece, found);
    }
    for room in &view.complete {
        let top = logs.get(room).and_then(|log| log.last()).map_or(0, Event::seq);
        let seen = pieces.get(room).and_then(|piece| piece.seen.last()).copied().unwrap_or(0);
        if seen < top {
            found.push(Violation::Behind { client: view.client.clone(), room: room.clone(), seen, top });
        }
    }
}

/// The event is in the log as it was seen, is new to the client, and comes after what it saw before.
fn check_seen(
    client: &str,
    event: &Event,
    piece: &mut Piece,
    logs: &BTreeMap<RoomId, Vec<Event>>,
    found: &mut Vec<Violation>,
) {
    let (client, room, seq) = (client.to_owned(), event.room_id().clone(), event.seq());
    let newest = piece.seen.last().copied().unwrap_or(0);
    if !piece.seen.insert(seq) {
        found.push(Violation::SeenTwice { client: client.clone(), room: room.clone(), seq });
    } else if seq < newest {
        found.push(Violation::OutOfOrder { client: client.clone(), room: room.clone(), seq, after: newest });
    }
    match logs.get(&room).and_then(|log| at(log, seq)) {
        None => found.push(Violation::NotInLog { client, room, seq }),
        Some(logged) if logged != event => found.push(Violation::SeenDiffers { client, room, seq }),
        Some(_) => {}
    }
}

/// Between the first and the last event of a piece nothing is missing.
fn check_whole(client: &str, room: &RoomId, piece: &Piece, found: &mut Vec<Violation>) {
    let mut seen = piece.seen.iter().copied();
    let Some(mut before) = seen.next() else { return };
    for seq in seen {
        if seq > before + 1 {
            found.push(Violation::Missing {
                client: client.to_owned(),
                room: room.clone(),
                first: before + 1,
                last: seq - 1,
            });
        }
        before = seq;
    }
}
