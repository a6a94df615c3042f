//! `plaza-bench`: plans, runs, reports. `make bench` builds everything that it measures and starts it.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use plaza_bench::{
    capacity, load, long_log,
    peers::{Peer, Place},
    plan::{self, Group, Load},
    report::{figures, machine::Machine, markdown, plots},
    runner::{self, Extent, Run},
    scaling, short,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// Measures what a message and a connection cost, side by side: Plaza, Node.js, socketioxide, and the kernel's floor.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only these loads, such as F3,E1, or of these groups: rooms, echo, idle, nodes, product, growth
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these servers
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// How often everything is measured
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: u32,
    /// For how long each is measured, in seconds
    #[arg(long, global = true, default_value_t = 3.0)]
    seconds: f64,
    /// For how long each runs before, in seconds
    #[arg(long, global = true, default_value_t = 1.5)]
    warm_up: f64,
    /// The servers' processor
    #[arg(long, global = true, default_value_t = 0)]
    server_core: usize,
    /// The load's processor
    #[arg(long, global = true, default_value_t = 1)]
    load_core: usize,
    /// Where the report goes. Without it: bench/results where all is measured, else target/bench
    #[arg(long, global = true)]
    out: Option<PathBuf>,
    /// Say which loads there are, and by which servers each is carried
    #[arg(long)]
    list: bool,
    /// As what Plaza was built
    #[arg(long, default_value = "release", global = true)]
    profile: String,
}

#[derive(Subcommand)]
enum Command {
    /// One load, as the program starts it itself
    #[command(hide = true)]
    Load { input: PathBuf, output: PathBuf },
    /// Runs each kind of load for a second, and fails on what no busy machine can cause: loss, doubles, wrong order, memory
    Short,
    /// Fills a log, and measures whether a start, history and resuming stay as they were
    Log {
        /// Events of the log
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        /// How often it is started with each log
        #[arg(long, default_value_t = 7)]
        starts: u32,
    },
    /// Measures how much is carried with more of a processor and with more nodes, and fits a law to it
    Scaling {
        /// Only these curves: share-messages, share-deliveries, nodes-messages
        curves: Vec<String>,
    },
    /// Writes what follows from the reports into docs/capacity.md
    Capacity,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    raise_open_files()?;
    match &arguments.command {
        Some(Command::Load { input, output }) => one_load(input, output),
        Some(Command::Short) => {
            let (place, stop) = (place(&arguments)?, stopped_by_signals()?);
            let ran = short::run(&place, &stop);
            let _ = fs::remove_dir_all(&place.scratch);
            ran
        }
        Some(Command::Log { events, starts }) => long_log(&arguments, *events, *starts),
        Some(Command::Scaling { curves }) => scaling(&arguments, curves),
        Some(Command::Capacity) => {
            let place = place(&arguments)?;
            capacity::write(&out(&arguments, &place, true)?, &place.root.join("docs/capacity.md"))
        }
        None if arguments.list => {
            list();
            Ok(())
        }
        None => measure(&arguments),
    }
}

fn one_load(input: &Path, output: &Path) -> Result<()> {
    let spec = serde_json::from_slice(&fs::read(input)?)?;
    let outcome = load::run(&spec)?;
    Ok(fs::write(output, serde_json::to_vec(&outcome)?)?)
}

fn list() {
    for load in plan::loads() {
        let peers: Vec<String> = load.peers.iter().map(|peer| peer.name()).collect();
        println!("{:<18} {} [{}]", load.name, load.about, peers.join(" "));
    }
}

/// What is written beside the report, for other programs.
#[derive(Serialize)]
struct Raw<'a> {
    machine: &'a Machine,
    runs: &'a [Run],
}

fn measure(arguments: &Arguments) -> Result<()> {
    let stop = stopped_by_signals()?;
    let place = place(arguments)?;
    let loads = chosen(&arguments.only)?;
    let extent = extent(arguments)?;
    let runs = runner::run(&loads, &arguments.peers, &extent, &place, &stop);
    let _ = fs::remove_dir_all(&place.scratch);
    let (runs, machine) = (runs?, Machine::here(&place.root));
    let whole = arguments.only.is_empty() && arguments.peers.is_empty();
    let out = out(arguments, &place, whole)?;
    let plots = plots::plots(&runs, &loads);
    for (name, picture) in &plots {
        fs::write(out.join(name), picture)?;
    }
    let names: Vec<String> = plots.into_iter().map(|(name, _)| name).collect();
    fs::write(out.join("README.md"), markdown::report(&runs, &loads, &machine, &extent, &names))?;
    fs::write(out.join("runs.json"), serde_json::to_vec(&Raw { machine: &machine, runs: &runs })?)?;
    println!("The report is {}", out.join("README.md").display());
    let broken: Vec<String> = runs.iter().filter_map(figures::broken).collect();
    if !broken.is_empty() {
        bail!("Plaza broke its promise: {}", broken.join("; "));
    }
    if runs.iter().any(|run| run.outcome.is_err()) {
        bail!("some runs failed; the report says which");
    }
    Ok(())
}

fn long_log(arguments: &Arguments, events: u64, starts: u32) -> Result<()> {
    let (place, stop) = (place(arguments)?, stopped_by_signals()?);
    let found = long_log::run(&place, events, starts, &stop);
    let _ = fs::remove_dir_all(&place.scratch);
    let (found, out) = (found?, out(arguments, &place, true)?);
    fs::write(out.join("log.md"), long_log::markdown(&found, &Machine::here(&place.root)))?;
    fs::write(out.join("log.json"), serde_json::to_vec(&found)?)?;
    println!("The report is {}", out.join("log.md").display());
    let wrong = found.wrong();
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
}

fn scaling(arguments: &Arguments, curves: &[String]) -> Result<()> {
    let (place, stop, extent) = (place(arguments)?, stopped_by_signals()?, extent(arguments)?);
    let found = scaling::run(curves, &extent, &place, &stop);
    let _ = fs::remove_dir_all(&place.scratch);
    let (found, out) = (found?, out(arguments, &place, curves.is_empty())?);
    for (name, picture) in scaling::pictures(&found) {
        fs::write(out.join(name), picture)?;
    }
    fs::write(out.join("scaling.md"), scaling::markdown(&found, &Machine::here(&place.root), &extent))?;
    fs::write(out.join("scaling.json"), serde_json::to_vec(&found)?)?;
    println!("The report is {}", out.join("scaling.md").display());
    Ok(())
}

fn extent(arguments: &Arguments) -> Result<Extent> {
    Ok(Extent {
        repeats: arguments.repeats,
        warm_up: Duration::try_from_secs_f64(arguments.warm_up).context("--warm-up")?,
        window: Duration::try_from_secs_f64(arguments.seconds).context("--seconds")?,
    })
}

/// The folder of the reports, made where it is missing.
fn out(arguments: &Arguments, place: &Place, whole: bool) -> Result<PathBuf> {
    let default = if whole { "bench/results" } else { "target/bench" };
    let out = arguments.out.clone().unwrap_or_else(|| place.root.join(default));
    fs::create_dir_all(&out)?;
    Ok(out)
}

/// What Ctrl-C sets.
fn stopped_by_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

fn place(arguments: &Arguments) -> Result<Place> {
    let root = std::env::current_dir()?;
    if !root.join("bench/Cargo.toml").exists() {
        bail!("start it in the folder of Plaza's sources: make bench");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let bench = std::env::current_exe()?.parent().context("no folder")?.to_owned();
    let scratch = std::env::temp_dir().join(format!("plaza-bench-{}", std::process::id()));
    let (server_core, load_core) = (arguments.server_core, arguments.load_core);
    Ok(Place { root, plaza: target.join(&arguments.profile), bench, scratch, server_core, load_core })
}

/// The loads that are named, or whose group is.
fn chosen(only: &[String]) -> Result<Vec<Load>> {
    let all = plan::loads();
    for name in only {
        if group(name).is_none() && !all.iter().any(|load| load.name == *name) {
            bail!("there is no load {name}; --list says which there are");
        }
    }
    let is_named =
        |load: &Load| only.iter().any(|name| load.name == *name || group(name) == Some(load.group));
    Ok(all.into_iter().filter(|load| only.is_empty() || is_named(load)).collect())
}

fn group(name: &str) -> Option<Group> {
    clap::ValueEnum::from_str(name, true).ok()
}

/// 18,000 connections are as many open files, here and in the servers, which inherit it.
fn raise_open_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn loads_are_chosen_by_name_and_by_group() {
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
            chosen(&only).map(|loads| loads.into_iter().map(|load| load.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["F3", "echo"]).unwrap(), ["F3", "E1", "E2"]);
        assert!(names(&["F9"]).is_err());
        assert_eq!(names(&[]).unwrap().len(), plan::loads().len());
    }
}
