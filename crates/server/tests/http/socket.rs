//! A socket of which every packet is written out, for what no client library sends.

use crate::node::*;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

pub(crate) struct Socket<S>(WebSocketStream<S>);

/// A guest over plain TCP.
pub(crate) async fn guest(node: &Node, name: &str) -> Socket<TcpStream> {
    Socket::guest(TcpStream::connect(node.addr).await.unwrap(), node, name).await
}

/// Opens a session as a browser does that has this cookie, without saying of which page, and asks to come in.
pub(crate) async fn with_cookie(node: &Node, cookie: &str) -> Socket<TcpStream> {
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", node.addr);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    let mut socket = Socket(client_async(request, node.connect().await).await.unwrap().0);
    socket.send("40").await;
    socket
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Opens a session on a connection, as a new guest, and waits until it is live.
    pub(crate) async fn guest(stream: S, node: &Node, name: &str) -> Self {
        Self::with(stream, node, &json!({"guest": name})).await
    }

    /// The same for whoever comes with this.
    pub(crate) async fn with(stream: S, node: &Node, auth: &Value) -> Self {
        let mut socket = Self::opened(stream, node, auth).await;
        socket.packet("42[\"resumed\"").await;
        socket
    }

    /// The same, before anything was read.
    pub(crate) async fn opened(stream: S, node: &Node, auth: &Value) -> Self {
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", node.addr);
        let mut socket = Self(client_async(url, stream).await.unwrap().0);
        assert!(socket.packet("0{").await.contains("\"sid\""));
        socket.send(&format!("40{auth}")).await;
        socket
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.0.send(Message::text(packet)).await.unwrap();
    }

    /// Sends a request, with what is to stand behind its name, and does not wait.
    pub(crate) async fn ask(&mut self, id: u32, event: &str, arguments: &[Value]) {
        let mut request = vec![json!(event)];
        request.extend_from_slice(arguments);
        self.send(&format!("42{id}{}", Value::from(request))).await;
    }

    /// Waits for the answer to a request.
    pub(crate) async fn answer(&mut self, id: u32) -> Value {
        let start = format!("43{id}[");
        let packet = self.packet(&start).await;
        let answer: Value = serde_json::from_str(&packet[start.len() - 1..]).unwrap();
        answer[0].clone()
    }

    /// Waits for the next answer there is, and which request it is to.
    pub(crate) async fn any_answer(&mut self) -> (u32, Value) {
        let packet = self.packet("43").await;
        let (id, answer) = packet["43".len()..].split_once('[').unwrap();
        let answer: Value = serde_json::from_str(&format!("[{answer}")).unwrap();
        (id.parse().unwrap(), answer[0].clone())
    }

    /// Waits until the server has closed the connection.
    pub(crate) async fn closed(&mut self) {
        while let Some(Ok(_)) = timeout(PATIENCE, self.0.next()).await.expect("the end") {}
    }

    /// Waits for a packet that begins like this, and passes over others.
    pub(crate) async fn packet(&mut self, start: &str) -> String {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("a packet").unwrap().unwrap();
            let text = message.into_text().unwrap();
            if text.starts_with(start) {
                return text.as_str().to_owned();
            }
        }
    }
}
