//! A client on a WebSocket that does as it is told, packet by packet.

use super::{Server, soon};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

/// Small enough that what the client does not read is soon felt.
const SMALL: u32 = 4 * 1024;

pub(crate) struct Client {
    ws: WebSocketStream<TcpStream>,
    /// What the server said first.
    pub(crate) handshake: Value,
    /// Whether it answers pings.
    pub(crate) alive: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Text(String),
    Binary(Bytes),
    /// With the code of the close frame, if one came.
    End(Option<u16>),
}

impl Client {
    /// Opens a session.
    pub(crate) async fn open(server: &Server) -> Self {
        Self::open_at(server.addr).await
    }

    /// Opens a session with whoever answers there.
    pub(crate) async fn open_at(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).await.unwrap(), addr).await
    }

    /// Opens a session on a connection that takes little of what is not read.
    pub(crate) async fn open_with_small_buffer(server: &Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SMALL).unwrap();
        Self::over(socket.connect(server.addr).await.unwrap(), server.addr).await
    }

    async fn over(stream: TcpStream, addr: SocketAddr) -> Self {
        let mut client = Self::upgrade(stream, addr, "").await;
        let open = client.text().await;
        client.handshake = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        client
    }

    /// A WebSocket for a session that polls, as far as `3probe`.
    pub(crate) async fn probe(server: &Server, sid: &str) -> Self {
        let mut client = Self::beside(server, sid).await;
        client.send("2probe").await;
        assert_eq!(client.text().await, "3probe");
        client
    }

    /// A WebSocket for a session that polls, on which nothing has been said.
    pub(crate) async fn beside(server: &Server, sid: &str) -> Self {
        let stream = TcpStream::connect(server.addr).await.unwrap();
        Self::upgrade(stream, server.addr, &format!("&sid={sid}")).await
    }

    async fn upgrade(stream: TcpStream, addr: SocketAddr, query: &str) -> Self {
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{addr}/socket.io/?EIO=4&transport=websocket{query}");
        let (ws, _) = soon("the WebSocket's handshake", client_async(url, stream)).await.unwrap();
        Self { ws, handshake: Value::Null, alive: true }
    }

    /// A session in the namespace `/`.
    pub(crate) async fn join(server: &Server) -> Self {
        Self::join_as(server).await.0
    }

    /// A session in the namespace `/`, and its sid there.
    pub(crate) async fn join_as(server: &Server) -> (Self, String) {
        let mut client = Self::open(server).await;
        let sid = client.enter("40").await;
        (client, sid)
    }

    /// Sends a CONNECT and takes the sid of the answer.
    pub(crate) async fn enter(&mut self, connect: &str) -> String {
        self.enter_with(connect, "").await
    }

    /// The same with `auth`.
    pub(crate) async fn enter_with(&mut self, connect: &str, auth: &str) -> String {
        self.send(&format!("{connect}{auth}")).await;
        let answer = self.text().await;
        let body = answer.strip_prefix(connect).unwrap_or_else(|| panic!("{connect}: {answer}"));
        let body: Value = serde_json::from_str(body).unwrap();
        body["sid"].as_str().unwrap().to_owned()
    }

    /// Sends a text frame.
    pub(crate) async fn send(&mut self, text: &str) {
        self.try_send(text).await.unwrap();
    }

    /// Sends many text frames with as few writes as possible.
    pub(crate) async fn send_all(&mut self, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            self.ws.feed(Message::text(text)).await.unwrap();
        }
        soon("frames to be sent", self.ws.flush()).await.unwrap();
    }

    /// Sends a binary frame.
    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.try_send_binary(bytes).await.unwrap();
    }

    /// Sends a text frame to a server that may have closed.
    pub(crate) async fn try_send(&mut self, text: &str) -> Result<(), Error> {
        soon("a frame to be sent", self.ws.send(Message::text(text))).await
    }

    /// Sends a binary frame to a server that may have closed.
    pub(crate) async fn try_send_binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        soon("a frame to be sent", self.ws.send(Message::binary(bytes.to_vec()))).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        soon("bytes to be sent", self.tcp().write_all(bytes)).await.unwrap();
    }

    /// The connection itself.
    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        self.ws.get_mut()
    }

    /// The connection alone, after the handshake.
    pub(crate) fn into_tcp(self) -> TcpStream {
        self.ws.into_inner()
    }

    /// The next packet that is no ping.
    pub(crate) async fn next(&mut self) -> Packet {
        soon("a packet", async {
            loop {
                match self.ws.next().await {
                    Some(Ok(Message::Text(ping))) if ping.as_str() == "2" => {
                        if self.alive {
                            let _ = self.ws.send(Message::text("3")).await;
                        }
                    }
                    Some(Ok(Message::Text(text))) => return Packet::Text(text.to_string()),
                    Some(Ok(Message::Binary(bytes))) => return Packet::Binary(bytes),
                    Some(Ok(Message::Close(frame))) => {
                        return Packet::End(frame.map(|frame| frame.code.into()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Packet::End(None),
                }
            }
        })
        .await
    }

    /// The next packet, which is text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Packet::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The next packet, which is bytes.
    pub(crate) async fn binary(&mut self) -> Bytes {
        match self.next().await {
            Packet::Binary(bytes) => bytes,
            other => panic!("expected bytes, got {other:?}"),
        }
    }

    /// Texts up to this one, which is not among them.
    pub(crate) async fn texts_until(&mut self, last: &str) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            match self.text().await {
                text if text == last => return texts,
                text => texts.push(text),
            }
        }
    }

    /// Reads to the end of the connection; the close frame's code, if one came.
    pub(crate) async fn end(&mut self) -> Option<u16> {
        loop {
            if let Packet::End(code) = self.next().await {
                // The close frame is answered while what follows it is read.
                while let Some(Ok(_)) = soon("the end of the connection", self.ws.next()).await {}
                let _ = self.tcp().shutdown().await;
                return code;
            }
        }
    }

    /// Closes as a page does.
    pub(crate) async fn close(mut self) {
        soon("the WebSocket to close", self.ws.close(None)).await.unwrap();
        self.end().await;
    }
}
