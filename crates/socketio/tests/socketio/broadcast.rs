//! A broadcast is encoded once, however many get it and on whichever transport.

use crate::support::{Client, Polling, Server, one};
use plaza_socketio::{Config, Handlers};
use serde::{Serialize, Serializer};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts how often it is written as JSON.
struct Counted<'a>(&'a AtomicUsize);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("counted")
    }
}

#[tokio::test]
async fn many_receivers_one_encoding() {
    let server = Server::start(one(Config::default(), Handlers::default()));
    let polling = Polling::join(&server).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::join(&server).await);
    }
    let encoded = AtomicUsize::new(0);
    server.root().emit("news", &[Counted(&encoded)]).unwrap();
    for client in &mut clients {
        assert_eq!(client.text().await, r#"42["news","counted"]"#);
    }
    assert_eq!(polling.poll().await.body, r#"42["news","counted"]"#);
    assert_eq!(encoded.into_inner(), 1);
}

#[tokio::test]
async fn bytes_reach_everybody_behind_their_packet() {
    let server = Server::start(one(Config::default(), Handlers::default()));
    let polling = Polling::join(&server).await;
    let (mut ana, mut ben) = (Client::join(&server).await, Client::join(&server).await);
    let bytes = bytes::Bytes::from_static(&[1, 2, 3]);
    let places = ("two", plaza_socketio::Attachment(0), plaza_socketio::Attachment(1));
    server.root().broadcast().emit_binary("files", &places, &[bytes.clone(), bytes.clone()]).unwrap();
    let text = r#"452-["files","two",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    for client in [&mut ana, &mut ben] {
        assert_eq!(client.text().await, text);
        assert_eq!(client.binary().await, bytes);
        assert_eq!(client.binary().await, bytes);
    }
    assert_eq!(polling.poll().await.body, format!("{text}\x1ebAQID\x1ebAQID"));
}

#[tokio::test]
async fn what_cannot_be_encoded_is_an_error_and_reaches_nobody() {
    let server = Server::start(one(Config::default(), Handlers::default()));
    let mut client = Client::join(&server).await;
    assert!(server.root().emit("no", "sequence").is_err());
    assert!(server.root().emit("no", &[std::collections::HashMap::from([((1, 2), 3)])]).is_err());
    server.root().emit("yes", &[1]).unwrap();
    assert_eq!(client.text().await, r#"42["yes",1]"#);
}

/// More than are written to in one go, from several threads, one of them none of the runtime's: all of it, in each thread's
/// order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everybody_of_many_gets_what_several_threads_send_in_their_order() {
    const CLIENTS: usize = 300;
    const EACH: usize = 20;
    let server = Server::start(one(Config::default(), Handlers::default()));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::join(&server).await);
    }
    let send = |sender: &'static str| {
        let namespace = server.root();
        move || (0..EACH).for_each(|number| namespace.emit(sender, &[number]).unwrap())
    };
    let outside = std::thread::spawn(send("outside"));
    let inside = ["one", "two", "three"].map(|sender| {
        tokio::spawn(futures_util::future::lazy({
            let send = send(sender);
            move |_| send()
        }))
    });
    for client in &mut clients {
        let mut next = std::collections::HashMap::new();
        for _ in 0..4 * EACH {
            let text = client.text().await;
            let (sender, number): (String, usize) =
                serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap();
            let expected = next.entry(sender).or_insert(0);
            assert_eq!(number, *expected);
            *expected += 1;
        }
    }
    for sent in inside {
        sent.await.unwrap();
    }
    outside.join().unwrap();
}
