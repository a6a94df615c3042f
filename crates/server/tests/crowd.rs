//! A crowd on three nodes behind nginx, one of which is killed while people write: all of its clients are live on the
//! others soon, with nothing lost, shown twice or loaded anew, and those who were on the others are served meanwhile.
//!
//! It is 600 connections by default. With `PLAZA_CROWD=full` it is 5,000.

use plaza_testkit::{
    Deployment, audit,
    load::crowd::{self, Crowd},
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_back_after_a_node_was_killed_and_the_others_were_served_meanwhile() {
    let crowd = Crowd::from_env();
    // The killed one stays away: two nodes take all of its clients.
    let cluster = Deployment::start(&[("RESTART_AFTER", "600")]).await.unwrap();
    let kill = async || cluster.signal("b", "KILL").await;
    let crowded = crowd::run(&crowd, cluster.address(), "b", kill).await.unwrap();
    println!(
        "{} people came within {:.1?}. {} of them lost their node; half of those were live again after {:.1?}, 99 of 100 \
         after {:.1?}, all after {:.1?}.\n  before the kill: {}\n  on the other nodes until all were back: {}",
        crowd.people,
        crowded.arrived,
        crowded.gone,
        crowded.back[0],
        crowded.back[1],
        crowded.back[2],
        crowded.calm,
        crowded.storm,
    );
    for (why, times) in &crowded.refused {
        println!("  {times} times not let in yet: {why}");
    }
    let seen: usize = crowded.record.views.iter().map(|view| view.seen.len()).sum();
    println!("  {} messages, {seen} things told", crowded.record.sends.len());
    let violations: Vec<String> = audit(&crowded.record).iter().map(ToString::to_string).collect();
    let first = violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} violations, such as:\n{first}", violations.len());
    assert_eq!((crowded.reloads, crowded.disturbed), (0, 0), "rooms loaded anew, and others disturbed");
    assert!(crowded.gone > crowd.people / 5, "only {} were on that node", crowded.gone);
    assert!(crowded.storm.count > 0, "nobody wrote while they came back");
    // As long as a request may wait for its turn, on a machine that has other things to do as well.
    assert!(crowded.storm.longest < Duration::from_secs(10), "{}", crowded.storm);
    cluster.stop().await.unwrap();
}
