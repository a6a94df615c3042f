//! Events that are worth nothing later: sent to those who can have them at once, and in nobody's way.

use crate::support::{Client, Polling, Server, one, until};
use plaza_socketio::{Config, Handlers, Socket, Target};
use std::sync::Arc;

const KIB: usize = 1024;

fn server(config: Config) -> Server {
    Server::start_with_small_buffers(one(config, Handlers::default()))
}

fn socket(server: &Server, sid: &str) -> Arc<Socket> {
    server.root().sockets(&Target { rooms: vec![sid.into()], except: vec![] }).pop().unwrap()
}

#[tokio::test]
async fn one_that_reads_gets_them() {
    let server = server(Config::default());
    let (mut client, sid) = Client::join_as(&server).await;
    for number in 0..100 {
        server.root().broadcast().volatile().emit("at", &[number]).unwrap();
        assert_eq!(client.text().await, format!(r#"42["at",{number}]"#));
    }
    assert!(socket(&server, &sid).emit_volatile("at", &["last"]).unwrap());
    assert_eq!(client.text().await, r#"42["at","last"]"#);
}

#[tokio::test]
async fn one_that_reads_nothing_does_without_and_is_not_slow() {
    let outbox_bytes = 64 * KIB;
    let server = server(Config { outbox_bytes, ..Config::default() });
    let mut behind = Client::open_with_small_buffer(&server).await;
    let sid = behind.enter("40").await;
    let text = "x".repeat(4 * KIB);
    // Until its connection takes no more, and then as much again as would make it a slow consumer many times over.
    let mut sent = 0;
    while socket(&server, &sid).emit_volatile("at", &(sent, &text)).unwrap() {
        sent += 1;
        tokio::task::yield_now().await;
    }
    for _ in 0..200 {
        server.root().broadcast().volatile().emit("at", &("never", &text)).unwrap();
        tokio::task::yield_now().await;
    }
    assert!(socket(&server, &sid).is_connected());
    // What was sent arrives, and what comes after it when it has caught up.
    for number in 0..sent {
        assert!(behind.text().await == format!(r#"42["at",{number},"{text}"]"#), "{number}");
    }
    until("it to be ready", || socket(&server, &sid).emit_volatile("now", &[(); 0]).unwrap()).await;
    assert_eq!(behind.text().await, r#"42["now"]"#);
}

#[tokio::test]
async fn one_whose_poll_is_not_there_does_without() {
    let server = server(Config::default());
    let client = Polling::join(&server).await;
    server.root().broadcast().volatile().emit("missed", &[1]).unwrap();
    server.root().emit("kept", &[2]).unwrap();
    assert_eq!(client.poll().await.body, r#"42["kept",2]"#);
    let poll = tokio::spawn(async move { client.poll().await });
    let everybody = server.root().sockets(&Target::default()).pop().unwrap();
    until("the poll to be there", || everybody.emit_volatile("had", &[3]).unwrap()).await;
    assert_eq!(poll.await.unwrap().body, r#"42["had",3]"#);
}
