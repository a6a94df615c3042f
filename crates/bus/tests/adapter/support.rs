//! Nodes on one bus of this process, and clients of them.

use futures_util::{SinkExt, StreamExt};
use plaza_bus::{
    Bus, BusOptions, Link, LocalBus,
    adapter::{AdapterOptions, ClusterAdapter, Hooks},
};
use plaza_socketio::{Config, Event, Handlers, Namespace, SocketId, SocketIo, serve};
use serde_json::{Value, json};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long what must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for: {what}"))
}

/// A node: a server with `/` and `/other`, and its end of the bus.
pub(crate) struct Node {
    pub(crate) io: SocketIo,
    pub(crate) bus: Bus,
    pub(crate) adapter: ClusterAdapter,
    address: SocketAddr,
    _end: DropGuard,
}

impl Node {
    pub(crate) async fn start(bus: &LocalBus, options: AdapterOptions, hooks: Hooks) -> Self {
        Self::over(Link::Local(bus.clone()), options, hooks).await
    }

    pub(crate) async fn over(link: Link, options: AdapterOptions, hooks: Hooks) -> Self {
        let end = CancellationToken::new();
        let bus_options = BusOptions { linger: Duration::ZERO, ..BusOptions::new(link) };
        let (bus, receiver) = Bus::start(bus_options, end.clone()).await.unwrap();
        let adapter = ClusterAdapter::start(bus.clone(), options, hooks, end.clone());
        let io = SocketIo::builder(Config::default())
            .namespace("/", handlers())
            .namespace("/other", handlers())
            .adapter(adapter.clone())
            .build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (listening, serving, until) = (adapter.clone(), io.clone(), end.clone());
        tokio::spawn(async move { listening.run(receiver).await });
        tokio::spawn(async move { serve(listener, serving, until.cancelled_owned()).await });
        soon("the node to be ready", adapter.ready()).await;
        Self { io, bus, adapter, address, _end: end.drop_guard() }
    }

    pub(crate) fn root(&self) -> Arc<Namespace> {
        self.io.of("/").unwrap()
    }

    /// A client in `/`, and in this room.
    pub(crate) async fn client(&self, room: &str) -> Client {
        let (mut socket, _) =
            connect_async(format!("ws://{}/socket.io/?EIO=4&transport=websocket", self.address))
                .await
                .unwrap();
        socket.send("40".into()).await.unwrap();
        let mut client = Client { socket, id: String::new() };
        client.id = loop {
            let text = client.text().await;
            if let Some(connected) = text.strip_prefix("40") {
                break serde_json::from_str::<Value>(connected).unwrap()["sid"].as_str().unwrap().to_owned();
            }
        };
        client.send(&format!("421{}", json!(["join", room]))).await;
        assert_eq!(client.text().await, "431[]");
        soon("the room to be heard", self.adapter.hears("/", room)).await;
        client
    }
}

fn handlers() -> Handlers {
    Handlers::default()
        .on("join", |socket, event: Event| async move {
            socket.join(&event.payload.args::<(String,)>().unwrap().0);
            event.ack.unwrap().send(&[(); 0]).unwrap();
        })
        .describe(|socket| json!({ "name": socket.id() }))
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: String,
}

impl Client {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn socket_id(&self) -> SocketId {
        serde_json::from_value(json!(self.id)).unwrap()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(text.into()).await.unwrap();
    }

    /// The next message that is not Engine.IO's own; bytes as text.
    pub(crate) async fn text(&mut self) -> String {
        soon("a message", async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Text(text) if text.starts_with('4') => return text.to_string(),
                    Message::Binary(bytes) => return String::from_utf8_lossy(&bytes).into_owned(),
                    Message::Text(text) if text == "2" => self.socket.send("3".into()).await.unwrap(),
                    _ => {}
                }
            }
        })
        .await
    }

    /// The next event, as its array, and the id by which it wants to be acknowledged.
    pub(crate) async fn event(&mut self) -> (Value, String) {
        let text = self.text().await;
        let body = text.strip_prefix("42").unwrap_or_else(|| panic!("no event: {text}"));
        let start = body.find('[').unwrap();
        (serde_json::from_str(&body[start..]).unwrap(), body[..start].to_owned())
    }
}
