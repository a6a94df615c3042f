//! Runs the loads: one server at a time, each repeat over all servers before the next, so that what the machine does in
//! between meets all of them alike.

use crate::{
    load::spec::{Outcome, Process, Spec},
    peers::{Peer, Place, Servers},
    plan::Load,
    process::Running,
    progress::Progress,
    report::figures::one_line,
};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// What opening connections, joining rooms and waiting for the rest may take beside the measuring.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long and how often.
pub struct Extent {
    /// How often everything is measured.
    pub repeats: u32,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// What is counted.
    pub window: Duration,
}

/// A run, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The load's name.
    pub load: String,
    /// Who carried it.
    pub peer: Peer,
    /// From 1.
    pub repeat: u32,
    /// What came of it, or why nothing did.
    pub outcome: Result<Outcome, String>,
}

/// Runs the loads by those of their peers that are in `only`, until all is done or `stop` is set.
///
/// # Errors
/// Where it was stopped.
pub fn run(
    loads: &[Load],
    only: &[Peer],
    extent: &Extent,
    place: &Place,
    stop: &AtomicBool,
) -> Result<Vec<Run>> {
    let mut planned = Vec::new();
    for repeat in 1..=extent.repeats {
        for load in loads.iter().filter(|load| repeat == 1 || !load.once) {
            let mut peers: Vec<Peer> =
                load.peers.iter().copied().filter(|peer| only.is_empty() || only.contains(peer)).collect();
            // Nobody always comes after the same one.
            let first = (repeat as usize - 1) % peers.len().max(1);
            peers.rotate_left(first);
            planned.extend(peers.into_iter().map(|peer| (repeat, load, peer)));
        }
    }
    let mut progress = Progress::new(planned.len());
    let mut runs = Vec::with_capacity(planned.len());
    for (repeat, load, peer) in planned {
        progress.begins(&format!("{} by {}", load.name, peer.name()));
        let outcome = one(load, peer, extent, place, stop).map_err(|error| format!("{error:#}"));
        if stop.load(Ordering::Relaxed) {
            bail!("stopped; everything that was started has ended");
        }
        let run = Run { load: load.name.clone(), peer, repeat, outcome };
        progress.ended(&one_line(&run, load));
        runs.push(run);
    }
    Ok(runs)
}

fn one(load: &Load, peer: Peer, extent: &Extent, place: &Place, stop: &AtomicBool) -> Result<Outcome> {
    let servers = peer.start(load.nodes, load.limits, place)?;
    let window = load.window.unwrap_or(extent.window);
    let spec = spec(load, (extent.warm_up, window), place, &servers);
    let (input, output) = (place.scratch.join("load.in"), place.scratch.join("load.out"));
    fs::write(&input, serde_json::to_vec(&spec)?)?;
    let program = std::env::current_exe()?;
    let arguments = [PathBuf::from("load"), input, output.clone()];
    let mut generator = Running::start("load", place.load_core, &program, arguments, &[], &place.scratch)?;
    let bound = PATIENCE + extent.warm_up + window;
    let began = Instant::now();
    while !generator.has_ended()? {
        if stop.load(Ordering::Relaxed) {
            bail!("stopped");
        }
        if began.elapsed() > bound {
            bail!("not done after {} s", bound.as_secs());
        }
        sleep(Duration::from_millis(20));
    }
    let words = || {
        let said = servers.servers.iter().map(|server| format!("{}: {}", server.name, server.last_words()));
        format!("{} ({})", generator.last_words(), said.collect::<Vec<_>>().join("; "))
    };
    let outcome = fs::read(&output).with_context(words)?;
    Ok(Outcome { charged: servers.most_memory(), ..serde_json::from_slice(&outcome)? })
}

fn spec(load: &Load, (warm_up, window): (Duration, Duration), place: &Place, servers: &Servers) -> Spec {
    let process =
        |server| move |running: &Running| Process { name: running.name.clone(), pid: running.pid(), server };
    let processes =
        servers.servers.iter().map(process(true)).chain(servers.beside.iter().map(process(false)));
    Spec {
        addresses: servers.addresses.clone(),
        dialect: servers.dialect,
        rooms: load.rooms,
        traffic: load.traffic,
        warm_up_ms: u64::try_from(warm_up.as_millis()).unwrap_or_default(),
        window_ms: u64::try_from(window.as_millis()).unwrap_or_default(),
        processes: processes.collect(),
        server_core: place.server_core,
        load_core: place.load_core,
    }
}
