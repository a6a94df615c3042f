//! How what is carried grows with what it is given: one process with more of a processor, and more processes with a little of one each.
//! To what was measured the universal scalability law is fitted, without the last point; that is then foretold.
//!
//! On a machine of two processors nothing else can be shown honestly: shares of one processor, dealt out by the kernel, are
//! what a small machine has, and the load keeps the other for itself.

mod law;
mod report;

pub use law::Law;
pub use report::{markdown, pictures};

use crate::{
    limits::Limits,
    load::{rooms::Rooms, spec::Traffic},
    peers::{Nodes, Peer, Place},
    plan::{Group, Load, Unit},
    report::{
        figures::{self, load_saturated, server_share, units},
        spread::Spread,
    },
    runner::{self, Extent},
};
use anyhow::{Result, bail};
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// The share of a processor that each node has, where there are more and more of them.
pub const NODE: f64 = 0.05;

/// One question: a server, a load, and what there is more of from point to point.
pub struct Curve {
    /// As files and reports call it.
    pub name: &'static str,
    /// In words.
    pub about: &'static str,
    /// What there is more of.
    pub across: &'static str,
    /// What is carried.
    pub unit: Unit,
    peer: Peer,
    rooms: Rooms,
    in_flight: u32,
    /// The share of a processor that one has.
    one: f64,
    /// Whether there are more processes of that share, or one with a larger share.
    processes: bool,
    /// How many there are at the last point.
    most: u32,
}

/// What is asked.
#[must_use]
pub fn curves() -> Vec<Curve> {
    let rooms = |rooms, size, senders| Rooms { connections: rooms * size, rooms, size, senders };
    vec![
        Curve {
            name: "share-messages",
            about: "Plaza whole, one process, every message stored: 100 rooms of two, 800 messages in flight",
            across: "tenths of a processor",
            unit: Unit::Ack,
            peer: Peer::Plaza,
            rooms: rooms(100, 2, 2),
            in_flight: 800,
            one: 0.1,
            processes: false,
            most: 10,
        },
        Curve {
            name: "share-deliveries",
            about: "the Socket.IO layer, one process: 100 rooms of 10, 800 messages in flight",
            across: "tenths of a processor",
            unit: Unit::Delivery,
            peer: Peer::Rooms,
            rooms: rooms(100, 10, 8),
            in_flight: 800,
            one: 0.1,
            processes: false,
            most: 10,
        },
        Curve {
            name: "nodes-messages",
            about: "Plaza whole, so many nodes on one Redis and one PostgreSQL: 100 rooms of 8, their members on all nodes, \
                    400 messages in flight",
            across: "nodes with a twentieth of a processor each",
            unit: Unit::Ack,
            peer: Peer::PlazaCluster,
            rooms: rooms(100, 8, 4),
            in_flight: 400,
            one: NODE,
            processes: true,
            most: 8,
        },
    ]
}

impl Curve {
    fn load(&self, n: u32) -> Load {
        let share = if self.processes { self.one } else { self.one * f64::from(n) };
        Load {
            name: format!("{} {n}", self.name),
            about: self.about.to_owned(),
            group: Group::Growth,
            rooms: self.rooms,
            traffic: Traffic::Messages { in_flight: self.in_flight },
            nodes: if self.processes { Nodes::Some(n) } else { Nodes::One },
            peers: vec![self.peer],
            unit: self.unit,
            once: false,
            limits: Limits { memory: None, cpu: Some(share) },
            window: None,
        }
    }
}

/// A point of a curve, of all repeats.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// How many.
    pub n: u32,
    /// What was carried a second, the middle, the least and the most.
    pub carried: (f64, f64, f64),
    /// Of the share of a processor that the servers had, the part that they used.
    pub used: f64,
    /// Whether the load was at its own end.
    pub load_saturated: bool,
}

/// A curve, and its law.
#[derive(Serialize)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// In order.
    pub points: Vec<Point>,
    /// Fitted to all points but the last.
    pub law: Option<Law>,
    /// Of each point, what the law says of it that is fitted to all others.
    pub foretold: Vec<f64>,
}

impl Found {
    fn new(name: &str, points: Vec<Point>) -> Self {
        let pairs: Vec<(f64, f64)> =
            points.iter().map(|point| (f64::from(point.n), point.carried.0)).collect();
        let without = |index: usize| {
            let others = pairs.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, pair)| *pair);
            Law::fit(&others.collect::<Vec<_>>())
        };
        let foretold = pairs.iter().enumerate();
        let foretold =
            foretold.map(|(index, (n, _))| without(index).map_or(f64::NAN, |law| law.carries(*n))).collect();
        let law = without(pairs.len().saturating_sub(1));
        Self { name: name.to_owned(), points, law, foretold }
    }

    /// By how much the last point was foretold wrongly, as a part of it.
    #[must_use]
    pub fn error(&self) -> f64 {
        match (self.points.last(), self.foretold.last()) {
            (Some(point), Some(foretold)) => foretold / point.carried.0 - 1.0,
            _ => f64::NAN,
        }
    }
}

/// Measures the curves that are named, or all.
///
/// # Errors
/// Where a point could not be measured, where Plaza broke its promise, and where it was stopped.
pub fn run(only: &[String], extent: &Extent, place: &Place, stop: &AtomicBool) -> Result<Vec<Found>> {
    let curves =
        curves().into_iter().filter(|curve| only.is_empty() || only.iter().any(|name| name == curve.name));
    curves.map(|curve| measure(&curve, extent, place, stop)).collect()
}

fn measure(curve: &Curve, extent: &Extent, place: &Place, stop: &AtomicBool) -> Result<Found> {
    let loads: Vec<Load> = (1..=curve.most).map(|n| curve.load(n)).collect();
    let runs = runner::run(&loads, &[], extent, place, stop)?;
    if let Some(broken) = runs.iter().find_map(figures::broken) {
        bail!("Plaza broke its promise: {broken}");
    }
    let point = |(n, load): (u32, &Load)| {
        let mut outcomes = Vec::new();
        for run in runs.iter().filter(|run| run.load == load.name) {
            match &run.outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(failure) => bail!("{}: {failure}", load.name),
            }
        }
        let carried = Spread::of(outcomes.iter().map(|outcome| units(outcome, load) / outcome.seconds));
        let used =
            Spread::of(outcomes.iter().map(|outcome| server_share(outcome) / (curve.one * f64::from(n))));
        let (Some(carried), Some(used)) = (carried, used) else { bail!("{} was not measured", load.name) };
        let load_saturated = outcomes.iter().any(|outcome| load_saturated(outcome));
        let carried = (carried.median, carried.least, carried.most);
        Ok(Point { n, carried, used: used.median, load_saturated })
    };
    let points: Result<Vec<Point>> = (1..).zip(&loads).map(point).collect();
    Ok(Found::new(curve.name, points?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_point_is_foretold_from_the_others() {
        let law = Law { gamma: 500.0, alpha: 0.04, beta: 0.001 };
        let point = |n: u32| {
            let carried = law.carries(f64::from(n)) * if n == 8 { 1.1 } else { 1.0 };
            Point { n, carried: (carried, carried, carried), used: 1.0, load_saturated: false }
        };
        let found = Found::new("some", (1..=8).map(point).collect());
        assert!((found.error() - (1.0 / 1.1 - 1.0)).abs() < 1e-6, "{}", found.error());
        assert!((found.law.expect("fitted").alpha - 0.04).abs() < 1e-6, "the last point has no part in it");
    }

    #[test]
    fn each_curve_has_points_enough() {
        for curve in curves() {
            assert!(curve.most >= 7, "{}: six to fit, and one to foretell", curve.name);
        }
    }
}
