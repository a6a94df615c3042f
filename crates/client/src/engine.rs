//! Engine.IO v4 over WebSocket, the client's side: packets, heartbeats, and noticing that the server is dead.
//!
//! The two halves run apart, so that a server which does not read never keeps us from reading, and the other way
//! round; a pong waits behind no queue.
//! <https://socket.io/docs/v4/engine-io-protocol/>

use crate::{Address, Closed, ConnectError, Options, tls};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    sync::{Notify, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error, Message, error::ProtocolError, http::StatusCode, protocol::WebSocketConfig},
};
use tokio_util::{either::Either, sync::CancellationToken};

/// A packet's type and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The handshake, as JSON.
    Open(&'a str),
    /// The session ends.
    Close,
    /// To be answered by a pong.
    Ping,
    /// A Socket.IO packet.
    Message(&'a str),
    /// Pong, upgrade and noop: nothing to a client on WebSocket.
    Ignored,
}

/// Reads a packet, or `None` for what is none.
pub fn decode(text: &str) -> Option<Packet<'_>> {
    let rest = text.get(1..)?;
    match text.as_bytes().first()? {
        b'0' => Some(Packet::Open(rest)),
        b'1' => Some(Packet::Close),
        b'2' => Some(Packet::Ping),
        b'4' => Some(Packet::Message(rest)),
        b'3' | b'5' | b'6' => Some(Packet::Ignored),
        _ => None,
    }
}

/// The server's handshake; times in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The session's secret. Never shown.
    pub sid: String,
    /// How often the server pings.
    pub ping_interval: u64,
    /// How long after a missed ping the session is over.
    pub ping_timeout: u64,
}

impl Handshake {
    /// Silence longer than this means that the server is gone.
    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.ping_interval.saturating_add(self.ping_timeout))
    }
}

/// Plain, or inside TLS.
type Wire = Either<TcpStream, TlsStream<TcpStream>>;
type Ws = WebSocketStream<Wire>;

/// The reading half.
#[derive(Debug)]
pub struct Reader {
    stream: SplitStream<Ws>,
    silence: Duration,
    pong: Arc<Notify>,
}

/// The writing half.
#[derive(Debug)]
pub struct Writer {
    sink: SplitSink<Ws, Message>,
    pong: Arc<Notify>,
}

/// Opens a session. The caller bounds the time it takes.
pub async fn open(address: &Address, options: &Options) -> Result<(Reader, Writer), ConnectError> {
    let unreachable = |why: &dyn std::fmt::Display| ConnectError::Unreachable {
        address: address.authority(),
        why: why.to_string(),
    };
    let wire = connect(address, options).await.map_err(|error| unreachable(&tls::said(&error)))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(options.max_message_bytes))
        .max_frame_size(Some(options.max_message_bytes));
    let (ws, _) =
        client_async_with_config(address.socket_url(), wire, Some(config)).await.map_err(|error| {
            match error {
                Error::Io(error) => unreachable(&error),
                Error::Http(answer) if answer.status().is_server_error() => unreachable(&answer.status()),
                Error::Http(answer) if answer.status() == StatusCode::BAD_REQUEST && !address.is_tls() => {
                    ConnectError::NotPlaza("it answered 400 Bad Request; try https://".to_owned())
                }
                Error::Http(answer) => ConnectError::NotPlaza(format!("it answered {}", answer.status())),
                // A server that dies while it shakes hands looks like this.
                Error::Protocol(error) => unreachable(&error),
                other => ConnectError::NotPlaza(other.to_string()),
            }
        })?;
    let (sink, stream) = ws.split();
    let pong = Arc::new(Notify::new());
    let mut reader = Reader { stream, silence: options.connect_timeout, pong: Arc::clone(&pong) };
    let text = reader.text().await.map_err(|closed| unreachable(&closed))?;
    let Some(Packet::Open(json)) = decode(&text) else {
        return Err(ConnectError::NotPlaza("it opened no Engine.IO session".to_owned()));
    };
    let handshake: Handshake =
        serde_json::from_str(json).map_err(|error| ConnectError::NotPlaza(error.to_string()))?;
    reader.silence = handshake.silence();
    Ok((reader, Writer { sink, pong }))
}

async fn connect(address: &Address, options: &Options) -> std::io::Result<Wire> {
    let tcp = connect_tcp(address, options).await?;
    if !address.is_tls() {
        return Ok(Either::Left(tcp));
    }
    let name = ServerName::try_from(address.host().to_owned()).map_err(std::io::Error::other)?;
    let tls = TlsConnector::from(Arc::new(tls::config()?)).connect(name, tcp).await?;
    Ok(Either::Right(tls))
}

async fn connect_tcp(address: &Address, options: &Options) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for candidate in lookup_host(address.authority()).await? {
        let socket = if candidate.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(bytes) = options.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = options.max_segment_bytes {
            socket2::SockRef::from(&socket).set_tcp_mss(bytes)?;
        }
        match socket.connect(candidate).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Reader {
    /// The next Socket.IO packet. Pings on the way are answered.
    pub async fn message(&mut self) -> Result<String, Closed> {
        loop {
            let mut text = self.text().await?;
            match decode(&text) {
                Some(Packet::Message(_)) => {
                    text.remove(0);
                    return Ok(text);
                }
                Some(Packet::Ping) => self.pong.notify_one(),
                Some(Packet::Close) => return Err(Closed::Transport),
                Some(Packet::Ignored) => {}
                Some(Packet::Open(_)) | None => {
                    return Err(Closed::Malformed("an unexpected Engine.IO packet".to_owned()));
                }
            }
        }
    }

    /// The next text frame.
    async fn text(&mut self) -> Result<String, Closed> {
        loop {
            let frame = timeout(self.silence, self.stream.next()).await.map_err(|_| Closed::Silent)?;
            match frame {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_))) => {
                    return Err(Closed::Malformed(
                        "a binary frame, which this client does not take".to_owned(),
                    ));
                }
                Some(Ok(Message::Close(_))) | None => return Err(Closed::Transport),
                Some(Err(error)) => return Err(lost(&error)),
            }
        }
    }
}

impl Writer {
    /// Sends one Socket.IO packet at once.
    pub async fn send(&mut self, packet: &str) -> Result<(), Closed> {
        self.sink.send(frame(packet)).await.map_err(|error| lost(&error))
    }

    /// Sends what comes, many packets a system call when there are many, until the queue ends or `stop`. Then it
    /// closes the session in good order, waiting no longer than a second.
    pub async fn run(mut self, mut packets: mpsc::Receiver<String>, stop: CancellationToken) {
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        tokio::select! {
            // A failure shows itself to the reading half, which tells why.
            _ = self.pump(&mut packets, &stop) => {}
            // The server does not take what is left.
            () = overdue => {}
        }
        let goodbye = async {
            let _ = self.sink.send(Message::text("1")).await;
            let _ = self.sink.close().await;
        };
        let _ = timeout(Duration::from_secs(1), goodbye).await;
        stop.cancel();
    }

    async fn pump(
        &mut self,
        packets: &mut mpsc::Receiver<String>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    while let Ok(packet) = packets.try_recv() {
                        self.sink.feed(frame(&packet)).await?;
                    }
                    return Ok(());
                }
                () = self.pong.notified() => self.sink.feed(Message::text("3")).await?,
                packet = packets.recv() => {
                    let Some(packet) = packet else { return Ok(()) };
                    self.sink.feed(frame(&packet)).await?;
                    while let Ok(packet) = packets.try_recv() {
                        self.sink.feed(frame(&packet)).await?;
                    }
                }
            }
            self.sink.flush().await?;
        }
    }
}

/// In the words of the system, where it is the system that says it.
fn lost(error: &Error) -> Closed {
    Closed::Lost(match error {
        Error::Io(error) => error.to_string(),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => "reset".to_owned(),
        other => other.to_string(),
    })
}

fn frame(packet: &str) -> Message {
    Message::text(format!("4{packet}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_are_told_apart() {
        assert_eq!(decode("0{}"), Some(Packet::Open("{}")));
        assert_eq!(decode("1"), Some(Packet::Close));
        assert_eq!(decode("2"), Some(Packet::Ping));
        assert_eq!(decode("42[\"a\"]"), Some(Packet::Message("2[\"a\"]")));
        assert_eq!(decode("6"), Some(Packet::Ignored));
        for bad in ["", "7", "x", "é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_the_server_sends_makes_it_panic(text in ".*") {
            let _ = decode(&text);
        }
    }
}
