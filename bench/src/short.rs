//! The short version for `make test`: it fails only on what no busy machine can cause.
//!
//! That is a message lost, doubled or out of order, one that is never answered, a connection that the server ended, and more memory
//! for a resting connection than `bench/bounds.toml` has. What a message costs in allocations and instructions is counted by
//! `crates/socketio/tests/costs.rs`, against bounds of the same file.

use crate::{
    peers::Place,
    plan::{self, Unit},
    report::figures::{broken, cost},
    runner::{self, Extent},
};
use anyhow::{Context, Result, bail, ensure};
use std::{fs, sync::atomic::AtomicBool, time::Duration};

const EXTENT: Extent =
    Extent { repeats: 1, warm_up: Duration::from_millis(300), window: Duration::from_secs(1) };

/// Runs all of it, and says what was measured and what its bound is.
///
/// # Errors
/// Where something is not as it must be, and where something could not be run at all.
pub fn run(place: &Place, stop: &AtomicBool) -> Result<()> {
    let bounds = fs::read_to_string(place.root.join("bench/bounds.toml"))?;
    let loads = plan::short();
    let runs = runner::run(&loads, &[], &EXTENT, place, stop)?;
    let mut wrong: Vec<String> = Vec::new();
    for run in &runs {
        let load = loads.iter().find(|load| load.name == run.load).context("a load of the plan")?;
        let outcome = match &run.outcome {
            Ok(outcome) => outcome,
            Err(failure) => {
                wrong.push(format!("{} by {}: {failure}", run.load, run.peer.name()));
                continue;
            }
        };
        wrong.extend(broken(run));
        if load.unit == Unit::Connection {
            let name = format!("resident-bytes-per-idle-connection-of-{}", run.peer.name());
            let (bytes, bound) = (cost(outcome, load), bound(&bounds, &name)?);
            println!("{name}: {bytes:.0}, bound {bound}");
            // Far less was not measured.
            if !(bound / 4.0..=bound).contains(&bytes) {
                wrong.push(format!(
                    "{name} is {bytes:.0}, which is not within its bound of {bound} in bench/bounds.toml"
                ));
            }
        } else {
            ensure!(outcome.acked > 0, "{} by {}: nothing was acknowledged", run.load, run.peer.name());
        }
    }
    if wrong.is_empty() {
        println!("Nothing lost, doubled or out of order in {} runs", runs.len());
        return Ok(());
    }
    bail!("{}", wrong.join("; "))
}

fn bound(bounds: &str, name: &str) -> Result<f64> {
    let line = bounds.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
    line.with_context(|| format!("no bound is called {name}"))?.parse().context(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Load;

    #[test]
    fn what_rests_has_a_bound() {
        let bounds = include_str!("../bounds.toml");
        for Load { peers, .. } in plan::short().iter().filter(|load| load.unit == Unit::Connection) {
            for peer in peers {
                let name = format!("resident-bytes-per-idle-connection-of-{}", peer.name());
                assert!(bound(bounds, &name).unwrap() > 100.0, "{name}");
            }
        }
        assert!(bound(bounds, "nothing").is_err());
    }
}
