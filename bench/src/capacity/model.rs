//! The model: a few measured figures, and what follows from them for machines and numbers of people that were not measured.

use crate::{
    load::spec::Outcome,
    peers::Peer,
    plan::{Load, loads},
    report::{
        figures::{Repeats, units},
        spread::Spread,
    },
    runner::Run,
    scaling::NODE as NODE_SHARE,
};
use anyhow::{Context, Result};
use serde_json::Value;

/// Of its processors and its memory, a machine should need so much in the busy hour: the rest is for peaks, and for the neighbours
/// of a node that fails.
pub(super) const FULL: f64 = 0.6;
/// How often a person writes: once a minute.
pub(super) const MESSAGES_A_SECOND: f64 = 1.0 / 60.0;
/// Members of a room.
pub(super) const MEMBERS: f64 = 20.0;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// Bytes of user space a signed-in connection that rests, at 18,000.
    pub connection: f64,
    /// Bytes of the kernel for this side of it.
    pub kernel: f64,
    /// Bytes of the process with 1,000 of them, code included.
    pub process: f64,
    /// CPU µs a delivery, rooms of 10, 8,000 messages a second.
    pub delivery: f64,
    /// CPU µs an acknowledged message, rooms of two, SQLite.
    pub ack: f64,
    /// CPU µs a message of people who write once a minute in rooms of 20, deliveries included: one process with SQLite.
    pub quiet: f64,
    /// The same of two nodes, on Redis and PostgreSQL: of the nodes.
    pub nodes: f64,
    /// Of Redis.
    pub redis: f64,
    /// Of PostgreSQL.
    pub postgres: f64,
    /// CPU µs a message that each further node costs which has members of the room.
    pub further_node: f64,
    /// Bytes in the database an event.
    pub event: f64,
    /// Contention and coherency of one process with more of a processor: messages.
    pub share: (f64, f64),
}

/// What so many people online at once need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    pub(super) messages: f64,
    pub(super) deliveries: f64,
    /// Bytes of memory of all connections.
    pub(super) memory: f64,
    /// Nodes of [`NODE`], by what they need most of.
    pub(super) nodes: f64,
    /// Processors of all nodes, Redis and PostgreSQL.
    pub(super) cores: (f64, f64, f64),
    /// Bytes a day in the database.
    pub(super) stored: f64,
}

/// A node of a large cluster: processors, and bytes of memory.
pub(super) const NODE: (f64, f64) = (8.0, 32e9);

impl Inputs {
    /// From the reports.
    ///
    /// # Errors
    /// Where one lacks something.
    pub fn of(runs: &[Run], log: &Value, scaling: &Value) -> Result<Self> {
        let loads = loads();
        let load = |name: &str| {
            loads.iter().find(|load| load.name == name).with_context(|| format!("there is no load {name}"))
        };
        let figure = |name: &str, peer, figure: &dyn Fn(&Outcome, &Load) -> f64| -> Result<f64> {
            let load = load(name)?;
            let repeats = Repeats::of(runs, load, peer);
            let spread: Option<Spread> = repeats.spread(|outcome| figure(outcome, load));
            Ok(spread.with_context(|| format!("{name} was not measured by {}", peer.name()))?.median)
        };
        let cost = |name: &str, peer| figure(name, peer, &crate::report::figures::cost);
        let beside = |process: &'static str| {
            figure("Q10k", Peer::PlazaCluster, &move |outcome, load| {
                let named = outcome.processes.iter().filter(|each| each.name == process);
                named.map(|each| each.usage.total_us()).sum::<f64>() / units(outcome, load)
            })
        };
        let kernel = |outcome: &Outcome, load: &Load| {
            // Both ends are on this machine.
            (outcome.memory.1.kernel - outcome.memory.0.kernel) / f64::from(load.rooms.connections) / 2.0
        };
        Ok(Self {
            connection: cost("I18k", Peer::Plaza)?,
            kernel: figure("I18k", Peer::Plaza, &kernel)?,
            process: figure("I1k", Peer::Plaza, &|outcome, _| outcome.memory.1.resident)?,
            delivery: cost("L3", Peer::Plaza)?,
            ack: cost("P2", Peer::Plaza)?,
            quiet: cost("Q10k", Peer::Plaza)?,
            nodes: cost("Q10k", Peer::PlazaCluster)?,
            redis: beside("redis")?,
            postgres: beside("postgres")?,
            further_node: further_node(scaling)?,
            event: log["bytes"].as_f64().context("bytes of the log")?
                / log["events"].as_f64().context("its events")?,
            share: law(scaling, "share-messages")?,
        })
    }

    /// Connections that fit into a machine's memory.
    pub(super) fn connections(&self, memory: f64) -> f64 {
        ((memory * FULL - self.process) / (self.connection + self.kernel)).max(0.0)
    }

    /// Deliveries a second of so many processors; of more than the one that was measured, at most.
    pub(super) fn deliveries(&self, cores: f64) -> f64 {
        cores * FULL * 1e6 / self.delivery
    }

    /// Acknowledged messages a second of one process with SQLite on so many processors; of more than one, at most.
    pub(super) fn acknowledged(&self, cores: f64) -> f64 {
        cores * FULL * 1e6 / self.ack
    }

    /// What so many people need who are online at once.
    pub(super) fn needs(&self, people: f64) -> Needs {
        let messages = people * MESSAGES_A_SECOND;
        let memory = people * (self.connection + self.kernel);
        let by_memory = memory / (NODE.1 * FULL);
        let cores = |nodes: f64| {
            // Members are everywhere: a message goes to as many nodes as the room has members, or as there are.
            let further = (nodes.min(MEMBERS) - 2.0).max(0.0);
            messages * (self.nodes + further * self.further_node) / 1e6
        };
        // More nodes cost more, so it is asked again until it no longer changes much.
        let mut nodes = by_memory.max(2.0);
        for _ in 0..20 {
            nodes = (cores(nodes) / (NODE.0 * FULL)).max(by_memory).max(2.0);
        }
        let beside = |us: f64| messages * us / 1e6;
        // A Redis is told once, and tells each node.
        let redis = self.redis * (nodes.min(MEMBERS) + 1.0) / 3.0;
        Needs {
            messages,
            deliveries: messages * MEMBERS,
            memory,
            nodes: nodes.ceil(),
            cores: (cores(nodes), beside(redis), beside(self.postgres)),
            stored: messages * 86_400.0 * self.event,
        }
    }
}

/// The two numbers of a curve's law.
fn law(scaling: &Value, name: &str) -> Result<(f64, f64)> {
    let law = &curve(scaling, name)?["law"];
    Ok((law["alpha"].as_f64().context("alpha")?, law["beta"].as_f64().context("beta")?))
}

fn curve<'a>(scaling: &'a Value, name: &str) -> Result<&'a Value> {
    let curves = scaling.as_array().context("curves")?;
    curves.iter().find(|curve| curve["name"] == name).with_context(|| format!("{name} was not measured"))
}

/// By how many µs a message costs more with each node: the slope of what all nodes used a message, by their number.
fn further_node(scaling: &Value) -> Result<f64> {
    let points = curve(scaling, "nodes-messages")?["points"].as_array().context("points")?;
    let point = |point: &Value| {
        let (n, used) = (point["n"].as_f64()?, point["used"].as_f64()?);
        Some((n, n * NODE_SHARE * used * 1e6 / point["carried"][0].as_f64()?))
    };
    let points: Vec<(f64, f64)> = points.iter().map(point).collect::<Option<_>>().context("a point")?;
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let across: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let up: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    Ok((up / across).max(0.0))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(in crate::capacity) fn inputs() -> Inputs {
        Inputs {
            connection: 4000.0,
            kernel: 6000.0,
            process: 30e6,
            delivery: 5.0,
            ack: 50.0,
            quiet: 300.0,
            nodes: 400.0,
            redis: 30.0,
            postgres: 200.0,
            further_node: 10.0,
            event: 250.0,
            share: (0.0, 0.0),
        }
    }

    #[test]
    fn a_machine_is_filled_to_its_part() {
        let inputs = inputs();
        assert!((inputs.connections(4e9) - (2.4e9 - 30e6) / 10_000.0).abs() < 1.0);
        assert!((inputs.deliveries(2.0) - 240_000.0).abs() < 1.0);
        assert!((inputs.acknowledged(1.0) - 12_000.0).abs() < 1.0, "as measured");
        assert!((inputs.acknowledged(4.0) - 48_000.0).abs() < 1.0, "at most");
    }

    #[test]
    fn ten_times_the_people_need_at_least_ten_times_as_much() {
        let (few, many) = (inputs().needs(1e6), inputs().needs(1e7));
        assert!((few.messages - 1e6 / 60.0).abs() < 1.0 && (few.deliveries - 1e6 / 3.0).abs() < 1.0);
        assert!(many.cores.0 >= 10.0 * few.cores.0 && many.nodes >= 9.0 * few.nodes, "{few:?} {many:?}");
    }

    #[test]
    fn a_further_node_costs_what_the_slope_says() {
        let point = |n: u32| {
            let us = 100.0 + 12.0 * f64::from(n);
            json!({"n": n, "used": 1.0, "carried": [f64::from(n) * 0.05 * 1e6 / us, 0.0, 0.0]})
        };
        let points: Vec<_> = (1..=8).map(point).collect();
        let scaling = json!([{"name": "nodes-messages", "points": points}]);
        assert!((further_node(&scaling).unwrap() - 12.0).abs() < 1e-6);
        assert!(law(&scaling, "share-messages").is_err());
    }
}
