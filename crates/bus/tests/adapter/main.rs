//! Nodes that share rooms, in one process; with Node.js servers it is `e2e/cluster`.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

mod hostile;
mod over_redis;
mod support;

use plaza_bus::{
    LocalBus,
    adapter::{AdapterOptions, Hooks},
    wire::{Content, Format},
};
use plaza_socketio::{BroadcastAckError, Target};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{Node, soon};

/// So long that no answer can be a timeout.
const FOREVER: Duration = Duration::from_secs(600);

fn options(format: Format) -> AdapterOptions {
    AdapterOptions { format, answers_within: FOREVER, ..AdapterOptions::default() }
}

async fn two(format: Format) -> [Node; 2] {
    let bus = LocalBus::new();
    [
        Node::start(&bus, options(format), Hooks::default()).await,
        Node::start(&bus, options(format), Hooks::default()).await,
    ]
}

const FORMATS: [Format; 3] = [Format::Sharded, Format::ShardedPrivate, Format::Classic];

#[tokio::test]
async fn what_one_node_broadcasts_reaches_the_rooms_of_all() {
    for format in FORMATS {
        let [a, b] = two(format).await;
        let (mut ana, mut ben) = (a.client("red").await, b.client("red").await);
        let mut eve = b.client("blue").await;
        a.root().to("red").emit("one", &("x", 1)).unwrap();
        a.root().to("red").to("blue").except(ben.id()).emit("two", &[2]).unwrap();
        a.root()
            .to(ben.id())
            .emit_binary("three", &[plaza_socketio::Attachment(0)], &["bytes".into()])
            .unwrap();
        assert_eq!(ana.event().await.0, json!(["one", "x", 1]));
        assert_eq!(ana.event().await.0, json!(["two", 2]));
        assert_eq!(ben.event().await.0, json!(["one", "x", 1]));
        assert_eq!(ben.text().await, r#"451-["three",{"_placeholder":true,"num":0}]"#);
        assert_eq!(ben.text().await, "bytes");
        assert_eq!(eve.event().await.0, json!(["two", 2]));
    }
}

#[tokio::test]
async fn a_node_that_is_alone_says_nothing() {
    let bus = LocalBus::new();
    let a = Node::start(&bus, options(Format::Sharded), Hooks::default()).await;
    let mut ana = a.client("red").await;
    let before = a.bus.stats().published;
    a.root().to("red").emit("one", &[1]).unwrap();
    assert_eq!(ana.event().await.0, json!(["one", 1]));
    assert_eq!(a.bus.stats().published, before);
    // Until another comes.
    let b = Node::start(&bus, options(Format::Sharded), Hooks::default()).await;
    let mut ben = b.client("red").await;
    a.root().to("red").emit("two", &[2]).unwrap();
    assert_eq!(ben.event().await.0, json!(["two", 2]));
}

#[tokio::test]
async fn a_room_is_heard_only_where_it_has_members() {
    for format in FORMATS {
        let [a, b] = two(format).await;
        let (_ana, ben) = (a.client("red").await, b.client("blue").await);
        let before = b.bus.stats().received;
        for _ in 0..100 {
            a.root().to("red").emit("event", &[1]).unwrap();
        }
        // What comes after them on a channel that is heard.
        a.root().to("blue").emit("event", &[1]).unwrap();
        soon("the last one", async {
            while b.bus.stats().received == before {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(b.bus.stats().received, before + 1, "{format:?}");
        drop(ben);
        let channels = a.bus.stats().channels;
        soon("the room to be let go of", async {
            while b.bus.stats().channels >= channels {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn sockets_elsewhere_are_told_of_moved_and_let_go() {
    for format in FORMATS {
        let [a, b] = two(format).await;
        let mut ben = b.client("red").await;
        let started = Instant::now();
        let found = soon("all sockets", a.root().to("red").fetch_sockets()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id(), &found[0].info().rooms), (ben.socket_id(), &vec!["red".to_owned()]));
        assert_eq!(found[0].info().data, json!({ "name": ben.id() }));
        a.root().to("red").join("green");
        let rooms = async |count: usize| {
            let target = Target { rooms: vec![ben.id().into()], except: vec![] };
            soon("the rooms", async {
                while b.root().infos(&target)[0].rooms.len() != count {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
            .await;
        };
        rooms(2).await;
        a.root().to("green").leave("red");
        rooms(1).await;
        found[0].emit("alone", &[1]).unwrap();
        assert_eq!(ben.event().await.0, json!(["alone", 1]));
        a.root().to("green").disconnect(true);
        assert_eq!(ben.text().await, "41");
        assert!(started.elapsed() < FOREVER / 10);
    }
}

#[tokio::test]
async fn clients_of_all_nodes_acknowledge() {
    for format in FORMATS {
        let [a, b] = two(format).await;
        let (mut ana, mut ben) = (a.client("red").await, b.client("red").await);
        let root = a.root();
        let asking = root.to("red").emit_with_ack("ask", &["?"], FOREVER);
        let answering = async {
            for (client, answer) in [(&mut ana, "a"), (&mut ben, "b")] {
                let (event, id) = client.event().await;
                assert_eq!(event, json!(["ask", "?"]));
                client.send(&format!("43{id}[\"{answer}\"]")).await;
            }
        };
        let (answers, ()) = soon("all answers", async { tokio::join!(asking, answering) }).await;
        let mut answers: Vec<String> =
            answers.unwrap().iter().map(|answer| answer.args::<(String,)>().unwrap().0).collect();
        answers.sort();
        assert_eq!(answers, ["a", "b"]);
        // One that goes without an answer is not waited for where it was, and is known as missing here.
        let asking = root.to("red").except(ana.id()).emit_with_ack("ask", &["?"], Duration::from_millis(300));
        let (refused, _) = tokio::join!(asking, ben.event());
        let Err(BroadcastAckError::Incomplete { answers, missing: 1 }) = refused else {
            panic!("{refused:?}")
        };
        assert!(answers.is_empty());
    }
}

#[tokio::test]
async fn servers_tell_each_other_and_answer() {
    for format in FORMATS {
        let bus = LocalBus::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        let hooks = Hooks::default().on_server_event(move |event| {
            let args: Vec<Value> = event.payload.args().unwrap();
            told.lock().unwrap().push((event.name.clone(), args.clone()));
            async move { (event.name == "ask").then(|| Content::of(&args).unwrap()) }
        });
        let a = Node::start(&bus, options(format), Hooks::default()).await;
        let _b = Node::start(&bus, options(format), hooks).await;
        let _c = Node::start(&bus, options(format), Hooks::default()).await;
        let asking = a.adapter.server_side_emit_with_ack("/", "ask", &(1, "x"), FOREVER);
        let answers = soon("the answers", asking).await.unwrap();
        let mut answers: Vec<Vec<Value>> = answers.iter().map(|answer| answer.args().unwrap()).collect();
        answers.sort_by_key(Vec::len);
        // The one that has no handler answers all the same.
        assert_eq!(answers, [vec![], vec![json!([1, "x"])]]);
        a.adapter.server_side_emit("/", "tell", &[2]).unwrap();
        soon("the second event", async {
            while heard.lock().unwrap().len() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(heard.lock().unwrap()[1], ("tell".to_owned(), vec![json!(2)]));
    }
}

#[tokio::test]
async fn where_nobody_counts_heartbeats_do() {
    let options = AdapterOptions { heartbeats: true, ..options(Format::Sharded) };
    let bus = LocalBus::new();
    let a = Node::start(&bus, options.clone(), Hooks::default()).await;
    let b = Node::start(&bus, options, Hooks::default()).await;
    let _ben = b.client("red").await;
    // The second one said that it came, and the first one answered that it is there.
    let found = soon("what the other node tells", async {
        loop {
            let found = a.root().to("red").fetch_sockets().await.unwrap();
            if !found.is_empty() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(found.len(), 1);
}
