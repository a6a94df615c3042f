//! Many clients send while the server is killed and started again, and note what they are told and what they see.
//!
//! The clients are those of `plaza-client`, which reconnect and resume as any good client does. They send with
//! retries under one `clientId`, sometimes once more after the acknowledgement; some read slowly; some users have
//! a second connection that only reads. [`audit`](mod@crate::audit) judges what comes of it.

mod client;

use crate::{Plaza, Record, audit::View, log, program::DEADLINE};
use anyhow::Context as _;
use client::Worker;
use plaza_client::{Backoff, Options};
use plaza_protocol::{RoomId, Seq};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// How much, how long, and how rough.
#[derive(Debug, Clone)]
pub struct Load {
    /// Guests that send.
    pub clients: usize,
    /// How many of them read slowly while it lasts, with a small receive buffer and long pauses.
    pub slow: usize,
    /// How many of them have a second connection that only reads.
    pub doubled: usize,
    /// Public rooms; each guest is in two of them.
    pub rooms: usize,
    /// Messages a guest has in flight.
    pub in_flight: usize,
    /// It ends after this many acknowledged messages…
    pub messages: u64,
    /// …or after this time, whichever comes first.
    pub time: Duration,
    /// How often the server is killed in that time. All of them happen, also when the messages run out before.
    pub kills: u32,
    /// For everything that is drawn by lot.
    pub seed: u64,
}

impl Load {
    /// Short enough for every run of the tests, and long enough for ten kills.
    pub fn short() -> Self {
        Self {
            clients: 16,
            slow: 3,
            doubled: 3,
            rooms: 4,
            in_flight: 4,
            messages: 20_000,
            time: Duration::from_secs(15),
            kills: 10,
            seed: 1,
        }
    }

    /// 100,000 messages or 60 seconds.
    pub fn full() -> Self {
        Self {
            clients: 32,
            slow: 6,
            rooms: 8,
            doubled: 6,
            messages: 100_000,
            time: Duration::from_secs(60),
            kills: 12,
            ..Self::short()
        }
    }

    /// [`Load::short`], or [`Load::full`] where `PLAZA_AUDIT=full` is in the environment.
    pub fn from_env() -> Self {
        if std::env::var("PLAZA_AUDIT").is_ok_and(|value| value == "full") {
            Self::full()
        } else {
            Self::short()
        }
    }
}

/// What a run noted and how it went.
#[derive(Debug)]
pub struct Outcome {
    /// For the auditor.
    pub record: Record,
    /// Times the server was killed.
    pub kills: u32,
    /// Times that clients came back after having been connected.
    pub reconnects: u64,
    /// Rooms that clients were told to reload.
    pub reloads: u64,
    /// How long clients sent.
    pub took: Duration,
}

/// What the clients and the killer share.
#[derive(Debug)]
struct Shared {
    rooms: Vec<RoomId>,
    load: Load,
    acked: AtomicU64,
    reconnects: AtomicU64,
    reloads: AtomicU64,
    /// No new messages, and no more reading slowly.
    enough: CancellationToken,
}

/// Runs the load against `plaza` and reads the logs back.
pub async fn run(plaza: &mut Plaza, load: &Load) -> anyhow::Result<Outcome> {
    let rooms = (0..load.rooms).map(|n| format!("room-{n}").parse()).collect::<Result<Vec<RoomId>, _>>()?;
    let shared = Arc::new(Shared {
        rooms,
        load: load.clone(),
        acked: AtomicU64::new(0),
        reconnects: AtomicU64::new(0),
        reloads: AtomicU64::new(0),
        enough: CancellationToken::new(),
    });
    let mut rng = StdRng::seed_from_u64(load.seed);
    let mut workers = JoinSet::new();
    for number in 0..load.clients {
        let rng = StdRng::from_rng(&mut rng);
        workers.spawn(Worker::start(
            number,
            plaza.address()?,
            options(load, number),
            rng,
            Arc::clone(&shared),
        ));
    }
    let mut ready = Vec::new();
    while let Some(worker) = workers.join_next().await {
        ready.push(worker??);
    }

    let began = Instant::now();
    let mut sending = JoinSet::new();
    for worker in ready {
        sending.spawn(worker.send_all());
    }
    let kills = disturb(plaza, &shared, &mut rng, began).await?;
    let took = began.elapsed();
    let mut sent = Vec::new();
    while let Some(worker) = sending.join_next().await {
        sent.push(worker??);
    }

    let logs = read_logs(plaza, &shared, &sent).await?;
    let tops = logs.iter().map(|(room, log)| (room.clone(), log.len() as Seq)).collect();
    let mut record = Record { logs, ..Record::default() };
    for worker in sent {
        let (acks, views) = worker.finish(&tops).await;
        record.acks.extend(acks);
        record.views.extend::<Vec<View>>(views);
    }
    Ok(Outcome {
        record,
        kills,
        reconnects: shared.reconnects.load(Ordering::Relaxed),
        reloads: shared.reloads.load(Ordering::Relaxed),
        took,
    })
}

/// Kills and restarts at irregular times, and ends the sending when its time or its messages are over.
async fn disturb(
    plaza: &mut Plaza,
    shared: &Shared,
    rng: &mut StdRng,
    began: Instant,
) -> anyhow::Result<u32> {
    let load = &shared.load;
    let pause = load.time / (load.kills + 1);
    let mut kills = 0;
    while kills < load.kills {
        tokio::time::sleep(pause.mul_f64(rng.random_range(0.5..1.0))).await;
        plaza.kill().await?;
        kills += 1;
        plaza.start().await.with_context(|| format!("start after kill {kills}"))?;
    }
    while began.elapsed() < load.time && shared.acked.load(Ordering::Relaxed) < load.messages {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shared.enough.cancel();
    Ok(kills)
}

/// Reads every room's log by both ways and expects them to agree.
async fn read_logs(
    plaza: &Plaza,
    shared: &Shared,
    workers: &[client::Finishing],
) -> anyhow::Result<BTreeMap<RoomId, Vec<plaza_protocol::Event>>> {
    let rest = plaza.rest()?;
    let mut logs = BTreeMap::new();
    for room in &shared.rooms {
        let Some(member) = workers.iter().find(|worker| worker.rooms().contains(room)) else { continue };
        let by_socket = log::by_socket(&member.connection().await?, room).await?;
        let by_rest = log::by_rest(&rest, member.token(), room).await?;
        anyhow::ensure!(by_socket == by_rest, "room:history and REST do not give the same log of {room}");
        logs.insert(room.clone(), by_socket);
    }
    Ok(logs)
}

fn options(load: &Load, number: usize) -> Options {
    let slow = number < load.slow;
    Options {
        connect_timeout: Duration::from_secs(5),
        request_timeout: DEADLINE,
        event_queue: if slow { 1 } else { 256 },
        receive_buffer_bytes: slow.then_some(4096),
        backoff: Backoff::new(Duration::from_millis(50), Duration::from_millis(500)),
        ..Options::default()
    }
}
