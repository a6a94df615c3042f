//! A small chat: a name, a room, who is there, who is typing. In an axum application, with its page.
//!
//! `cargo run -p plaza-socketio --example chat -- [PORT]`, then open http://127.0.0.1:3000 twice.
//!
//! The page's client is the official one, from where npm has put it (`npm --prefix e2e/conformance ci`); until then
//! browsers are sent to the project's own server for it.

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use plaza_socketio::{
    Config, ConnectError, DisconnectReason, Event, Handlers, Parsers, Recovery, Socket, SocketIo,
};
use serde_json::{Value, json};
use std::{future::IntoFuture, sync::Arc};
use tokio::net::TcpListener;

/// The official client, as npm unpacks it and as its project serves it.
const CLIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../e2e/conformance/node_modules/socket.io-client/dist/socket.io.esm.min.js"
);
const CLIENT_ELSEWHERE: &str = "https://cdn.socket.io/4.8.1/socket.io.esm.min.js";

/// What is kept of each client: given by a middleware, and there until it is gone.
struct Person {
    name: String,
    room: String,
}

fn main() -> std::io::Result<()> {
    plaza_socketio::runtime().build()?.block_on(run())
}

async fn run() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(3000);
    let config = Config {
        // Whoever loses the network for less than two minutes misses nothing.
        recovery: Some(Recovery::default()),
        // Clients with socket.io-msgpack-parser are welcome too.
        parsers: Parsers::Both,
        ..Config::default()
    };
    let io = SocketIo::builder(config).namespace("/", chat()).build();
    let app = Router::new()
        .route("/", get(|| async { Html(include_str!("chat.html")) }))
        .route("/client.js", get(client))
        .route_service("/socket.io/", io.clone());

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("open http://{}", listener.local_addr()?);
    tokio::select! {
        served = axum::serve(listener, app).into_future() => served,
        _ = tokio::signal::ctrl_c() => {
            // Tells every client, and waits for handlers at work.
            io.close().await;
            Ok(())
        }
    }
}

async fn client() -> Response {
    match std::fs::read(CLIENT) {
        Ok(script) => ([(header::CONTENT_TYPE, "text/javascript")], script).into_response(),
        Err(_) => Redirect::temporary(CLIENT_ELSEWHERE).into_response(),
    }
}

fn chat() -> Handlers {
    Handlers::default()
        .middleware(|socket, auth| async move { come_in(&socket, &auth) })
        .on_connect(|socket, _auth| async move {
            if !socket.recovered() {
                tell(&socket, "joined");
            }
            who_is_there(&socket).await;
        })
        .on_disconnect(|socket, reason| async move {
            // A connection that broke off may be back in a moment.
            if reason == DisconnectReason::ClientNamespaceDisconnect {
                tell(&socket, "left");
            }
            who_is_there(&socket).await;
        })
        .event_middleware(|_, event| {
            let (text,): (String,) = event.payload.args().map_err(|_| "one text is expected")?;
            if text.len() > 2_000 { Err("too long".into()) } else { Ok(()) }
        })
        .on_refused(|_, event, why| async move {
            if let Some(ack) = event.ack {
                let _ = ack.send(&[json!({ "error": why.to_string() })]);
            }
        })
        .on("say", |socket, event: Event| async move {
            let (Ok((text,)), Some(person)) = (event.payload.args::<(String,)>(), socket.data::<Person>())
            else {
                return;
            };
            let said = json!({ "name": person.name, "text": text });
            // To everybody in the room, its sender too; encoded once.
            let _ = socket.namespace().to(&person.room).emit("said", &[said]);
            if let Some(ack) = event.ack {
                let _ = ack.send(&[json!({ "ok": true })]);
            }
        })
        .on("typing", |socket, _| async move {
            if let Some(person) = socket.data::<Person>() {
                // Of no use later: whoever is slow does without.
                let _ = socket.to(&person.room).volatile().emit("typing", &[&person.name]);
            }
        })
        .describe(|socket| json!({ "name": socket.data::<Person>().map(|person| &person.name) }))
}

/// Lets in who says a name.
fn come_in(socket: &Arc<Socket>, auth: &Value) -> Result<(), ConnectError> {
    let text = |key: &str| auth[key].as_str().map(str::trim).filter(|text| !text.is_empty());
    let name = text("name").ok_or_else(|| ConnectError::new("say your name"))?;
    let room = text("room").unwrap_or("lobby");
    socket.join(room);
    socket.set_data(Person { name: name.to_owned(), room: room.to_owned() });
    Ok(())
}

fn tell(socket: &Socket, what: &str) {
    if let Some(person) = socket.data::<Person>() {
        let _ = socket.to(&person.room).emit(what, &[&person.name]);
    }
}

/// Tells a room who is in it: on all nodes, were there others.
async fn who_is_there(socket: &Socket) {
    let Some(person) = socket.data::<Person>() else { return };
    let room = || socket.namespace().to(&person.room);
    let Ok(sockets) = room().fetch_sockets().await else { return };
    let names: Vec<&Value> = sockets.iter().map(|socket| &socket.info().data["name"]).collect();
    let _ = room().emit("people", &[names]);
}
