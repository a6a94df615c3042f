//! The feed: what was committed, passed on to the connections of this node, each room in one order.
//!
//! One task owns everything here, so there is no lock and no race: commits, connections that come and go, and
//! what was fetched to close a gap are messages to it. It passes a room's events on in `seq` order, drops what it
//! has passed on already, and closes a gap from the log (whoever told it of commits may lose, repeat and
//! reorder). It follows memberships by the events themselves: a `member:added` brings the user's connections in at
//! that very event, a `member:removed` is the last one they get.
//!
//! **Coming in.** A connection that catches up must miss nothing and get nothing twice. So it (1) connects, (2)
//! has its rooms watched: from here on the feed keeps what is committed in them, (3) reads the tops of its rooms,
//! and the events up to those from the log, and (4) goes live with the positions it then holds. In (4) the feed
//! hands over what came after them, says `resumed`, and passes on whatever follows. Should its memberships have
//! changed meanwhile, or more have come than the feed keeps or the connection has room for, it is told to look again
//! from (2).
//!
//! **A gap that cannot be closed**, because retention has cut what is missing, cannot be told to a connection that goes on,
//! and who was a member meanwhile is not known: whoever is fed in that room is closed, comes back, and is told to reload.
//!
//! **What is not kept.** Who is writing and how far others have read is told to who is fed in the room, and only while
//! they have room for it: it may be left out, and nobody is called slow for it.
//!
//! **Giving way.** One commit may hold more than a client's outbox. So the task gives way now and then while it passes
//! events on, for the connections to write what they have.

mod audience;
mod healing;
mod mentions;
mod receipts;
mod room;
mod stats;
mod task;
mod typing;

pub use stats::FeedStats;

use futures_util::future::BoxFuture;
use plaza_protocol::{
    Error, Event, PresenceEvent, ReadEvent, Receipts, RoomId, RoomResumed, RoomsResumed, Seq, TypingEvent,
    UserId,
};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

use crate::{Chat, Committed, Courier, Tasks, courier::Heard};

/// Messages to the task that may wait.
const MAILBOX: usize = 1_024;
/// What may be left out, or said later, is sent only to a connection that has room for this much more, in bytes: half of
/// the smallest outbox there can be.
pub(crate) const SPARE: usize = 32 * 1024;

/// Anything a connection is sent.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event of a room.
    Event(Arc<Event>),
    /// One's own read position moved, on another connection.
    Read(ReadEvent),
    /// How far others have read.
    Receipts(Receipts),
    /// Somebody else is writing.
    Typing(TypingEvent),
    /// Somebody who is watched came or went.
    Presence(PresenceEvent),
    /// What was missed has been sent; what follows is live.
    Resumed(RoomsResumed),
}

/// A connection, as the feed knows it.
pub trait Subscriber: Send + Sync + 'static {
    /// An item as it is sent. A clone is cheap: all receivers of an item share one encoding.
    type Frame: Clone + Send + Sync + 'static;

    /// Encodes an item, once for all its receivers.
    fn encode(item: &Item) -> Self::Frame;

    /// What a frame counts for in an outbox, in bytes.
    fn cost(frame: &Self::Frame) -> usize;

    /// Sends. It must not block; one that cannot keep up is to be closed, not waited for.
    fn send(&self, frame: &Self::Frame);

    /// How much more it can be sent before it is called slow, in bytes.
    fn free(&self) -> usize;

    /// Closes the connection, for it to come back and catch up.
    fn close(&self);

    /// It is fed from this room from now on. It must not block.
    fn entered(&self, room: &RoomId) {
        let _ = room;
    }

    /// It is fed from this room no more.
    fn left(&self, room: &RoomId) {
        let _ = room;
    }
}

/// One connection's number, unique on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

/// How far a connection has been brought in one room.
#[derive(Debug, Clone)]
pub struct Caught {
    /// The room, as the client named it.
    pub name: String,
    /// The room it is fed from, and the position it holds there; `None` for a room that is not its user's.
    pub position: Option<(RoomId, Seq)>,
    /// What `resumed` says of it; the end of a span is brought up to date.
    pub resumed: RoomResumed,
}

/// What came of going live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// `resumed` was sent, and what follows is live.
    Yes,
    /// Watch and read again: memberships have changed, or too much came in between.
    LookAgain,
    /// The connection is gone, or the feed has ended.
    Gone,
}

/// The way to the feed. Cheap to clone.
pub struct Feed<S: Subscriber> {
    mailbox: mpsc::Sender<Message<S>>,
    stats: Arc<FeedStats>,
}

impl<S: Subscriber> Clone for Feed<S> {
    fn clone(&self) -> Self {
        Self { mailbox: self.mailbox.clone(), stats: Arc::clone(&self.stats) }
    }
}

impl<S: Subscriber> std::fmt::Debug for Feed<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

enum Message<S> {
    Connect { user: UserId, subscriber: Arc<S>, answer: oneshot::Sender<ConnectionId> },
    Watch { connection: ConnectionId, rooms: Vec<RoomId>, answer: oneshot::Sender<()> },
    GoLive { connection: ConnectionId, rooms: Vec<Caught>, answer: oneshot::Sender<Live> },
    Disconnect { connection: ConnectionId },
    Read { user: UserId, event: ReadEvent, except: Option<ConnectionId>, shared: bool },
    Typing { event: TypingEvent },
    Heard(Heard),
    Held { answer: oneshot::Sender<Held> },
    Tops(Vec<(RoomId, Seq)>),
    CloseAll { user: UserId },
    StillMissing { room: RoomId },
    Healed { room: RoomId, events: Vec<Arc<Event>> },
}

/// What a feed passes on.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The rooms, and how far, where something was passed on already.
    pub(crate) rooms: Vec<(RoomId, Option<Seq>)>,
    /// To whom.
    pub(crate) users: Vec<UserId>,
}

/// Reads a room's log above a position: for closing gaps.
type Range = Arc<dyn Fn(RoomId, Seq) -> BoxFuture<'static, Result<Vec<Arc<Event>>, Error>> + Send + Sync>;

impl<S: Subscriber> Feed<S> {
    /// Starts the task, among `tasks`. It ends when `committed` does.
    pub fn start(chat: &Chat, committed: mpsc::Receiver<Committed>, tasks: &Tasks) -> Self {
        /// Events fetched at a time to close a gap.
        const HEAL: u32 = 200;
        let (chat, stats) = (chat.clone(), FeedStats::new(Arc::clone(&chat.inner.clock)));
        let courier = chat.inner.courier.clone();
        let range: Range = Arc::new(move |room, after| {
            let chat = chat.clone();
            Box::pin(async move { chat.range(&room, after, HEAL).await })
        });
        Self::over(range, courier, stats, committed, tasks)
    }

    fn over(
        range: Range,
        courier: Option<Courier>,
        stats: FeedStats,
        committed: mpsc::Receiver<Committed>,
        tasks: &Tasks,
    ) -> Self {
        let (mailbox, messages) = mpsc::channel(MAILBOX);
        let stats = Arc::new(stats);
        let task = task::Task::new(range, courier, mailbox.downgrade(), Arc::clone(&stats));
        tasks.spawn("the feed", task.run(committed, messages));
        Self { mailbox, stats }
    }

    /// What was passed on so far.
    pub fn stats(&self) -> &Arc<FeedStats> {
        &self.stats
    }

    /// A connection of a user has come. It gets nothing before it goes live. `None`: the feed has ended.
    pub async fn connect(&self, user: UserId, subscriber: Arc<S>) -> Option<ConnectionId> {
        self.ask(|answer| Message::Connect { user, subscriber, answer }).await
    }

    /// Keeps what is committed in these rooms from now on, for this connection to go live.
    pub async fn watch(&self, connection: ConnectionId, rooms: Vec<RoomId>) {
        let _ = self.ask(|answer| Message::Watch { connection, rooms, answer }).await;
    }

    /// Goes live: `rooms` are those of the user, and others that a position was given for. What came after the
    /// positions is sent, then `resumed` with all of `rooms`.
    pub async fn go_live(&self, connection: ConnectionId, rooms: Vec<Caught>) -> Live {
        self.ask(|answer| Message::GoLive { connection, rooms, answer }).await.unwrap_or(Live::Gone)
    }

    /// The connection has gone.
    pub async fn disconnect(&self, connection: ConnectionId) {
        let _ = self.mailbox.send(Message::Disconnect { connection }).await;
    }

    /// Tells a user's other connections how far one of them has read, and, where that is `shared`, the room's other
    /// members, who are told at most once a second.
    pub async fn read(&self, user: UserId, event: ReadEvent, except: Option<ConnectionId>, shared: bool) {
        let _ = self.mailbox.send(Message::Read { user, event, except, shared }).await;
    }

    /// Tells the room's other members that somebody writes, of each at most once in two seconds.
    pub async fn typing(&self, event: TypingEvent) {
        let _ = self.mailbox.send(Message::Typing { event }).await;
    }

    /// Something happened on another node.
    pub(crate) async fn heard(&self, heard: Heard) {
        let _ = self.mailbox.send(Message::Heard(heard)).await;
    }

    /// What it passes on now.
    pub(crate) async fn held(&self) -> Option<Held> {
        self.ask(|answer| Message::Held { answer }).await
    }

    /// Up to where some rooms' logs reach.
    pub(crate) async fn compare(&self, tops: Vec<(RoomId, Seq)>) {
        let _ = self.mailbox.send(Message::Tops(tops)).await;
    }

    /// Closes all of a user's connections, for them to come back and catch up.
    pub(crate) async fn close_all(&self, user: UserId) {
        let _ = self.mailbox.send(Message::CloseAll { user }).await;
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message<S>) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.mailbox.send(message(answer)).await.ok()?;
        answered.await.ok()
    }
}

/// An item and its encoding, made when the first receiver needs it.
struct Encoded<S: Subscriber> {
    item: Item,
    frame: Option<S::Frame>,
}

impl<S: Subscriber> Encoded<S> {
    fn new(item: Item) -> Self {
        Self { item, frame: None }
    }

    fn frame(&mut self) -> &S::Frame {
        self.frame.get_or_insert_with(|| S::encode(&self.item))
    }

    /// What it counts for; nothing, if nobody wanted it.
    fn cost(&self) -> usize {
        self.frame.as_ref().map_or(0, S::cost)
    }
}

#[cfg(test)]
mod tests;
