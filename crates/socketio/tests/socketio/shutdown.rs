//! The end of a server: no new clients, every transport closed, every handler run to its end.

use crate::support::{Client, Polling, Server, ask, one, soon, telling, upgrade};
use plaza_socketio::{Config, Handlers, Target};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

#[tokio::test]
async fn everybody_is_told_and_every_handler_ends() {
    let ((tell, mut told), gate) = (telling(), Arc::new(Semaphore::new(0)));
    let (working, held) = (tell.clone(), Arc::clone(&gate));
    let handlers = Handlers::default()
        .on("work", move |socket, event| {
            let (tell, gate) = (working.clone(), Arc::clone(&held));
            async move {
                tell.send("started".to_owned()).unwrap();
                gate.acquire().await.unwrap().forget();
                // Nobody is there to read the answer; giving it is no error.
                event.ack.unwrap().send(&[socket.is_connected()]).unwrap();
                tell.send("finished".to_owned()).unwrap();
            }
        })
        .on_disconnect(move |_, reason| {
            tell.send(reason.to_string()).unwrap();
            async {}
        });
    let server = Server::start(one(Config::default(), handlers));
    let (mut idle, mut busy) = (Client::join(&server).await, Client::join(&server).await);
    let polling = Polling::join(&server).await;
    busy.send(r#"421["work"]"#).await;
    assert_eq!(told.next().await, "started");

    let closing = tokio::spawn({
        let io = server.io.clone();
        async move {
            io.of("/").unwrap().emit("last", &["words"]).unwrap();
            io.close().await;
        }
    });
    // Disconnect handlers do not wait for other handlers.
    assert_eq!(told.take(3).await, ["server shutting down"; 3]);
    // What had been sent before arrives before the end.
    for client in [&mut idle, &mut busy] {
        assert_eq!(client.text().await, r#"42["last","words"]"#);
        assert_eq!(client.end().await, Some(1001));
    }
    assert_eq!(polling.poll().await.body, "42[\"last\",\"words\"]\x1e1");

    // Nobody new comes in.
    let refused = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(upgrade(server.addr, "transport=websocket", &[]).await, 503);

    assert!(!closing.is_finished(), "a handler is still at work");
    gate.add_permits(1);
    assert_eq!(told.next().await, "finished");
    soon("the server to close", closing).await.unwrap();
    assert_eq!(server.io.clients(), 0);
    assert!(server.root().is_empty());

    server.stop.cancel();
    soon("the listener to end", server.serving).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(server.addr).await.is_err());
}

#[tokio::test]
async fn before_its_end_it_refuses_who_is_new_and_serves_who_is_there() {
    let config = Config { sid_prefix: "a_".to_owned(), ..Config::default() };
    let server = Server::start(one(config, Handlers::default()));
    let (mut leaving, polling) = (Client::join(&server).await, Polling::join(&server).await);
    server.io.refuse_new(Duration::from_millis(2_500));
    let refused = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("3")));
    assert_eq!(upgrade(server.addr, "transport=websocket", &[]).await, 503);
    // Whoever has a session goes on, also from one transport to the other.
    let _changing = Client::probe(&server, &polling.sid).await;
    server.io.of("/").unwrap().emit("still", &["here"]).unwrap();
    assert_eq!(leaving.text().await, r#"42["still","here"]"#);
    let sockets = server.root().sockets(&Target::default());
    sockets.iter().for_each(|socket| socket.shut_down());
    assert_eq!(leaving.end().await, Some(1001));
    server.stop.cancel();
}

/// Where a proxy sends a session to the wrong node, its operator reads why, and nobody reads a sid.
#[tokio::test]
async fn a_session_of_another_node_is_refused_with_a_reason() {
    let config = Config { sid_prefix: "a_".to_owned(), ..Config::default() };
    let server = Server::start(one(config, Handlers::default()));
    let polling = Polling::join(&server).await;
    assert!(polling.sid.starts_with("a_") && polling.sid.len() == 22, "{}", polling.sid);
    for (sid, reason) in [("a_Z2x9cJ1yKk3rT0aVbN5e", false), ("b_Z2x9cJ1yKk3rT0aVbN5e", true)] {
        for method in ["GET", "POST"] {
            let refused = ask(server.addr, method, &format!("transport=polling&sid={sid}"), &[], b"").await;
            let body: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
            assert_eq!((refused.status, &body["code"]), (400, &1.into()), "{body}");
            assert_eq!(body["message"], "Session ID unknown");
            let said = body["reason"].as_str().map(|text| text.contains("a_") && !text.contains("b_"));
            assert_eq!(said, reason.then_some(true), "{body}");
        }
    }
    server.stop.cancel();
}

/// A client halfway between two transports holds nothing up.
#[tokio::test]
async fn an_upgrade_under_way_does_not_delay_the_end() {
    let config = Config { upgrade_timeout: Duration::from_secs(60), ..Config::default() };
    let server = Server::start(one(config, Handlers::default()));
    let session = Polling::join(&server).await;
    let mut halfway = Client::probe(&server, &session.sid).await;
    let started = Instant::now();
    soon("the server to close", async { tokio::join!(server.io.close(), halfway.end()) }).await;
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
}
