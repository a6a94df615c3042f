//! A Redis Cluster whose slots move and whose masters fail.

use crate::node::{Node, classic, endpoint, options, within};
use plaza_bus::{Direction, Incoming, Layout, RedisOptions};
use plaza_testkit::RedisCluster;
use std::{collections::HashSet, time::Duration};

fn nodes(cluster: &RedisCluster) -> RedisOptions {
    // One seed is enough: the others are found.
    let mut options = options(Layout::Cluster(vec![endpoint(&cluster.servers[5].url())]));
    // What is noticed at once must not be healed by the look now and then.
    options.timing.reconcile = Duration::from_secs(600);
    options
}

/// Says something again and again until it is heard.
async fn gets_through(from: &Node, to: &mut Node, room: &str, text: &str) {
    within("a message", async {
        loop {
            from.says(room, text);
            let heard = tokio::time::timeout(Duration::from_millis(20), to.next()).await;
            if matches!(heard, Ok(Incoming::Message { payload, .. }) if payload == text.as_bytes()) {
                break;
            }
        }
    })
    .await;
}

async fn delivery(cluster: &RedisCluster, options: RedisOptions) {
    let (a, mut b) = (Node::start(options.clone()).await, Node::start(options).await);
    let mut held = Vec::new();
    let mut owners = HashSet::new();
    for number in 0..20 {
        let room = format!("room:{number}");
        owners.insert(cluster.owner(&room).await.unwrap());
        held.push(b.hears(&room).await);
    }
    assert_eq!(owners.len(), 3);
    for number in 0..20 {
        for text in 0..20 {
            a.says(&format!("room:{number}"), &text.to_string());
        }
    }
    let mut next = [0; 20];
    for _ in 0..400 {
        let (room, text) = b.message().await;
        let number: usize = room.strip_prefix("room:").unwrap().parse().unwrap();
        assert_eq!(text, next[number].to_string());
        next[number] += 1;
    }
    assert_eq!(a.bus.stats().publish_failed, 0);
}

#[tokio::test]
async fn channels_are_heard_at_their_masters_and_where_their_slots_go() {
    let cluster = RedisCluster::start().await.unwrap();
    delivery(&cluster, nodes(&cluster)).await;
    delivery(&cluster, classic(nodes(&cluster))).await;

    let (a, mut b) = (Node::start(nodes(&cluster)).await, Node::start(nodes(&cluster)).await);
    let held = b.hears("room:1").await;
    let untouched = b.hears("room:2").await;
    a.says("room:1", "before");
    assert_eq!(b.message().await.1, "before");
    let before = cluster.owner("room:1").await.unwrap();
    for step in 1..=3 {
        // There, further, and back.
        let to = (before + step) % 3;
        cluster.move_slot("room:1", to).await.unwrap();
        b.interrupted(Direction::In).await;
        b.restored(Direction::In).await;
        held.ready().await.unwrap();
        assert_eq!(cluster.servers[to].subscribers("room:1").await.unwrap(), 1);
        let failed = a.bus.stats().publish_failed;
        a.says("room:1", "after");
        assert_eq!(b.message().await.1, "after");
        assert_eq!(a.bus.stats().publish_failed, failed);
    }
    assert!(untouched.is_subscribed());
    assert_eq!((a.bus.stats().disconnects, b.bus.stats().disconnects), (0, 0));
}

#[tokio::test]
async fn a_master_that_is_replaced() {
    let mut cluster = RedisCluster::start().await.unwrap();
    let (a, mut b) = (Node::start(nodes(&cluster)).await, Node::start(nodes(&cluster)).await);
    let _held = b.hears("room:1").await;
    a.up().await;
    let master = cluster.owner("room:1").await.unwrap();
    // In agreement. The old one goes on as a replica, which would carry messages as well: both nodes follow the master.
    cluster.promote(master + 3).await.unwrap();
    let heard = |answer: &redis::Value| {
        redis::from_redis_value(answer.clone()).ok() == Some(("room:1".to_owned(), 1))
    };
    let new = &cluster.servers[master + 3];
    new.ask_until(&["PUBSUB", "SHARDNUMSUB", "room:1"], heard).await.unwrap();
    gets_through(&a, &mut b, "room:1", "from the new one").await;
    // By force.
    cluster.servers[master + 3].kill().await.unwrap();
    b.interrupted(Direction::In).await;
    gets_through(&a, &mut b, "room:1", "from the old one").await;
    b.up().await;
    a.up().await;
}
