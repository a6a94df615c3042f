//! One of the crowd: a client that stays, and what it was told.

use super::{Shared, joined, lock};
use crate::{
    audit::{Asked, Seen, View},
    program::DEADLINE,
};
use anyhow::{Context as _, bail};
use plaza_client::{Address, Client, Identity, Incoming, Options, Sight, Update, Updates};
use plaza_protocol::{JoinRoom, RoomId, RoomResumed, Secret, Seq, User, UserId};
use rand::rngs::StdRng;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// How far a view has come, by room.
type Reached = BTreeMap<RoomId, Seq>;

/// A client, in its rooms.
pub(super) struct Person {
    pub(super) number: usize,
    pub(super) rooms: Vec<RoomId>,
    pub(super) token: Secret,
    name: String,
    user: User,
    client: Client,
    told: Arc<Mutex<Told>>,
    reached: watch::Receiver<Reached>,
    /// When it last became live.
    live: watch::Receiver<Option<Instant>>,
    reading: JoinHandle<()>,
}

/// Somebody who writes, by whatever is needed for that.
pub(super) struct Writer {
    pub(super) name: String,
    pub(super) user: UserId,
    pub(super) rooms: Vec<RoomId>,
    pub(super) client: Client,
    told: Arc<Mutex<Told>>,
    reached: watch::Receiver<Reached>,
}

/// What one client was told.
#[derive(Default)]
pub(super) struct Told {
    seen: Vec<Seen>,
    /// The nodes it was on, and since when it was live there.
    nodes: Vec<(String, Option<Instant>)>,
    /// Why it was not connected, and when that was told.
    offline: Vec<(Instant, String)>,
    pub(super) reloads: usize,
}

impl Told {
    /// Whether this is the node of its latest connection.
    pub(super) fn is_on(&self, node: &str) -> bool {
        self.nodes.last().is_some_and(|(last, _)| last == node)
    }

    /// When it was live on a node to which it came after that.
    pub(super) fn back_after(&self, since: Instant) -> Option<Instant> {
        self.nodes.iter().filter_map(|(_, live)| *live).find(|live| *live > since)
    }

    /// The latest of what went wrong.
    pub(super) fn trouble(&self) -> Vec<String> {
        self.offline.iter().rev().take(10).map(|(_, why)| why.clone()).collect()
    }

    /// Why it was not connected, since then.
    pub(super) fn troubles_since(&self, since: Instant) -> impl Iterator<Item = &str> {
        self.offline.iter().filter(move |(at, _)| *at > since).map(|(_, why)| why.as_str())
    }
}

impl Writer {
    /// Where it is connected, or was last.
    pub(super) fn node(&self) -> String {
        lock(&self.told).nodes.last().map(|(node, _)| node.clone()).unwrap_or_default()
    }

    /// How far it has seen a room.
    pub(super) fn reached(&self, room: &RoomId) -> Seq {
        self.reached.borrow().get(room).copied().unwrap_or(0)
    }
}

impl Person {
    /// Connects and joins its rooms.
    pub(super) async fn start(
        number: usize,
        address: Address,
        rng: StdRng,
        shared: Arc<Shared>,
    ) -> anyhow::Result<(Self, Vec<Asked>)> {
        let name = format!("person-{number}");
        let rooms: Vec<_> =
            shared.crowd.rooms_of(number).into_iter().map(|room| shared.rooms[room].clone()).collect();
        let told = Arc::new(Mutex::new(Told::default()));
        let (reach, reached) = watch::channel(Reached::new());
        let witness = {
            let (told, shared) = (Arc::clone(&told), Arc::clone(&shared));
            Box::new(move |sight: Sight<'_>| see(sight, &mut lock(&told), &reach, &shared))
        };
        let options = Options { request_timeout: DEADLINE, ..Options::default() };
        let identity = Identity::Guest(name.clone());
        let (client, mut updates) = Client::start_before(witness, address, identity, options, rng);
        let user = timeout(DEADLINE, first_session(&mut updates, &told))
            .await
            .with_context(|| format!("no session for {name} in time"))??;
        let token = client.guest_token().context("a new guest was given no token")?;
        let (alive, live) = watch::channel(None);
        let reading = tokio::spawn(read(updates, Arc::clone(&told), alive));
        let mut asks = Vec::new();
        for room in &rooms {
            let answer = client.request(&JoinRoom { room_id: room.clone() }).await.context("cannot join")?;
            asks.push(joined(&name, &user.id, room, answer.seq));
        }
        Ok((Self { number, rooms, token, name, user, client, told, reached, live, reading }, asks))
    }

    /// What it was told so far.
    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }

    /// Waits until it is live on a connection that was made after that.
    pub(super) async fn until_back(&self, since: Instant) {
        // Ended: it is found out by who asks when it was back.
        let _ = self.live.clone().wait_for(|live| live.is_some_and(|live| live > since)).await;
    }

    /// For one who writes.
    pub(super) fn writer(&self) -> Writer {
        Writer {
            name: self.name.clone(),
            user: self.user.id.clone(),
            rooms: self.rooms.clone(),
            client: self.client.clone(),
            told: Arc::clone(&self.told),
            reached: self.reached.clone(),
        }
    }

    /// Waits until it has seen its rooms to their ends, or for too long, and gives what was noted.
    pub(super) async fn finish(mut self, tops: &Reached) -> View {
        let there = |reached: &Reached| self.rooms.iter().all(|room| reached.get(room) >= tops.get(room));
        // Whoever is not there in time is found out by the auditor.
        let _ = timeout(DEADLINE, self.reached.wait_for(there)).await;
        self.client.close();
        let broke = self.reading.await.is_err();
        let mut told = lock(&self.told);
        if broke {
            told.seen.push(Seen::Fault("its reader broke".to_owned()));
        }
        View {
            client: self.name.clone(),
            user: self.user.clone(),
            seen: std::mem::take(&mut told.seen),
            complete: self.rooms.iter().cloned().collect(),
        }
    }
}

async fn first_session(updates: &mut Updates, told: &Mutex<Told>) -> anyhow::Result<User> {
    loop {
        match updates.next().await {
            Some(Update::Online(session)) => return Ok(session.user),
            Some(Update::Offline { why, .. }) => lock(told).offline.push((Instant::now(), why)),
            other => bail!("instead of a session: {other:?}"),
        }
    }
}

/// In the task of the client, in the order in which it happens.
fn see(sight: Sight<'_>, told: &mut Told, reach: &watch::Sender<Reached>, shared: &Shared) {
    let reached = |room: &RoomId, seq: Seq| {
        reach.send_modify(|reached| {
            let held = reached.entry(room.clone()).or_default();
            *held = seq.max(*held);
        });
    };
    match sight {
        Sight::Connected { claimed, session } => {
            told.seen.push(Seen::Connected(claimed.clone()));
            told.nodes.push((session.node.clone(), None));
        }
        Sight::Taken(Incoming::Event(event)) => {
            told.seen.push(Seen::Event(shared.intern(event)));
            reached(event.room_id(), event.seq());
        }
        Sight::Taken(Incoming::Resumed(resumed)) => {
            told.seen.push(Seen::Resumed(resumed.rooms.clone()));
            for (room, outcome) in &resumed.rooms {
                if let (Ok(room), RoomResumed::Span { to, .. }) = (room.parse(), outcome) {
                    reached(&room, *to);
                }
            }
        }
        Sight::Taken(
            Incoming::Read(_) | Incoming::Receipts(_) | Incoming::Typing(_) | Incoming::Presence(_),
        ) => {}
        // The node is killed without a word, and nobody else is to go.
        Sight::Taken(other) => told.seen.push(Seen::Fault(format!("it was told {other:?}"))),
        Sight::Reloaded { room, page } => {
            told.reloads += 1;
            told.seen.push(Seen::Reloaded(room.clone(), page.cloned()));
        }
    }
}

/// Takes what comes, and notes what the client itself makes of it.
async fn read(mut updates: Updates, told: Arc<Mutex<Told>>, live: watch::Sender<Option<Instant>>) {
    while let Some(update) = updates.next().await {
        let mut told = lock(&told);
        match update {
            Update::Resumed { .. } => {
                let now = Instant::now();
                if let Some((_, since)) = told.nodes.last_mut() {
                    *since = Some(now);
                }
                live.send_replace(Some(now));
            }
            Update::Offline { why, .. } => told.offline.push((Instant::now(), why)),
            Update::Refused(error) => told.seen.push(Seen::Fault(format!("it was refused: {error}"))),
            Update::Repeated(event) => {
                told.seen.push(Seen::Fault(format!(
                    "in {} it was given {} again",
                    event.room_id(),
                    event.seq()
                )));
            }
            Update::Gap { room, held, got } => {
                told.seen.push(Seen::Fault(format!("in {room} it held {held} and was given {got}")));
            }
            _ => {}
        }
    }
}
