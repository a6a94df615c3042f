//! The line before the door: who stands in it, who is turned away, and that nobody holds it up.

use crate::{node::*, socket};
use plaza_store::Dialect;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

/// A session by polling, which reads only when it is told to.
struct Polling<'a> {
    node: &'a Node,
    path: String,
}

async fn handshake(node: &Node) -> Response {
    node.get("/socket.io/?EIO=4&transport=polling").send().await.unwrap()
}

impl<'a> Polling<'a> {
    async fn open(node: &'a Node) -> Self {
        let text = handshake(node).await.text().await.unwrap();
        let open: Value = serde_json::from_str(&text[1..]).unwrap();
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
        Self { node, path }
    }

    async fn send(&self, packet: &str) {
        let sent =
            self.node.http.post(self.node.url(&self.path)).body(packet.to_owned()).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::OK);
    }

    /// Asks to come in.
    async fn ask(&self, name: &str) {
        self.send(&format!("40{}", json!({"guest": name}))).await;
    }

    /// Reads until there is this in it.
    async fn until(&self, text: &str) -> String {
        let read = async {
            loop {
                let read = self.node.get(&self.path).send().await.unwrap().text().await.unwrap();
                if read.contains(text) {
                    return read;
                }
            }
        };
        timeout(PATIENCE, read).await.expect("it is told in time")
    }
}

/// Opens sessions until one is answered so.
async fn until_answered(node: &Node, status: StatusCode) -> Response {
    let answered = async {
        loop {
            let answer = handshake(node).await;
            if answer.status() == status {
                return answer;
            }
        }
    };
    timeout(PATIENCE, answered).await.expect("it is answered so in time")
}

#[tokio::test]
async fn a_full_line_is_said_so_and_one_who_goes_is_not_in_it() {
    let line = [("PLAZA_SOCKET__ARRIVALS", "1"), ("PLAZA_SOCKET__ARRIVALS_LINE", "1")];
    let node = Node::start(&line).await;
    let (first, second, third) =
        (Polling::open(&node).await, Polling::open(&node).await, Polling::open(&node).await);
    let mut busy = node.store.write().await.unwrap();
    if Dialect::of(&busy) == Dialect::Postgres {
        sqlx::query("LOCK TABLE users IN EXCLUSIVE MODE").execute(&mut *busy).await.unwrap();
    }
    // One is being let in for as long as nobody can write, and one waits for that.
    first.ask("Ana").await;
    second.ask("Ben").await;
    let refused = until_answered(&node, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(refused.headers()["retry-after"], "2");
    third.ask("Cem").await;
    let told = third.until("44{").await;
    assert!(told.contains("\"busy\"") && told.contains("\"retryAfterMs\":2000"), "{told}");

    second.send("41").await;
    until_answered(&node, StatusCode::OK).await;
    busy.commit().await.unwrap();
    first.until("40{").await;
}

#[tokio::test]
async fn one_who_does_not_read_holds_nobody_up() {
    let settings = [("PLAZA_SOCKET__ARRIVALS", "1"), ("PLAZA_SOCKET__OUTBOX_BYTES", "65536")];
    let node = Node::start(&settings).await;
    let mut witness = socket::guest(&node, "Ben").await;
    witness.ask(1, "room:join", &[json!({"roomId": "hall"})]).await;
    witness.packet("431").await;
    let silent = Polling::open(&node).await;
    silent.ask("Ana").await;
    silent.until("\"resumed\"").await;
    silent.send("421[\"room:join\",{\"roomId\":\"hall\"}]").await;
    silent.until("431").await;
    // More than half of what may wait for her, and less than all of it.
    let text = "x".repeat(4_000);
    for number in 0..10 {
        let body = json!({"roomId": "hall", "clientId": format!("c{number}"), "kind": "text", "body": {"text": text}});
        silent.send(&format!("42[\"message:send\",{body}]")).await;
    }
    for _ in 0..10 {
        witness.packet("42[\"message\"").await;
    }
    for _ in 0..3 {
        silent.send("41").await;
        silent.ask("Ana again").await;
    }
    timeout(PATIENCE, socket::guest(&node, "Cem")).await.expect("others come in");
}
