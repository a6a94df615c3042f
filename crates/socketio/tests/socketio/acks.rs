//! Acknowledgements both ways, in time, too late, and never.

use crate::support::{Client, Server, one, soon, telling};
use bytes::Bytes;
use plaza_socketio::{AckError, Attachment, Config, Handlers, Payload, Socket, Target};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(60);

async fn connected(handlers: Handlers) -> (Server, Client, Arc<Socket>) {
    let server = Server::start(one(Config::default(), handlers));
    let (client, sid) = Client::join_as(&server).await;
    let socket = server.root().sockets(&Target { rooms: vec![sid.into()], except: vec![] }).pop().unwrap();
    (server, client, socket)
}

/// Asks the client `ask` with a number.
fn asked(socket: &Arc<Socket>, number: u32, within: Duration) -> JoinHandle<Result<Payload, AckError>> {
    let socket = Arc::clone(socket);
    tokio::spawn(async move { socket.emit_with_ack("ask", &[number], within).await })
}

async fn answer(asking: JoinHandle<Result<Payload, AckError>>) -> Result<Payload, AckError> {
    soon("the end of waiting for an acknowledgement", asking).await.unwrap()
}

#[tokio::test]
async fn a_client_answers_in_any_order() {
    let (_server, mut client, socket) = connected(Handlers::default()).await;
    let first = asked(&socket, 1, LONG);
    assert_eq!(client.text().await, r#"420["ask",1]"#);
    let second = asked(&socket, 2, LONG);
    assert_eq!(client.text().await, r#"421["ask",2]"#);
    client.send(r#"431["two",{"b":[2]}]"#).await;
    let (text, value): (String, serde_json::Value) = answer(second).await.unwrap().args().unwrap();
    assert_eq!((text.as_str(), value), ("two", json!({"b": [2]})));
    client.send("430[]").await;
    assert!(answer(first).await.unwrap().elements().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_answers_with_bytes() {
    let (_server, mut client, socket) = connected(Handlers::default()).await;
    let asking = asked(&socket, 1, LONG);
    client.text().await;
    client.send(r#"462-0[{"_placeholder":true,"num":1},"and",{"_placeholder":true,"num":0}]"#).await;
    client.send_binary(&[1]).await;
    client.send_binary(&[2, 2]).await;
    let payload = answer(asking).await.unwrap();
    let (one, _, zero): (Attachment, String, Attachment) = payload.args().unwrap();
    assert_eq!(payload.attachment(one).unwrap(), &[2, 2][..]);
    assert_eq!(payload.attachment(zero).unwrap(), &[1][..]);
}

#[tokio::test]
async fn one_that_does_not_answer_in_time_is_not_waited_for() {
    let (_server, mut client, socket) = connected(Handlers::default()).await;
    let started = Instant::now();
    let error = answer(asked(&socket, 1, Duration::from_millis(200))).await.unwrap_err();
    assert!(matches!(error, AckError::Timeout), "{error:?}");
    assert!(started.elapsed() >= Duration::from_millis(200));
    // An answer too late, twice, and to what nobody asked, is nobody's: the next is told from it.
    client.text().await;
    let next = asked(&socket, 2, LONG);
    assert_eq!(client.text().await, r#"421["ask",2]"#);
    for late in [r#"430["late"]"#, r#"430["late"]"#, r#"4399["none"]"#, r#"431["next"]"#] {
        client.send(late).await;
    }
    assert_eq!(answer(next).await.unwrap().args::<(String,)>().unwrap().0, "next");
}

#[tokio::test]
async fn one_that_goes_is_not_waited_for() {
    let (_server, mut client, socket) = connected(Handlers::default()).await;
    // It leaves the namespace.
    let asking = asked(&socket, 1, LONG);
    client.text().await;
    client.send("41").await;
    assert!(matches!(answer(asking).await, Err(AckError::Disconnected)));
    assert!(matches!(answer(asked(&socket, 2, LONG)).await, Err(AckError::Disconnected)));

    // Its connection breaks off.
    let (_server, mut client, socket) = connected(Handlers::default()).await;
    let asking = asked(&socket, 1, LONG);
    client.text().await;
    drop(client);
    assert!(matches!(answer(asking).await, Err(AckError::Disconnected)));

    // The server lets go of it.
    let (_server, mut client, socket) = connected(Handlers::default()).await;
    let asking = asked(&socket, 1, LONG);
    client.text().await;
    socket.disconnect(false);
    assert!(matches!(answer(asking).await, Err(AckError::Disconnected)));
}

#[tokio::test]
async fn what_cannot_be_encoded_is_not_waited_for() {
    let (_server, _client, socket) = connected(Handlers::default()).await;
    let waiting = socket.emit_with_ack("ask", "no sequence", LONG);
    assert!(matches!(soon("an error", waiting).await, Err(AckError::Encode(_))));
}

#[tokio::test]
async fn the_server_answers_with_what_it_was_asked() {
    let handlers = Handlers::default().on("echo", |_, event| async move {
        let arguments = event.payload.elements().unwrap();
        event.ack.unwrap().send_binary(&arguments, event.payload.attachments()).unwrap();
    });
    let (_server, mut client, _socket) = connected(handlers).await;
    client.send(r#"4212["echo","a",{"b":null}]"#).await;
    assert_eq!(client.text().await, r#"4312["a",{"b":null}]"#);
    client.send(r#"420["echo"]"#).await;
    assert_eq!(client.text().await, "430[]");

    let places = r#"[{"_placeholder":true,"num":0},{"in":[{"_placeholder":true,"num":1}]}]"#;
    client.send(&format!(r#"452-7["echo",{}"#, &places[1..])).await;
    client.send_binary(b"first").await;
    client.send_binary(b"").await;
    assert_eq!(client.text().await, format!("462-7{places}"));
    assert_eq!(client.binary().await, Bytes::from_static(b"first"));
    assert_eq!(client.binary().await, Bytes::new());
}

#[tokio::test]
async fn events_that_ask_for_no_answer_have_none() {
    let (tell, mut told) = telling();
    let handlers = Handlers::default().on("quiet", move |_, event| {
        tell.send(event.ack.is_some()).unwrap();
        async {}
    });
    let (_server, mut client, _socket) = connected(handlers).await;
    client.send(r#"42["quiet"]"#).await;
    client.send(r#"421["quiet"]"#).await;
    assert_eq!(told.take(2).await, [false, true]);
}

#[tokio::test]
async fn a_handler_asks_its_own_client() {
    let handlers = Handlers::default().on("start", |socket, event| async move {
        let answer = socket.emit_with_ack("name?", &[(); 0], LONG).await.unwrap();
        event.ack.unwrap().send(&[answer.args::<(String,)>().unwrap().0]).unwrap();
    });
    let (_server, mut client, _socket) = connected(handlers).await;
    client.send(r#"425["start"]"#).await;
    assert_eq!(client.text().await, r#"420["name?"]"#);
    client.send(r#"430["ana"]"#).await;
    assert_eq!(client.text().await, r#"435["ana"]"#);
}

#[tokio::test]
async fn a_client_is_asked_with_bytes() {
    let (_server, mut client, socket) = connected(Handlers::default()).await;
    let asking = tokio::spawn(async move {
        let bytes = [Bytes::from_static(b"three")];
        socket.emit_binary_with_ack("how long?", &(Attachment(0), "is it"), &bytes, LONG).await
    });
    assert_eq!(client.text().await, r#"451-0["how long?",{"_placeholder":true,"num":0},"is it"]"#);
    assert_eq!(client.binary().await, Bytes::from_static(b"three"));
    client.send("430[5]").await;
    assert_eq!(answer(asking).await.unwrap().args::<(u8,)>().unwrap(), (5,));
}

#[tokio::test]
async fn an_event_without_a_handler_of_its_own_goes_to_the_one_for_the_others() {
    let handlers = Handlers::default()
        .on("known", |_, event| async move { event.ack.unwrap().send(&["own"]).unwrap() })
        .otherwise(|_, event| async move { event.ack.unwrap().send(&[event.name]).unwrap() });
    let (_server, mut client, _socket) = connected(handlers).await;
    client.send(r#"421["known"]"#).await;
    client.send(r#"422["other",7]"#).await;
    assert_eq!(client.text().await, r#"431["own"]"#);
    assert_eq!(client.text().await, r#"432["other"]"#);
}
