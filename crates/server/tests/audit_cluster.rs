//! The promise on several nodes: nothing acknowledged is lost, nothing is shown twice, and everybody sees one order,
//! whichever node they are on. Three nodes stand behind nginx, on PostgreSQL, and on one Redis, a Redis Cluster or two pairs
//! of Redis servers. Under load each of these is killed, stands still, moves or is replaced, and each way from one to the
//! other is cut, slowed down and swallows what passes.
//!
//! The run is short by default. `make soak` makes it 100,000 messages.

use anyhow::Context as _;
use plaza_testkit::{
    Cluster, audit,
    cluster::{Pace, Topology},
    load::{self, Load, Outcome},
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn no_violation_on_one_redis() -> anyhow::Result<()> {
    holds(Topology::OneRedis).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_violation_on_a_redis_cluster() -> anyhow::Result<()> {
    holds(Topology::RedisCluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_violation_on_pairs_of_redis_servers() -> anyhow::Result<()> {
    holds(Topology::Pairs).await
}

async fn holds(topology: Topology) -> anyhow::Result<()> {
    let soak = std::env::var_os("PLAZA_SOAK").is_some();
    let mut load = Load::from_env()?.without_slow_ones();
    load.seed = match std::env::var("PLAZA_SEED") {
        Ok(seed) => seed.parse().context("PLAZA_SEED is a number")?,
        Err(_) => rand::random(),
    };
    println!("{topology:?}: PLAZA_SEED={}", load.seed);
    let pace = if soak {
        let rounds = usize::try_from(load.messages / 25_000)?.max(1);
        Pace { rounds, lasts: 200..4_000, still: Duration::from_secs(10) }
    } else {
        Pace { rounds: 1, lasts: 100..1_000, still: Duration::from_secs(3) }
    };
    let mut cluster = Cluster::start(topology, pace, &mut load).await?;
    let outcome = load::run(&mut cluster, &load).await?;

    let acked = report(&outcome);
    for (fault, times) in cluster.faults() {
        println!("  {times} × {fault}");
    }
    let violations: Vec<String> = audit(&outcome.record).iter().map(ToString::to_string).collect();
    println!("  {} violations", violations.len());
    let first = violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} violations, such as:\n{first}", violations.len());

    // A run that hardly ran proves nothing.
    assert!(acked >= load.messages || outcome.took >= load.time, "only {acked} acknowledgements");
    for fault in topology.faults() {
        assert!(cluster.faults().contains_key(&fault), "there was no {fault}");
    }
    assert!(outcome.reconnects > 0, "the faults were not felt");
    Ok(())
}

/// Prints what happened; how many messages were acknowledged.
fn report(outcome: &Outcome) -> u64 {
    let acked = outcome.record.sends.iter().filter(|sent| !sent.answers.is_empty()).count();
    let answers: usize = outcome.record.sends.iter().map(|sent| sent.answers.len()).sum();
    let seen: usize = outcome.record.views.iter().map(|view| view.seen.len()).sum();
    let logged: usize = outcome.record.logs.values().map(Vec::len).sum();
    println!(
        "  {acked} messages acknowledged in {:.1} s ({answers} acknowledgements checked), {logged} events in {} logs, {seen} \
         things told to {} clients, which came back {} times and reloaded {} rooms",
        outcome.took.as_secs_f64(),
        outcome.record.logs.len(),
        outcome.record.views.len(),
        outcome.reconnects,
        outcome.reloads,
    );
    for life in &outcome.lives {
        println!("  after {} more acknowledgements: {}", life.acked, life.node);
    }
    acked as u64
}
