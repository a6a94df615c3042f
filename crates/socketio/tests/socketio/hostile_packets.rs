//! Packets made to cost: attachments that never come, places without end, JSON without bottom, sids at a guess, polls
//! begun and left. The answer is a close or a 4xx, and another client notices nothing.

use crate::support::{Client, Polling, Server, ask, one, soon, until};
use plaza_socketio::{Config, Handlers};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const DEEP: usize = 10_000;

/// Answers each event with whether its argument could be read.
fn server(config: Config) -> Server {
    let read = Handlers::default().on("read", |_, event| async move {
        let read = event.payload.args::<(Value,)>().is_ok();
        event.ack.unwrap().send(&[read]).unwrap();
    });
    Server::start(one(config, read))
}

async fn is_served(client: &mut Client) {
    client.send(r#"429["read",1]"#).await;
    assert_eq!(client.text().await, "439[true]");
}

#[tokio::test]
async fn attachments_that_never_come_are_waited_for_as_long_as_a_pong() {
    let brief = Duration::from_millis(300);
    let server = server(Config { ping_interval: brief, ping_timeout: brief, ..Config::default() });
    let mut witness = Client::join(&server).await;
    let mut client = Client::join(&server).await;
    client.send(r#"452-1["read",{"_placeholder":true,"num":0}]"#).await;
    client.send_binary(&[7; 1_000]).await;
    // It answers every ping meanwhile, and is let go of all the same.
    let (code, ()) = tokio::join!(client.end(), async {
        while server.root().len() > 1 {
            is_served(&mut witness).await;
        }
    });
    assert_eq!(code, Some(1000));
    is_served(&mut witness).await;
}

#[tokio::test]
async fn anything_but_the_attachments_that_are_due_closes() {
    let server = server(Config::default());
    let mut witness = Client::join(&server).await;
    for packet in [r#"421["read",1]"#, "41", r#"451-2["read",{"_placeholder":true,"num":0}]"#] {
        let mut client = Client::join(&server).await;
        client.send(r#"451-1["read",{"_placeholder":true,"num":0}]"#).await;
        client.send(packet).await;
        assert_eq!(client.end().await, Some(1000), "{packet}");
        is_served(&mut witness).await;
    }
    // Bytes that nobody announced.
    let mut client = Client::join(&server).await;
    client.send_binary(b"x").await;
    assert_eq!(client.end().await, Some(1000));
}

#[tokio::test]
async fn a_thousand_placeholders() {
    let server = server(Config::default());
    let place = |number: usize| format!(r#"{{"_placeholder":true,"num":{number}}}"#);
    // A thousand attachments announced, or one, and places of others: closed before any is kept.
    let of_others: Vec<_> = (0..1_000).map(place).collect();
    let mut client = Client::join(&server).await;
    client.send(&format!(r#"451000-1["read",{}]"#, of_others.join(","))).await;
    assert_eq!(client.end().await, Some(1000));
    let mut client = Client::join(&server).await;
    client.send(&format!(r#"451-1["read",{}]"#, of_others.join(","))).await;
    client.send_binary(b"x").await;
    assert_eq!(client.end().await, Some(1000));
    // A thousand places of the one that came are small: it is not copied for them.
    let mut client = Client::join(&server).await;
    client.send(&format!(r#"451-1["read",{}]"#, vec![place(0); 1_000].join(","))).await;
    client.send_binary(&[7; 100_000]).await;
    assert_eq!(client.text().await, "431[true]");
    for odd in ["-1", "1.5", "\"0\"", "null", "1e99"] {
        client.send(&format!(r#"451-1["read",{{"_placeholder":true,"num":{odd}}}]"#)).await;
        let _ = client.try_send_binary(b"x").await;
        assert_eq!(client.end().await, Some(1000), "{odd}");
        client = Client::join(&server).await;
    }
}

#[tokio::test]
async fn json_ten_thousand_deep_is_refused_without_a_stack_to_match() {
    let server = server(Config::default());
    let mut witness = Client::join(&server).await;
    let arrays = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(DEEP), "}".repeat(DEEP));
    for deep in [&arrays, &objects] {
        // In an event the handler finds it unreadable; where the server must look itself, it closes.
        let mut client = Client::join(&server).await;
        client.send(&format!(r#"421["read",{deep}]"#)).await;
        assert_eq!(client.text().await, "431[false]");
        client.send(&format!(r#"451-1["read",{deep}]"#)).await;
        client.send_binary(b"x").await;
        assert_eq!(client.end().await, Some(1000));
        let mut client = Client::open(&server).await;
        client.send(&format!(r#"40{{"token":{deep}}}"#)).await;
        assert_eq!(client.end().await, Some(1000));
        let mut client = Client::join(&server).await;
        client.send(&format!("437{deep}")).await;
        is_served(&mut witness).await;
    }
    // The same without its end.
    let mut client = Client::join(&server).await;
    client.send(&format!(r#"42["read",{}"#, "[".repeat(DEEP))).await;
    assert_eq!(client.end().await, Some(1000));
    let polling = Polling::join(&server).await;
    polling.post(&format!(r#"42["read",{}"#, "[".repeat(DEEP))).await;
    until("only the witness and what it did not break to be left", || server.root().len() <= 3).await;
    is_served(&mut witness).await;
}

#[tokio::test]
async fn sids_at_a_guess_open_nothing() {
    let server = server(Config { sid_prefix: "a_".into(), ..Config::default() });
    let client = Polling::join(&server).await;
    let (mut witness, public) = Client::join_as(&server).await;
    let real = client.sid.clone();
    let mut guesses = vec![
        public,
        real.to_lowercase() + "x",
        real[..real.len() - 1].to_owned(),
        real.trim_start_matches("a_").to_owned(),
        format!("{real}%00"),
        format!("%61{}", &real[1..]),
        String::new(),
        "../../etc/passwd".to_owned(),
        "x".repeat(10_000),
    ];
    guesses.extend((0..200).map(|number| format!("a_{number:020}")));
    for guess in &guesses {
        let answer = ask(server.addr, "GET", &format!("transport=polling&sid={guess}"), &[], b"").await;
        assert_eq!(answer.status, 400, "{guess}");
        assert!(!answer.body.contains(&real));
        let answer = ask(server.addr, "POST", &format!("transport=polling&sid={guess}"), &[], b"41").await;
        assert_eq!(answer.status, 400, "{guess}");
    }
    // Whose sid was guessed at noticed nothing.
    assert_eq!(client.post(r#"421["read",1]"#).await.body, "ok");
    assert_eq!(client.poll().await.body, "431[true]");
    is_served(&mut witness).await;
}

#[tokio::test]
async fn polls_that_are_left_end_their_sessions_and_keep_nothing() {
    let server = server(Config::default());
    let mut witness = Client::join(&server).await;
    for _ in 0..50 {
        let client = Polling::join(&server).await;
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(client.poll_request().as_bytes()).await.unwrap();
        // Its answer is waited for, so it is under way; then it is left.
        let mut second = TcpStream::connect(server.addr).await.unwrap();
        second.write_all(client.poll_request().as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        // Whichever was there first: one is told to go, the other that it asked twice.
        soon("an answer", second.read_exact(&mut answer)).await.unwrap();
        let mut first_answer = [0; 12];
        soon("an answer", stream.read_exact(&mut first_answer)).await.unwrap();
        let mut answers = [answer, first_answer];
        answers.sort_unstable();
        assert_eq!(answers, [*b"HTTP/1.1 200", *b"HTTP/1.1 400"]);
    }
    until("the doubled to be gone", || server.io.clients() == 1).await;
    let mut left = Vec::new();
    for _ in 0..50 {
        let client = Polling::join(&server).await;
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(client.poll_request().as_bytes()).await.unwrap();
        left.push(stream);
    }
    drop(left);
    until("the left to be gone", || server.io.clients() == 1).await;
    is_served(&mut witness).await;
    assert_eq!(server.io.outbox_bytes(), 0);
}
