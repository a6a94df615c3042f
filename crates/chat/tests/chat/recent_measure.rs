//! What the cache of newest events saves and costs, on a real PostgreSQL and a real Redis. Not part of the tests: it needs
//! a quiet machine and a release build.
//! `cargo nextest run -p plaza-chat --release --run-ignored only recent_measure --no-capture`

use crate::{
    recent::{Node, node_with},
    world::{id, join, message},
};
use futures_util::{StreamExt as _, stream};
use plaza_chat::{MIGRATIONS, SystemClock};
use plaza_protocol::{EventsPage, History, Resume, RoomId, Seq, User};
use plaza_store::{Place, Store, StoreOptions};
use plaza_testkit::{Postgres, Redis, program::DEADLINE};
use std::{
    collections::HashMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

const ROOMS: usize = 20;
const PEOPLE: usize = 10;
const EVENTS: usize = 300;
const ROUNDS: usize = 9;
/// Things done in a round, and at once.
const DONE: usize = 2_000;
const AT_ONCE: usize = 8;
const BODY: usize = 200;

/// Processor time so far of this process and of all that it has started, by what they are (`/proc/PID/stat`, in ticks of
/// 10 ms; a process's children that have ended are counted with it).
fn processor() -> [Duration; 3] {
    let read = |entry: fs::DirEntry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let (pid, name) = name.split_once(" (")?;
        let fields: Vec<u64> =
            rest.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
        Some((pid.parse::<u64>().ok()?, name.to_owned(), fields[1], fields[11] + fields[12]))
    };
    let all: Vec<_> = fs::read_dir("/proc").unwrap().filter_map(|entry| read(entry.ok()?)).collect();
    let parents: HashMap<u64, u64> = all.iter().map(|(pid, _, parent, _)| (*pid, *parent)).collect();
    let own = u64::from(std::process::id());
    let is_ours = |pid: u64| {
        std::iter::successors(Some(pid), |pid| parents.get(pid).copied()).take(9).any(|pid| pid == own)
    };
    let mut spent = [Duration::ZERO; 3];
    for (pid, name, _, ticks) in all.into_iter().filter(|(pid, ..)| is_ours(*pid)) {
        let of = match name.as_str() {
            _ if pid == own => 0,
            "postgres" => 1,
            "redis-server" => 2,
            _ => continue,
        };
        spent[of] += Duration::from_millis(10 * ticks);
    }
    spent
}

/// One round of something: microseconds of processor each (all, Plaza, PostgreSQL, Redis), and of latency (p50, p99).
async fn round<F: Future>(work: impl Fn(usize) -> F) -> [f64; 6] {
    let before = processor();
    let mut times: Vec<_> = stream::iter(0..DONE)
        .map(|number| {
            let work = work(number);
            async move {
                let since = Instant::now();
                work.await;
                since.elapsed().as_secs_f64() * 1e6
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let after = processor();
    times.sort_by(f64::total_cmp);
    let each = |of: usize| (after[of] - before[of]).as_secs_f64() * 1e6 / DONE as f64;
    let [plaza, postgres, redis] = [each(0), each(1), each(2)];
    [plaza + postgres + redis, plaza, postgres, redis, times[DONE / 2], times[DONE * 99 / 100]]
}

/// Median, least and most of each column.
fn report(what: &str, rounds: &[[f64; 6]]) {
    let columns = (0..6).map(|column| {
        let mut values: Vec<_> = rounds.iter().map(|round| round[column]).collect();
        values.sort_by(f64::total_cmp);
        format!("{:>5.0} ({:.0}-{:.0})", values[values.len() / 2], values[0], values[values.len() - 1])
    });
    println!("{what:<28} {}", columns.collect::<Vec<_>>().join("  "));
}

struct World {
    nodes: [Node; 2],
    rooms: Vec<RoomId>,
    people: Vec<User>,
    top: Seq,
    /// What a cache in the node's own memory would have.
    memory: HashMap<RoomId, Vec<Arc<plaza_protocol::Event>>>,
}

impl World {
    async fn new(postgres: &Postgres, redis: &Redis) -> Self {
        let place = Place::Server(postgres.url().parse().unwrap());
        let store = Store::open(StoreOptions::at(place, [7; 16]), MIGRATIONS).await.unwrap();
        let node = |cache| node_with(redis, &store, Arc::new(SystemClock), cache);
        let nodes = [node(false).await, node(true).await];
        let chat = &nodes[1].chat;
        let (mut rooms, mut people, mut memory) = (Vec::new(), Vec::new(), HashMap::new());
        let mut top = 0;
        for number in 0..ROOMS {
            let room = id(&format!("room{number}"));
            for person in 0..PEOPLE {
                let user = chat.new_guest(&format!("guest-{number}-{person}")).await.unwrap().0.user;
                chat.join_room(&user, join(room.as_str())).await.unwrap();
                people.push(user);
            }
            let text = "x".repeat(BODY);
            let said: Vec<_> = (0..EVENTS)
                .map(|n| chat.send_message(&people[number * PEOPLE], message(&room, &format!("c{n}"), &text)))
                .collect();
            for sent in said {
                top = sent.await.unwrap().seq;
            }
            memory.insert(room.clone(), chat.missed(&room, top - 50, top).await.unwrap());
            rooms.push(room);
        }
        let world = Self { nodes, rooms, people, top, memory };
        let deadline = Instant::now() + DEADLINE;
        while world.nodes[1].stats().hits < ROOMS as u64 {
            assert!(Instant::now() < deadline, "{:?}", world.nodes[1].stats());
            for number in 0..ROOMS {
                world.page(1, number * PEOPLE).await;
            }
        }
        world
    }

    fn who(&self, number: usize) -> (&User, &RoomId) {
        let person = number % self.people.len();
        (&self.people[person], &self.rooms[person / PEOPLE])
    }

    async fn page(&self, node: usize, number: usize) -> EventsPage {
        let (user, room) = self.who(number);
        let newest = History { room_id: room.clone(), before: None, after: None, limit: None };
        self.nodes[node].chat.history(&user.id, newest).await.unwrap()
    }

    async fn resume(&self, node: usize, number: usize) {
        let (user, room) = self.who(number);
        let chat = &self.nodes[node].chat;
        let request =
            Resume { positions: [(room.to_string(), self.top - 10)].into(), epoch: chat.epoch().to_owned() };
        chat.resume(&user.id, request).await.unwrap();
    }

    /// Who may read, and up to where: what every cache has to ask.
    async fn question(&self, number: usize) {
        let (user, room) = self.who(number);
        let none = History { room_id: room.clone(), before: None, after: Some(self.top), limit: None };
        assert!(self.nodes[0].chat.history(&user.id, none).await.unwrap().events.is_empty());
    }

    async fn in_memory(&self, number: usize) -> EventsPage {
        self.question(number).await;
        let events = self.memory[self.who(number).1].iter().map(|event| (**event).clone()).collect();
        EventsPage { events, more: true }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; needs a quiet machine and a release build"]
async fn what_the_cache_saves_and_costs() {
    let (postgres, redis) = (Postgres::start().await.unwrap(), Redis::new().await.unwrap());
    let world = World::new(&postgres, &redis).await;
    println!("microseconds each: median (least-most) of {ROUNDS} rounds of {DONE}, {AT_ONCE} at once");
    println!("{:<28} processor   of Plaza   of PostgreSQL   of Redis   latency p50   p99", "");

    let mut rounds: [Vec<_>; 6] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(round(|number| world.page(0, number)).await);
        rounds[1].push(round(|number| world.page(1, number)).await);
        rounds[2].push(round(|number| world.in_memory(number)).await);
        rounds[3].push(round(|number| world.question(number)).await);
        rounds[4].push(round(|number| world.resume(0, number)).await);
        rounds[5].push(round(|number| world.resume(1, number)).await);
    }
    for (what, rounds) in [
        "page of 50, off",
        "page of 50, on",
        "page of 50, own memory",
        "the question alone",
        "resume of 10, off",
        "resume of 10, on",
    ]
    .iter()
    .zip(&rounds)
    {
        report(what, rounds);
    }

    // Last, since the rooms grow by it.
    let mut rounds: [Vec<_>; 2] = Default::default();
    for turn in 0..ROUNDS {
        for (node, rounds) in rounds.iter_mut().enumerate() {
            let text = "x".repeat(BODY);
            let send = |number| {
                let (user, room) = world.who(number);
                let request = message(room, &format!("m{turn}-{node}-{number}"), &text);
                world.nodes[node].chat.send_message(user, request)
            };
            rounds.push(round(send).await);
        }
    }
    report("message sent, off", &rounds[0]);
    report("message sent, on", &rounds[1]);
    println!("{:?}", world.nodes[1].stats());
}
