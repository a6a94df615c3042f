//! One server.

use crate::node::{Node, channel, classic, one, within};
use bytes::Bytes;
use plaza_bus::{BusOptions, Direction, Incoming, Link, RedisOptions};
use plaza_testkit::Redis;
use std::{collections::HashMap, time::Duration};

/// Two nodes talk over three channels; the second hears only two of them.
async fn order_and_delivery(options: RedisOptions) {
    const EACH: usize = 1_000;
    let (mut a, mut b) = (Node::start(options.clone()).await, Node::start(options).await);
    let _held = (a.hears("room:1").await, b.hears("room:1").await, b.hears("room:2").await);
    for number in 0..EACH {
        for room in ["room:1", "room:2", "room:3"] {
            a.says(room, &number.to_string());
        }
    }
    let mut next: HashMap<String, usize> = HashMap::new();
    for _ in 0..2 * EACH {
        let (room, text) = b.message().await;
        let expected = next.entry(room).or_default();
        assert_eq!(text, expected.to_string());
        *expected += 1;
    }
    assert_eq!(next, HashMap::from([("room:1".into(), EACH), ("room:2".into(), EACH)]));
    for number in 0..EACH {
        assert_eq!(a.message().await, ("room:1".into(), number.to_string()));
    }
    // What was not subscribed to did not come: this message is the last, and there is nothing before it.
    a.says("room:1", "last");
    assert_eq!(b.message().await, ("room:1".into(), "last".into()));
    let stats = b.bus.stats();
    assert_eq!((stats.received, stats.channels), (2 * EACH as u64 + 1, 2));
    assert_eq!(a.bus.stats().publish_failed + a.bus.stats().publish_dropped, 0);
}

#[tokio::test]
async fn messages_arrive_in_order_and_only_where_they_are_wanted() {
    let redis = Redis::new().await.unwrap();
    order_and_delivery(one(&redis.url())).await;
    order_and_delivery(classic(one(&redis.url()))).await;
    let several = RedisOptions { connections: 3, ..one(&redis.url()) };
    order_and_delivery(several).await;
    order_and_delivery(one(&format!("unix://{}", redis.socket().display()))).await;
}

#[tokio::test]
async fn a_channel_that_nobody_holds_is_given_back() {
    let redis = Redis::new().await.unwrap();
    let mut node = Node::start(one(&redis.url())).await;
    let (first, second) = (node.hears("room:1").await, node.hears("room:1").await);
    assert_eq!(redis.subscribers("room:1").await.unwrap(), 1);
    drop(first);
    drop(second);
    let gone = |answer: &redis::Value| {
        redis::from_redis_value(answer.clone()).ok() == Some(("room:1".to_owned(), 0))
    };
    redis.ask_until(&["PUBSUB", "SHARDNUMSUB", "room:1"], gone).await.unwrap();
    let _held = node.hears("room:2").await;
    node.says("room:1", "to nobody");
    node.says("room:2", "to us");
    assert_eq!(node.message().await, ("room:2".into(), "to us".into()));
    assert_eq!(node.bus.stats().received, 1);
    // And taken again.
    let _again = node.hears("room:1").await;
    node.says("room:1", "to us too");
    assert_eq!(node.message().await, ("room:1".into(), "to us too".into()));
}

#[tokio::test]
async fn many_channels_are_subscribed_and_heard() {
    const CHANNELS: usize = 5_000;
    let redis = Redis::new().await.unwrap();
    let (a, mut b) = (Node::start(one(&redis.url())).await, Node::start(one(&redis.url())).await);
    let names: Vec<_> = (0..CHANNELS).map(|number| format!("room:{number}")).collect();
    let held: Vec<_> = names.iter().map(|name| b.bus.subscribe(&channel(name))).collect();
    for subscription in &held {
        within("a subscription", subscription.ready()).await.unwrap();
    }
    for name in &names {
        a.says(name, name);
    }
    for _ in 0..CHANNELS {
        let (name, text) = b.message().await;
        assert_eq!(name, text);
    }
}

#[tokio::test]
async fn any_bytes_pass_also_many() {
    let redis = Redis::new().await.unwrap();
    let mut node = Node::start(one(&redis.url())).await;
    let _held = node.hears("room:1").await;
    let large: Bytes = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    for payload in [Bytes::new(), Bytes::from_static(b"\r\n$3\r\n\0"), large] {
        node.bus.publish(&channel("room:1"), payload.clone());
        assert_eq!(node.next().await, Incoming::Message { channel: "room:1".into(), payload });
    }
}

#[tokio::test]
async fn what_finds_no_room_is_dropped_counted_and_told() {
    let redis = Redis::new().await.unwrap();
    let mut options = BusOptions::new(Link::Redis(one(&redis.url())));
    options.most_outgoing_bytes = 10_000;
    let mut node = Node::start_with(options).await;
    let _held = node.hears("room:1").await;
    // More than fits at once: nothing runs between these calls.
    for number in 0..1_000 {
        node.says("room:1", &number.to_string());
    }
    node.interrupted(Direction::Out).await;
    node.restored(Direction::Out).await;
    let dropped = node.bus.stats().publish_dropped;
    assert!((1..1_000).contains(&dropped), "{dropped} of 1000 were dropped");
    for number in 0..1_000 - dropped {
        assert_eq!(node.message().await, ("room:1".into(), number.to_string()));
    }
    node.says("room:1", "after");
    assert_eq!(node.message().await.1, "after");
}

#[tokio::test]
async fn what_was_found_is_said() {
    let redis = Redis::new().await.unwrap();
    let node = Node::start(one(&redis.url())).await;
    let expected = format!("one server, sharded pub/sub: 127.0.0.1:{} is Redis ", redis.port());
    assert!(node.bus.found().starts_with(&expected), "{}", node.bus.found());
    let states =
        node.state(|servers| servers.iter().all(|state| state.is_up() && state.found.is_some())).await;
    assert!(states[0].found.as_deref().unwrap().starts_with("Redis "));
}

#[tokio::test]
async fn a_bus_that_is_shut_down_leaves_no_connection() {
    let redis = Redis::new().await.unwrap();
    let node = Node::start(one(&redis.url())).await;
    node.up().await;
    let bus = node.bus.clone();
    drop(node);
    within("the end", bus.closed()).await;
    // The connection that asks.
    let alone = |answer: &redis::Value| {
        redis::from_redis_value::<String>(answer.clone()).is_ok_and(|list| list.lines().count() == 1)
    };
    redis.ask_until(&["CLIENT", "LIST"], alone).await.unwrap();
    tokio::time::timeout(Duration::from_secs(1), bus.closed()).await.unwrap();
}
