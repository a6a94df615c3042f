//! One connection's view: a witness that notes all that passes, and a reader that takes it, fast or slowly.

use super::Shared;
use crate::{
    audit::{Seen, View},
    program::DEADLINE,
};
use plaza_client::{Address, Client, Identity, Incoming, Options, Sight, Update, Updates};
use plaza_protocol::{Event, RoomId, RoomResumed, RoomsResumed, Seq, Session, User};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// How much of what came before a fault is told with it.
const TRAIL: usize = 40;

/// How far a view has come, by room.
pub(super) type Reached = BTreeMap<RoomId, Seq>;

/// A connection's view in the making.
pub(super) struct Observer {
    pub(super) client: Client,
    pub(super) reached: watch::Receiver<Reached>,
    updates: Option<Updates>,
    reading: Option<JoinHandle<()>>,
    noted: Arc<Mutex<Noted>>,
    shared: Arc<Shared>,
}

/// What a witness has seen.
struct Noted {
    name: String,
    user: Option<User>,
    /// The node of the newest connection, and whether it was the same one before.
    node: Option<(String, bool)>,
    seen: Vec<Seen>,
    reach: watch::Sender<Reached>,
    shared: Arc<Shared>,
}

impl Observer {
    /// Connects. Nothing is taken until [`Observer::read`].
    pub(super) fn start(
        name: &str,
        address: Address,
        identity: Identity,
        options: Options,
        rng: &mut StdRng,
        shared: &Arc<Shared>,
    ) -> Self {
        let (reach, reached) = watch::channel(Reached::new());
        let noted = Arc::new(Mutex::new(Noted {
            name: name.to_owned(),
            user: None,
            node: None,
            seen: Vec::new(),
            reach,
            shared: Arc::clone(shared),
        }));
        let witness = {
            let noted = Arc::clone(&noted);
            Box::new(move |sight: Sight<'_>| lock(&noted).see(sight))
        };
        let (client, updates) =
            Client::start_before(witness, address, identity, options, StdRng::from_rng(rng));
        let (updates, shared) = (Some(updates), Arc::clone(shared));
        Self { client, reached, updates, reading: None, noted, shared }
    }

    /// What comes, for who wants to look before all is read.
    pub(super) async fn next(&mut self) -> Option<Update> {
        self.updates.as_mut()?.next().await
    }

    /// Reads all from now on; slowly, where there is something to draw the pauses by.
    pub(super) fn read(&mut self, slow: Option<StdRng>) {
        let Some(updates) = self.updates.take() else { return };
        let (noted, shared) = (Arc::clone(&self.noted), Arc::clone(&self.shared));
        self.reading = Some(tokio::spawn(read(updates, slow, noted, shared)));
    }

    /// Waits until it has seen these rooms to their ends, or for too long, and gives what was noted.
    pub(super) async fn finish(mut self, rooms: &BTreeSet<RoomId>, tops: &Reached) -> View {
        let there = |reached: &Reached| rooms.iter().all(|room| reached.get(room) >= tops.get(room));
        // Whoever is not there in time is found out by the auditor.
        let _ = timeout(DEADLINE, self.reached.wait_for(there)).await;
        self.client.close();
        let broke = match self.reading {
            Some(reading) => reading.await.is_err(),
            None => false,
        };
        let mut noted = lock(&self.noted);
        if broke {
            noted.fault("its reader broke");
        }
        View {
            client: noted.name.clone(),
            user: noted.user.clone().unwrap_or_else(nobody),
            seen: std::mem::take(&mut noted.seen),
            complete: rooms.clone(),
        }
    }
}

/// Stands for one who was never let in.
fn nobody() -> User {
    User { id: "nobody".parse().expect("an id"), name: String::new(), guest: true }
}

fn lock(noted: &Mutex<Noted>) -> MutexGuard<'_, Noted> {
    noted.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(mut updates: Updates, mut slow: Option<StdRng>, noted: Arc<Mutex<Noted>>, shared: Arc<Shared>) {
    // One that catches up is waited for, and never too slow.
    let (mut live, mut until_pause) = (false, 0_u32);
    while let Some(update) = updates.next().await {
        lock(&noted).check(&update);
        let Some(rng) = &mut slow else { continue };
        match update {
            Update::Online(_) => live = false,
            Update::Resumed { .. } => (live, until_pause) = (true, rng.random_range(20..100)),
            _ => until_pause = until_pause.saturating_sub(1),
        }
        if live && until_pause == 0 && !shared.enough.is_cancelled() {
            pause(rng, &shared).await;
            until_pause = rng.random_range(200..800);
        }
    }
}

/// Reads nothing until half a megabyte to one and a half were written into the crowded room. The kernel takes up to 0.7
/// of that in place of a client that does not read; what is more waits in the server.
async fn pause(rng: &mut StdRng, shared: &Shared) {
    let mut written = shared.written.subscribe();
    let until = *written.borrow() + rng.random_range(500_000..1_500_000);
    shared.pausing.send_modify(|pausing| *pausing += 1);
    tokio::select! {
        _ = written.wait_for(|bytes| *bytes >= until) => {}
        () = shared.enough.cancelled() => {}
    }
    shared.pausing.send_modify(|pausing| *pausing -= 1);
}

impl Noted {
    fn see(&mut self, sight: Sight<'_>) {
        match sight {
            Sight::Connected { claimed, session } => {
                self.seen.push(Seen::Connected(claimed.clone()));
                self.connected(session);
            }
            Sight::Taken(Incoming::Event(event)) => {
                self.seen.push(Seen::Event(self.shared.intern(event)));
                self.reached(event.room_id(), event.seq());
            }
            Sight::Taken(Incoming::Resumed(resumed)) => {
                self.seen.push(Seen::Resumed(resumed.rooms.clone()));
                self.resumed(resumed);
            }
            // Told beside the log. Where everybody has read to is looked at when all is over.
            Sight::Taken(
                Incoming::Read(_) | Incoming::Receipts(_) | Incoming::Typing(_) | Incoming::Presence(_),
            ) => {}
            Sight::Taken(Incoming::Ending(ending))
                if self.shared.load.drains && ending.reason == "shutdown" => {}
            // The server is killed without a word.
            Sight::Taken(Incoming::Ending(ending)) => self.fault(&format!("it was sent away: {ending:?}")),
            Sight::Taken(Incoming::Unknown(name)) => self.fault(&format!("it does not know {name}")),
            Sight::Taken(Incoming::Malformed { name, why }) => {
                self.fault(&format!("it cannot read a {name}: {why}"));
            }
            Sight::Reloaded { room, page } => {
                self.shared.reloads.fetch_add(1, Ordering::Relaxed);
                self.seen.push(Seen::Reloaded(room.clone(), page.cloned()));
                if let Some(last) = page.and_then(|page| page.events.last()).map(Event::seq) {
                    self.reached(room, last);
                }
            }
        }
    }

    fn connected(&mut self, session: &Session) {
        match &self.user {
            None => self.user = Some(session.user.clone()),
            Some(user) if *user != session.user => {
                self.fault(&format!("it came back as {:?}", session.user));
            }
            Some(_) => {
                self.shared.reconnects.fetch_add(1, Ordering::Relaxed);
            }
        }
        let again = self.node.as_ref().is_some_and(|(node, _)| *node == session.node);
        self.node = Some((session.node.clone(), again));
    }

    fn resumed(&mut self, resumed: &RoomsResumed) {
        for (room, outcome) in &resumed.rooms {
            if let (Ok(room), RoomResumed::Span { to, .. }) = (room.parse(), outcome) {
                self.reached(&room, *to);
            }
        }
        if let (Some((node, true)), Some(user)) = (&self.node, &self.user) {
            let mut resumed = self.shared.resumed.lock().unwrap_or_else(PoisonError::into_inner);
            resumed.push((node.clone(), user.id.clone()));
        }
    }

    fn reached(&mut self, room: &RoomId, seq: Seq) {
        self.reach.send_modify(|reached| {
            let held = reached.entry(room.clone()).or_default();
            *held = seq.max(*held);
        });
    }

    /// What the client itself makes of it should agree.
    fn check(&mut self, update: &Update) {
        match update {
            Update::Refused(error) => self.fault(&format!("it was refused: {error}")),
            Update::Repeated(event) => {
                self.fault(&format!("in {} it was given {} again", event.room_id(), event.seq()));
            }
            Update::Gap { room, held, got } => {
                self.fault(&format!("in {room} it held {held} and was given {got}"));
            }
            _ => {}
        }
    }

    fn fault(&mut self, what: &str) {
        let short = |seen: &Seen| match seen {
            Seen::Event(event) => format!("{}@{}", event.room_id(), event.seq()),
            Seen::Reloaded(room, page) => {
                format!(
                    "page of {room} to {:?}",
                    page.as_ref().and_then(|page| page.events.last()).map(Event::seq)
                )
            }
            other => format!("{other:?}"),
        };
        let trail = &self.seen[self.seen.len().saturating_sub(TRAIL)..];
        let trail = trail.iter().map(short).collect::<Vec<_>>().join(", ");
        self.seen.push(Seen::Fault(format!("{what}; the last it was told: {trail}")));
    }
}
