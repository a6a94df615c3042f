//! The auditor: does what every client noted agree with the log and with the promise?
//!
//! Pure: it is given a [`Record`] and finds [`Violation`]s. It trusts nobody. The logs must hold together in themselves
//! and hold nothing that nobody asked for or was not allowed to do (`log`, over the `fold` of each); an acknowledgement
//! must be found in the log as it was given (`sent`); what a client was told on its connections must be a piece of the log
//! without hole, repetition or change, from where the client stood to the end (`view`); and how the server says that
//! rooms stand at the end must be what the log says (`standing`).

mod fold;
mod log;
mod sent;
mod standing;
mod view;
mod violation;

#[cfg(test)]
mod tests;

pub use violation::Violation;

use plaza_protocol::{
    ClientId, Event, EventsPage, Positions, Role, RoomId, RoomResumed, RoomSummary, SentMessage, Seq, User,
    UserId,
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
    /// Every time that somebody asked for something that changes who is in a room, or the room.
    pub asks: Vec<Asked>,
    /// What each client was told. Nobody acts in the rooms who has no view here.
    pub views: Vec<View>,
    /// How rooms stood for their members at the end.
    pub stood: Vec<Stood>,
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

/// Somebody asked for something that changes who is in a room, or the room; once more where an earlier request for the
/// same may have been carried out unseen.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The client, by the name the run gave it.
    pub client: String,
    /// Who asked.
    pub user: UserId,
    /// Where.
    pub room: RoomId,
    /// For what.
    pub what: Ask,
    /// The position in the answer; none where the answer may be that it is so already, or none came.
    pub seq: Option<Seq>,
}

/// What one may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ask {
    /// `room:join`
    Join,
    /// `room:leave`
    Leave,
    /// `member:add`
    Add(UserId),
    /// `member:remove` of somebody else.
    Remove(UserId),
    /// `member:role`
    SetRole(UserId, Role),
    /// `member:ban`
    Ban(UserId),
    /// `member:unban`
    Unban(UserId),
    /// `room:rename`
    Rename(String),
}

impl Ask {
    /// Who asked for an event, and for what; of a message, its [`Sent`] says so.
    fn behind(event: &Event) -> Option<(&UserId, Self)> {
        let (by, ask) = match event {
            Event::Message(_) => return None,
            Event::MemberAdded(change) if change.by.id == change.user.id => (&change.by, Self::Join),
            Event::MemberAdded(change) => (&change.by, Self::Add(change.user.id.clone())),
            Event::MemberRemoved(change) if change.by.id == change.user.id => (&change.by, Self::Leave),
            Event::MemberRemoved(change) => (&change.by, Self::Remove(change.user.id.clone())),
            Event::MemberBanned(change) => (&change.by, Self::Ban(change.user.id.clone())),
            Event::MemberUnbanned(change) => (&change.by, Self::Unban(change.user.id.clone())),
            Event::MemberChanged(change) => (&change.by, Self::SetRole(change.user.id.clone(), change.role)),
            Event::RoomChanged(change) => (&change.by, Self::Rename(change.name.clone().unwrap_or_default())),
        };
        Some((&by.id, ask))
    }
}

/// How a room stood for one of its members when nothing went on any more.
#[derive(Debug, Clone)]
pub struct Stood {
    /// The client, by the name the run gave it.
    pub client: String,
    /// Who it is.
    pub user: UserId,
    /// The newest read position that the client was acknowledged; 0 for none.
    pub read: Seq,
    /// The room as `room:list` had it.
    pub listed: RoomSummary,
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
    standing::check(record, &mut found);
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
