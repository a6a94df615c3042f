//! Requests written by hand, one a connection, and a client that polls.

use super::{Server, soon};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    /// A header's value; its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Asks for the server's path with this query. `headers` are whole lines.
pub(crate) async fn ask(
    addr: SocketAddr,
    method: &str,
    query: &str,
    headers: &[&str],
    body: &[u8],
) -> Response {
    let mut request = format!("{method} /socket.io/?EIO=4&{query} HTTP/1.1\r\nhost: {addr}\r\n");
    request += &format!("connection: close\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        request += &format!("{header}\r\n");
    }
    let mut bytes = (request + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    exchange(addr, &bytes).await
}

/// Asks for a WebSocket; `headers` are whole lines. An accepted one is closed by the client.
pub(crate) async fn upgrade(addr: SocketAddr, query: &str, headers: &[&str]) -> u16 {
    let mut request = format!("GET /socket.io/?EIO=4&{query} HTTP/1.1\r\nhost: {addr}\r\n");
    request += "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    request += "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for header in headers {
        request += &format!("{header}\r\n");
    }
    // A masked close frame behind it, so that the connection ends either way.
    let bytes = [(request + "\r\n").as_bytes(), b"\x88\x80\0\0\0\0"].concat();
    exchange(addr, &bytes).await.status
}

async fn exchange(addr: SocketAddr, request: &[u8]) -> Response {
    let answer = soon("an answer over HTTP", async {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    })
    .await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_owned(), body: body.to_owned() }
}

/// A client that polls.
pub(crate) struct Polling {
    pub(crate) addr: SocketAddr,
    pub(crate) sid: String,
}

impl Polling {
    pub(crate) async fn open(server: &Server) -> Self {
        let answer = ask(server.addr, "GET", "transport=polling", &[], b"").await;
        let handshake: Value = serde_json::from_str(answer.body.strip_prefix('0').unwrap()).unwrap();
        Self { addr: server.addr, sid: handshake["sid"].as_str().unwrap().to_owned() }
    }

    /// In the namespace `/`.
    pub(crate) async fn join(server: &Server) -> Self {
        let client = Self::open(server).await;
        assert_eq!(client.post("40").await.body, "ok");
        loop {
            let polled = client.poll().await.body;
            // On a busy machine a quick heartbeat may be there first.
            if polled.split('\x1e').any(|packet| packet == "2") {
                assert_eq!(client.post("3").await.body, "ok");
            }
            if polled.split('\x1e').any(|packet| packet.starts_with("40{")) {
                return client;
            }
        }
    }

    pub(crate) fn query(&self) -> String {
        format!("transport=polling&sid={}", self.sid)
    }

    pub(crate) async fn post(&self, body: &str) -> Response {
        ask(self.addr, "POST", &self.query(), &[], body.as_bytes()).await
    }

    pub(crate) async fn poll(&self) -> Response {
        ask(self.addr, "GET", &self.query(), &[], b"").await
    }

    /// The text of a poll, for those who send it by themselves.
    pub(crate) fn poll_request(&self) -> String {
        format!("GET /socket.io/?EIO=4&{} HTTP/1.1\r\nhost: {}\r\n\r\n", self.query(), self.addr)
    }
}
