//! A server that has too much to write takes no new clients, says when to come again, and goes on for those it has.

use crate::support::{Client, Polling, Server, ask, one, until, upgrade};
use plaza_socketio::{Config, Cookie, Handlers, Refusal, SocketIo};
use std::time::Duration;

fn echo() -> Handlers {
    Handlers::default().on("echo", |_, event| async move {
        let arguments = event.payload.elements().unwrap();
        event.ack.unwrap().send(&arguments).unwrap();
    })
}

#[tokio::test]
async fn past_the_budget_of_all_outboxes_new_clients_are_refused_until_it_is_written() {
    const BUDGET: usize = 100_000;
    let config = Config { total_outbox_bytes: BUDGET, ..Config::default() };
    let server = Server::start(one(config, echo()));
    let mut witness = Client::join(&server).await;
    let readers = [Polling::join(&server).await, Polling::join(&server).await, Polling::join(&server).await];
    assert!(!server.io.overloaded());
    // None of them polls: each has 50,000 bytes waiting, which is no client's bound.
    server.root().emit("news", &["x".repeat(50_000)]).unwrap();
    until("more to wait than may", || server.io.overloaded()).await;
    assert!(server.io.outbox_bytes() > BUDGET, "{}", server.io.outbox_bytes());

    let answer = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.body.contains("overloaded"), "{}", answer.body);
    assert_eq!(upgrade(server.addr, "transport=websocket", &[]).await, 503);
    witness.send(r#"421["echo",1]"#).await;
    // It is a member of the namespace too, and reads what it was sent.
    witness.texts_until("431[1]").await;

    for reader in &readers {
        assert!(reader.poll().await.body.contains("news"));
    }
    until("all to be written", || server.io.outbox_bytes() == 0).await;
    assert!(!server.io.overloaded());
    Client::join(&server).await;
}

#[tokio::test]
async fn what_waited_for_a_client_that_is_gone_counts_no_more() {
    let config = Config { outbox_bytes: 100_000, ..Config::default() };
    let server = Server::start(one(config, echo()));
    let reader = Polling::join(&server).await;
    server.root().emit("news", &["x".repeat(50_000)]).unwrap();
    assert!(server.io.outbox_bytes() > 50_000);
    // Past its own bound: a slow consumer's are given up at once.
    server.root().emit("news", &["x".repeat(60_000)]).unwrap();
    until("the slow one to be gone", || server.io.clients() == 0).await;
    assert_eq!(server.io.outbox_bytes(), 0);
    drop(reader);

    let reader = Polling::join(&server).await;
    server.root().emit("news", &["x".repeat(50_000)]).unwrap();
    reader.post("1").await;
    until("the one that closed to be gone", || server.io.clients() == 0).await;
    until("its bytes to be given back", || server.io.outbox_bytes() == 0).await;
}

#[tokio::test]
async fn an_application_refuses_with_a_time_to_come_again() {
    let io = SocketIo::builder(Config::default())
        .on_request(|_| Err(Refusal::unavailable("Not yet.").retry_after(Duration::from_millis(6_500))))
        .namespace("/", echo())
        .build();
    let server = Server::start(io);
    let answer = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));
    assert_eq!(server.io.clients(), 0);
}

#[tokio::test]
async fn a_cookie_comes_with_the_handshake_alone_and_only_when_configured() {
    let config = Config { cookie: Some(Cookie::default()), ..Config::default() };
    let server = Server::start(one(config, echo()));
    let answer = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    let sid = answer.body.split('"').nth(3).unwrap().to_owned();
    let expected = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("set-cookie"), Some(expected.as_str()));
    let client = Polling { addr: server.addr, sid };
    assert_eq!(client.post("40").await.header("set-cookie"), None);
    assert_eq!(client.poll().await.header("set-cookie"), None);

    let server = Server::start(one(Config::default(), echo()));
    let answer = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    assert_eq!(answer.header("set-cookie"), None);
}
