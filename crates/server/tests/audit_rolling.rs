//! The promise while three nodes behind nginx are restarted one after the other, under load: each lets its clients go, ends
//! by itself and comes again. Nothing is lost, nothing shown twice, everybody sees one order, and every message is
//! acknowledged in the end.

use plaza_testkit::{
    Deployment, audit,
    load::{self, Load, rolling::Rolling},
};

#[tokio::test(flavor = "multi_thread")]
async fn no_violation_while_nodes_are_restarted_one_after_the_other() {
    let settings = [
        ("RESTART_AFTER", "0"),
        ("PLAZA_SERVER__DRAIN__DELAY_MS", "200"),
        ("PLAZA_SERVER__DRAIN__SPREAD_MS", "300"),
    ];
    let load = Load { kills: 3, drains: true, ..Load::from_env().unwrap().without_slow_ones() };
    let mut rolling = Rolling::over(Deployment::start(&settings).await.unwrap()).await.unwrap();
    // A message that is refused, or not acknowledged in the end, is an error here.
    let outcome = load::run(&mut rolling, &load).await.unwrap();

    let acked: u64 = outcome.lives.iter().map(|life| life.acked).sum();
    let seen: usize = outcome.record.views.iter().map(|view| view.seen.len()).sum();
    println!(
        "{acked} acknowledged in {:.1} s, none failed; {seen} things told to {} clients, which came back {} times and \
         reloaded {} rooms",
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
    assert!(outcome.reconnects > outcome.record.views.len() as u64, "not everybody was moved");
    for node in ["a: ", "b: ", "c: "] {
        assert!(outcome.lives.iter().any(|life| life.node.starts_with(node)), "{:?}", outcome.lives);
    }
    // All processes end in good order, and nothing stays behind.
    rolling.deployment().stop().await.unwrap();
}
