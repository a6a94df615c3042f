//! Nothing acknowledged is lost, nothing is shown twice, and everybody sees one order, while the server is killed
//! again and again under load, people come and go, are given roles, put out and banned, and clients that do not keep up
//! are sent away and resume. At the end every room stands for everybody as its log says, to the last unread message.
//!
//! The run is short by default. With `PLAZA_AUDIT=full` it is 100,000 messages or 60 seconds.

use plaza_testkit::{audit, load, load::Load};
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn no_violation_while_the_server_is_killed_ten_times() {
    let load = Load::from_env().unwrap();
    let mut plaza = Load::setup().start().await.unwrap();
    let outcome = load::run(&mut plaza, &load).await.unwrap();

    let acked: u64 = outcome.lives.iter().map(|life| life.acked).sum();
    let slow: usize = outcome.lives.iter().map(|life| life.slow.len()).sum();
    let resumed: usize = outcome.lives.iter().map(|life| life.resumed.len()).sum();
    let seen: usize = outcome.record.views.iter().map(|view| view.seen.len()).sum();
    println!(
        "{acked} acknowledged in {:.1} s, {seen} things told to {} clients, which came back {} times and reloaded \
         {} rooms; {slow} sent away as slow, of whom {resumed} resumed before the next kill",
        outcome.took.as_secs_f64(),
        outcome.record.views.len(),
        outcome.reconnects,
        outcome.reloads,
    );
    for life in &outcome.lives {
        println!(
            "  {}: killed after {} acknowledgements, {} slow, {} of them resumed",
            life.node,
            life.acked,
            life.slow.len(),
            life.resumed.len()
        );
    }
    let mut changes: BTreeMap<&str, usize> = BTreeMap::new();
    for event in outcome.record.logs.values().flatten() {
        *changes.entry(event.name()).or_default() += 1;
    }
    let read = outcome.record.stood.iter().filter(|stood| stood.read > 0).count();
    println!("  in the logs {changes:?}; {read} memberships with a read position that was acknowledged");
    let violations: Vec<String> = audit(&outcome.record).iter().map(ToString::to_string).collect();
    let first = violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} violations, such as:\n{first}", violations.len());

    // A run that hardly ran proves nothing. A kill counts where something was acknowledged since the last.
    let under_load = outcome.lives.iter().filter(|life| life.acked > 0).count();
    assert!(under_load >= 10, "only {under_load} kills under load");
    assert!(acked >= load.messages || outcome.took >= load.time, "only {acked} acknowledgements");
    assert!(resumed >= 3, "{slow} slow consumers were sent away, and only {resumed} resumed");
    for name in ["member:removed", "member:changed", "member:banned", "member:unbanned", "room:changed"] {
        assert!(changes.get(name).is_some_and(|times| *times >= 3), "hardly any {name}: {changes:?}");
    }
    assert!(read >= 3, "hardly anybody read: {read}");
    assert!(outcome.reconnects > outcome.lives.len() as u64, "the kills were not felt");
}
