//! Nodes of one process.

use bytes::Bytes;
use plaza_bus::{Bus, BusOptions, Channel, Direction, Incoming, Link, LocalBus, Receiver};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

async fn node(bus: &LocalBus) -> (Bus, Receiver) {
    let options = BusOptions::new(Link::Local(bus.clone()));
    Bus::start(options, CancellationToken::new()).await.unwrap()
}

fn channel(name: &str) -> Channel {
    Channel::new(name).unwrap()
}

fn message(channel: &str, payload: &'static str) -> Option<Incoming> {
    Some(Incoming::Message { channel: channel.into(), payload: Bytes::from_static(payload.as_bytes()) })
}

#[tokio::test]
async fn what_is_published_reaches_all_who_subscribed_the_publisher_included() {
    let shared = LocalBus::new();
    let ((a, mut to_a), (b, mut to_b), (_c, mut to_c)) =
        (node(&shared).await, node(&shared).await, node(&shared).await);
    let (one, two) = (channel("room:1"), channel("room:2"));
    let on_a = a.subscribe(&one);
    let on_b = [b.subscribe(&one), b.subscribe(&two)];
    on_a.ready().await.unwrap();
    on_b[1].ready().await.unwrap();
    a.publish(&one, Bytes::from_static(b"first"));
    a.publish(&two, Bytes::from_static(b"second"));
    assert_eq!(to_a.recv().await, message("room:1", "first"));
    assert_eq!(to_a.try_recv(), None);
    assert_eq!(to_b.recv().await, message("room:1", "first"));
    assert_eq!(to_b.recv().await, message("room:2", "second"));
    assert_eq!(to_c.try_recv(), None);
}

#[tokio::test(start_paused = true)]
async fn a_channel_lingers_after_its_last_holder() {
    let shared = LocalBus::new();
    let (a, mut to_a) = node(&shared).await;
    let one = channel("room:1");
    let (first, second) = (a.subscribe(&one), a.subscribe(&one));
    drop(first);
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(second);
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    // Held again and left again: the two seconds begin anew.
    drop(a.subscribe(&one));
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    a.publish(&one, Bytes::from_static(b"heard"));
    assert_eq!(to_a.try_recv(), message("room:1", "heard"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    a.publish(&one, Bytes::from_static(b"not heard"));
    assert_eq!(to_a.try_recv(), None);
    assert_eq!(a.stats().channels, 0);
}

#[tokio::test]
async fn a_bus_that_is_down_loses_everything_and_says_so() {
    let shared = LocalBus::new();
    let (a, mut to_a) = node(&shared).await;
    let one = channel("room:1");
    let _held = a.subscribe(&one);
    shared.set_down(true);
    a.publish(&one, Bytes::from_static(b"lost"));
    shared.set_down(false);
    for direction in [Direction::In, Direction::Out] {
        assert_eq!(to_a.try_recv(), Some(Incoming::Interrupted { shard: 0, direction }));
        assert_eq!(to_a.try_recv(), Some(Incoming::Restored { shard: 0, direction }));
    }
    assert_eq!(to_a.try_recv(), None);
}

#[tokio::test]
async fn after_the_shutdown_nothing_waits_for_ever() {
    let shutdown = CancellationToken::new();
    let options = BusOptions::new(Link::Local(LocalBus::new()));
    let (bus, mut incoming) = Bus::start(options, shutdown.clone()).await.unwrap();
    let held = bus.subscribe(&channel("room:1"));
    shutdown.cancel();
    bus.closed().await;
    assert_eq!(incoming.recv().await, None);
    assert!(bus.subscribe(&channel("room:2")).ready().await.is_err());
    drop(held);
}
