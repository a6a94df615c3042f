//! A handler that panics is its own event's misfortune and nobody else's.

use crate::support::{Client, Server, one, telling};
use plaza_socketio::{Config, Event, Handlers, Socket};
use std::{future::Future, pin::Pin, sync::Arc};

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Panics while it makes the future, before there is one to watch.
fn panic_early(_: Arc<Socket>, _: Event) -> Running {
    panic!("a test's panic, on purpose")
}

async fn panic_late(_: Arc<Socket>, _: Event) {
    tokio::task::yield_now().await;
    panic!("a test's panic, on purpose")
}

#[tokio::test]
async fn its_client_stays_and_is_served() {
    let (tell, mut told) = telling();
    let handlers = Handlers::default()
        .on("early", panic_early)
        .on("late", panic_late)
        .on("ask", |_, event| async move { event.ack.unwrap().send(&["here"]).unwrap() })
        .on_disconnect(move |_, reason| {
            tell.send(reason.to_string()).unwrap();
            async {}
        });
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::join(&server).await;
    for event in ["early", "late"] {
        client.send(&format!(r#"42["{event}"]"#)).await;
        client.send(r#"421["ask"]"#).await;
        assert_eq!(client.text().await, r#"431["here"]"#, "after {event}");
    }
    client.close().await;
    assert_eq!(told.next().await, "transport close");
}

#[tokio::test]
async fn coming_and_going_leave_nothing_behind() {
    let panicking = |what: &'static str| move || -> Running { panic!("a test's panic, on purpose: {what}") };
    let (connect, disconnect) = (panicking("connect"), panicking("disconnect"));
    let handlers = Handlers::default()
        .on_connect(move |_, _| connect())
        .on("ask", |_, event| async move { event.ack.unwrap().send(&["here"]).unwrap() })
        .on_disconnect(move |_, _| disconnect());
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::join(&server).await;
    client.send(r#"421["ask"]"#).await;
    assert_eq!(client.text().await, r#"431["here"]"#);
    client.close().await;
    crate::support::until("the session to end", || server.io.clients() == 0).await;
    assert!(server.root().is_empty());
}

#[tokio::test]
async fn one_whose_middleware_panics_is_refused() {
    let handlers = Handlers::default().middleware(|_, auth| async move {
        assert!(auth["good"].is_boolean(), "a test's panic, on purpose");
        Ok(())
    });
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::open(&server).await;
    client.send("40").await;
    assert_eq!(client.text().await, r#"44{"message":"Internal error"}"#);
    assert_eq!(client.enter_with("40", r#"{"good":true}"#).await.len(), 20);
}
