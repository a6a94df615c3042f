//! The loads: what is sent to whom, by which servers each is carried, and what is looked for in it.

use crate::{
    limits::Limits,
    load::{rooms::Rooms, spec::Traffic},
    peers::{Nodes, Peer},
};
use Peer::{Floor, Node, NodeClassic, Plaza, PlazaCluster, ReferenceB, Socketioxide, SocketioxideLarge};
use std::time::Duration;

/// What the cost of a load is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A message that a member received.
    Delivery,
    /// A message or an echo that was acknowledged.
    Ack,
    /// A connection that rests.
    Connection,
}

/// Loads that are shown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Group {
    /// Messages to rooms, one process.
    Rooms,
    /// Events that are answered.
    Echo,
    /// Connections that rest.
    Idle,
    /// Two nodes over Redis.
    Nodes,
    /// Plaza whole against applications that store nothing.
    Product,
    /// What grows with the size of a room, with rooms, with connections.
    Growth,
}

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// As it is called on the command line and in reports.
    pub name: String,
    /// What it is, in words.
    pub about: String,
    /// With which others it is shown.
    pub group: Group,
    /// Who is where.
    pub rooms: Rooms,
    /// What is done.
    pub traffic: Traffic,
    /// By how many processes.
    pub nodes: Nodes,
    /// By which servers.
    pub peers: Vec<Peer>,
    /// What its cost is divided by.
    pub unit: Unit,
    /// Whether it is measured once, and not in every repeat.
    pub once: bool,
    /// What each server may take.
    pub limits: Limits,
    /// For how long it is measured, where that is said.
    pub window: Option<Duration>,
}

/// Where nobody is in a room.
const NO_ROOMS: (u32, u32, u32) = (0, 0, 0);
const SMALL: [Peer; 4] = [Floor, Peer::Rooms, Node, Socketioxide];

impl Load {
    fn new(
        name: &str,
        group: Group,
        (rooms, size, senders): (u32, u32, u32),
        traffic: Traffic,
        about: &str,
    ) -> Self {
        let rooms = Rooms { connections: rooms * size, rooms, size, senders };
        let (name, about) = (name.to_owned(), about.to_owned());
        let (nodes, peers, unit) = (Nodes::One, SMALL.to_vec(), Unit::Delivery);
        Self {
            name,
            about,
            group,
            rooms,
            traffic,
            nodes,
            peers,
            unit,
            once: false,
            limits: Limits::default(),
            window: None,
        }
    }

    fn peers(self, peers: &[Peer]) -> Self {
        Self { peers: peers.to_vec(), ..self }
    }

    fn per_ack(self) -> Self {
        Self { unit: Unit::Ack, ..self }
    }

    fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Where there is little to count, or much to wait for.
    fn for_seconds(self, seconds: u64) -> Self {
        Self { window: Some(Duration::from_secs(seconds)), ..self }
    }

    fn connections(mut self, connections: u32) -> Self {
        self.rooms.connections = connections;
        self
    }
}

/// All loads, in the order in which they run.
#[must_use]
pub fn loads() -> Vec<Load> {
    [rooms(), echoes(), idle(), nodes(), product(), growth()].concat()
}

/// What `make test` runs: each kind of load, small and short, by Plaza alone. It is for the audit and for memory, not for cost,
/// so an unoptimised build carries it on a busy machine.
#[must_use]
pub fn short() -> Vec<Load> {
    let load = |name, rooms, traffic, about, peers: &[Peer]| {
        Load::new(name, Group::Rooms, rooms, traffic, about).peers(peers)
    };
    let rate = |per_second| Traffic::MessagesAtRate { per_second };
    let both = [Peer::Rooms, Plaza];
    let nodes = load("short-nodes", (20, 10, 4), messages(40), "two nodes and Redis", &[Peer::Rooms]);
    let idle = Load::new("short-idle", Group::Idle, NO_ROOMS, Traffic::Rest, "4,000 connections that rest");
    vec![
        load("short-room", (1, 100, 16), messages(16), "1 room of 100, 16 messages in flight", &both),
        load("short-rooms", (20, 10, 8), messages(160), "20 rooms of 10, 160 messages in flight", &both),
        load("short-rate", (20, 10, 10), rate(200.0), "20 rooms of 10, 200 messages a second", &both),
        load(
            "short-many",
            (50, 20, 20),
            rate(50.0),
            "200 users, each in 5 rooms of 20",
            &[Plaza, PlazaCluster],
        )
        .connections(200),
        load(
            "short-echo",
            NO_ROOMS,
            Traffic::Echoes { in_flight: 100 },
            "100 echoes in flight",
            &[Peer::Rooms],
        )
        .connections(100)
        .per_ack(),
        Load { nodes: Nodes::Two, ..nodes },
        Load { unit: Unit::Connection, ..idle }.peers(&both).connections(4000),
    ]
}

fn messages(in_flight: u32) -> Traffic {
    Traffic::Messages { in_flight }
}

fn rooms() -> Vec<Load> {
    let all = [Floor, Peer::Rooms, Plaza, Node, Socketioxide];
    // A larger buffer makes a difference where more is under way than the smaller one holds.
    let buffered = [&all[..], &[SocketioxideLarge]].concat();
    let load = |name, rooms, traffic, about| Load::new(name, Group::Rooms, rooms, traffic, about).peers(&all);
    let everywhere = |name, rooms, in_flight, about| {
        load(name, rooms, Traffic::MessagesUntilEverywhere { in_flight }, about).peers(&SMALL)
    };
    let rate = Traffic::MessagesAtRate { per_second: 8000.0 };
    vec![
        load("F1", (1, 1000, 1), messages(1), "1 room of 1,000, 1 message in flight"),
        load("F2", (1, 1000, 16), messages(16), "1 room of 1,000, 16 messages in flight").peers(&buffered),
        load("F3", (100, 10, 1), messages(100), "100 rooms of 10, 100 messages in flight"),
        load("F4", (100, 10, 8), messages(800), "100 rooms of 10, 800 messages in flight").peers(&buffered),
        everywhere("D1", (1, 1000, 1), 1, "1 room of 1,000, 1 message in flight until everybody has it"),
        everywhere(
            "D3",
            (100, 10, 1),
            100,
            "100 rooms of 10, 100 messages in flight until everybody has them",
        ),
        load("L3", (100, 10, 10), rate, "100 rooms of 10, 8,000 messages (80,000 deliveries) a second"),
    ]
}

fn echoes() -> Vec<Load> {
    let load = |name, in_flight, about| {
        Load::new(name, Group::Echo, NO_ROOMS, Traffic::Echoes { in_flight }, about)
            .per_ack()
            .connections(1000)
    };
    vec![
        load("E1", 100, "an event with its ack: 1,000 connections, 100 in flight"),
        load("E2", 1600, "an event with its ack: 1,000 connections, 1,600 in flight"),
    ]
}

fn idle() -> Vec<Load> {
    let load = |name, connections, about| {
        let load =
            Load::new(name, Group::Idle, NO_ROOMS, Traffic::Rest, about).connections(connections).once();
        Load { unit: Unit::Connection, ..load }.peers(&[Floor, Peer::Rooms, Plaza, Node, Socketioxide])
    };
    vec![
        load("I1k", 1000, "1,000 connections that rest"),
        load("I10k", 10_000, "10,000 connections that rest"),
        load("I18k", 18_000, "18,000 connections that rest"),
    ]
}

fn nodes() -> Vec<Load> {
    let peers = [Peer::Rooms, Node, NodeClassic, Socketioxide];
    let load = |name, rooms, in_flight, about| {
        let load = Load::new(name, Group::Nodes, rooms, messages(in_flight), about).peers(&peers);
        Load { nodes: Nodes::Two, ..load }
    };
    vec![
        load("N3", (100, 10, 1), 100, "two nodes and Redis: 100 rooms of 10, 100 messages in flight"),
        load("N4", (100, 10, 8), 800, "two nodes and Redis: 100 rooms of 10, 800 messages in flight")
            .peers(&[&peers[..], &[SocketioxideLarge]].concat()),
    ]
}

fn product() -> Vec<Load> {
    let load = |name: &str, rooms, traffic, about: &str, peers: &[Peer]| {
        Load::new(name, Group::Product, rooms, traffic, about).per_ack().peers(peers)
    };
    let alone = |users: u32, seconds| {
        let about = format!("{users} users, each in a room of their own, each with one message a second");
        let rate = Traffic::MessagesAtRate { per_second: f64::from(users) };
        load(&format!("B{}k", users / 1000), (users, 1, 1), rate, &about, &[Plaza, PlazaCluster, ReferenceB])
            .for_seconds(seconds)
    };
    let quiet = |users: u32, seconds, peers| {
        let about = format!("{users} users, each in 5 rooms of 20, each with one message a minute");
        let rate = Traffic::MessagesAtRate { per_second: f64::from(users) / 60.0 };
        load(&format!("Q{}k", users / 1000), (users / 4, 20, 20), rate, &about, peers)
            .connections(users)
            .for_seconds(seconds)
    };
    // Beside the memory: a message of each every ten seconds, for a minute.
    let small_machine = Load {
        limits: Limits { memory: Some(512 << 20), cpu: None },
        ..load(
            "M5k",
            (1250, 20, 20),
            Traffic::MessagesAtRate { per_second: 500.0 },
            "512 MB of memory in all: 5,000 users, each in 5 rooms of 20, 500 messages a second for a minute",
            &[Plaza],
        )
        .connections(5000)
        .for_seconds(60)
        .once()
    };
    vec![
        load("P1", (1, 1000, 16), messages(16), "1 room of 1,000, 16 messages in flight", &[Plaza, Node]),
        load("P2", (500, 2, 1), messages(500), "500 rooms of two, 500 messages in flight", &[Plaza, Node]),
        alone(1000, 8),
        alone(3000, 5),
        alone(9000, 4),
        small_machine,
        quiet(1000, 15, &[Plaza, Node]),
        quiet(10_000, 10, &[Plaza, PlazaCluster]),
    ]
}

fn growth() -> Vec<Load> {
    let load = |name: &str, rooms, in_flight, about: &str| {
        Load::new(name, Group::Growth, rooms, messages(in_flight), about)
            .peers(&[Floor, Peer::Rooms, Plaza])
            .once()
    };
    let sizes = [2, 10, 100, 1000, 10_000].map(|size: u32| {
        let rooms = (1000 / size).max(1);
        let about = format!("rooms of {size}, 16 messages in flight");
        load(&format!("size-{size}"), (rooms, size, 16_u32.div_ceil(rooms).min(size)), 16, &about)
    });
    let rooms = [1, 10, 100, 1000, 10_000, 100_000].map(|rooms: u32| {
        let about = format!("{rooms} rooms of two among 1,000 connections, 100 messages in flight");
        load(&format!("rooms-{rooms}"), (rooms, 2, 1), 100, &about).connections(1000)
    });
    let connections = [1000, 2000, 5000, 10_000, 18_000].map(|connections: u32| {
        let about = format!("{connections} connections in rooms of 10, 100 messages in flight");
        load(&format!("connections-{connections}"), (connections / 10, 10, 1), 100, &about)
    });
    sizes.into_iter().chain(rooms).chain(connections).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_their_own() {
        let loads = loads();
        let names: HashSet<&String> = loads.iter().map(|load| &load.name).collect();
        assert_eq!(names.len(), loads.len());
    }

    #[test]
    fn everybody_who_is_to_send_is_a_member() {
        for load in loads() {
            assert!(load.rooms.senders <= load.rooms.size, "{}", load.name);
            assert!(load.rooms.size <= load.rooms.connections, "{}", load.name);
            assert!(load.rooms.connections <= 18_000, "{}", load.name);
            if let Traffic::MessagesUntilEverywhere { in_flight } = load.traffic {
                assert!(in_flight <= load.rooms.streams(), "{}", load.name);
            }
        }
    }
}
