//! Many clients send while the server is killed and started again, and note what they are told.
//!
//! The clients are those of `plaza-client`, which reconnect and resume as any good client does. They send with
//! retries under one `clientId`, sometimes once more after the acknowledgement; some users have a second connection
//! that only reads; all say now and then how far they have read; some leave their room and join it again and again, and
//! one, who owns all rooms, gives those roles, puts them out and bans them for a moment, and renames the rooms; and some
//! read so slowly, in a room where much is written, that the server ends their connections. [`audit`](mod@crate::audit) judges what comes of it.

pub mod crowd;
pub mod rolling;

mod changing;
mod guest;
mod kills;
mod observer;
mod sender;

use crate::{Record, Setup, log, program::DEADLINE};
use anyhow::Context as _;
use guest::{Finishing, Guest, Role};
use plaza_client::{Address, Backoff, Options, RequestError, Rest};
use plaza_protocol::{Event, RoomId, Seq, UserId};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// Before something is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// How much, how long, and how rough.
#[derive(Debug, Clone)]
pub struct Load {
    /// Guests that send and read as fast as they can.
    pub talkers: usize,
    /// How many of them have a second connection that only reads.
    pub doubled: usize,
    /// Guests that send, and stop reading for long.
    pub slow: usize,
    /// Guests that write long texts into the room of the slow ones: fast while one of them does not read, so that it
    /// is soon too slow, and otherwise at a pace at which it can catch up.
    pub writers: usize,
    /// Guests that leave a room and join it again.
    pub wanderers: usize,
    /// Public rooms beside the one of the slow ones; each talker is in two of them, each slow guest in one.
    pub rooms: usize,
    /// Messages a guest has in flight.
    pub in_flight: usize,
    /// It ends when all kills are done, and this many messages are acknowledged…
    pub messages: u64,
    /// …or this time is over.
    pub time: Duration,
    /// How often the server is killed, or harmed in another way, before the sending ends; once more comes then.
    pub kills: u32,
    /// Whether it is not killed, but asked to stop, and says so to its clients.
    pub drains: bool,
    /// For everything that is drawn by lot.
    pub seed: u64,
}

impl Load {
    /// Short enough for every run of the tests.
    pub fn short() -> Self {
        Self {
            talkers: 10,
            doubled: 3,
            slow: 2,
            writers: 1,
            wanderers: 2,
            rooms: 4,
            in_flight: 2,
            messages: 4_000,
            time: Duration::from_secs(8),
            kills: 10,
            drains: false,
            seed: 1,
        }
    }

    /// 100,000 messages or 60 seconds.
    pub fn full() -> Self {
        Self {
            talkers: 24,
            doubled: 6,
            slow: 4,
            in_flight: 4,
            wanderers: 4,
            rooms: 8,
            messages: 100_000,
            time: Duration::from_secs(60),
            kills: 15,
            ..Self::short()
        }
    }

    /// [`Load::short`], or [`Load::full`] where `PLAZA_AUDIT=full` is in the environment. With `PLAZA_SOAK` there, the
    /// latter with so many messages, and as much time as [`Load::soak`] gives it.
    ///
    /// # Errors
    /// Where `PLAZA_SOAK` is no number.
    pub fn from_env() -> anyhow::Result<Self> {
        if let Ok(messages) = std::env::var("PLAZA_SOAK") {
            return Ok(Self::soak(messages.parse().context("PLAZA_SOAK is a number of messages")?));
        }
        let full = std::env::var("PLAZA_AUDIT").is_ok_and(|value| value == "full");
        Ok(if full { Self::full() } else { Self::short() })
    }

    /// So many messages, or as long as they take at the pace of a slow machine: 100,000 in ten minutes.
    pub fn soak(messages: u64) -> Self {
        Self { messages, time: Duration::from_millis(messages.saturating_mul(6)), ..Self::full() }
    }

    /// For several nodes: nobody is slow, since the door before them takes much in place of a client that does not read.
    #[must_use]
    pub fn without_slow_ones(self) -> Self {
        Self { slow: 0, writers: 0, ..self }
    }

    /// The server to put it on: it lets little wait for a client, and tells whose connections it ended and why.
    pub fn setup() -> Setup {
        Setup::default()
            .env("PLAZA_SOCKET__OUTBOX_BYTES", "65536")
            // With PostgreSQL, one that was killed holds its place for so long.
            .env("PLAZA_CHAT__LEASE_MS", "1000")
            .env("PLAZA_LOG__LEVEL", "info,plaza_server::gateway=debug")
    }

    fn roles(&self) -> impl Iterator<Item = Role> + use<> {
        let talkers = (0..self.talkers).map({
            let doubled = self.doubled;
            move |number| Role::Talker { doubled: number < doubled }
        });
        let slow = (0..self.slow).map(|_| Role::Slow);
        let writers = (0..self.writers).map(|_| Role::Writer);
        talkers.chain(slow).chain(writers).chain((0..self.wanderers).map(|_| Role::Wanderer))
    }
}

/// What a run noted and how it went.
#[derive(Debug)]
pub struct Outcome {
    /// For the auditor.
    pub record: Record,
    /// Each time the server ran.
    pub lives: Vec<Life>,
    /// Times that clients came back after having been connected.
    pub reconnects: u64,
    /// Rooms that clients were told to reload.
    pub reloads: u64,
    /// How long clients sent.
    pub took: Duration,
}

/// The server, from its start until it was killed or harmed in another way.
#[derive(Debug, Clone)]
pub struct Life {
    /// The name it went by, another one in each life; of a cluster what was done to it.
    pub node: String,
    /// Messages that were acknowledged in it.
    pub acked: u64,
    /// Whose connections it ended as a slow consumer's, as its log says.
    pub slow: Vec<UserId>,
    /// Which of them came back to it and were told that they resumed.
    pub resumed: Vec<UserId>,
}

/// What the clients and the killer share.
#[derive(Debug)]
struct Shared {
    rooms: Vec<RoomId>,
    /// Where the writers write and the slow ones do not read.
    crowded: RoomId,
    load: Load,
    acked: AtomicU64,
    reconnects: AtomicU64,
    reloads: AtomicU64,
    /// Bytes of texts that were written into the crowded room.
    written: watch::Sender<u64>,
    /// How many of the slow ones are not reading now.
    pausing: watch::Sender<usize>,
    /// Who resumed on a node to which they had been connected before, and which.
    resumed: Mutex<Vec<(String, UserId)>>,
    /// Each event once, however many see it.
    events: Mutex<HashMap<(RoomId, Seq), Arc<Event>>>,
    /// Whether somebody may still put others out of rooms.
    keeping: watch::Sender<bool>,
    /// No new messages, and no more reading slowly.
    enough: CancellationToken,
}

impl Shared {
    fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }

    /// Who resumed on this node after a connection that it had ended.
    fn resumed_on(&self, node: &str) -> Vec<UserId> {
        let resumed = self.resumed.lock().unwrap_or_else(PoisonError::into_inner);
        resumed.iter().filter(|(there, _)| there == node).map(|(_, user)| user.clone()).collect()
    }

    fn intern(&self, event: &Event) -> Arc<Event> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let held =
            events.entry((event.room_id().clone(), event.seq())).or_insert_with(|| Arc::new(event.clone()));
        if **held == *event { Arc::clone(held) } else { Arc::new(event.clone()) }
    }
}

/// What the load is put on.
pub trait Target: Send {
    /// Where clients connect.
    fn address(&self) -> anyhow::Result<Address>;

    /// For requests over HTTP.
    fn rest(&self) -> anyhow::Result<Rest>;

    /// Kills it without a word, or does it some other harm; which, and what it wrote to stderr.
    fn harm(&mut self) -> impl Future<Output = anyhow::Result<(String, String)>> + Send;

    /// Undoes that, and waits until it works.
    fn mend(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// What it has written to stderr, where slow consumers are looked for.
    fn log(&mut self) -> anyhow::Result<String>;
}

/// Runs the load against `plaza`, which was started with [`Load::setup`], and reads the logs back.
pub async fn run(plaza: &mut impl Target, load: &Load) -> anyhow::Result<Outcome> {
    let shared = Arc::new(Shared {
        rooms: (0..load.rooms).map(|n| format!("room-{n}").parse()).collect::<Result<_, _>>()?,
        crowded: "crowded".parse()?,
        load: load.clone(),
        acked: AtomicU64::new(0),
        reconnects: AtomicU64::new(0),
        reloads: AtomicU64::new(0),
        written: watch::Sender::new(0),
        pausing: watch::Sender::new(0),
        resumed: Mutex::default(),
        events: Mutex::default(),
        keeping: watch::Sender::new(true),
        enough: CancellationToken::new(),
    });
    let mut rng = StdRng::seed_from_u64(load.seed);
    let ready = arrive(plaza, &shared, &mut rng).await?;
    let began = Instant::now();
    let mut acting = JoinSet::new();
    let wandering: Vec<_> = ready.iter().filter_map(Guest::wandering).collect();
    for guest in ready {
        acting.spawn(guest.act(wandering.clone()));
    }
    let mut finishing = Vec::new();
    let mut lives = tokio::select! {
        lives = kills::disturb(plaza, &shared, &mut rng, began) => lives?,
        failed = failure(&mut acting, &mut finishing) => return Err(failed),
    };
    let took = began.elapsed();
    while let Some(guest) = acting.join_next().await {
        finishing.push(guest??);
    }
    // What was acknowledged last is to be there after a kill too.
    kills::kill(plaza, &shared, &mut lives).await?;

    let rest = plaza.rest()?;
    let logs = again(async || read_logs(&rest, &shared, &finishing).await).await?;
    let tops = logs.iter().map(|(room, log)| (room.clone(), log.len() as Seq)).collect();
    let mut record = Record { logs, ..Record::default() };
    for guest in &finishing {
        record.stood.extend(again(async || guest.stood().await).await?);
    }
    for guest in finishing {
        guest.finish(&tops, &mut record).await;
    }
    Ok(Outcome {
        record,
        lives,
        reconnects: shared.reconnects.load(Ordering::Relaxed),
        reloads: shared.reloads.load(Ordering::Relaxed),
        took,
    })
}

/// Tries once more where a connection broke off, as it does after a harm that is noticed late.
async fn again<T>(what: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match what().await {
            Err(error) if Instant::now() < deadline && is_retryable(&error) => sleep(AGAIN).await,
            done => return done,
        }
    }
}

fn is_retryable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<RequestError>().is_some_and(RequestError::is_retryable)
}

/// Gathers those who are done. Ends with the first who fails.
async fn failure(
    acting: &mut JoinSet<anyhow::Result<Finishing>>,
    finishing: &mut Vec<Finishing>,
) -> anyhow::Error {
    while let Some(guest) = acting.join_next().await {
        match guest.map_err(anyhow::Error::from).flatten() {
            Ok(guest) => finishing.push(guest),
            Err(error) => return error,
        }
    }
    std::future::pending().await
}

/// Connects everybody, and has them in their rooms.
async fn arrive(plaza: &impl Target, shared: &Arc<Shared>, rng: &mut StdRng) -> anyhow::Result<Vec<Guest>> {
    let load = &shared.load;
    // First, so that the rooms are its own.
    let (number, mine) = (load.roles().count(), StdRng::from_rng(rng));
    let keeper = Guest::start(number, Role::Keeper, plaza.address()?, mine, Arc::clone(shared)).await?;
    let mut starting = JoinSet::new();
    for (number, role) in load.roles().enumerate() {
        let mine = StdRng::from_rng(rng);
        starting.spawn(Guest::start(number, role, plaza.address()?, mine, Arc::clone(shared)));
    }
    let mut ready = vec![keeper];
    while let Some(guest) = starting.join_next().await {
        ready.push(guest??);
    }
    Ok(ready)
}

/// Reads every room's log by both ways and expects them to agree.
async fn read_logs(
    rest: &Rest,
    shared: &Shared,
    guests: &[Finishing],
) -> anyhow::Result<BTreeMap<RoomId, Vec<Event>>> {
    let mut logs = BTreeMap::new();
    for room in shared.rooms.iter().chain([&shared.crowded]) {
        let Some(member) = guests.iter().find(|guest| guest.rooms().contains(room)) else { continue };
        let connection = member.connection().await.context("nobody to read the log")?;
        let (by_socket, by_rest) =
            tokio::try_join!(log::by_socket(&connection, room), log::by_rest(rest, member.token(), room))?;
        anyhow::ensure!(by_socket == by_rest, "room:history and REST do not give the same log of {room}");
        logs.insert(room.clone(), by_socket);
    }
    Ok(logs)
}

fn options(role: Role) -> Options {
    let slow = role == Role::Slow;
    Options {
        connect_timeout: Duration::from_secs(5),
        request_timeout: DEADLINE,
        event_queue: if slow { 1 } else { 256 },
        receive_buffer_bytes: slow.then_some(4 * 1024),
        max_segment_bytes: slow.then_some(1_400),
        backoff: Backoff::new(Duration::from_millis(50), Duration::from_millis(500)),
        ..Options::default()
    }
}
