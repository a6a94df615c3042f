//! `plaza bench`, as an operator runs it.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_testkit::{
    Plaza, Program, Setup,
    program::{DEADLINE, plaza_command},
};
use serde_json::{Value, json};
use tokio::time::timeout;

/// Whether it ended well, and what it wrote.
async fn bench(args: &[&str]) -> (bool, String, String) {
    let mut program = Program::start(plaza_command(["bench"].iter().chain(args).copied()).unwrap()).unwrap();
    let good = program.wait().await.unwrap().success();
    (good, program.stdout(), program.stderr())
}

#[tokio::test]
async fn it_counts_every_delivery_and_says_how_long_they_took() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let size = ["--connections", "30", "--rooms", "6", "--rooms-each", "2", "--ramp", "0"];
    let load = ["--rate", "200", "--seconds", "2", "--json"];
    let (good, stdout, stderr) = bench(&[&[plaza.url().as_str()][..], &size, &load].concat()).await;
    assert!(good, "{stdout}{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    // Ten in each room.
    for (what, count) in [("sent", 400), ("acknowledged", 400), ("expected", 4_000), ("told", 4_000)] {
        assert_eq!(report[what], json!(count), "{what}: {report:#}");
    }
    for what in ["lost", "doubled", "outOfOrder", "reloaded", "interruptions", "refused", "unanswered"] {
        assert_eq!(report[what], json!(0), "{what}: {report:#}");
    }
    for times in ["acknowledgedMs", "deliveredMs"] {
        assert!(report[times]["p50"].as_f64().unwrap() > 0.0, "{report:#}");
    }
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_has_lost_nothing() {
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let url = plaza.url();
    let load =
        ["--connections", "10", "--rooms", "2", "--ramp", "0", "--rate", "50", "--seconds", "3", "--json"];
    let mut program = Program::start(plaza_command([&["bench", &url][..], &load].concat()).unwrap()).unwrap();
    let rest = plaza.rest().unwrap();
    let all_in = async {
        while rest.health().await.unwrap().connections < 10 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, all_in).await.unwrap();
    plaza.kill().await.unwrap();
    plaza.start().await.unwrap();
    let good = program.wait().await.unwrap().success();
    assert!(good, "{}{}", program.stdout(), program.stderr());
    let report: Value = serde_json::from_str(&program.stdout()).unwrap();
    assert_eq!((&report["lost"], &report["told"]), (&json!(0), &json!(750)), "{report:#}");
    assert!(report["interruptions"].as_u64().unwrap() >= 10, "{report:#}");
}

#[tokio::test]
async fn who_is_not_let_in_says_why_and_does_not_go_on_trying() {
    let plaza = Setup::default().env("PLAZA_CHAT__GUESTS", "false").start().await.unwrap();
    let (good, stdout, stderr) = bench(&[&plaza.url(), "--connections", "2", "--ramp", "0"]).await;
    assert!(!good && stdout.is_empty(), "{stdout}{stderr}");
    assert!(stderr.contains("A guest was refused: "), "{stderr}");
}

#[tokio::test]
async fn what_is_not_meant_is_refused_in_one_sentence() {
    for (url, said) in [("http://192.0.2.1:3000", "--yes-really"), ("ftp://127.0.0.1", "is not an address")] {
        let (good, stdout, stderr) = bench(&[url, "--connections", "2", "--ramp", "0"]).await;
        assert!(!good && stdout.is_empty(), "{stdout}{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}
