//! Who is online with other nodes: what this one tells them, and what it finds out by itself.
//!
//! Who has their first connection with a node, or has lost the last, is written to the store and then told to those nodes
//! on which somebody watches them. So who asks finds it in the store, and what was not heard is found there too.

use super::{Presence, roster::Roster, task::Message};
use crate::{
    Chat, Courier, Subscriber,
    log::parsed,
    unavailable,
    words::{rows, words},
};
use plaza_bus::Subscription;
use plaza_protocol::{Error, Timestamp, UserId};
use plaza_store::StoreError;
use sqlx::Row as _;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};

/// Most people in one transaction: others wait for the writer no longer than for a batch of messages.
const AT_ONCE: usize = 1_000;
/// How long to wait after the store could not take it.
const AGAIN: Duration = Duration::from_secs(1);
/// How long one who watches more waits to hear of them from other nodes. What happens before that is found later.
const LISTENING: Duration = Duration::from_secs(1);
/// People looked up at a time.
const LOOKED_UP: usize = 5_000;

/// What is still to be said to other nodes: of each person the newest.
#[derive(Default)]
pub(super) struct Unsaid {
    people: Mutex<HashMap<UserId, bool>>,
    more: Notify,
}

impl Unsaid {
    /// Somebody is online here now, or no more.
    pub(super) fn note(&self, people: impl IntoIterator<Item = (UserId, bool)>) {
        self.lock().extend(people);
        self.more.notify_one();
    }

    fn take(&self) -> HashMap<UserId, bool> {
        std::mem::take(&mut self.lock())
    }

    /// It could not be said. What came meanwhile is newer.
    fn put_back(&self, people: HashMap<UserId, bool>) {
        let mut unsaid = self.lock();
        for (user, online) in people {
            unsaid.entry(user).or_insert(online);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, bool>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says it, until it is dropped.
pub(super) async fn say<S: Subscriber>(presence: Presence<S>, courier: Courier) {
    loop {
        tokio::select! {
            () = presence.unsaid.more.notified() => {}
            () = courier.asked_again() => {
                let here = presence.ask(|answer| Message::Here { answer }).await;
                presence.unsaid.note(here.unwrap_or_default().into_iter().map(|user| (user, true)));
            }
        }
        let people = presence.unsaid.take();
        match write(&presence.chat, courier.node(), &people).await {
            Ok(()) => people.iter().for_each(|(user, online)| courier.tell_watchers(user, *online)),
            Err(error) => {
                tracing::warn!(%error, "Other nodes do not know yet who is online here");
                presence.unsaid.put_back(people);
                sleep(AGAIN).await;
                presence.unsaid.more.notify_one();
            }
        }
    }
}

async fn write(chat: &Chat, node: &str, people: &HashMap<UserId, bool>) -> Result<(), StoreError> {
    for online in [true, false] {
        let people: Vec<_> = people.iter().filter(|(_, is)| **is == online).map(|(user, _)| user).collect();
        for some in people.chunks(AT_ONCE) {
            let mut tx = chat.inner.store.write().await?;
            let statement = if online { words(&tx).come_online } else { words(&tx).go_offline };
            sqlx::query(statement).bind(rows(some)?).bind(node).execute(&mut *tx).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

impl Chat {
    /// With which other nodes these people are online.
    pub(super) async fn online_elsewhere(
        &self,
        people: &[UserId],
    ) -> Result<HashMap<UserId, HashSet<String>>, Error> {
        let mut nodes: HashMap<_, HashSet<_>> = HashMap::new();
        let Some(courier) = &self.inner.courier else { return Ok(nodes) };
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        for some in people.chunks(LOOKED_UP) {
            let wanted = rows(some).map_err(unavailable)?;
            let found = sqlx::query(words(&reader).online_elsewhere).bind(wanted).bind(courier.node());
            for row in found.fetch_all(&mut *reader).await.map_err(unavailable)? {
                let user = parsed(&row, 0).map_err(unavailable)?;
                nodes.entry(user).or_default().insert(row.try_get(1).map_err(unavailable)?);
            }
        }
        Ok(nodes)
    }

    /// Whom of these watchers each of these people has blocked; nobody who has blocked none of them.
    async fn blocks_among(
        &self,
        people: &[UserId],
        watchers: &HashSet<UserId>,
    ) -> Result<HashMap<UserId, HashSet<UserId>>, Error> {
        let mut blocks: HashMap<_, HashSet<_>> = HashMap::new();
        let watchers: Vec<_> = watchers.iter().collect();
        let watchers = rows(&watchers).map_err(unavailable)?;
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        for some in people.chunks(LOOKED_UP) {
            let wanted = rows(some).map_err(unavailable)?;
            let found = sqlx::query(words(&reader).blocks_among).bind(wanted).bind(watchers.clone());
            for row in found.fetch_all(&mut *reader).await.map_err(unavailable)? {
                let (by, whom) =
                    (parsed(&row, 0).map_err(unavailable)?, parsed(&row, 1).map_err(unavailable)?);
                blocks.entry(by).or_default().insert(whom);
            }
        }
        Ok(blocks)
    }

    async fn hidden(&self, people: &[UserId]) -> Result<HashSet<UserId>, Error> {
        let mut hidden = HashSet::new();
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        for some in people.chunks(LOOKED_UP) {
            let wanted = rows(some).map_err(unavailable)?;
            let found = sqlx::query(words(&reader).hidden).bind(wanted).fetch_all(&mut *reader).await;
            for row in found.map_err(unavailable)? {
                hidden.insert(parsed(&row, 0).map_err(unavailable)?);
            }
        }
        Ok(hidden)
    }
}

/// What other nodes say, and what is found in the store.
impl<S: Subscriber> Presence<S> {
    /// Somebody is online with another node, or no more.
    pub(crate) async fn elsewhere(&self, user: UserId, node: String, online: bool) {
        let _ = self.mailbox.send(Message::Elsewhere { user, node, online }).await;
    }

    /// A node is gone.
    pub(crate) async fn node_gone(&self, node: String) {
        let _ = self.mailbox.send(Message::NodeGone { node }).await;
    }

    /// Somebody lets themselves be seen, or no more.
    pub(crate) async fn visibility_changed(&self, user: UserId) {
        let _in_order = self.in_order.lock().await;
        match self.chat.hidden(std::slice::from_ref(&user)).await {
            Ok(hidden) => {
                let visible = hidden.is_empty();
                let _ = self.mailbox.send(Message::Visible { user, visible }).await;
            }
            Err(error) => tracing::warn!(%error, %user, "Whether somebody wants to be seen was not read"),
        }
    }

    /// Somebody has blocked somebody, or does no more, by another node.
    pub(crate) async fn heard_block(&self, by: &UserId, whom: &UserId) {
        if let Err(error) = self.look_at_block(by, whom).await {
            tracing::warn!(%error, %by, "Whom somebody has blocked was not read");
        }
    }

    /// Hears of these people from other nodes: each subscription is in force, or not to be waited for.
    pub(super) async fn follow(&self, people: &[UserId]) -> HashMap<UserId, Subscription> {
        let Some(courier) = &self.chat.inner.courier else { return HashMap::new() };
        let follow = |user: &UserId| Some((user.clone(), courier.follow_presence(user)?));
        let followed: HashMap<_, _> = people.iter().filter_map(follow).collect();
        if !courier.is_degraded() {
            let ready = async {
                for subscription in followed.values() {
                    // The bus has ended: nothing is heard any more.
                    let _ = subscription.ready().await;
                }
            };
            let _ = timeout(LISTENING, ready).await;
        }
        followed
    }

    /// Compares what is known of those who are watched here with the store.
    pub(crate) async fn compare(&self) -> Result<(), Error> {
        let since = self.changes.load(Ordering::SeqCst);
        let Some(Watched { people, watchers }) = self.ask(|answer| Message::Watched { answer }).await else {
            return Ok(());
        };
        if people.is_empty() {
            return Ok(());
        }
        let (mut nodes, hidden) =
            (self.chat.online_elsewhere(&people).await?, self.chat.hidden(&people).await?);
        let mut blocks = self.chat.blocks_among(&people, &watchers).await?;
        let watchers = Arc::new(watchers);
        let found = people.into_iter().map(|user| {
            let found = Found {
                nodes: nodes.remove(&user).unwrap_or_default(),
                visible: !hidden.contains(&user),
                blocked: blocks.remove(&user).unwrap_or_default(),
                watchers: Arc::clone(&watchers),
            };
            (user, found)
        });
        let found = found.collect();
        let _ = self.mailbox.send(Message::Found { found, since }).await;
        Ok(())
    }

    pub(super) async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message<S>) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.mailbox.send(message(answer)).await.ok()?;
        answered.await.ok()
    }
}

/// What the store says of somebody who is watched.
pub(super) struct Found {
    /// The other nodes with which they are online.
    pub(super) nodes: HashSet<String>,
    pub(super) visible: bool,
    /// Whom of these watchers they have blocked.
    pub(super) blocked: HashSet<UserId>,
    pub(super) watchers: Arc<HashSet<UserId>>,
}

/// Who is watched here, and by whom.
pub(super) struct Watched {
    pub(super) people: Vec<UserId>,
    pub(super) watchers: HashSet<UserId>,
}

/// People who are watched, with what was found of them.
pub(super) type AllFound = BTreeMap<UserId, Found>;

impl<S: Subscriber> Roster<S> {
    /// Somebody is online with another node, or no more.
    pub(super) fn elsewhere(&mut self, user: &UserId, node: &str, online: bool, at: Timestamp) {
        self.change(user, at, |nodes| {
            if online {
                nodes.insert(node.to_owned());
            } else {
                nodes.remove(node);
            }
        });
    }

    /// With exactly these.
    pub(super) fn found(&mut self, user: &UserId, found: Found, at: Timestamp) {
        self.change(user, at, |nodes| *nodes = found.nodes);
        self.set_visible(user, found.visible);
        self.set_blocks(user, &found.blocked, &found.watchers);
    }

    /// Nobody is online with this node any more.
    pub(super) fn node_gone(&mut self, node: &str, at: Timestamp) {
        for user in self.watched() {
            self.elsewhere(&user, node, false, at);
        }
    }
}
