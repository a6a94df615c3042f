//! Broadcasts that ask for acknowledgements: of all, of some, of none, within a time.

use crate::support::{Client, Polling, Server, one, soon};
use bytes::Bytes;
use futures_util::FutureExt;
use plaza_socketio::{
    Adapter, Answers, Attachment, BroadcastAckError, Config, Handlers, Outgoing, Parsers, Payload, SocketIo,
    Target, ToOthers,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

type Asked = Result<Vec<Payload>, BroadcastAckError>;

fn ask(server: &Server, within: Duration) -> JoinHandle<Asked> {
    let root = server.root();
    tokio::spawn(async move { root.broadcast().emit_with_ack("ask", &["what?"], within).await })
}

async fn answered(asking: JoinHandle<Asked>) -> Asked {
    soon("the end of waiting for acknowledgements", asking).await.unwrap()
}

fn numbers(answers: &[Payload]) -> Vec<u32> {
    answers.iter().map(|answer| answer.args::<(u32,)>().unwrap().0).collect()
}

fn server() -> Server {
    Server::start(one(Config::default(), Handlers::default()))
}

#[tokio::test]
async fn all_answer() {
    let server = server();
    let polling = Polling::join(&server).await;
    let (mut ana, mut ben) = (Client::join(&server).await, Client::join(&server).await);
    let asking = ask(&server, LONG);
    // One packet for all, under one id.
    for client in [&mut ana, &mut ben] {
        assert_eq!(client.text().await, r#"420["ask","what?"]"#);
    }
    assert_eq!(polling.poll().await.body, r#"420["ask","what?"]"#);
    ben.send("430[2]").await;
    // Twice is once, and an id that nobody gave is nobody's.
    ben.send("430[22]").await;
    ben.send("431[9]").await;
    assert_eq!(polling.post("430[3]").await.body, "ok");
    ana.send("430[1]").await;
    let mut answers = numbers(&answered(asking).await.unwrap());
    answers.sort_unstable();
    assert_eq!(answers, [1, 2, 3]);
}

#[tokio::test]
async fn nobody_is_asked() {
    let server = server();
    assert!(answered(ask(&server, LONG)).await.unwrap().is_empty());
}

#[tokio::test]
async fn those_who_are_late_are_missing_from_the_answers_that_came() {
    let server = server();
    let (mut ana, mut ben) = (Client::join(&server).await, Client::join(&server).await);
    let started = Instant::now();
    let asking = ask(&server, SHORT);
    ana.text().await;
    ben.text().await;
    ana.send("430[1]").await;
    let error = answered(asking).await.unwrap_err();
    assert!(started.elapsed() >= SHORT);
    assert_eq!(error.to_string(), "1 sockets did not acknowledge");
    let BroadcastAckError::Incomplete { answers, missing } = error else { panic!("{error:?}") };
    assert_eq!((numbers(&answers), missing), (vec![1], 1));
    // Too late: nobody's.
    ben.send("430[2]").await;
    let asking = ask(&server, LONG);
    for client in [&mut ana, &mut ben] {
        assert_eq!(client.text().await, r#"421["ask","what?"]"#);
        client.send("431[5]").await;
    }
    assert_eq!(numbers(&answered(asking).await.unwrap()), [5, 5]);
}

#[tokio::test]
async fn those_who_go_are_not_waited_for() {
    let server = server();
    let (mut ana, mut ben) = (Client::join(&server).await, Client::join(&server).await);
    let mut cleo = Client::join(&server).await;
    let asking = ask(&server, LONG);
    for client in [&mut ana, &mut ben, &mut cleo] {
        client.text().await;
    }
    cleo.send("430[3]").await;
    ben.send("41").await;
    drop(ana);
    let BroadcastAckError::Incomplete { answers, missing } = answered(asking).await.unwrap_err() else {
        panic!("not incomplete")
    };
    assert_eq!((numbers(&answers), missing), (vec![3], 2));
}

#[tokio::test]
async fn rooms_bytes_and_both_encodings() {
    let config = Config { parsers: Parsers::Both, ..Config::default() };
    let server = Server::start(SocketIo::builder(config).namespace("/", Handlers::default()).build());
    let mut ana = Client::join(&server).await;
    let mut other = Client::join(&server).await;
    let mut ben = Client::open(&server).await;
    ben.send_binary(b"\x82\xa4type\0\xa3nsp\xa1/").await;
    ben.binary().await;
    let root = server.root();
    root.broadcast().join("asked");
    let _not_asked = Client::join(&server).await;
    let asking = tokio::spawn(async move {
        let bytes = [Bytes::from_static(b"how long?")];
        root.to("asked").emit_binary_with_ack("ask", &[Attachment(0)], &bytes, LONG).await
    });
    for client in [&mut ana, &mut other] {
        assert_eq!(client.text().await, r#"451-0["ask",{"_placeholder":true,"num":0}]"#);
        client.binary().await;
        client.send("430[1]").await;
    }
    let asked = b"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa3ask\xc4\x09how long?\xa2id\0";
    assert_eq!(ben.binary().await, &asked[..]);
    ben.send_binary(b"\x84\xa4type\x03\xa3nsp\xa1/\xa2id\0\xa4data\x91\x09").await;
    let mut answers = numbers(&soon("answers", asking).await.unwrap().unwrap());
    answers.sort_unstable();
    assert_eq!(answers, [1, 1, 9]);
}

/// Another node with one socket, which answers 7 at once; another waits there in vain.
struct Elsewhere;

impl Adapter for Elsewhere {
    fn publish(&self, _: &str, _: &ToOthers) {}

    fn ask(
        &self,
        namespace: &str,
        _: &Target,
        _: &Outgoing,
        _: Duration,
    ) -> futures_util::future::BoxFuture<'static, Answers> {
        assert_eq!(namespace, "/");
        let other = Server::start(one(Config::default(), Handlers::default()));
        async move {
            let (mut client, mut silent) = (Client::join(&other).await, Client::join(&other).await);
            let event = Outgoing::event("/", "ask", &["there?"]).unwrap();
            let root = other.root();
            let asking = tokio::spawn(async move { root.ask(&Target::default(), &event, SHORT).await });
            assert_eq!(client.text().await, r#"420["ask","there?"]"#);
            silent.text().await;
            client.send("430[7]").await;
            asking.await.unwrap()
        }
        .boxed()
    }
}

#[tokio::test]
async fn other_nodes_are_asked_too_unless_only_this_one_is_meant() {
    let io =
        SocketIo::builder(Config::default()).namespace("/", Handlers::default()).adapter(Elsewhere).build();
    let server = Server::start(io);
    let mut client = Client::join(&server).await;
    let asking = ask(&server, LONG);
    client.text().await;
    client.send("430[1]").await;
    let BroadcastAckError::Incomplete { answers, missing } = answered(asking).await.unwrap_err() else {
        panic!("not incomplete")
    };
    assert_eq!((numbers(&answers), missing), (vec![1, 7], 1));

    let root: Arc<_> = server.root();
    let asking =
        tokio::spawn(async move { root.broadcast().local().emit_with_ack("ask", &[(); 0], LONG).await });
    client.text().await;
    client.send("431[2]").await;
    assert_eq!(numbers(&answered(asking).await.unwrap()), [2]);
}
