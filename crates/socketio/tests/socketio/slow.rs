//! A client that does not keep up is let go promptly, and nobody else notices.

use crate::support::{Client, Server, Told, one, telling, until};
use plaza_socketio::{Config, Handlers, Target};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

const KIB: usize = 1024;

/// A server that tells which socket went, and why.
fn server(config: Config) -> (Server, Told<(String, String)>) {
    let (tell, told) = telling();
    let handlers = Handlers::default().on_disconnect(move |socket, reason| {
        tell.send((socket.id().to_string(), reason.to_string())).unwrap();
        async {}
    });
    (Server::start_with_small_buffers(one(config, handlers)), told)
}

#[tokio::test]
async fn one_that_reads_nothing_goes_at_the_bound_and_the_others_miss_nothing() {
    let config = Config { outbox_bytes: 256 * KIB, ..Config::default() };
    // Well before its TCP would be called stalled.
    let promptly = config.ping_timeout / 2;
    let (server, mut gone) = server(config);
    let (mut quick, mut other) = (Client::join(&server).await, Client::join(&server).await);
    let mut slow = Client::open_with_small_buffer(&server).await;
    let slow_sid = slow.enter("40").await;
    assert_eq!(server.root().len(), 3);

    let text = "x".repeat(8 * KIB);
    let mut fell_behind = None;
    let mut sent = 0;
    let started = Instant::now();
    while fell_behind.is_none() {
        assert!(sent < 200, "{sent} broadcasts of 8 KiB wait for one client");
        server.root().emit("tick", &(sent, &text)).unwrap();
        let expected = format!(r#"42["tick",{sent},"{text}"]"#);
        for client in [&mut quick, &mut other] {
            assert!(client.text().await == expected, "broadcast {sent} is not the next to arrive");
        }
        sent += 1;
        fell_behind = gone.now().pop();
    }
    assert!(started.elapsed() < promptly, "it took {:?}", started.elapsed());
    assert_eq!(fell_behind, Some((slow_sid.clone(), "slow consumer".to_owned())));
    // The bound, and what the kernel holds on both sides.
    assert!(sent > 30, "let go after {sent} broadcasts, before the bound");

    // It is in nobody's way any more, and its connection is cut, not left to drain.
    assert_eq!(server.root().len(), 2);
    for number in 0..50 {
        server.root().emit("tock", &[number]).unwrap();
        assert_eq!(quick.text().await, format!(r#"42["tock",{number}]"#));
        assert_eq!(other.text().await, format!(r#"42["tock",{number}]"#));
    }
    assert_eq!(slow.end().await, None);
    gone.nothing_yet();
}

#[tokio::test]
async fn one_that_polls_no_more_goes_at_the_bound_too() {
    let (server, mut gone) = server(Config { outbox_bytes: 64 * KIB, ..Config::default() });
    let _never_polls_again = crate::support::Polling::join(&server).await;
    let text = "x".repeat(8 * KIB);
    for _ in 0..9 {
        server.root().emit("tick", &[&text]).unwrap();
    }
    assert_eq!(gone.next().await.1, "slow consumer");
    assert!(server.root().is_empty());
}

/// Bytes enough to fill every buffer on the way, and far from the outbox's bound.
const MUCH: usize = 8 * KIB * KIB;

fn patient(ping_timeout: Duration) -> Config {
    Config {
        outbox_bytes: 8 * MUCH,
        ping_interval: Duration::from_secs(60),
        ping_timeout,
        ..Config::default()
    }
}

#[tokio::test]
async fn one_whose_tcp_takes_nothing_for_the_ping_timeout_is_slow() {
    let ping_timeout = Duration::from_secs(1);
    let (server, mut gone) = server(patient(ping_timeout));
    let mut other = Client::join(&server).await;
    let mut stalled = Client::open_with_small_buffer(&server).await;
    let sid = stalled.enter("40").await;

    let started = Instant::now();
    server.root().to(&sid).emit("much", &["x".repeat(MUCH)]).unwrap();
    assert_eq!(gone.next().await, (sid, "slow consumer".to_owned()));
    assert!(started.elapsed() >= ping_timeout, "after only {:?}", started.elapsed());

    server.root().emit("still", &["here"]).unwrap();
    assert_eq!(other.text().await, r#"42["still","here"]"#);
    gone.nothing_yet();
}

#[tokio::test]
async fn one_that_reads_nothing_does_not_delay_word_of_its_end() {
    let (server, mut gone) = server(patient(Duration::from_secs(60)));
    let mut stalled = Client::open_with_small_buffer(&server).await;
    let sid = stalled.enter("40").await;
    server.root().to(&sid).emit("much", &["x".repeat(MUCH)]).unwrap();

    // Its last words are held out to it for two seconds, and its handler does not wait for that.
    let closed = Instant::now();
    let target = Target { rooms: vec![sid.as_str().into()], except: vec![] };
    server.root().sockets(&target).iter().for_each(|socket| socket.close_transport());
    assert_eq!(gone.next().await, (sid, "forced close".to_owned()));
    assert!(closed.elapsed() < Duration::from_secs(1), "after {:?}", closed.elapsed());
    until("the session to end", || server.io.clients() == 0).await;
}

#[tokio::test]
async fn one_that_takes_a_little_now_and_then_is_only_slow_to_watch() {
    let ping_timeout = Duration::from_secs(2);
    let (server, mut gone) = server(patient(ping_timeout));
    let mut client = Client::open_with_small_buffer(&server).await;
    client.enter("40").await;
    server.root().emit("much", &["x".repeat(MUCH)]).unwrap();

    let (mut left, mut piece) = (MUCH, vec![0; 64 * KIB]);
    let mut pace = tokio::time::interval(Duration::from_millis(30));
    let started = Instant::now();
    while left > 0 {
        // Slowly, until it has taken longer than a stall may; then the rest.
        if started.elapsed() < ping_timeout * 4 / 3 {
            pace.tick().await;
        }
        let read = client.tcp().read(&mut piece).await.unwrap();
        assert!(read > 0, "cut off with {left} bytes to go");
        left = left.saturating_sub(read);
    }
    assert!(started.elapsed() > ping_timeout, "too quick to show anything");
    gone.nothing_yet();
    assert_eq!(server.root().len(), 1);
}

#[tokio::test]
async fn a_burst_past_the_bound_cuts_nobody_who_reads() {
    let outbox_bytes = 64 * KIB;
    let (server, mut gone) = server(Config { outbox_bytes, ..Config::default() });
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(Client::join(&server).await);
    }
    // All of it before any transport has its turn: this test has one thread.
    let (text, bursts) = ("x".repeat(8 * KIB), 3 * outbox_bytes / (8 * KIB));
    for number in 0..bursts {
        server.root().emit("tick", &(number, &text)).unwrap();
    }
    for client in &mut clients {
        for number in 0..bursts {
            assert!(client.text().await == format!(r#"42["tick",{number},"{text}"]"#), "tick {number}");
        }
    }
    gone.nothing_yet();
}
