//! From polling to a WebSocket: nothing lost, nothing doubled, and nothing changed where the attempt fails.

use crate::support::{Client, Polling, Server, one, soon, telling};
use plaza_socketio::{Config, Handlers};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

fn echo() -> Handlers {
    Handlers::default().on("ask", |_, event| async move {
        event.ack.unwrap().send(&event.payload.elements().unwrap()).unwrap();
    })
}

#[tokio::test]
async fn what_is_sent_meanwhile_arrives_once_and_in_order() {
    let (tell, mut told) = telling();
    let handlers = echo().on_disconnect(move |_, reason| {
        tell.send(reason.to_string()).unwrap();
        async {}
    });
    let server = Server::start(one(Config::default(), handlers));
    let session = Arc::new(Polling::join(&server).await);
    let polling = Arc::clone(&session);
    let pending = tokio::spawn(async move { polling.poll().await.body });
    let mut client = Client::probe(&server, &session.sid).await;
    assert_eq!(soon("the pending poll to be let go", pending).await.unwrap(), "6");

    // Between the probe and the change polling is still the way.
    server.root().emit("tick", &[1]).unwrap();
    assert_eq!(session.poll().await.body, r#"42["tick",1]"#);
    assert_eq!(session.poll().await.body, "6");
    server.root().emit("tick", &[2]).unwrap();
    client.send("5").await;
    assert_eq!(client.text().await, r#"42["tick",2]"#);
    client.send(r#"421["ask",true]"#).await;
    assert_eq!(client.text().await, "431[true]");

    // It does not poll any more, and there is no second WebSocket for it.
    assert_eq!(session.poll().await.status, 400);
    Client::beside(&server, &session.sid).await.end().await;
    client.send(r#"422["ask"]"#).await;
    assert_eq!(client.text().await, "432[]");
    client.close().await;
    assert_eq!(told.next().await, "transport close");
}

/// Some proxies accept a WebSocket and swallow what is sent on it.
#[tokio::test]
async fn a_websocket_on_which_nothing_arrives_changes_nothing() {
    let config = Config { upgrade_timeout: Duration::from_millis(1_000), ..Config::default() };
    let server = Server::start(one(config, echo()));
    let session = Arc::new(Polling::join(&server).await);
    let mut silent = Client::beside(&server, &session.sid).await;
    assert_eq!(session.post(r#"420["ask",0]"#).await.body, "ok");
    assert_eq!(session.poll().await.body, "430[0]");
    // A poll waits as ever, and is not answered with nothing over and over.
    let polling = Arc::clone(&session);
    let mut pending = tokio::spawn(async move { polling.poll().await.body });
    let early = timeout(Duration::from_millis(300), &mut pending).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(session.post(r#"421["ask",1]"#).await.body, "ok");
    assert_eq!(soon("the poll's answer", pending).await.unwrap(), "431[1]");

    silent.end().await;
    assert_eq!(session.post(r#"422["ask",2]"#).await.body, "ok");
    assert_eq!(session.poll().await.body, "432[2]");
    // And it may be tried again.
    let mut client = Client::probe(&server, &session.sid).await;
    client.send("5").await;
    client.send(r#"423["ask",3]"#).await;
    assert_eq!(client.text().await, "433[3]");
}

#[tokio::test]
async fn a_websocket_that_breaks_off_after_the_probe_leaves_the_session_polling() {
    let server = Server::start(one(Config::default(), echo()));
    let session = Arc::new(Polling::join(&server).await);
    let client = Client::probe(&server, &session.sid).await;
    drop(client);
    // A poll that comes before that is noticed is answered with nothing; those after it wait.
    server.root().emit("tick", &[1]).unwrap();
    let mut polled = session.poll().await.body;
    while polled == "6" {
        polled = session.poll().await.body;
    }
    assert_eq!(polled, r#"42["tick",1]"#);
    let mut client = Client::probe(&server, &session.sid).await;
    client.send("4no upgrade").await;
    client.end().await;
    let polling = Arc::clone(&session);
    let mut pending = tokio::spawn(async move { polling.poll().await.body });
    let early = timeout(Duration::from_millis(200), &mut pending).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(session.post(r#"421["ask"]"#).await.body, "ok");
    assert_eq!(soon("the poll's answer", pending).await.unwrap(), "431[]");
}
