//! What grows with a log, and should not: the time from the start of a process until it is ready, and what a page of history or a
//! resumption costs, at the top and in the middle of a room of a million events.
//!
//! The log is filled by the product itself: one member writes a million messages into one room, some hundred at a time. So it is what
//! such a log is, with every index and table beside it, and what it costs to append is seen to stay the same on the way.

mod ask;
mod client;
mod report;

pub use ask::Cost;
pub use report::markdown;

use crate::{
    cpu,
    peers::{Place, plaza_environment},
    process::{Running, free_address},
    report::spread::Spread,
};
use anyhow::{Result, bail, ensure};
use client::Client;
use rustix::process::Signal;
use serde::Serialize;
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// Events of the room that is compared with.
pub const SMALL: u64 = 2_000;
/// A start that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Serialize)]
pub struct Found {
    /// Events of the long room.
    pub events: u64,
    /// Bytes of the database.
    pub bytes: u64,
    /// Of each tenth of the filling: server CPU, in microseconds an acknowledged message.
    pub append_us: Vec<f64>,
    /// From the start of the process to ready, in milliseconds: with nothing in the log, and with all of it.
    pub ready_ms: (Vec<f64>, Vec<f64>),
    /// What requests cost.
    pub costs: Vec<Cost>,
}

impl Found {
    /// The time to ready with a full log, as a ratio to that with an empty one.
    #[must_use]
    pub fn ready_ratio(&self) -> f64 {
        let median = |times: &[f64]| Spread::of(times.iter().copied()).map_or(f64::NAN, |times| times.median);
        median(&self.ready_ms.1) / median(&self.ready_ms.0)
    }

    /// What is not as it must be: a start that takes twice as long, or a request at some place in a long room that costs half as
    /// much again as in a short one.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let ratio = self.ready_ratio();
        let start =
            (ratio > 2.0).then(|| format!("the start with a full log takes {ratio:.2} times as long"));
        let costs = self.costs.iter().filter(|cost| cost.ratio(&self.costs) > 1.5);
        start.into_iter().chain(costs.map(|cost| format!("{} is not flat", cost.about))).collect()
    }
}

/// Fills, starts and asks; `events` in the long room, and each start `repeats` times.
///
/// # Errors
/// Where something does not start or refuses, and where it was stopped.
pub fn run(place: &Place, events: u64, repeats: u32, stop: &AtomicBool) -> Result<Found> {
    let _ = fs::remove_dir_all(&place.scratch);
    let (empty, full) = (place.scratch.join("empty"), place.scratch.join("full"));
    fs::create_dir_all(&place.scratch)?;
    // Its tables are made here, and not while time is taken.
    drop(Node::start(&empty, place)?);

    let node = Node::start(&full, place)?;
    let mut client = Client::connect(node.address, r#"{"guest":"bench"}"#)?;
    client.request("room:join", r#"{"roomId":"short"}"#)?;
    client.request("room:join", r#"{"roomId":"long"}"#)?;
    client.fill("short", SMALL)?;
    let mut append_us = Vec::new();
    for tenth in 1..=10 {
        ensure!(!stop.load(Ordering::Relaxed), "stopped");
        let before = cpu::process(node.running.pid())?;
        client.fill("long", events / 10)?;
        let used = cpu::process(node.running.pid())? - before;
        append_us.push(used.total_us() / (events / 10) as f64);
        eprintln!("{} events, {:.1} µs a message", events / 10 * tenth, append_us.last().unwrap_or(&0.0));
    }
    let token = client.token.clone();
    drop((client, node));

    let mut ready_ms = (Vec::new(), Vec::new());
    for _ in 0..repeats {
        ensure!(!stop.load(Ordering::Relaxed), "stopped");
        ready_ms.0.push(Node::start(&empty, place)?.ready_ms);
        ready_ms.1.push(Node::start(&full, place)?.ready_ms);
    }
    let node = Node::start(&full, place)?;
    let mut client = Client::connect(node.address, &format!(r#"{{"token":"{token}"}}"#))?;
    let costs = ask::costs(&mut client, node.running.pid(), events, stop)?;
    let bytes = fs::metadata(full.join("plaza.db")).map_or(0, |file| file.len());
    drop((client, node));
    Ok(Found { events, bytes, append_us, ready_ms, costs })
}

/// Plaza on data that stays when it ends.
struct Node {
    running: Running,
    address: SocketAddr,
    ready_ms: f64,
}

impl Node {
    fn start(data: &Path, place: &Place) -> Result<Self> {
        let address = free_address()?;
        let data = data.display().to_string();
        let arguments = ["serve", "--listen", &address.to_string(), "--data", &data];
        let program = place.plaza.join("plaza");
        let began = Instant::now();
        let running = Running::start(
            "plaza",
            place.server_core,
            &program,
            arguments,
            &plaza_environment(),
            &place.scratch,
        )?;
        let mut running = running.ended_by(Signal::TERM);
        while !is_ready(address) {
            if running.has_ended()? || began.elapsed() > PATIENCE {
                bail!("Plaza does not get ready: {}", running.last_words());
            }
            sleep(Duration::from_micros(500));
        }
        Ok(Self { running, address, ready_ms: began.elapsed().as_secs_f64() * 1e3 })
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let answer = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: plaza\r\nconnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        std::io::Result::Ok(head)
    };
    answer().is_ok_and(|head| head.ends_with(b" 200"))
}
