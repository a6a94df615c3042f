//! What other nodes say, to whom it concerns on this one.

use super::{Courier, Envelope, ForAll, ForUser, ForWatchers, Heard, OF_ALL, OF_USER, OF_WATCHERS, Sealed};
use crate::{Chat, Feed, Presence, Subscriber};
use plaza_bus::Subscription;
use plaza_protocol::{Event, Receipts, Told, TypingEvent, UserId};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What a courier has done so far.
#[derive(Debug, Default)]
pub struct CourierStats {
    refused: AtomicU64,
}

impl CourierStats {
    /// Heard and not heeded: no node of this cluster said it, or it cannot be understood.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

/// Takes what comes over the bus to where it belongs. Whoever reads the bus hands it over, in the order in which it came.
pub struct Hearing<S: Subscriber> {
    courier: Courier,
    chat: Chat,
    feed: Feed<S>,
    presence: Presence<S>,
    _of_all: Option<Subscription>,
}

impl<S: Subscriber> std::fmt::Debug for Hearing<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hearing").finish_non_exhaustive()
    }
}

impl<S: Subscriber> Hearing<S> {
    /// For these.
    pub fn new(courier: Courier, chat: Chat, feed: Feed<S>, presence: Presence<S>) -> Self {
        let of_all = courier.follow_all();
        Self { courier, chat, feed, presence, _of_all: of_all }
    }

    /// An event that was said in a room: its object, and what went along with it, both as JSON.
    pub async fn in_room(&self, room: &str, event: &str, object: &str, sealed: &str) {
        let heard = serde_json::from_str(sealed)
            .ok()
            .and_then(|sealed| self.courier.read_room(room, event, object, &sealed));
        self.courier.count(heard.is_some());
        if let Some(heard) = heard {
            self.feed.heard(heard).await;
        }
    }

    /// What was said to nodes alone. `false`: the channel is none of theirs.
    pub async fn on(&self, channel: &str, payload: &[u8]) -> bool {
        let Some(about) = About::of(channel) else { return false };
        let Some(envelope) = Envelope::read(payload) else {
            self.courier.count(false);
            return true;
        };
        if envelope.node == self.courier.node() {
            return true;
        }
        let (said, seal) = (envelope.said.get(), &self.courier.inner.seal);
        let holds = seal.holds(channel, "", said, &envelope.seal);
        self.courier.count(holds);
        if holds {
            self.heed(about, said).await;
        }
        true
    }

    /// Something may have been missed that was said before.
    pub fn missed(&self) {
        self.courier.inner.missed.send_replace(());
    }

    /// What only a newer node says is passed over: it is nothing that this one's clients need.
    async fn heed(&self, about: About, said: &str) {
        match about {
            About::All => match parse(said) {
                Some(ForAll::Ended(sessions)) => self.chat.heard_ended(&sessions),
                Some(ForAll::Gone(node)) => self.presence.node_gone(node).await,
                // What follows is read from the store, in whichever order: what comes over the bus does not wait for it.
                Some(ForAll::Visibility(user)) => {
                    let presence = self.presence.clone();
                    tokio::spawn(async move { presence.visibility_changed(user).await });
                }
                Some(ForAll::Block { by, whom }) => {
                    let presence = self.presence.clone();
                    tokio::spawn(async move { presence.heard_block(&by, &whom).await });
                }
                Some(ForAll::Look) => self.missed(),
                None => {}
            },
            About::Watched(user) => {
                if let Some(ForWatchers { node, online }) = parse(said) {
                    self.presence.elsewhere(user, node, online).await;
                }
            }
            About::User(user) => match parse(said) {
                Some(ForUser::Added(event)) => self.feed.heard(Heard::Event(Arc::from(event))).await,
                Some(ForUser::Read(event)) => self.feed.heard(Heard::Read(user, event)).await,
                None => {}
            },
        }
    }
}

/// Of whom nodes speak on a channel.
enum About {
    All,
    User(UserId),
    Watched(UserId),
}

impl About {
    fn of(channel: &str) -> Option<Self> {
        let user = |prefix| channel.strip_prefix(prefix).and_then(|user| user.parse().ok());
        match channel {
            OF_ALL => Some(Self::All),
            _ => user(OF_USER).map(Self::User).or_else(|| user(OF_WATCHERS).map(Self::Watched)),
        }
    }
}

impl Courier {
    /// Notes whether something was heeded.
    fn count(&self, heeded: bool) {
        self.inner.stats.refused.fetch_add(u64::from(!heeded), Relaxed);
    }

    /// What was said in a room, if a node of this cluster said it. An event that only a newer node knows is not
    /// understood, and read from the log.
    fn read_room(&self, room: &str, event: &str, object: &str, sealed: &Sealed) -> Option<Heard> {
        match event {
            TypingEvent::EVENT => self.open(room, event, object, sealed).map(Heard::Typing),
            Receipts::EVENT => self.open(room, event, object, sealed).map(Heard::Receipts),
            _ => {
                let opened: Event = self.open(room, event, object, sealed)?;
                (opened.room_id().as_str() == room).then(|| Heard::Event(Arc::new(opened)))
            }
        }
    }

    /// The seal is over the object as a node writes it, whatever it has become on its way.
    fn open<T: DeserializeOwned + Serialize>(
        &self,
        room: &str,
        event: &str,
        object: &str,
        sealed: &Sealed,
    ) -> Option<T> {
        let object: T = parse(object)?;
        let written = serde_json::to_string(&object).ok()?;
        let inner = &self.inner;
        let holds = sealed.epoch == inner.epoch && inner.seal.holds(room, event, &written, &sealed.seal);
        holds.then_some(object)
    }
}

fn parse<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}
