//! What the load is told to do, as JSON on its standard input, and what it has to say at the end.

use super::{audit::Findings, dialect::Dialect, rooms::Rooms};
use crate::{
    cpu::{Core, Usage},
    memory::Memory,
};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A load, and what it should look at meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The nodes; connections are dealt out to them in turn.
    pub addresses: Vec<SocketAddr>,
    /// What they speak.
    pub dialect: Dialect,
    /// Who is where.
    pub rooms: Rooms,
    /// What is done there.
    pub traffic: Traffic,
    /// For how long before anything is counted, in milliseconds.
    pub warm_up_ms: u64,
    /// For how long then, in milliseconds.
    pub window_ms: u64,
    /// What runs on the servers' side.
    pub processes: Vec<Process>,
    /// The servers' processor.
    pub server_core: usize,
    /// The load's own.
    pub load_core: usize,
}

/// What is done on the connections.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Traffic {
    /// Messages in rooms, so many unacknowledged at a time.
    Messages {
        /// How many.
        in_flight: u32,
    },
    /// Messages in rooms, so many at a time that some member does not have, or whose sender has no acknowledgement.
    MessagesUntilEverywhere {
        /// How many; at most as many as there are streams.
        in_flight: u32,
    },
    /// Messages in rooms, evenly so many a second, whatever the server does.
    MessagesAtRate {
        /// How many.
        per_second: f64,
    },
    /// Events that are answered with their text, so many unanswered at a time.
    Echoes {
        /// How many.
        in_flight: u32,
    },
    /// Nothing: connections that rest.
    Rest,
}

/// A process on the servers' side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// What it is, such as `node 1` or `redis`.
    pub name: String,
    /// Its id.
    pub pid: u32,
    /// Whether it is a server, or what a server needs beside it.
    pub server: bool,
}

/// What came of it. All counts but those of the audit are of the window alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// How long the window was, in seconds.
    pub seconds: f64,
    /// Messages or echoes that were acknowledged.
    pub acked: u64,
    /// Messages that members received.
    pub delivered: u64,
    /// What each process used.
    pub processes: Vec<ProcessUsage>,
    /// What the load itself used.
    pub load: Usage,
    /// What the servers' processor did.
    pub server_core: Core,
    /// What the load's processor did.
    pub load_core: Core,
    /// From when a message should have been sent to when each member has it.
    pub delivery: Option<Latency>,
    /// From when a message should have been sent to its acknowledgement.
    pub ack: Option<Latency>,
    /// How much later than it should the load has sent.
    pub late: Option<Latency>,
    /// Sent from the beginning to the end.
    pub sent: u64,
    /// Of them refused, for example because the server was busy.
    pub refused: u64,
    /// Of them never answered.
    pub unanswered: u64,
    /// Connections that the server ended.
    pub ended: u64,
    /// What the members got, against what was sent, from the beginning to the end.
    pub findings: Findings,
    /// What the server's processes and the kernel held before the connections, and then.
    pub memory: (Memory, Memory),
    /// The most that the servers' processes ever had in memory, code included, in bytes.
    pub peak: f64,
    /// The most bytes that the kernel ever charged to a server whose memory is limited: also its connections and its files, as
    /// far as they are cached.
    #[serde(default)]
    pub charged: Option<u64>,
}

/// What one process used in the window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessUsage {
    /// Its name.
    pub name: String,
    /// Whether it is a server.
    pub server: bool,
    /// Its share.
    pub usage: Usage,
}

/// In microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half are below.
    pub p50: f64,
    /// 99 of 100 are.
    pub p99: f64,
    /// 999 of 1,000 are.
    pub p999: f64,
    /// All are.
    pub most: f64,
}
