//! Several nodes in this process, on one store and one bus in memory: to clients they are one.

use crate::node::*;
use futures_util::FutureExt as _;
use plaza_bus::LocalBus;
use plaza_client::{Connection, Inbox, Incoming, Rest};
use plaza_protocol::{Auth, Event, NodeStatus, RoomId, RoomResumed, RoomsResumed, Session};
use std::collections::BTreeMap;
use tokio::time::timeout;

struct Cluster {
    nodes: Vec<Node>,
    bus: LocalBus,
}

impl Cluster {
    async fn of(count: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (store, bus) = (open(&data).await, LocalBus::new());
        let mut nodes = Vec::new();
        for number in 0..count {
            nodes.push(Node::among(&format!("n{number}"), &store, &bus).await);
        }
        // The nodes hold the store; the folder goes with the test.
        std::mem::forget(data);
        Self { nodes, bus }
    }
}

fn hall() -> RoomId {
    "hall".parse().unwrap()
}

/// The positions of the room's events that come, until the last has.
async fn until(inbox: &mut Inbox, last: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.last() != Some(&last) {
        if let Incoming::Event(event) = timeout(PATIENCE, inbox.next()).await.expect("comes in time").unwrap()
        {
            seqs.push(Event::seq(&event));
        }
    }
    seqs
}

/// Waits until one is live.
async fn until_resumed(inbox: &mut Inbox) -> RoomsResumed {
    loop {
        match timeout(PATIENCE, inbox.next()).await.expect("comes in time").unwrap() {
            Incoming::Resumed(resumed) => return resumed,
            other => drop(other),
        }
    }
}

async fn say(connection: &Connection, client_id: &str) -> u64 {
    connection.send_message(&hall(), &client_id.parse().unwrap(), "hi").await.unwrap().seq
}

fn back(session: &Session, held: u64) -> Auth {
    let positions = Some([("hall".to_owned(), held)].into());
    Auth { token: session.token.clone(), positions, epoch: Some(session.epoch.clone()), ..Auth::default() }
}

#[tokio::test]
async fn people_on_different_nodes_talk_as_on_one() {
    let cluster = Cluster::of(3).await;
    let mut people = Vec::new();
    for (node, name) in cluster.nodes.iter().zip(["Ana", "Ben", "Cem"]) {
        let (connection, session, mut inbox) = node.new_guest(name).await;
        until_resumed(&mut inbox).await;
        connection.join_room(&hall()).await.unwrap();
        people.push((connection, session, inbox));
    }
    for round in 0..10 {
        // The bus is away now and then.
        cluster.bus.set_down(round % 4 == 3);
        for (number, (connection, ..)) in people.iter().enumerate() {
            say(connection, &format!("c{round}-{number}")).await;
        }
    }
    cluster.bus.set_down(false);
    for (number, (_, _, inbox)) in people.iter_mut().enumerate() {
        // From their own coming on.
        let first = number as u64 + 1;
        assert_eq!(until(inbox, 33).await, (first..=33).collect::<Vec<_>>(), "{number}");
    }
}

#[tokio::test]
async fn a_client_resumes_on_any_node() {
    let cluster = Cluster::of(2).await;
    let (ana, _, _inbox) = cluster.nodes[0].new_guest("Ana").await;
    ana.join_room(&hall()).await.unwrap();
    let (ben, session, mut inbox) = cluster.nodes[1].new_guest("Ben").await;
    until_resumed(&mut inbox).await;
    ben.join_room(&hall()).await.unwrap();
    assert_eq!(until(&mut inbox, 2).await, [2]);
    ben.close();
    let missed = say(&ana, "c1").await;
    let (_ben, _, mut inbox) = cluster.nodes[0].connect(back(&session, 2)).await;
    assert_eq!(until(&mut inbox, missed).await, [3]);
    let resumed = until_resumed(&mut inbox).await;
    assert_eq!(resumed.rooms["hall"], RoomResumed::Span { from: 2, to: 3 });
}

#[tokio::test]
async fn who_logs_out_is_sent_away_on_every_node_though_the_bus_is_down() {
    let cluster = Cluster::of(2).await;
    let (_ana, session, mut inbox) = cluster.nodes[1].new_guest("Ana").await;
    let (_ben, _, mut stays) = cluster.nodes[1].new_guest("Ben").await;
    until_resumed(&mut inbox).await;
    until_resumed(&mut stays).await;
    cluster.bus.set_down(true);
    let rest = Rest::new(cluster.nodes[0].url("").parse().unwrap(), PATIENCE).unwrap();
    rest.logout(session.token.as_ref().unwrap()).await.unwrap();
    let ended = async {
        loop {
            if let Incoming::Ending(ending) = inbox.next().await.unwrap() {
                return ending.reason;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, ended).await.expect("within a look or two"), "revoked");
    let (_cem, ..) = cluster.nodes[1].new_guest("Cem").await;
    assert!(stays.next().now_or_never().is_none(), "others stay");
}

#[tokio::test]
async fn every_node_tells_of_all() {
    let cluster = Cluster::of(2).await;
    let _ana = cluster.nodes[0].new_guest("Ana").await;
    let url = cluster.nodes[1].url("/api/v1/nodes");
    let told = async {
        loop {
            let nodes: Vec<NodeStatus> = plaza_client::plain_http()
                .build()
                .unwrap()
                .get(&url)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            let nodes: BTreeMap<_, _> = nodes.into_iter().map(|node| (node.node, node.connections)).collect();
            if nodes == BTreeMap::from([("n0".to_owned(), 1), ("n1".to_owned(), 0)]) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, told).await.expect("it is told within a lease");
}
