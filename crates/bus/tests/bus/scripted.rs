//! What no real server here does: one that says what the test tells it to.

use crate::node::{Node, classic, one, within};
use plaza_bus::{Bus, BusOptions, Direction, Link};
use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// Reads one command's words.
async fn command(from: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> Option<Vec<String>> {
    let mut line = String::new();
    from.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
    let count: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        line.clear();
        from.read_line(&mut line).await.ok()?;
        let mut word = vec![0; line.trim().strip_prefix('$')?.parse::<usize>().ok()? + 2];
        from.read_exact(&mut word).await.ok()?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8(word).ok()?);
    }
    Some(words)
}

/// Serves connections, each command answered by `answer`, which is told the command's words.
async fn serve(answer: impl Fn(&[String]) -> String + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, answer.clone()));
        }
    });
    port
}

async fn converse(stream: TcpStream, answer: Arc<impl Fn(&[String]) -> String>) {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    while let Some(words) = command(&mut from).await {
        if to.write_all(answer(&words).as_bytes()).await.is_err() {
            return;
        }
    }
}

fn subscribed(channel: &str, count: usize) -> String {
    format!("*3\r\n$10\r\nssubscribe\r\n${}\r\n{channel}\r\n:{count}\r\n", channel.len())
}

/// What such a server says to all that is not about subscriptions.
fn usual(words: &[String]) -> String {
    match words[0].as_str() {
        "PING" => "+PONG\r\n".to_owned(),
        "INFO" => "$22\r\ndragonfly_version:1.27\r\n".to_owned(),
        "COMMAND" => "-ERR unknown subcommand\r\n".to_owned(),
        "CLIENT" | "SELECT" => "+OK\r\n".to_owned(),
        _ => ":0\r\n".to_owned(),
    }
}

#[tokio::test]
async fn a_server_that_has_forgotten_a_subscription_is_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    // It confirms both channels, then has only one when asked again, and afterwards both.
    let port = serve(move |words| match words[0].as_str() {
        "SSUBSCRIBE" => {
            let time = counted.fetch_add(1, SeqCst);
            subscribed(&words[1], [1, 2, 1].get(time).copied().unwrap_or(2))
        }
        _ => usual(words),
    })
    .await;
    let mut node = Node::start(one(&format!("redis://127.0.0.1:{port}"))).await;
    let _held = (node.hears("room:1").await, node.hears("room:2").await);
    node.interrupted(Direction::In).await;
    node.restored(Direction::In).await;
    // Two at first, one to look, both again.
    assert!(asked.load(SeqCst) >= 5);
    assert_eq!(node.bus.stats().resubscribes, 2);
    assert!(node.bus.found().contains("Dragonfly 1.27"), "{}", node.bus.found());
}

#[tokio::test]
async fn a_server_without_the_command_shows_in_the_state_and_is_not_hammered() {
    let connected = Arc::new(AtomicUsize::new(0));
    let counted = connected.clone();
    let port = serve(move |words| match words[0].as_str() {
        "SSUBSCRIBE" => {
            counted.fetch_add(1, SeqCst);
            "-ERR unknown command 'SSUBSCRIBE'\r\n".to_owned()
        }
        _ => usual(words),
    })
    .await;
    let node = Node::start(one(&format!("redis://127.0.0.1:{port}"))).await;
    let held = node.bus.subscribe(&crate::node::channel("room:1"));
    let states = node
        .state(|servers| {
            servers
                .iter()
                .any(|state| state.subscribing.as_deref().is_some_and(|why| why.contains("unknown command")))
        })
        .await;
    assert!(states[0].publishing.is_none());
    assert!(!held.is_subscribed());
    assert!(connected.load(SeqCst) < 20);
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_left_and_tried_again() {
    let nonsense = Arc::new(AtomicUsize::new(0));
    let counted = nonsense.clone();
    let port = serve(move |words| match words[0].as_str() {
        // Three times what no Redis says, then as it should be.
        "SSUBSCRIBE" => match counted.fetch_add(1, SeqCst) {
            0 => "HTTP/1.1 400 Bad Request\r\n".to_owned(),
            1 => subscribed("another", 1),
            2 => "*1000000000\r\n".to_owned(),
            _ => subscribed(&words[1], 1),
        },
        _ => usual(words),
    })
    .await;
    let node = Node::start(one(&format!("redis://127.0.0.1:{port}"))).await;
    let held = node.bus.subscribe(&crate::node::channel("room:1"));
    within("a subscription", held.ready()).await.unwrap();
    assert_eq!(nonsense.load(SeqCst), 4);
}

#[tokio::test]
async fn a_server_before_7_is_refused_for_the_sharded_mode_and_used_in_the_other() {
    let port = serve(|words| match words[0].as_str() {
        "INFO" => "$20\r\nredis_version:6.2.14\r\n".to_owned(),
        "COMMAND" => "*1\r\n*-1\r\n".to_owned(),
        _ => usual(words),
    })
    .await;
    let options = one(&format!("redis://127.0.0.1:{port}"));
    let start = |options| Bus::start(BusOptions::new(Link::Redis(options)), CancellationToken::new());
    let error = start(options.clone()).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("is Redis 6.2.14: it knows no sharded pub/sub"), "{error}");
    start(classic(options)).await.map(drop).unwrap();
}

#[tokio::test]
async fn a_server_that_refuses_to_count_is_known_from_the_start() {
    for (answer, counts) in [
        ("-ERR PUBSUB SHARDNUMSUB is not supported in this mode\r\n", false),
        ("-ERR unknown subcommand or wrong number of arguments for 'SHARDNUMSUB'\r\n", false),
        // That is for the operator to allow.
        ("-NOPERM this user has no permissions to run the 'pubsub|shardnumsub' command\r\n", true),
        ("*2\r\n$12\r\nplaza#nobody\r\n:0\r\n", true),
    ] {
        let port = serve(move |words| match words[0].as_str() {
            "PUBSUB" => answer.to_owned(),
            _ => usual(words),
        })
        .await;
        let node = Node::start(one(&format!("redis://127.0.0.1:{port}"))).await;
        assert_eq!(node.bus.counts(), counts, "{answer}");
        assert_eq!(
            node.bus.found().contains("does not count who subscribes"),
            !counts,
            "{}",
            node.bus.found()
        );
    }
}
