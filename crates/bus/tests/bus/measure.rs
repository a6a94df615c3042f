//! What a message costs, beside the same through the library's own connection. Not part of the tests: it needs a
//! quiet machine and a release build. `cargo nextest run -p plaza-bus --release --run-ignored only measure --no-capture`

use crate::node::{Node, channel, one};
use bytes::Bytes;
use plaza_bus::{Incoming, RedisOptions};
use plaza_testkit::Redis;
use std::time::{Duration, Instant};

const MESSAGES: usize = 100_000;
const ROOM: &str = "room:1";

/// Processor time of this process so far (`/proc/self/stat`, in ticks of 10 ms).
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

async fn hear(node: &mut Node, messages: usize) {
    let mut heard = 0;
    while heard < messages {
        heard += usize::from(matches!(node.next().await, Incoming::Message { .. }));
    }
}

fn report(what: &str, messages: usize, wall: Duration, cpu: Duration) {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
    println!("{what}: {:.0}/s, {:.1} us of processor each", 1e6 / each(wall), each(cpu));
}

async fn latency(what: &str, node: &mut Node, publish: impl AsyncFn()) {
    let mut times = Vec::new();
    for _ in 0..2_000 {
        let since = Instant::now();
        publish().await;
        hear(node, 1).await;
        times.push(since.elapsed());
    }
    times.sort();
    println!("{what}: published and heard, p50 {:?}, p99 {:?}", times[1_000], times[1_980]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; needs a quiet machine and a release build"]
async fn a_message_of_200_bytes() {
    let redis = Redis::new().await.unwrap();
    let options = RedisOptions { timing: plaza_bus::Timing::default(), ..one(&redis.url()) };
    let payload = Bytes::from(vec![b'x'; 200]);
    let (a, mut b) = (Node::start(options.clone()).await, Node::start(options).await);
    let _held = b.hears(ROOM).await;
    let room = channel(ROOM);
    let client = redis::Client::open(redis.url()).unwrap();
    let theirs = redis::aio::ConnectionManager::new(client).await.unwrap();
    let publish = async || {
        let mut connection = theirs.clone();
        let mut command = redis::cmd("SPUBLISH");
        command.arg(ROOM).arg(&payload[..]);
        command.query_async::<usize>(&mut connection).await.unwrap();
    };

    for round in 1..=3 {
        println!("round {round}");
        // 64 at once, as 64 callers would publish.
        let (wall, cpu) = (Instant::now(), processor());
        for _ in 0..MESSAGES / 64 {
            futures_util::future::join_all((0..64).map(|_| publish())).await;
        }
        hear(&mut b, MESSAGES / 64 * 64).await;
        report("ConnectionManager, 64 at once", MESSAGES / 64 * 64, wall.elapsed(), processor() - cpu);

        let (wall, cpu) = (Instant::now(), processor());
        for _ in 0..MESSAGES / 500 {
            for _ in 0..500 {
                a.bus.publish(&room, payload.clone());
            }
            hear(&mut b, 500).await;
        }
        report("the bus, 500 at once", MESSAGES, wall.elapsed(), processor() - cpu);

        let (wall, cpu) = (Instant::now(), processor());
        for _ in 0..MESSAGES / 64 {
            for _ in 0..64 {
                a.bus.publish(&room, payload.clone());
            }
            hear(&mut b, 64).await;
        }
        report("the bus, 64 at once", MESSAGES / 64 * 64, wall.elapsed(), processor() - cpu);

        latency("ConnectionManager, one by one", &mut b, publish).await;
        latency("the bus, one by one", &mut b, async || a.bus.publish(&room, payload.clone())).await;
    }
    assert_eq!(a.bus.stats().publish_dropped + b.bus.stats().incoming_dropped, 0);
}
