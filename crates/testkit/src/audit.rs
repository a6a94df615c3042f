//! The auditor: does what every client noted agree with the log and with the promise?
//!
//! Pure: it is given a [`Record`] and finds [`Violation`]s. It trusts nobody. The logs must hold together in themselves
//! and hold nothing that nobody asked for (`log`); an acknowledgement must be found in the log as it was given
//! (`sent`); and what a client was told on its connections must be a piece of the log without hole, repetition or
//! change, from where the client stood to the end (`view`).

mod log;
mod sent;
mod view;
mod violation;

#[cfg(test)]
mod tests;

pub use violation::Violation;

use plaza_protocol::{
    ClientId, Event, EventsPage, Positions, RoomId, RoomResumed, SentMessage, Seq, User, UserId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Everything noted in one run.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every message that was sent, with every answer it was given.
    pub sends: Vec<Sent>,
    /// Every time that somebody asked to come into a room or to leave it.
    pub asks: Vec<Asked>,
    /// What each client was told. Nobody acts in the rooms who has no view here.
    pub views: Vec<View>,
    /// The rooms' logs as they stand at the end, read back from the server.
    pub logs: BTreeMap<RoomId, Vec<Event>>,
}

/// A message, sent as often as it took.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The client, by the name the run gave it.
    pub client: String,
    /// Who sent.
    pub user: UserId,
    /// Where.
    pub room: RoomId,
    /// Under which name.
    pub client_id: ClientId,
    /// What was sent.
    pub text: String,
    /// The newest event of the room that this client had been shown before it first sent this.
    pub after: Seq,
    /// Each acknowledgement; none, if it gave up.
    pub answers: Vec<SentMessage>,
}

/// Somebody asked to come into a room or to leave it, as often as it took.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The client, by the name the run gave it.
    pub client: String,
    /// Who asked, for themselves.
    pub user: UserId,
    /// Where.
    pub room: RoomId,
    /// Which of the two.
    pub what: Ask,
    /// The position in the answer; none where the answer was that it is so already, or none came.
    pub seq: Option<Seq>,
}

/// Coming or going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// `room:join`
    Join,
    /// `room:leave`
    Leave,
}

/// What one client was told, in order, on one connection after another.
#[derive(Debug, Clone)]
pub struct View {
    /// The client, by the name the run gave it.
    pub client: String,
    /// Who it is.
    pub user: User,
    /// In the order it was told.
    pub seen: Vec<Seen>,
    /// The rooms that it must have seen up to their end.
    pub complete: BTreeSet<RoomId>,
}

/// One thing a client was told, or did.
#[derive(Debug, Clone)]
pub enum Seen {
    /// It opened a connection, and said that it holds these positions.
    Connected(Positions),
    /// An event.
    Event(Arc<Event>),
    /// The catching up is over.
    Resumed(BTreeMap<String, RoomResumed>),
    /// It asked for a room anew: its newest events, or that it is no member.
    Reloaded(RoomId, Option<EventsPage>),
    /// Something that a right server does not do.
    Fault(String),
}

/// Every way in which the record breaks the promise; none, if it holds.
pub fn audit(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    log::check(record, &mut found);
    sent::check(record, &mut found);
    for view in &record.views {
        view::check(view, &record.logs, &mut found);
    }
    found
}

/// The event at a position, also of a log with holes.
fn at(log: &[Event], seq: Seq) -> Option<&Event> {
    log.binary_search_by_key(&seq, Event::seq).ok().map(|index| &log[index])
}

/// The log's last position; 0 where there is none.
fn top(logs: &BTreeMap<RoomId, Vec<Event>>, room: &RoomId) -> Seq {
    logs.get(room).and_then(|log| log.last()).map_or(0, Event::seq)
}
