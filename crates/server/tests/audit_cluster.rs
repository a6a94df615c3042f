//! The promise on several nodes: nothing acknowledged is lost, nothing is shown twice, and everybody sees one order,
//! whichever node they are on, while nodes and Redis are killed, Redis stands still and PostgreSQL is killed, under load.
//!
//! The run is short by default. With `PLAZA_AUDIT=full` it is 100,000 messages or 60 seconds.

use plaza_testkit::{Cluster, audit, load, load::Load};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn no_violation_while_nodes_redis_and_postgres_are_killed() {
    let load = Load::from_env().without_slow_ones();
    let mut cluster = Cluster::start(3, Load::setup()).await.unwrap();
    let outcome = load::run(&mut cluster, &load).await.unwrap();

    let acked: u64 = outcome.lives.iter().map(|life| life.acked).sum();
    let seen: usize = outcome.record.views.iter().map(|view| view.seen.len()).sum();
    println!(
        "{acked} acknowledged in {:.1} s, {seen} things told to {} clients, which came back {} times and reloaded {} rooms",
        outcome.took.as_secs_f64(),
        outcome.record.views.len(),
        outcome.reconnects,
        outcome.reloads,
    );
    for life in &outcome.lives {
        println!("  {} after {} acknowledgements", life.node, life.acked);
    }
    let violations: Vec<String> = audit(&outcome.record).iter().map(ToString::to_string).collect();
    let first = violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} violations, such as:\n{first}", violations.len());

    // A run that hardly ran proves nothing.
    assert!(acked >= load.messages || outcome.took >= load.time, "only {acked} acknowledgements");
    let killed: BTreeSet<_> = outcome.lives.iter().map(|life| life.node.as_str()).collect();
    for part in ["Node(0)", "Node(1)", "Node(2)", "Redis", "RedisStandsStill", "Postgres"] {
        assert!(killed.contains(part), "{part} was never killed: {killed:?}");
    }
    assert!(outcome.reconnects > 0, "the kills were not felt");
}
