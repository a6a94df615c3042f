//! Presence: who is online, and who is told of it.
//!
//! Somebody is online while at least one of their connections lives, and for a short grace after the last has ended, so
//! that a page that is loaded again is no coming and going. Who watches them is told of each change of that, and of
//! nothing else; nobody else is told. One who does not want to be seen, or who has blocked the watcher, looks offline,
//! without a time.
//!
//! One task owns the [`roster`], so there is no lock and no race. What the store knows of people (a name,
//! whether they want to be seen, since when they are away, whom they have blocked) is read by those who ask, before they
//! ask the task; whatever changes it tells the task after its commit. So each change has a number, and who asks says
//! which was the newest before they read: had one of their people changed since, they read again.
//!
//! **Other nodes.** The task knows the connections of this node, and of those who are watched here with which other nodes
//! they are online: see [`elsewhere`]. Online with any of them is online.

mod elsewhere;
mod facts;
mod last_seen;
mod person;
mod roster;
mod stats;
mod task;
#[cfg(test)]
mod tests;
mod typing;
mod watcher;

pub use stats::PresenceStats;

use crate::{Chat, Subscriber, Tasks, courier::ForAll};
use facts::{Facts, Whom};
use plaza_protocol::{
    Code, Done, Error, GetPresence, PresenceList, SetPresence, UserId, UserRef, WatchPresence,
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use task::Message;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Messages to the task that may wait.
const MAILBOX: usize = 1_024;
/// People in one request of `presence:get`.
const MOST_ASKED: usize = 100;
/// How often people are read again who keep changing meanwhile.
const TRIES: u32 = 8;

/// One connection's number, unique on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PresenceId(u64);

/// Takes the answer to `presence:watch`. It is called in the order of what the connection is sent: before it nothing of
/// the people added, after it every change of theirs. It must not block.
pub type WatchAnswer = Box<dyn FnOnce(Result<PresenceList, Error>) + Send>;

/// The way to the task. Cheap to clone.
pub struct Presence<S: Subscriber> {
    chat: Chat,
    mailbox: mpsc::Sender<Message<S>>,
    ids: Arc<AtomicU64>,
    changes: Arc<AtomicU64>,
    last_seen: Arc<last_seen::LastSeen>,
    unsaid: Arc<elsewhere::Unsaid>,
    stats: Arc<PresenceStats>,
    /// Held from a commit, or from reading what was committed, until the task was told: so it hears in that order.
    in_order: Arc<Mutex<()>>,
}

impl<S: Subscriber> Clone for Presence<S> {
    fn clone(&self) -> Self {
        Self {
            chat: self.chat.clone(),
            mailbox: self.mailbox.clone(),
            ids: Arc::clone(&self.ids),
            changes: Arc::clone(&self.changes),
            last_seen: Arc::clone(&self.last_seen),
            unsaid: Arc::clone(&self.unsaid),
            stats: Arc::clone(&self.stats),
            in_order: Arc::clone(&self.in_order),
        }
    }
}

impl<S: Subscriber> std::fmt::Debug for Presence<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence").finish_non_exhaustive()
    }
}

impl<S: Subscriber> Presence<S> {
    /// Starts its tasks, among `tasks`. With `shutdown` everybody's connections count as ended, that is stored, and the
    /// tasks end.
    pub fn start(chat: &Chat, shutdown: CancellationToken, tasks: &Tasks) -> Self {
        let (mailbox, messages) = mpsc::channel(MAILBOX);
        let (changes, last_seen) = (Arc::default(), Arc::new(last_seen::LastSeen::default()));
        let (noted, unsaid) = (CancellationToken::new(), Arc::new(elsewhere::Unsaid::default()));
        let stats = Arc::new(PresenceStats::default());
        let noting = task::Noting {
            last_seen: Arc::clone(&last_seen),
            unsaid: Arc::clone(&unsaid),
            stats: Arc::clone(&stats),
        };
        let task = task::Task::new(chat, Arc::clone(&changes), noting);
        let ends = noted.clone().drop_guard();
        let until = shutdown.clone();
        tasks.spawn("presence", async move {
            task.run(messages, shutdown).await;
            drop(ends);
        });
        tasks.spawn(
            "when people were last seen",
            last_seen::write(chat.clone(), Arc::clone(&last_seen), noted),
        );
        let (ids, in_order) = (Arc::default(), Arc::default());
        let presence = Self { chat: chat.clone(), mailbox, ids, changes, last_seen, unsaid, stats, in_order };
        if let Some(courier) = chat.inner.courier.clone() {
            let saying = elsewhere::say(presence.clone(), courier);
            tasks.spawn("who is online, for other nodes", async move {
                until.run_until_cancelled(saying).await;
            });
        }
        presence
    }

    /// How many are here and watched now.
    pub fn stats(&self) -> &PresenceStats {
        &self.stats
    }

    /// The same, for one request: what waits until `deadline` is not carried out any more.
    #[must_use]
    pub fn by(&self, deadline: Instant) -> Self {
        Self { chat: self.chat.by(deadline), ..self.clone() }
    }

    /// A number for a connection that may come.
    pub fn number(&self) -> PresenceId {
        PresenceId(self.ids.fetch_add(1, Ordering::Relaxed))
    }

    /// A connection of a user has come. Where it may have gone before this was done, it is to be said that it went.
    pub async fn came(&self, id: PresenceId, user: UserId, subscriber: Arc<S>) {
        let _ = self.mailbox.send(Message::Came { id, user, subscriber }).await;
    }

    /// It has gone, and watches nobody any more.
    pub async fn went(&self, id: PresenceId) {
        let _ = self.mailbox.send(Message::Went { id }).await;
    }

    /// Who of these people is online.
    ///
    /// # Errors
    /// `bad_request` for more than 100, `busy` or `unavailable` when the store cannot be read.
    pub async fn get(&self, asker: &UserId, request: GetPresence) -> Result<PresenceList, Error> {
        let asked = request.users.len();
        if asked > MOST_ASKED {
            let sentence = format!("There are {asked} people in this request, and at most {MOST_ASKED} fit.");
            return Err(Error::bad_request(sentence));
        }
        for _ in 0..TRIES {
            let (since, people) = self.facts(asker, &request.users).await?;
            let (answer, answered) = oneshot::channel();
            let look = Message::Look { asker: asker.clone(), people, since, answer };
            self.mailbox.send(look).await.map_err(|_| stopping())?;
            if let Some(list) = answered.await.map_err(|_| stopping())? {
                return Ok(list);
            }
        }
        Err(changing())
    }

    /// Has a connection told of these people's coming and going, and no longer of others', until it goes. People who
    /// do not exist are passed over. All of the request is carried out or nothing of it.
    pub async fn watch(&self, id: PresenceId, asker: &UserId, request: WatchPresence, answer: WatchAnswer) {
        let mut answer = answer;
        for _ in 0..TRIES {
            match self.try_watch(id, asker, &request, answer).await {
                Ok(()) => return,
                Err(again) => answer = again,
            }
        }
        answer(Err(changing()));
    }

    /// Gives the answer back where people have changed meanwhile.
    async fn try_watch(
        &self,
        id: PresenceId,
        asker: &UserId,
        request: &WatchPresence,
        answer: WatchAnswer,
    ) -> Result<(), WatchAnswer> {
        let looked_up = async {
            for (list, what) in [(&request.add, "watch"), (&request.remove, "drop")] {
                let (asked, most) = (list.len(), roster::MOST_WATCHED);
                if asked > most {
                    let sentence = format!(
                        "There are {asked} people to {what} in this request, and at most {most} fit."
                    );
                    return Err(Error::bad_request(sentence));
                }
            }
            // Heard of before the store is read, so that nothing is missed in between.
            let followed = match &self.chat.inner.courier {
                Some(_) => self.follow(&self.chat.ids_of(asker, &request.add).await?).await,
                None => HashMap::new(),
            };
            let (since, add) = self.facts(asker, &request.add).await?;
            let remove = self.chat.ids_of(asker, &request.remove).await?;
            Ok((since, add, followed, remove))
        };
        let (since, add, followed, remove) = match looked_up.await {
            Ok(looked_up) => looked_up,
            Err(error) => {
                answer(Err(error));
                return Ok(());
            }
        };
        let (again, stale) = oneshot::channel();
        let watch = Message::Watch { id, add, followed, remove, since, answer, again };
        if let Err(mpsc::error::SendError(Message::Watch { answer, .. })) = self.mailbox.send(watch).await {
            answer(Err(stopping()));
            return Ok(());
        }
        // Dropped where it was answered.
        stale.await.map_or(Ok(()), Err)
    }

    /// Whether others are told that a user is online, on all nodes and from now on.
    ///
    /// # Errors
    /// `busy` or `unavailable` when the store cannot take it.
    pub async fn set(&self, user: &UserId, request: SetPresence) -> Result<Done, Error> {
        let SetPresence { visible } = request;
        let _in_order = self.in_order.lock().await;
        self.chat.set_visible(user, visible).await?;
        let _ = self.mailbox.send(Message::Visible { user: user.clone(), visible }).await;
        if let Some(courier) = &self.chat.inner.courier {
            courier.tell_all(&ForAll::Visibility(user.clone()));
        }
        Ok(Done {})
    }

    /// `by` may have blocked `whom` a moment ago, or have ceased to: watchers are told what follows from it.
    ///
    /// # Errors
    /// `busy` or `unavailable` when the store cannot be read.
    pub async fn block_changed(&self, by: &UserId, whom: &UserId) -> Result<(), Error> {
        if let Some(courier) = &self.chat.inner.courier {
            courier.tell_all(&ForAll::Block { by: by.clone(), whom: whom.clone() });
        }
        self.look_at_block(by, whom).await
    }

    async fn look_at_block(&self, by: &UserId, whom: &UserId) -> Result<(), Error> {
        let _in_order = self.in_order.lock().await;
        let blocked = self.chat.blocked_by(whom, std::slice::from_ref(by)).await?.contains(by);
        let _ = self.mailbox.send(Message::Blocked { by: by.clone(), whom: whom.clone(), blocked }).await;
        Ok(())
    }

    /// What the store knows of these people, in their order, and the newest change before it was read.
    async fn facts(&self, asker: &UserId, whom: &[UserRef]) -> Result<(u64, Vec<Facts>), Error> {
        let since = self.changes.load(Ordering::SeqCst);
        // Looked up before the store is read: what is not there any more has been written.
        let unwritten = self.last_seen.unwritten();
        let mut facts = self.chat.facts(asker, &Whom::new(whom)).await?;
        for fact in &mut facts {
            if let Some(at) = unwritten.get(&fact.user.id) {
                fact.last_seen = Some(*at);
            }
        }
        Ok((since, facts))
    }
}

fn stopping() -> Error {
    Error::new(Code::Unavailable, "The server is shutting down. Try again in a moment.").retry_after_ms(1_000)
}

fn changing() -> Error {
    Error::new(Code::Busy, "These people change too fast to look at. Try again in a moment.")
        .retry_after_ms(1_000)
}
