//! Nothing acknowledged is lost, nothing is shown twice, and everybody sees one order, while the server is killed
//! again and again under load.
//!
//! The run is short by default. `PLAZA_AUDIT=full cargo test -p plaza-server --release --test audit_kill` sends 100,000
//! messages or for 60 seconds.

use plaza_testkit::{Plaza, audit, load, load::Load};

#[tokio::test(flavor = "multi_thread")]
async fn no_violation_while_the_server_is_killed_ten_times() {
    let load = Load::from_env();
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let outcome = load::run(&mut plaza, &load).await.unwrap();

    let seen: usize = outcome.record.views.iter().map(|view| view.seen.len()).sum();
    println!(
        "{} acknowledged in {:.1} s, {seen} events seen by {} connections, {} kills, {} connects, {} reloads",
        outcome.record.acks.len(),
        outcome.took.as_secs_f64(),
        outcome.record.views.len(),
        outcome.kills,
        outcome.reconnects,
        outcome.reloads,
    );
    let violations: Vec<String> = audit(&outcome.record).iter().map(ToString::to_string).collect();
    let first = violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} violations, such as:\n{first}", violations.len());

    // A run that hardly ran proves nothing.
    assert!(outcome.kills >= 10, "only {} kills", outcome.kills);
    assert!(outcome.record.acks.len() > 1_000, "only {} acknowledgements", outcome.record.acks.len());
    assert!(outcome.reconnects > u64::from(outcome.kills), "the kills were not felt");
}
