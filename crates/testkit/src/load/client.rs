//! One guest of the load: sends, notes acknowledgements, and notes what each of its connections sees.

use super::Shared;
use crate::{
    audit::{Ack, Seen, View},
    program::DEADLINE,
};
use anyhow::{Context as _, bail};
use plaza_client::{Address, Client, Connection, Identity, Options, RequestError, Update, Updates};
use plaza_protocol::{ClientId, JoinRoom, RoomId, Secret, Seq, User};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// What is kept of the updates before a fault.
const TRAIL: usize = 40;

/// How far a view has come, by room.
type Reached = BTreeMap<RoomId, Seq>;

/// A guest that has joined its rooms.
pub(super) struct Worker {
    shared: Arc<Shared>,
    name: String,
    user: User,
    token: Secret,
    rooms: Vec<RoomId>,
    client: Client,
    rng: StdRng,
    observers: Vec<Observer>,
}

/// A guest that sends no more.
pub(super) struct Finishing {
    worker: Worker,
    acks: Vec<Ack>,
}

/// A connection's view in the making.
struct Observer {
    /// Held so that the connection stays.
    client: Client,
    reached: watch::Receiver<Reached>,
    task: JoinHandle<View>,
}

impl Worker {
    pub(super) async fn start(
        number: usize,
        address: Address,
        options: Options,
        mut rng: StdRng,
        shared: Arc<Shared>,
    ) -> anyhow::Result<Self> {
        let name = format!("guest-{number}");
        let identity = Identity::Guest(name.clone());
        let (client, mut updates) =
            Client::start(address.clone(), identity, options.clone(), StdRng::from_rng(&mut rng));
        let (user, token) = first_session(&mut updates).await?;
        let slow = number < shared.load.slow;
        let mut observers =
            vec![Observer::start(&name, &user, client.clone(), updates, slow, &mut rng, &shared)];
        if number >= shared.load.clients - shared.load.doubled {
            let identity = Identity::Token(token.clone());
            let (second, updates) = Client::start(address, identity, options, StdRng::from_rng(&mut rng));
            let view = format!("{name} (second connection)");
            observers.push(Observer::start(&view, &user, second, updates, false, &mut rng, &shared));
        }
        let count = shared.rooms.len();
        let rooms: BTreeSet<_> = [number, number + 1].map(|n| shared.rooms[n % count].clone()).into();
        for room in &rooms {
            client.request(&JoinRoom { room_id: room.clone() }).await.context("cannot join")?;
        }
        let rooms = rooms.into_iter().collect();
        Ok(Self { shared, name, user, token, rooms, client, rng, observers })
    }

    /// Sends until it is enough.
    pub(super) async fn send_all(mut self) -> anyhow::Result<Finishing> {
        let mut senders = JoinSet::new();
        for lane in 0..self.shared.load.in_flight {
            let sender = Sender {
                shared: Arc::clone(&self.shared),
                client: self.client.clone(),
                name: self.name.clone(),
                user: self.user.clone(),
                rooms: self.rooms.clone(),
                rng: StdRng::from_rng(&mut self.rng),
            };
            senders.spawn(sender.run(lane));
        }
        let mut acks = Vec::new();
        while let Some(sender) = senders.join_next().await {
            acks.extend(sender??);
        }
        Ok(Finishing { worker: self, acks })
    }
}

impl Finishing {
    pub(super) fn rooms(&self) -> &[RoomId] {
        &self.worker.rooms
    }

    pub(super) fn token(&self) -> &Secret {
        &self.worker.token
    }

    pub(super) async fn connection(&self) -> Result<Connection, RequestError> {
        self.worker.client.connection().await
    }

    /// Waits until each view has reached the rooms' ends, or for too long, and gives what was noted.
    pub(super) async fn finish(self, tops: &Reached) -> (Vec<Ack>, Vec<View>) {
        let mut views = Vec::new();
        for mut observer in self.worker.observers {
            let there =
                |reached: &Reached| self.worker.rooms.iter().all(|room| reached.get(room) >= tops.get(room));
            // Whoever is not there in time is found out by the auditor.
            let _ = timeout(DEADLINE, observer.reached.wait_for(there)).await;
            observer.client.close();
            match observer.task.await {
                Ok(mut view) => {
                    view.complete = self.worker.rooms.iter().cloned().collect();
                    views.push(view);
                }
                Err(error) => views.push(View {
                    client: self.worker.name.clone(),
                    seen: vec![Seen::Fault(format!("its observer broke: {error}"))],
                    complete: BTreeSet::new(),
                }),
            }
        }
        (self.acks, views)
    }
}

async fn first_session(updates: &mut Updates) -> anyhow::Result<(User, Secret)> {
    let online = async {
        loop {
            match updates.next().await {
                Some(Update::Online(session)) => {
                    let token = session.token.context("a new guest was given no token")?;
                    return Ok((session.user, token));
                }
                Some(Update::Offline { .. }) => {}
                other => bail!("instead of a session: {other:?}"),
            }
        }
    };
    timeout(DEADLINE, online).await.context("no session in time")?
}

/// One lane of a guest's messages, one at a time.
struct Sender {
    shared: Arc<Shared>,
    client: Client,
    name: String,
    user: User,
    rooms: Vec<RoomId>,
    rng: StdRng,
}

impl Sender {
    async fn run(mut self, lane: usize) -> anyhow::Result<Vec<Ack>> {
        let mut acks = Vec::new();
        for number in 0.. {
            if self.shared.enough.is_cancelled()
                || self.shared.acked.load(Ordering::Relaxed) >= self.shared.load.messages
            {
                break;
            }
            let room = self.rooms[self.rng.random_range(0..self.rooms.len())].clone();
            let client_id: ClientId = format!("{}-{lane}-{number}", self.name).parse()?;
            let padding = "·".repeat(self.rng.random_range(0..100));
            let text = format!("{client_id} says {:x}{padding}", self.rng.next_u32());
            acks.push(self.send(&room, &client_id, &text).await?);
            self.shared.acked.fetch_add(1, Ordering::Relaxed);
            // Once more, as a client does whose acknowledgement was lost: it must be given the first one again.
            if self.rng.random_ratio(1, 20) {
                acks.push(self.send(&room, &client_id, &text).await?);
            }
        }
        Ok(acks)
    }

    async fn send(&self, room: &RoomId, client_id: &ClientId, text: &str) -> anyhow::Result<Ack> {
        let sent = timeout(2 * DEADLINE, self.client.send_message(room, client_id, text))
            .await
            .with_context(|| format!("{client_id} was never acknowledged"))?
            .with_context(|| format!("{client_id} was refused"))?;
        Ok(Ack {
            client: self.name.clone(),
            sender: self.user.id.clone(),
            room: room.clone(),
            client_id: client_id.clone(),
            text: text.to_owned(),
            seq: sent.seq,
            id: sent.id,
        })
    }
}

impl Observer {
    fn start(
        name: &str,
        user: &User,
        client: Client,
        updates: Updates,
        slow: bool,
        rng: &mut StdRng,
        shared: &Arc<Shared>,
    ) -> Self {
        let (reach, reached) = watch::channel(Reached::new());
        let noting = Noting {
            user: user.clone(),
            view: View { client: name.to_owned(), ..View::default() },
            reach,
            trail: VecDeque::new(),
            shared: Arc::clone(shared),
        };
        let task = tokio::spawn(noting.run(updates, slow.then(|| StdRng::from_rng(rng))));
        Self { client, reached, task }
    }
}

/// Takes updates and notes them.
struct Noting {
    user: User,
    view: View,
    reach: watch::Sender<Reached>,
    /// What came last, in short, to understand a fault by.
    trail: VecDeque<String>,
    shared: Arc<Shared>,
}

impl Noting {
    async fn run(mut self, mut updates: Updates, mut slow: Option<StdRng>) -> View {
        while let Some(update) = updates.next().await {
            self.note(update);
            if let Some(rng) = &mut slow
                && !self.shared.enough.is_cancelled()
                && rng.random_ratio(1, 50)
            {
                let pause = Duration::from_millis(rng.random_range(100..1500));
                let _ = timeout(pause, self.shared.enough.cancelled()).await;
            }
        }
        self.view
    }

    fn note(&mut self, update: Update) {
        self.remember(&update);
        match update {
            Update::Event(event) | Update::Repeated(event) => {
                let (room, seq) = (event.room_id().clone(), event.seq());
                self.view.seen.push(Seen::Event(event));
                self.reach.send_modify(|reached| {
                    reached.insert(room, seq);
                });
            }
            Update::Reloaded { room, page: Some(page), reason: plaza_protocol::Reload::TooFar } => {
                self.shared.reloads.fetch_add(1, Ordering::Relaxed);
                self.view.seen.push(Seen::Restart(room));
                for event in page.events {
                    self.note(Update::Event(event));
                }
            }
            Update::Online(session) => {
                self.shared.reconnects.fetch_add(1, Ordering::Relaxed);
                if session.user != self.user {
                    self.fault(&format!("it came back as {}", session.user.name));
                }
            }
            Update::Resumed { .. } | Update::Offline { .. } | Update::Read(_) => {}
            // Nobody removes anybody, the store is not replaced, and the server is killed without a word.
            Update::Reloaded { room, reason, .. } => {
                self.fault(&format!("it was told to reload {room}: {reason:?}"));
            }
            Update::Ending(ending) => self.fault(&format!("it was sent away: {ending:?}")),
            Update::Refused(error) => self.fault(&format!("it was refused: {error}")),
            Update::Gap { room, held, got } => {
                self.fault(&format!("in {room} it held {held} and was given {got}"));
            }
            Update::Malformed { name, why } => self.fault(&format!("it cannot read a {name}: {why}")),
        }
    }

    fn remember(&mut self, update: &Update) {
        let short = match update {
            Update::Event(event) => format!("{}@{}", event.room_id(), event.seq()),
            Update::Repeated(event) => format!("again {}@{}", event.room_id(), event.seq()),
            Update::Online(_) => "online".to_owned(),
            Update::Reloaded { room, reason, .. } => format!("reload {room} {reason:?}"),
            other => format!("{other:?}"),
        };
        if self.trail.len() == TRAIL {
            self.trail.pop_front();
        }
        self.trail.push_back(short);
    }

    fn fault(&mut self, what: &str) {
        let trail = self.trail.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.view.seen.push(Seen::Fault(format!("{what}; the last it was told: {trail}")));
    }
}
