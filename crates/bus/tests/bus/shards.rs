//! Several servers that know nothing of each other, and pairs of them.

use crate::node::{Node, endpoint, options, quick, within};
use plaza_bus::{Direction, Incoming, Layout, RedisOptions, Shard};
use plaza_testkit::{Proxy, Redis};
use std::time::{Duration, Instant};

fn shards(servers: &[(&Redis, Option<&Redis>)]) -> RedisOptions {
    let shard = |(first, second): &(&Redis, Option<&Redis>)| {
        Shard::new(endpoint(&first.url()), second.map(|server| endpoint(&server.url())))
    };
    options(Layout::Shards(servers.iter().map(shard).collect()))
}

#[tokio::test]
async fn each_channel_has_its_server_and_all_nodes_agree() {
    let servers = [Redis::new().await.unwrap(), Redis::new().await.unwrap(), Redis::new().await.unwrap()];
    let [one, two, three] = &servers;
    let a = Node::start(shards(&[(one, None), (two, None), (three, None)])).await;
    // In another order: the name of a shard counts, not its place.
    let mut b = Node::start(shards(&[(three, None), (one, None), (two, None)])).await;
    let mut counts = [0; 3];
    let mut held = Vec::new();
    for number in 0..30 {
        let room = format!("room:{number}");
        let shard = a.bus.shard_of(&crate::node::channel(&room));
        counts[shard] += 1;
        held.push(b.hears(&room).await);
        assert_eq!(servers[shard].subscribers(&room).await.unwrap(), 1);
        a.says(&room, &room);
        assert_eq!(b.message().await, (room.clone(), room));
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(b.bus.stats().received, 30);
}

#[tokio::test]
async fn a_shard_that_dies_takes_only_its_channels() {
    let mut servers = [Redis::new().await.unwrap(), Redis::new().await.unwrap()];
    let [one, two] = &servers;
    let mut node = Node::start(shards(&[(one, None), (two, None)])).await;
    let rooms: Vec<_> = (0..10).map(|number| format!("room:{number}")).collect();
    let shard_of = |node: &Node, room: &str| node.bus.shard_of(&crate::node::channel(room));
    let of = |shard| rooms.iter().find(|room| shard_of(&node, room) == shard).unwrap().clone();
    let (dies, lives) = (of(0), of(1));
    let _held = (node.hears(&dies).await, node.hears(&lives).await);
    servers[0].kill().await.unwrap();
    let interrupted = loop {
        if let Incoming::Interrupted { shard, direction: Direction::In } = node.next().await {
            break shard;
        }
    };
    assert_eq!(interrupted, 0);
    node.says(&lives, "still");
    assert_eq!(node.message().await, (lives, "still".into()));
}

#[tokio::test]
async fn a_pair_goes_on_when_either_dies_under_load() {
    let mut servers = [Redis::new().await.unwrap(), Redis::new().await.unwrap()];
    let [one, two] = &servers;
    let (a, mut b) =
        (Node::start(shards(&[(one, Some(two))])).await, Node::start(shards(&[(one, Some(two))])).await);
    let _held = b.hears("room:1").await;
    a.up().await;
    for round in 0..4 {
        // Each is killed twice, and back before the other goes. One of the two is heard, so every second kill or so
        // makes this node change over.
        let killed = round % 2;
        for number in 0..100 {
            a.says("room:1", &format!("{round} before {number}"));
        }
        servers[killed].kill().await.unwrap();
        let since = Instant::now();
        // What is said now comes from the other: at once, or once this node has changed over.
        let probe = format!("{round} after");
        within("the change-over", async {
            loop {
                a.says("room:1", &probe);
                let heard = tokio::time::timeout(Duration::from_millis(20), b.next()).await;
                if matches!(heard, Ok(Incoming::Message { payload, .. }) if payload == probe.as_bytes()) {
                    break;
                }
            }
        })
        .await;
        assert!(since.elapsed() < Duration::from_secs(8), "changed over after {:?}", since.elapsed());
        servers[killed].start().await.unwrap();
        a.up().await;
        b.up().await;
    }
    assert!(b.bus.stats().resubscribes > 0);
}

#[tokio::test]
async fn one_of_a_pair_that_stands_still_is_left_for_the_other() {
    let servers = [Redis::new().await.unwrap(), Redis::new().await.unwrap()];
    let [one, two] = &servers;
    let mut node = Node::start(quick(shards(&[(one, Some(two))]))).await;
    let _held = node.hears("room:1").await;
    let heard = if one.subscribers("room:1").await.unwrap() == 1 { one } else { two };
    heard.pause().await.unwrap();
    let since = Instant::now();
    node.interrupted(Direction::In).await;
    node.restored(Direction::In).await;
    assert!(since.elapsed() < Duration::from_secs(8), "changed over after {:?}", since.elapsed());
    node.says("room:1", "from the other");
    assert_eq!(node.message().await.1, "from the other");
    heard.resume().await.unwrap();
}

#[tokio::test]
async fn who_reaches_only_one_of_a_pair_is_told_when_it_reaches_both_again() {
    let servers = [Redis::new().await.unwrap(), Redis::new().await.unwrap()];
    let [one, two] = &servers;
    let proxy = Proxy::before(one.port()).await.unwrap();
    let through = Shard::new(endpoint(&one.url_at(proxy.port())), Some(endpoint(&two.url())));
    let mut a = Node::start(options(Layout::Shards(vec![through]))).await;
    let mut b = Node::start(shards(&[(one, Some(two))])).await;
    let _held = b.hears("room:1").await;
    if two.subscribers("room:1").await.unwrap() == 1 {
        two.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.unwrap();
        b.restored(Direction::In).await;
    }
    assert_eq!(one.subscribers("room:1").await.unwrap(), 1);
    a.up().await;
    proxy.cut();
    a.interrupted(Direction::Out).await;
    a.restored(Direction::Out).await;
    // It goes to the other, where nobody hears it.
    a.says("room:1", "missed");
    proxy.pass();
    a.interrupted(Direction::Out).await;
    a.restored(Direction::Out).await;
    a.says("room:1", "heard");
    assert_eq!(b.message().await.1, "heard");
}
