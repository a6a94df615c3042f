//! What one run comes to, and what the repeats of one come to together.

use super::spread::{Spread, short};
use crate::{
    load::spec::{Latency, Outcome},
    peers::Peer,
    plan::{Load, Unit},
    runner::Run,
};

/// From this share of its processor on, the load may be what held the server up.
const SATURATED: f64 = 0.95;

/// What a run cost, by what its load counts: microseconds a delivery or an ack, or bytes a connection.
#[must_use]
pub fn cost(outcome: &Outcome, load: &Load) -> f64 {
    match load.unit {
        Unit::Connection => {
            (outcome.memory.1.user - outcome.memory.0.user) / f64::from(load.rooms.connections)
        }
        _ => used(outcome, true) / units(outcome, load),
    }
}

/// What Redis and PostgreSQL cost beside, in microseconds a delivery or an ack.
#[must_use]
pub fn cost_beside(outcome: &Outcome, load: &Load) -> f64 {
    used(outcome, false) / units(outcome, load)
}

/// How many deliveries or acks there were.
#[must_use]
pub fn units(outcome: &Outcome, load: &Load) -> f64 {
    match load.unit {
        Unit::Delivery => outcome.delivered as f64,
        Unit::Ack => outcome.acked as f64,
        Unit::Connection => f64::from(load.rooms.connections),
    }
}

fn used(outcome: &Outcome, server: bool) -> f64 {
    let chosen = outcome.processes.iter().filter(|process| process.server == server);
    chosen.map(|process| process.usage.total_us()).sum()
}

/// Which part of the cost is the kernel's.
#[must_use]
pub fn kernel_share(outcome: &Outcome) -> f64 {
    let chosen = outcome.processes.iter().filter(|process| process.server);
    chosen.map(|process| process.usage.system_us).sum::<f64>() / used(outcome, true)
}

/// Of the window, for how long the servers' processes ran.
#[must_use]
pub fn server_share(outcome: &Outcome) -> f64 {
    used(outcome, true) / (outcome.seconds * 1e6)
}

/// Of the window, for how long the load ran.
#[must_use]
pub fn load_share(outcome: &Outcome) -> f64 {
    outcome.load.total_us() / (outcome.seconds * 1e6)
}

/// Of the window, for how long the servers' processor was busy with what is not of this run, or was taken away.
#[must_use]
pub fn foreign_share(outcome: &Outcome) -> f64 {
    let ours = used(outcome, true) + used(outcome, false);
    (outcome.server_core.busy_us + outcome.server_core.stolen_us - ours).max(0.0) / (outcome.seconds * 1e6)
}

/// Whether the load's processor was full, so that the server may have been faster.
#[must_use]
pub fn load_saturated(outcome: &Outcome) -> bool {
    load_share(outcome) >= SATURATED
}

/// The times that matter for a load: of deliveries where there are any, else of acks.
#[must_use]
pub fn latency(outcome: &Outcome) -> Option<Latency> {
    outcome.delivery.or(outcome.ack)
}

/// All repeats of a load by one server.
pub struct Repeats<'a> {
    /// The load.
    pub load: &'a Load,
    /// The server.
    pub peer: Peer,
    /// With the number of the repeat.
    pub outcomes: Vec<(u32, &'a Outcome)>,
    /// Why others have none.
    pub failures: Vec<&'a str>,
}

impl<'a> Repeats<'a> {
    /// Those of `runs` that are of this load and this server.
    #[must_use]
    pub fn of(runs: &'a [Run], load: &'a Load, peer: Peer) -> Self {
        let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
        for run in runs.iter().filter(|run| run.load == load.name && run.peer == peer) {
            match &run.outcome {
                Ok(outcome) => outcomes.push((run.repeat, outcome)),
                Err(failure) => failures.push(failure.as_str()),
            }
        }
        Self { load, peer, outcomes, failures }
    }

    /// Some figure of each.
    pub fn spread(&self, figure: impl Fn(&Outcome) -> f64) -> Option<Spread> {
        Spread::of(self.outcomes.iter().map(|(_, outcome)| figure(outcome)))
    }

    /// The cost of each.
    #[must_use]
    pub fn cost(&self) -> Option<Spread> {
        self.spread(|outcome| cost(outcome, self.load))
    }

    /// The cost of each, as a ratio to that of another in the same repeat.
    #[must_use]
    pub fn cost_to(&self, other: &Self) -> Option<Spread> {
        Spread::of(self.outcomes.iter().filter_map(|(repeat, outcome)| {
            let same = other.outcomes.iter().find(|(other, _)| other == repeat)?;
            Some(cost(outcome, self.load) / cost(same.1, other.load))
        }))
    }

    /// A count of all together.
    pub fn sum(&self, count: impl Fn(&Outcome) -> u64) -> u64 {
        self.outcomes.iter().map(|(_, outcome)| count(outcome)).sum()
    }
}

/// A run in one line, for the terminal.
#[must_use]
pub fn one_line(run: &Run, load: &Load) -> String {
    let head = format!("{:<16} {:<18} {}", run.load, run.peer.name(), run.repeat);
    let outcome = match &run.outcome {
        Ok(outcome) => outcome,
        Err(failure) => return format!("{head}  FAILED: {failure}"),
    };
    if load.unit == Unit::Connection {
        let kernel = (outcome.memory.1.kernel - outcome.memory.0.kernel) / f64::from(load.rooms.connections);
        return format!(
            "{head}  {:>9} bytes a connection, kernel {}",
            short(cost(outcome, load)),
            short(kernel)
        );
    }
    let unit = if load.unit == Unit::Delivery { "delivery" } else { "ack" };
    let mut line = format!(
        "{head}  {:>6} µs a {unit}, {:>9} a second, server {:>3.0} %, load {:>3.0} %, others {:>2.0} %",
        short(cost(outcome, load)),
        short(units(outcome, load) / outcome.seconds),
        server_share(outcome) * 100.0,
        load_share(outcome) * 100.0,
        foreign_share(outcome) * 100.0,
    );
    if let Some(Latency { p50, p99, p999, .. }) = latency(outcome) {
        line += &format!(", ms {} {} {}", short(p50 / 1e3), short(p99 / 1e3), short(p999 / 1e3));
    }
    line + &faults(outcome)
}

/// What Plaza did that it must never do, whatever else the machine was busy with.
#[must_use]
pub fn broken(run: &Run) -> Option<String> {
    let outcome = run.outcome.as_ref().ok()?;
    let is_ours = matches!(run.peer, Peer::Rooms | Peer::Plaza | Peer::PlazaCluster);
    let faults = faults(&Outcome { refused: 0, ..outcome.clone() });
    (is_ours && !faults.is_empty()).then(|| format!("{} by {}{faults}", run.load, run.peer.name()))
}

/// What should be zero, where it is not.
fn faults(outcome: &Outcome) -> String {
    let counts = [
        ("lost", outcome.findings.lost),
        ("doubled", outcome.findings.doubled),
        ("reordered", outcome.findings.reordered),
        ("refused", outcome.refused),
        ("unanswered", outcome.unanswered),
        ("connections ended", outcome.ended),
    ];
    counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!(", {count} {name}")).collect()
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
