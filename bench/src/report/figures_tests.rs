//! Tests of what runs come to.

use super::*;
use crate::{
    cpu::{Core, Usage},
    load::{audit::Findings, spec::ProcessUsage},
    memory::Memory,
    plan::loads,
};

fn outcome(server_us: f64, delivered: u64) -> Outcome {
    let usage = |user_us| Usage { user_us, system_us: user_us };
    let core = |busy_us| Core { busy_us, idle_us: 0.0, stolen_us: 0.0 };
    let process =
        |name: &str, server, us: f64| ProcessUsage { name: name.to_owned(), server, usage: usage(us / 2.0) };
    Outcome {
        seconds: 2.0,
        acked: delivered / 10,
        delivered,
        processes: vec![process("node 1", true, server_us), process("redis", false, 100_000.0)],
        load: usage(960_000.0),
        server_core: core(1_500_000.0),
        load_core: core(2_000_000.0),
        delivery: None,
        ack: None,
        late: None,
        sent: 0,
        refused: 0,
        unanswered: 0,
        ended: 0,
        findings: Findings::default(),
        memory: (Memory { user: 1e6, ..Memory::default() }, Memory { user: 4e6, ..Memory::default() }),
        peak: 5e6,
        charged: None,
    }
}

fn load(name: &str) -> Load {
    loads().into_iter().find(|load| load.name == name).expect("there is one")
}

#[test]
fn a_cost_is_the_servers_alone() {
    let outcome = outcome(1_000_000.0, 500_000);
    assert!((cost(&outcome, &load("F1")) - 2.0).abs() < 1e-9);
    assert!((cost(&outcome, &load("P1")) - 20.0).abs() < 1e-9, "an ack");
    assert!((cost(&outcome, &load("I1k")) - 3000.0).abs() < 1e-9, "a connection");
    assert!((cost_beside(&outcome, &load("F1")) - 0.2).abs() < 1e-9);
    assert!((server_share(&outcome) - 0.5).abs() < 1e-9);
    assert!((foreign_share(&outcome) - 0.2).abs() < 1e-9, "neither the server nor redis");
    assert!(load_saturated(&outcome));
}

#[test]
fn a_ratio_is_of_the_same_repeat() {
    let run = |peer, repeat, us| Run { load: "F1".to_owned(), peer, repeat, outcome: Ok(outcome(us, 1000)) };
    let runs = [
        run(Peer::Floor, 1, 1000.0),
        run(Peer::Rooms, 1, 1500.0),
        run(Peer::Floor, 2, 2000.0),
        run(Peer::Rooms, 2, 3000.0),
        run(Peer::Rooms, 3, 9000.0),
    ];
    let load = load("F1");
    let ratio = Repeats::of(&runs, &load, Peer::Rooms).cost_to(&Repeats::of(&runs, &load, Peer::Floor));
    assert_eq!(ratio, Some(Spread { median: 1.5, least: 1.5, most: 1.5 }));
}

#[test]
fn what_should_be_zero_is_told_where_it_is_not() {
    let mut outcome = outcome(1.0, 1);
    assert_eq!(faults(&outcome), "");
    outcome.findings.lost = 3;
    outcome.ended = 1;
    assert_eq!(faults(&outcome), ", 3 lost, 1 connections ended");
}

#[test]
fn only_plaza_has_promised_something() {
    let mut lossy = outcome(1.0, 1);
    lossy.findings.doubled = 2;
    lossy.refused = 5;
    let run = |peer| Run { load: "F1".to_owned(), peer, repeat: 1, outcome: Ok(lossy.clone()) };
    assert_eq!(broken(&run(Peer::Socketioxide)), None);
    assert_eq!(broken(&run(Peer::Plaza)).as_deref(), Some("F1 by plaza, 2 doubled"));
}
