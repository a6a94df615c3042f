//! Thousands of clients on several nodes, one of which is killed: who came back, how soon, and whether the others were
//! served meanwhile.
//!
//! Everybody is a guest in a few rooms and holds positions; a few of them write at a steady pace. The run notes what
//! every client is told, for [`audit`](mod@crate::audit), and how long each write took.

mod person;
mod report;

pub use report::{Crowded, Writes};

use crate::{
    Record,
    audit::{Ask, Asked, Sent},
    log,
    program::DEADLINE,
};
use anyhow::Context as _;
use person::{Person, Told};
use plaza_client::{Address, Rest};
use plaza_protocol::{ClientId, Event, RoomId, Seq, UserId};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How many there are, and what they do.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Clients, one connection each.
    pub people: usize,
    /// Members of each room.
    pub room_size: usize,
    /// Rooms each is in.
    pub rooms_each: usize,
    /// How many of them write.
    pub writers: usize,
    /// Between two messages of one writer.
    pub pace: Duration,
    /// How long is written before the kill, and after all are back.
    pub calm: Duration,
    /// In which all must be back.
    pub patience: Duration,
    /// For everything that is drawn by lot.
    pub seed: u64,
}

impl Crowd {
    /// Short enough for every run of the tests.
    pub fn short() -> Self {
        Self {
            people: 600,
            room_size: 30,
            rooms_each: 2,
            writers: 20,
            pace: Duration::from_millis(500),
            calm: Duration::from_millis(1_500),
            patience: Duration::from_secs(30),
            seed: 1,
        }
    }

    /// 5,000 connections.
    pub fn full() -> Self {
        Self {
            people: 5_000,
            writers: 50,
            pace: Duration::from_secs(1),
            calm: Duration::from_secs(5),
            ..Self::short()
        }
    }

    /// [`Crowd::short`], or [`Crowd::full`] where `PLAZA_CROWD=full` is in the environment.
    pub fn from_env() -> Self {
        if std::env::var("PLAZA_CROWD").is_ok_and(|value| value == "full") {
            Self::full()
        } else {
            Self::short()
        }
    }

    fn rooms(&self) -> usize {
        (self.people * self.rooms_each).div_ceil(self.room_size)
    }

    /// Neighbours share the first room, and others the second: so each room has members on every node.
    fn rooms_of(&self, number: usize) -> Vec<usize> {
        let rooms = self.rooms();
        let mut mine: Vec<_> =
            (0..self.rooms_each).map(|nth| (number * (2 * nth + 1) + nth * 7) % rooms).collect();
        mine.sort_unstable();
        mine.dedup();
        mine
    }
}

/// What all of them share.
struct Shared {
    crowd: Crowd,
    rooms: Vec<RoomId>,
    /// Each event once, however many see it.
    events: Mutex<HashMap<(RoomId, Seq), Arc<Event>>>,
    /// No new messages.
    enough: CancellationToken,
}

impl Shared {
    fn intern(&self, event: &Event) -> Arc<Event> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let held =
            events.entry((event.room_id().clone(), event.seq())).or_insert_with(|| Arc::new(event.clone()));
        if **held == *event { Arc::clone(held) } else { Arc::new(event.clone()) }
    }
}

/// Connects everybody to `address`, has `kill` kill the node of this name, and waits until all are back and have seen
/// everything.
///
/// # Errors
/// Where somebody does not come in, or is not back in time.
pub async fn run(
    crowd: &Crowd,
    address: Address,
    node: &str,
    kill: impl AsyncFnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Crowded> {
    let rooms =
        (0..crowd.rooms()).map(|number| format!("room-{number}").parse()).collect::<Result<_, _>>()?;
    let shared = Arc::new(Shared {
        crowd: crowd.clone(),
        rooms,
        events: Mutex::default(),
        enough: CancellationToken::new(),
    });
    let began = Instant::now();
    let mut rng = StdRng::seed_from_u64(crowd.seed);
    let (people, asks) = arrive(&shared, &address, &mut rng).await?;
    let arrived = began.elapsed();

    let mut writing = JoinSet::new();
    for person in people.iter().step_by((people.len() / crowd.writers.max(1)).max(1)) {
        writing.spawn(write(person.writer(), Arc::clone(&shared)));
    }
    sleep(crowd.calm).await;
    let (gone, others): (Vec<_>, Vec<_>) = people.iter().partition(|person| person.told().is_on(node));
    let killed_at = Instant::now();
    kill().await?;
    until_back(&gone, killed_at, crowd.patience).await?;
    sleep(crowd.calm).await;
    shared.enough.cancel();
    let mut written = Vec::new();
    while let Some(done) = writing.join_next().await {
        written.extend(done??);
    }

    let report = report::of([&gone, &others], node, killed_at, arrived, &written);
    let logs = read_logs(&shared, &people, &Rest::new(address, DEADLINE)?).await?;
    let tops: BTreeMap<_, _> = logs.iter().map(|(room, log)| (room.clone(), log.len() as Seq)).collect();
    let sends = written.into_iter().map(|written| written.sent).collect();
    let mut record = Record { sends, asks, logs, ..Record::default() };
    for person in people {
        record.views.push(person.finish(&tops).await);
    }
    Ok(Crowded { record, ..report })
}

/// Connects everybody, some at a time, and has them in their rooms.
async fn arrive(
    shared: &Arc<Shared>,
    address: &Address,
    rng: &mut StdRng,
) -> anyhow::Result<(Vec<Person>, Vec<Asked>)> {
    let door = Arc::new(Semaphore::new(32));
    let mut coming = JoinSet::new();
    for number in 0..shared.crowd.people {
        let (shared, address, mine) = (Arc::clone(shared), address.clone(), StdRng::from_rng(rng));
        let door = Arc::clone(&door);
        coming.spawn(async move {
            let _permit = door.acquire().await?;
            Person::start(number, address, mine, shared).await
        });
    }
    let (mut people, mut asks) = (Vec::new(), Vec::new());
    while let Some(person) = coming.join_next().await {
        let (person, joined) = person??;
        people.push(person);
        asks.extend(joined);
    }
    people.sort_by_key(|person| person.number);
    Ok((people, asks))
}

/// Waits until everybody who lost their node is live again.
async fn until_back(gone: &[&Person], since: Instant, patience: Duration) -> anyhow::Result<()> {
    let back = async {
        for person in gone {
            person.until_back(since).await;
        }
    };
    timeout(patience, back).await.with_context(|| {
        let missing: Vec<_> =
            gone.iter().filter(|person| person.told().back_after(since).is_none()).collect();
        let why: Vec<_> = missing.iter().take(5).map(|person| person.told().trouble()).collect();
        format!("{} of {} were not back in time, such as: {why:#?}", missing.len(), gone.len())
    })
}

/// A message, when it was first sent, and when it was acknowledged.
struct Written {
    sent: Sent,
    /// The node that its sender was on before.
    node: String,
    at: Instant,
    acked: Instant,
}

/// Writes at a pace, as one does who waits for each acknowledgement.
async fn write(writer: person::Writer, shared: Arc<Shared>) -> anyhow::Result<Vec<Written>> {
    let mut written = Vec::new();
    let mut next = Instant::now();
    for number in 0.. {
        // A pace, and not a pause: what is late is not made up for.
        next = (next + shared.crowd.pace).max(Instant::now());
        tokio::select! {
            () = shared.enough.cancelled() => break,
            () = tokio::time::sleep_until(next) => {}
        }
        let room = &writer.rooms[number % writer.rooms.len()];
        let client_id: ClientId = format!("{}-{number}", writer.name).parse()?;
        let text = format!("{client_id} says hello");
        let (node, after, at) = (writer.node(), writer.reached(room), Instant::now());
        let answer = timeout(2 * DEADLINE, writer.client.send_message(room, &client_id, &text))
            .await
            .with_context(|| format!("{client_id} was never acknowledged"))??;
        let sent = Sent {
            client: writer.name.clone(),
            user: writer.user.clone(),
            room: room.clone(),
            client_id,
            text,
            after,
            answers: vec![answer],
        };
        written.push(Written { sent, node, at, acked: Instant::now() });
    }
    Ok(written)
}

/// Every room's log, by one of its members.
async fn read_logs(
    shared: &Shared,
    people: &[Person],
    rest: &Rest,
) -> anyhow::Result<BTreeMap<RoomId, Vec<Event>>> {
    let mut logs = BTreeMap::new();
    for room in &shared.rooms {
        let Some(member) = people.iter().find(|person| person.rooms.contains(room)) else { continue };
        logs.insert(room.clone(), log::by_rest(rest, &member.token, room).await?);
    }
    Ok(logs)
}

fn joined(name: &str, user: &UserId, room: &RoomId, seq: Seq) -> Asked {
    Asked { client: name.to_owned(), user: user.clone(), room: room.clone(), what: Ask::Join, seq: Some(seq) }
}

/// What was noted of somebody may be looked at while they are told more.
fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
