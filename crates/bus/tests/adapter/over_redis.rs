//! The same over real servers, which count who is subscribed.

use super::{FOREVER, Node, options, soon};
use plaza_bus::{
    Endpoint, Layout, Link, PubSub, RedisOptions,
    adapter::{AdapterOptions, Hooks},
    wire::Format,
};
use plaza_socketio::FetchError;
use plaza_testkit::{Redis, RedisCluster, RedisSetup};
use serde_json::json;
use std::time::{Duration, Instant};

const MODES: [(PubSub, Format); 2] = [(PubSub::Sharded, Format::Sharded), (PubSub::Classic, Format::Classic)];

fn link(layout: Layout, mode: PubSub) -> Link {
    Link::Redis(RedisOptions { mode, ..RedisOptions::new(layout) })
}

/// Three nodes do to each other's sockets what can be done, and know when they have all answers.
async fn together(layout: &Layout) {
    for (mode, format) in MODES {
        let node = || Node::over(link(layout.clone(), mode), options(format), Hooks::default());
        let (a, b, c) = (node().await, node().await, node().await);
        let (mut ana, mut ben) = (a.client("red").await, b.client("red").await);
        // What is answered within moments is no timeout, which would take ten minutes.
        let root = c.root();
        let found = soon("all sockets", root.to("red").fetch_sockets()).await.unwrap();
        assert_eq!(found.len(), 2, "{mode:?}");
        root.to("red").emit("event", &[1]).unwrap();
        for client in [&mut ana, &mut ben] {
            assert_eq!(client.event().await.0, json!(["event", 1]));
        }
        let asking = root.to("red").emit_with_ack("ask", &[()], FOREVER);
        let answering = async {
            for client in [&mut ana, &mut ben] {
                let (_, id) = client.event().await;
                client.send(&format!("43{id}[true]")).await;
            }
        };
        let (answers, ()) = soon("all answers", async { tokio::join!(asking, answering) }).await;
        assert_eq!(answers.unwrap().len(), 2);
        let asking = c.adapter.server_side_emit_with_ack("/", "ask", &[()], FOREVER);
        assert_eq!(soon("all servers", asking).await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_on_one_server_share_rooms() {
    let redis = Redis::new().await.unwrap();
    together(&Layout::One(Endpoint::parse(&redis.url()).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_on_a_cluster_share_rooms() {
    let cluster = RedisCluster::start().await.unwrap();
    let seeds = cluster.servers.iter().map(|server| Endpoint::parse(&server.url()).unwrap()).collect();
    together(&Layout::Cluster(seeds)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_counted_is_not_taken_for_nobody() {
    let mut redis = Redis::new().await.unwrap();
    let layout = Layout::One(Endpoint::parse(&redis.url()).unwrap());
    let within = AdapterOptions { answers_within: Duration::from_secs(2), ..options(Format::Sharded) };
    let node = || Node::over(link(layout.clone(), PubSub::Sharded), within.clone(), Hooks::default());
    let (a, b) = (node().await, node().await);
    let mut ben = b.client("red").await;
    redis.kill().await.unwrap();
    let started = Instant::now();
    let Err(FetchError(_)) = a.root().to("red").fetch_sockets().await else { panic!("it was found") };
    let asked = a.root().to("red").emit_with_ack("ask", &[()], Duration::from_secs(2)).await;
    assert!(asked.is_err());
    assert!(started.elapsed() < Duration::from_secs(15));
    redis.start().await.unwrap();
    soon("both nodes to find each other", async {
        while a.root().to("red").fetch_sockets().await.map_or(0, |found| found.len()) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        b.adapter.hears("/", "red").await;
    })
    .await;
    a.root().to("red").emit("after", &[1]).unwrap();
    assert_eq!(ben.event().await.0, json!(["after", 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_refuses_to_count_nodes_tell_each_other_that_they_are_there() {
    let redis = RedisSetup::default().without("PUBSUB").start().await.unwrap();
    let layout = Layout::One(Endpoint::parse(&redis.url()).unwrap());
    let node =
        || Node::over(link(layout.clone(), PubSub::Sharded), options(Format::Sharded), Hooks::default());
    let (a, b) = (node().await, node().await);
    assert!(!a.bus.counts() && a.bus.found().contains("does not count"), "{}", a.bus.found());
    let mut ben = b.client("red").await;
    let found = soon("what the other node tells", async {
        loop {
            let found = a.root().to("red").fetch_sockets().await.unwrap();
            if !found.is_empty() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(found.await.len(), 1);
    let root = a.root();
    let asking = root.to("red").emit_with_ack("ask", &[()], FOREVER);
    let answering = async {
        let (_, id) = ben.event().await;
        ben.send(&format!("43{id}[true]")).await;
    };
    let (answers, ()) = soon("the answer", async { tokio::join!(asking, answering) }).await;
    assert_eq!(answers.unwrap().len(), 1);
}
