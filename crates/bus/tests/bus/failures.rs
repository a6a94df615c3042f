//! Servers and networks that fail.

use crate::node::{Node, one, quick};
use plaza_bus::{Direction, ServerState};
use plaza_testkit::{Proxy, Redis};
use std::time::{Duration, Instant};

fn all_down(servers: &[ServerState]) -> bool {
    servers.iter().all(|state| state.publishing.is_some() && state.subscribing.is_some())
}

/// Publishes until a message comes back: that proves the way there and back.
async fn goes_round(node: &mut Node, room: &str) {
    node.says(room, "round");
    while node.message().await.1 != "round" {}
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again() {
    let mut redis = Redis::new().await.unwrap();
    let mut node = Node::start(one(&redis.url())).await;
    let held = node.hears("room:1").await;
    node.up().await;
    redis.kill().await.unwrap();
    node.interrupted(Direction::In).await;
    assert!(!held.is_subscribed());
    node.state(all_down).await;
    node.says("room:1", "lost");
    assert_eq!(node.bus.stats().publish_failed, 1);
    // Wanted while the server is away, heard when it is back.
    let later = node.bus.subscribe(&crate::node::channel("room:2"));
    redis.start().await.unwrap();
    node.restored(Direction::In).await;
    held.ready().await.unwrap();
    later.ready().await.unwrap();
    node.up().await;
    goes_round(&mut node, "room:1").await;
    goes_round(&mut node, "room:2").await;
    assert_eq!(node.bus.stats().resubscribes, 1);
}

#[tokio::test]
async fn a_server_that_stands_still_is_noticed_and_comes_back() {
    let redis = Redis::new().await.unwrap();
    let mut node = Node::start(quick(one(&redis.url()))).await;
    let _held = node.hears("room:1").await;
    node.up().await;
    redis.pause().await.unwrap();
    let since = Instant::now();
    node.interrupted(Direction::In).await;
    node.state(all_down).await;
    // 1 s of silence, seen twice, a quarter of a second apart.
    let (least, most) = (Duration::from_millis(900), Duration::from_secs(8));
    assert!((least..most).contains(&since.elapsed()), "noticed after {:?}", since.elapsed());
    // It still takes connections. That is no sign of life.
    let tried = |state: &ServerState| {
        state.publishing.as_deref().is_some_and(|why| why.contains("no connection within"))
    };
    node.state(|servers| servers.iter().all(tried)).await;
    assert_eq!(node.bus.stats().connects, 2);
    redis.resume().await.unwrap();
    node.restored(Direction::In).await;
    node.up().await;
    goes_round(&mut node, "room:1").await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed() {
    let redis = Redis::new().await.unwrap();
    let proxy = Proxy::before(redis.port()).await.unwrap();
    let mut node = Node::start(quick(one(&redis.url_at(proxy.port())))).await;
    let _held = node.hears("room:1").await;
    node.up().await;
    proxy.swallow();
    let since = Instant::now();
    node.interrupted(Direction::In).await;
    node.state(all_down).await;
    assert!(since.elapsed() < Duration::from_secs(8), "noticed after {:?}", since.elapsed());
    proxy.pass();
    node.restored(Direction::In).await;
    node.up().await;
    goes_round(&mut node, "room:1").await;
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_an_answer() {
    let redis = Redis::new().await.unwrap();
    let proxy = Proxy::before(redis.port()).await.unwrap();
    let mut node = Node::start(one(&redis.url_at(proxy.port()))).await;
    let _held = node.hears("room:1").await;
    for bytes in [1, 40, 700, 5_001] {
        node.up().await;
        proxy.cut_after(bytes);
        for number in 0..200 {
            node.says("room:1", &format!("{number}"));
        }
        node.interrupted(Direction::In).await;
        proxy.pass();
        node.restored(Direction::In).await;
        node.up().await;
        goes_round(&mut node, "room:1").await;
    }
}

#[tokio::test]
async fn a_slow_network_is_no_failure() {
    let redis = Redis::new().await.unwrap();
    let proxy = Proxy::before(redis.port()).await.unwrap();
    let mut node = Node::start(one(&redis.url_at(proxy.port()))).await;
    let _held = node.hears("room:1").await;
    node.up().await;
    proxy.delay(Duration::from_millis(150));
    goes_round(&mut node, "room:1").await;
    goes_round(&mut node, "room:1").await;
    assert_eq!((node.next_now(), node.bus.stats().disconnects), (None, 0));
}

#[tokio::test]
async fn a_node_starts_while_the_server_is_away() {
    let mut redis = Redis::new().await.unwrap();
    redis.kill().await.unwrap();
    let mut node = Node::start(one(&redis.url())).await;
    assert!(node.bus.found().contains("cannot be reached"), "{}", node.bus.found());
    let held = node.bus.subscribe(&crate::node::channel("room:1"));
    node.interrupted(Direction::Out).await;
    assert!(!held.is_subscribed());
    redis.start().await.unwrap();
    node.restored(Direction::Out).await;
    held.ready().await.unwrap();
    node.up().await;
    goes_round(&mut node, "room:1").await;
}

#[tokio::test]
async fn what_the_server_kills_comes_back_by_itself() {
    let redis = Redis::new().await.unwrap();
    let mut node = Node::start(one(&redis.url())).await;
    let _held = node.hears("room:1").await;
    redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.unwrap();
    node.interrupted(Direction::In).await;
    node.restored(Direction::In).await;
    goes_round(&mut node, "room:1").await;
}
