//! The one promise of a courier: what it loses, it tells of. Numbers are published without a pause while servers and networks
//! fail; whatever number does not arrive must be followed by a `Restored`, at the node that missed it or at the one that said it:
//! whoever compares positions then finds out.

use crate::node::{Node, channel, endpoint, one, options, quick, within};
use bytes::Bytes;
use plaza_bus::{Direction, Incoming, Layout, RedisOptions, Shard};
use plaza_testkit::{Proxy, Redis, RedisCluster};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::{interval, sleep};

const ROOM: &str = "room:1";

/// What was said and heard.
#[derive(Default)]
struct Notes {
    /// The next number to be said.
    next: AtomicU64,
    heard: Mutex<BTreeSet<u64>>,
    /// The next number when a `Restored` was read: all below it were said before.
    restored: AtomicU64,
    restorations: AtomicU64,
}

impl Notes {
    /// Notes all that comes in at a node, of which this direction counts.
    fn take(self: &Arc<Self>, mut node: Node, counted: Direction) {
        let notes = self.clone();
        tokio::spawn(async move {
            loop {
                match node.next().await {
                    Incoming::Message { payload, .. } => {
                        let number = std::str::from_utf8(&payload).unwrap().parse().unwrap();
                        notes.heard.lock().unwrap().insert(number);
                    }
                    Incoming::Restored { direction, .. } if direction == counted => {
                        notes.restored.fetch_max(notes.next.load(SeqCst), SeqCst);
                        notes.restorations.fetch_add(1, SeqCst);
                    }
                    Incoming::Restored { .. } | Incoming::Interrupted { .. } => {}
                }
            }
        });
    }

    /// Waits until a number is heard that has yet to be said, and looks at what is missing below it. Says how many.
    async fn settle(&self) -> usize {
        let from = self.next.load(SeqCst);
        let heard = within("a new number", async {
            loop {
                let heard = self.heard.lock().unwrap().range(from..).next().copied();
                match heard {
                    Some(number) => break number,
                    None => sleep(Duration::from_millis(5)).await,
                }
            }
        })
        .await;
        let missing = || -> Vec<u64> {
            let known = self.heard.lock().unwrap();
            (0..heard).filter(|number| !known.contains(number)).collect()
        };
        let told = async {
            while missing().last().is_some_and(|last| *last >= self.restored.load(SeqCst)) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(10), told).await.is_err() {
            panic!("lost, and nobody was told: {:?}; told up to {:?}", missing(), self.restored);
        }
        let count = missing().len();
        // What was told of needs no second telling.
        self.heard.lock().unwrap().extend(0..heard);
        count
    }
}

/// Two nodes: one says numbers, the other hears them.
async fn traffic(says: RedisOptions, hears: RedisOptions) -> Arc<Notes> {
    let notes = Arc::new(Notes::default());
    let (from, to) = (Node::start(says).await, Node::start(hears).await);
    let held = to.hears(ROOM).await;
    let (bus, counting) = (from.bus.clone(), notes.clone());
    tokio::spawn(async move {
        let _held = held;
        let mut pace = interval(Duration::from_millis(1));
        loop {
            pace.tick().await;
            let number = counting.next.fetch_add(1, SeqCst);
            bus.publish(&channel(ROOM), Bytes::from(number.to_string()));
        }
    });
    notes.take(from, Direction::Out);
    notes.take(to, Direction::In);
    assert_eq!(notes.settle().await, 0);
    notes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_and_its_networks_lose_is_told() {
    let mut redis = Redis::new().await.unwrap();
    let (says, hears) =
        (Proxy::before(redis.port()).await.unwrap(), Proxy::before(redis.port()).await.unwrap());
    let notes =
        traffic(quick(one(&redis.url_at(says.port()))), quick(one(&redis.url_at(hears.port())))).await;
    let mut lost = 0;
    for proxy in [&says, &hears] {
        for bytes in [1, 1_000] {
            proxy.cut_after(bytes);
            sleep(Duration::from_millis(100)).await;
            proxy.pass();
            lost += notes.settle().await;
        }
        proxy.swallow();
        sleep(Duration::from_millis(1_600)).await;
        proxy.pass();
        lost += notes.settle().await;
    }
    redis.kill().await.unwrap();
    redis.start().await.unwrap();
    lost += notes.settle().await;
    redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.unwrap();
    lost += notes.settle().await;
    redis.pause().await.unwrap();
    sleep(Duration::from_millis(1_600)).await;
    redis.resume().await.unwrap();
    lost += notes.settle().await;
    assert!(lost > 0 && notes.restorations.load(SeqCst) >= 6, "{lost} were lost: too few for a test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cluster_loses_while_slots_move_and_masters_fail_is_told() {
    let mut cluster = RedisCluster::start().await.unwrap();
    let nodes = options(Layout::Cluster(vec![endpoint(&cluster.servers[5].url())]));
    let notes = traffic(nodes.clone(), nodes).await;
    let master = cluster.owner(ROOM).await.unwrap();
    for step in 1..=6 {
        cluster.move_slot(ROOM, (master + step) % 3).await.unwrap();
        notes.settle().await;
    }
    // The last step has brought it back.
    cluster.servers[master].kill().await.unwrap();
    let lost = notes.settle().await;
    assert!(lost > 0 && notes.restorations.load(SeqCst) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_pair_loses_while_either_dies_is_told() {
    let mut servers = [Redis::new().await.unwrap(), Redis::new().await.unwrap()];
    let [first, second] = servers.each_ref().map(|server| endpoint(&server.url()));
    let mut nodes = quick(options(Layout::Shards(vec![Shard::new(first, Some(second))])));
    // So long that a node hears from a server that the other has not come back to yet.
    nodes.timing.backoff_least = Duration::from_millis(300);
    let notes = traffic(nodes.clone(), nodes).await;
    for round in 0..6 {
        let dies = round % 2;
        servers[dies].kill().await.unwrap();
        // Every other time the second dies as soon as the first is back.
        if round % 4 < 2 {
            notes.settle().await;
        }
        servers[dies].start().await.unwrap();
    }
    notes.settle().await;
    servers[0].pause().await.unwrap();
    notes.settle().await;
    servers[0].resume().await.unwrap();
    notes.settle().await;
    assert!(notes.restorations.load(SeqCst) > 0);
}
