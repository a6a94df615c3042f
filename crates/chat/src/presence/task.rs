//! The task that owns the roster: it has the timers, and tells those who ask whether what they read still holds.

use super::{
    Facts, PresenceId, PresenceStats, WatchAnswer,
    elsewhere::{AllFound, Unsaid, Watched},
    last_seen::LastSeen,
    roster::{Full, MOST_WATCHED, Roster},
};
use crate::{Chat, Clock, Subscriber};
use plaza_bus::Subscription;
use plaza_protocol::{Code, Error, PresenceList, Timestamp, UserId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// How often those who had no room are looked at.
const CATCH_UP: Duration = Duration::from_millis(200);
/// Changes remembered. Who read the store before the oldest of them reads it again.
const CHANGES: usize = 1_024;

pub(super) enum Message<S> {
    Came {
        id: PresenceId,
        user: UserId,
        subscriber: Arc<S>,
    },
    Went {
        id: PresenceId,
    },
    /// Answered `None` where it must be read again.
    Look {
        asker: UserId,
        people: Vec<Facts>,
        since: u64,
        answer: oneshot::Sender<Option<PresenceList>>,
    },
    /// The answer is given back through `again` where it must be read again.
    Watch {
        id: PresenceId,
        add: Vec<Facts>,
        followed: HashMap<UserId, Subscription>,
        remove: Vec<UserId>,
        since: u64,
        answer: WatchAnswer,
        again: oneshot::Sender<WatchAnswer>,
    },
    Visible {
        user: UserId,
        visible: bool,
    },
    Blocked {
        by: UserId,
        whom: UserId,
        blocked: bool,
    },
    /// Somebody is online with another node, or no more.
    Elsewhere {
        user: UserId,
        node: String,
        online: bool,
    },
    NodeGone {
        node: String,
    },
    /// Who is online with this node.
    Here {
        answer: oneshot::Sender<Vec<UserId>>,
    },
    /// Who is watched here, and by whom.
    Watched {
        answer: oneshot::Sender<Watched>,
    },
    /// What the store said of those who are watched, when there had been so many changes.
    Found {
        found: AllFound,
        since: u64,
    },
}

/// Where the task notes what others carry on.
pub(super) struct Noting {
    pub(super) last_seen: Arc<LastSeen>,
    pub(super) unsaid: Arc<Unsaid>,
    pub(super) stats: Arc<PresenceStats>,
}

pub(super) struct Task<S: Subscriber> {
    roster: Roster<S>,
    changes: Changes,
    noting: Noting,
    clock: Arc<dyn Clock>,
    /// When to look at those who had no room.
    catch_up: Option<Instant>,
}

impl<S: Subscriber> Task<S> {
    pub(super) fn new(chat: &Chat, count: Arc<AtomicU64>, noting: Noting) -> Self {
        let settings = &chat.inner.settings;
        let grace = Duration::from_millis(settings.presence_grace_ms.into());
        Self {
            roster: Roster::new(grace, settings.presence_watches as usize),
            changes: Changes { count, newest: VecDeque::new() },
            noting,
            clock: Arc::clone(&chat.inner.clock),
            catch_up: None,
        }
    }

    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message<S>>, shutdown: CancellationToken) {
        loop {
            let leaving = self.roster.next_leaving();
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(message) = messages.recv() => self.handle(message),
                () = at(leaving) => {}
                () = at(self.catch_up) => {
                    self.catch_up = None;
                    self.roster.catch_up();
                }
            }
            while let Some(left) = self.roster.left(Instant::now()) {
                self.noting.unsaid.note([(left.0.clone(), false)]);
                self.noting.last_seen.note([left]);
            }
            self.noting.stats.set(self.roster.online(), self.roster.watches());
            if self.roster.has_behind() {
                self.catch_up.get_or_insert_with(|| Instant::now() + CATCH_UP);
            }
        }
        self.noting.last_seen.note(self.roster.all_left(self.now()));
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now())
    }

    fn handle(&mut self, message: Message<S>) {
        match message {
            Message::Came { id, user, subscriber } => {
                if self.roster.came(id, user.clone(), subscriber) {
                    self.noting.unsaid.note([(user, true)]);
                }
            }
            Message::Went { id } => self.roster.went(id, Instant::now(), self.now()),
            Message::Look { asker, people, since, answer } => {
                let holds = self.changes.none_of(&people, since);
                let _ = answer.send(holds.then(|| self.roster.look(&asker, people)));
            }
            Message::Watch { id, add, followed, remove, since, answer, again } => {
                // One who has not come yet does so any moment, and of one who has gone nobody waits for an answer.
                if !self.roster.knows(id) || !self.changes.none_of(&add, since) {
                    let _ = again.send(answer);
                    return;
                }
                answer(self.roster.watch(id, add, followed, &remove).map_err(full));
            }
            Message::Visible { user, visible } => {
                self.roster.set_visible(&user, visible);
                self.changes.note(user);
            }
            Message::Blocked { by, whom, blocked } => {
                self.roster.set_blocked(&by, &whom, blocked);
                self.changes.note(by);
            }
            Message::Elsewhere { user, node, online } => {
                self.roster.elsewhere(&user, &node, online, self.now());
                self.changes.note(user);
            }
            Message::NodeGone { node } => {
                self.roster.node_gone(&node, self.now());
                self.changes.note_of_many();
            }
            Message::Here { answer } => {
                let _ = answer.send(self.roster.here());
            }
            Message::Watched { answer } => {
                let (people, watchers) = (self.roster.watched(), self.roster.watching());
                let _ = answer.send(Watched { people, watchers });
            }
            Message::Found { found, since } => {
                for (user, found) in found {
                    // What was heard since is newer.
                    if !self.changes.changed(&user, since) {
                        self.roster.found(&user, found, self.now());
                    }
                }
            }
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn full(full: Full) -> Error {
    match full {
        Full::Connection(watched) => Error::bad_request(format!(
            "With these you would watch {watched} people on this connection, and {MOST_WATCHED} is the most. Drop some."
        )),
        Full::Node => {
            Error::new(Code::Busy, "More people are watched here than this server takes. Try again later.")
                .retry_after_ms(60_000)
        }
    }
}

/// The newest changes of what the store says of people, by number.
struct Changes {
    /// How many there were.
    count: Arc<AtomicU64>,
    newest: VecDeque<UserId>,
}

impl Changes {
    fn note(&mut self, user: UserId) {
        if self.newest.len() == CHANGES {
            self.newest.pop_front();
        }
        self.newest.push_back(user);
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Whom it was of nobody counts: what was read before is of no use for anybody.
    fn note_of_many(&mut self) {
        self.newest.clear();
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether nothing of these people has changed since there were so many changes.
    fn none_of(&self, people: &[Facts], since: u64) -> bool {
        !self.any_since(since, |changed| people.iter().any(|facts| facts.user.id == *changed))
    }

    /// Whether something of somebody may have changed since then.
    fn changed(&self, user: &UserId, since: u64) -> bool {
        self.any_since(since, |changed| changed == user)
    }

    fn any_since(&self, since: u64, is_meant: impl Fn(&UserId) -> bool) -> bool {
        let missed = self.count.load(Ordering::SeqCst).saturating_sub(since) as usize;
        let known = self.newest.len();
        missed > known || self.newest.range(known - missed..).any(is_meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_protocol::User;

    fn facts(id: &str) -> Facts {
        let user = User { id: id.parse().unwrap(), name: id.into(), guest: false };
        Facts { user, visible: true, last_seen: None, blocked: false, nodes: [].into() }
    }

    #[test]
    fn what_was_read_before_a_change_is_read_again() {
        let mut changes = Changes { count: Arc::default(), newest: VecDeque::new() };
        let (ana, ben) = ([facts("ana")], [facts("ben")]);
        assert!(changes.none_of(&ana, 0));
        changes.note("ana".parse().unwrap());
        assert!(!changes.none_of(&ana, 0) && changes.none_of(&ana, 1) && changes.none_of(&ben, 0));
        for _ in 0..CHANGES {
            changes.note("cem".parse().unwrap());
        }
        assert!(changes.none_of(&ana, 1) && changes.none_of(&ben, 1));
        assert!(!changes.none_of(&ben, 0), "nobody remembers what changed so long ago");

        let before = CHANGES as u64 + 1;
        assert!(changes.none_of(&ben, before));
        changes.note_of_many();
        assert!(!changes.none_of(&ben, before) && changes.none_of(&ben, before + 1));
        changes.note("ana".parse().unwrap());
        assert!(!changes.none_of(&ben, before) && changes.none_of(&ben, before + 1));
        assert!(!changes.none_of(&ana, before + 1));
    }
}
