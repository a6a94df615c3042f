//! The courier: what this node's log has committed is told to the other nodes, and what theirs have, to this one's feed.
//!
//! It carries over the bus, and so may lose, repeat and reorder. Nothing depends on it but how soon something is known:
//! the feed sees a gap by itself, and [`check`](check::check) compares positions with the log.
//!
//! **Where.** An event of a room goes to the room's channel, which a node hears while one of the room's members is
//! connected to it, in a form that others who share the room understand too: see [`Rooms`]. What concerns one
//! person goes to the person's channel, which a node hears while they are connected to it: that they are in one more
//! room, that they have read. What is rare, such as that a session has ended, goes to a channel that every node hears.
//!
//! **Who.** Everything bears a [`Seal`] that only nodes on the same store can make. What bears none, or another one, is
//! not for chat.

mod check;
mod doubt;
mod envelope;
mod hear;
mod recent;
mod seal;

use crate::{Committed, Random, SessionId, Tasks};
use envelope::Envelope;
use plaza_bus::{Bus, Channel, Subscription};
use plaza_protocol::{Event, ReadEvent, Receipts, RoomId, Told, TypingEvent, UserId};
use plaza_store::{Store, StoreError};
use seal::Seal;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, watch};

pub use check::{Looks, check};
pub(crate) use doubt::look_again;
pub use envelope::Sealed;
pub use hear::{CourierStats, Hearing};
pub use recent::RecentStats;
pub(crate) use recent::{Found, Recent, Sized as SizedEvent};

/// How many commits may wait to be told.
const COMMITS: usize = 64;

/// How the events of rooms go over the bus, where others may listen too, such as Node.js services: the gateway knows.
pub trait Rooms: Send + Sync + 'static {
    /// Where what is said in a room is heard.
    fn channel(&self, room: &RoomId) -> Option<Channel>;

    /// Says an event in a room, to all other nodes that hear it. It never waits. They hand it to [`Hearing::in_room`].
    fn say(&self, room: &RoomId, event: &str, object: &RawValue, sealed: &Sealed);
}

/// The way to the other nodes. Cheap to clone.
#[derive(Clone)]
pub struct Courier {
    inner: Arc<Inner>,
}

struct Inner {
    bus: Bus,
    rooms: Arc<dyn Rooms>,
    /// This node, as the others tell what it said from what they did.
    node: String,
    epoch: String,
    seal: Seal,
    /// Copies of what was told, where the bus has a cache.
    recent: Option<Recent>,
    /// Told whenever something may have been missed.
    missed: watch::Sender<()>,
    /// Told when others have forgotten who is online here.
    again: Notify,
    stats: CourierStats,
    of_all: Option<Channel>,
}

/// What concerns one person, wherever they are connected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ForUser {
    /// They are in one more room, by this event.
    Added(Box<Event>),
    /// One of their connections has read.
    Read(ReadEvent),
}

/// What concerns every node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ForAll {
    /// Sessions have ended.
    Ended(Vec<SessionId>),
    /// A node's lease has ended, and with it whoever was online with it.
    Gone(String),
    /// Somebody lets themselves be seen, or no more: the store knows.
    Visibility(UserId),
    /// Somebody has blocked somebody, or does no more: the store knows.
    Block { by: UserId, whom: UserId },
    /// Something may be in the log that nobody was told of.
    Look,
}

/// What concerns those who watch somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ForWatchers {
    /// With which node.
    pub(crate) node: String,
    /// Whether they are online with it now.
    pub(crate) online: bool,
}

/// Something that another node said, for the feed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// An event of a log.
    Event(Arc<Event>),
    /// Another connection of this user has read.
    Read(UserId, ReadEvent),
    /// Members of a room have read.
    Receipts(Receipts),
    /// A member of a room writes.
    Typing(TypingEvent),
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("node", &self.inner.node).finish_non_exhaustive()
    }
}

impl Courier {
    /// Over a bus. `node` is this node's name; with some random letters it is one that no other has, nor it itself after
    /// a restart.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn new(
        store: &Store,
        random: &dyn Random,
        bus: Bus,
        rooms: Arc<dyn Rooms>,
        node: &str,
    ) -> Result<Self, StoreError> {
        let seal = Seal::load(store, random).await?;
        let node = random.id(&format!("{node}_"));
        let epoch = store.epoch().to_owned();
        let (missed, again, stats) = (watch::Sender::new(()), Notify::new(), CourierStats::default());
        let of_all = Channel::new(OF_ALL).ok();
        let recent = bus.cache().map(|cache| Recent::new(cache, seal.clone(), &epoch));
        let inner = Inner { bus, rooms, node, epoch, seal, recent, missed, again, stats, of_all };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Passes commits on as they come, and tells the other nodes of each.
    pub(crate) fn carry(
        &self,
        mut committed: mpsc::Receiver<Committed>,
        tasks: &Tasks,
    ) -> mpsc::Receiver<Committed> {
        let (onward, taken) = mpsc::channel(COMMITS);
        let courier = self.clone();
        tasks.spawn("what other nodes are told", async move {
            while let Some(commit) = committed.recv().await {
                commit.events.iter().for_each(|event| courier.tell_event(event));
                if let Some(recent) = courier.recent() {
                    recent.keep(commit.events.iter().map(|event| &**event));
                }
                if onward.send(commit).await.is_err() {
                    return;
                }
            }
        });
        taken
    }

    /// This node's name among the nodes, another one after each start.
    pub(crate) fn node(&self) -> &str {
        &self.inner.node
    }

    /// Others have forgotten who is online here.
    pub(crate) fn say_all_again(&self) {
        self.inner.again.notify_one();
    }

    pub(crate) async fn asked_again(&self) {
        self.inner.again.notified().await;
    }

    /// The newest events of busy rooms, where copies are kept.
    pub(crate) fn recent(&self) -> Option<&Recent> {
        self.inner.recent.as_ref()
    }

    /// What these were good for so far; `None` where none are kept.
    pub fn recent_stats(&self) -> Option<RecentStats> {
        self.recent().map(Recent::stats)
    }

    /// What it has done so far.
    pub fn stats(&self) -> &CourierStats {
        &self.inner.stats
    }

    /// Whether something that is said now may not arrive.
    pub(crate) fn is_degraded(&self) -> bool {
        self.inner.bus.state().borrow().iter().any(|server| !server.is_up())
    }

    /// Changes whenever something may have been missed that was said before.
    fn may_have_missed(&self) -> watch::Receiver<()> {
        self.inner.missed.subscribe()
    }

    /// Hears what concerns every node, while what is returned is held.
    fn follow_all(&self) -> Option<Subscription> {
        self.follow(self.inner.of_all.clone())
    }

    /// Hears what is said in a room, while what is returned is held.
    pub(crate) fn follow_room(&self, room: &RoomId) -> Option<Subscription> {
        self.follow(self.inner.rooms.channel(room))
    }

    /// Hears what concerns somebody, while what is returned is held.
    pub(crate) fn follow_user(&self, user: &UserId) -> Option<Subscription> {
        self.follow(user_channel(user))
    }

    /// Hears of somebody's coming and going on other nodes, while what is returned is held.
    pub(crate) fn follow_presence(&self, user: &UserId) -> Option<Subscription> {
        self.follow(watchers_channel(user))
    }

    fn follow(&self, channel: Option<Channel>) -> Option<Subscription> {
        Some(self.inner.bus.subscribe(&channel?))
    }

    fn tell_event(&self, event: &Event) {
        self.tell_room(event.room_id(), event.name(), Some(event.seq()), event);
        if let Event::MemberAdded(change) = event {
            self.tell_user(&change.user.id, &ForUser::Added(Box::new(event.clone())));
        }
    }

    pub(crate) fn tell_typing(&self, typing: &TypingEvent) {
        self.tell_room(&typing.room_id, TypingEvent::EVENT, None, typing);
    }

    pub(crate) fn tell_receipts(&self, receipts: &Receipts) {
        self.tell_room(&receipts.room_id, Receipts::EVENT, None, receipts);
    }

    fn tell_room(&self, room: &RoomId, event: &str, seq: Option<u64>, object: &impl Serialize) {
        let Inner { rooms, epoch, seal, .. } = &*self.inner;
        match to_raw_value(object) {
            Ok(object) => {
                let sealed =
                    Sealed { seq, epoch: epoch.clone(), seal: seal.of(room.as_str(), event, &object) };
                rooms.say(room, event, &object, &sealed);
            }
            Err(error) => tracing::error!(%error, event, "An event cannot be told to other nodes"),
        }
    }

    pub(crate) fn tell_user(&self, user: &UserId, what: &ForUser) {
        if let Some(channel) = user_channel(user) {
            self.tell_nodes(&channel, what);
        }
    }

    pub(crate) fn tell_all(&self, what: &ForAll) {
        if let Some(of_all) = &self.inner.of_all {
            self.tell_nodes(of_all, what);
        }
    }

    pub(crate) fn tell_watchers(&self, user: &UserId, online: bool) {
        if let Some(channel) = watchers_channel(user) {
            self.tell_nodes(&channel, &ForWatchers { node: self.node().to_owned(), online });
        }
    }

    fn tell_nodes(&self, channel: &Channel, what: &impl Serialize) {
        let Inner { bus, node, seal, .. } = &*self.inner;
        match Envelope::write(node, what, |said| seal.of(channel.as_str(), "", said)) {
            Ok(payload) => bus.publish(channel, payload),
            Err(error) => tracing::error!(%error, "Something cannot be told to other nodes"),
        }
    }
}

const OF_USER: &str = "plaza#user#";

fn user_channel(user: &UserId) -> Option<Channel> {
    Channel::new(format!("{OF_USER}{user}")).ok()
}

const OF_WATCHERS: &str = "plaza#seen#";

fn watchers_channel(user: &UserId) -> Option<Channel> {
    Channel::new(format!("{OF_WATCHERS}{user}")).ok()
}

/// What every node hears.
const OF_ALL: &str = "plaza#all";
