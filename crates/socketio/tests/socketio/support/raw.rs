//! A WebSocket spoken by hand, frame by frame, with a server that gives each message of Engine.IO back.

use super::{Server, soon};
use plaza_socketio::{
    CloseReason, Config, Patience, Refusal,
    engine::{Application, Engine, Frame, Message, Protocol, Session},
    serve_with,
};
use std::{
    future::{Future, ready},
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};

/// Engine.IO alone: what comes goes back.
pub(crate) struct Echo;

pub(crate) struct EchoSession(Arc<Session>);

impl Application for Echo {
    type Protocol = EchoSession;

    fn open(&self, session: &Arc<Session>, _: &http::request::Parts) -> Result<EchoSession, Refusal> {
        Ok(EchoSession(Arc::clone(session)))
    }
}

impl Protocol for EchoSession {
    fn receive(&mut self, message: Message<'_>, _: Instant, _: &mut Context<'_>) -> Result<(), CloseReason> {
        let frame = match message {
            Message::Text(text) => Frame::text(text.len(), |to| to.extend_from_slice(text.as_bytes())),
            Message::Binary(bytes) => Frame::binary(bytes),
        };
        self.0.send(&frame.into()).map_err(|_| CloseReason::TransportError)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<CloseReason> {
        Poll::Pending
    }

    fn is_full(&self) -> bool {
        false
    }

    fn close(self, _: CloseReason) -> impl Future<Output = ()> + Send {
        ready(())
    }
}

/// Serves the echo on a port of its own, for as long as the test lasts.
pub(crate) async fn echo(config: Config) -> (Engine<Echo>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let engine = Engine::new(config, Echo);
    tokio::spawn(serve_with(listener, engine.clone(), Patience::default(), std::future::pending()));
    (engine, addr)
}

/// What a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// A message that is compressed, as it came.
    Deflated(Vec<u8>),
    /// A close frame with this code.
    Close(Option<u16>),
    /// The end of the connection.
    End,
}

pub(crate) struct Raw {
    stream: TcpStream,
    /// The value of `Sec-WebSocket-Extensions` in the answer.
    pub(crate) extensions: Option<String>,
}

impl Raw {
    /// A session of Engine.IO, past its handshake.
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        Self::offering(addr, None).await
    }

    /// The same of a Socket.IO server, in its namespace `/`.
    pub(crate) async fn join(server: &Server, extensions: Option<&str>) -> Self {
        let mut raw = Self::offering(server.addr, extensions).await;
        raw.send(&frame(0x81, b"40")).await;
        assert!(matches!(raw.next().await, Seen::Text(text) if text.starts_with("40{")));
        raw
    }

    /// The same, offering extensions.
    pub(crate) async fn offering(addr: SocketAddr, extensions: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let offer =
            extensions.map(|offer| format!("sec-websocket-extensions: {offer}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {addr}\r\nconnection: Upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("the answer to the handshake", stream.read_u8()).await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let extensions = head.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
        let mut raw = Self { stream, extensions: extensions.map(str::to_owned) };
        assert!(matches!(raw.next().await, Seen::Text(text) if text.starts_with("0{")));
        raw
    }

    /// Sends bytes; the server may have closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = soon("bytes to be sent", self.stream.write_all(bytes)).await;
    }

    /// Sends bytes in pieces, each a packet of TCP's as far as one can have that.
    pub(crate) async fn send_in(&mut self, bytes: &[u8], piece: usize) {
        for piece in bytes.chunks(piece) {
            self.send(piece).await;
            tokio::task::yield_now().await;
        }
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Seen {
        soon("a frame", self.read()).await.unwrap_or(Seen::End)
    }

    async fn read(&mut self) -> std::io::Result<Seen> {
        let first = self.stream.read_u8().await?;
        let second = self.stream.read_u8().await?;
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let len = match second {
            126 => self.stream.read_u16().await?.into(),
            127 => self.stream.read_u64().await?,
            len => len.into(),
        };
        let mut data = vec![0; len as usize];
        self.stream.read_exact(&mut data).await?;
        Ok(match first {
            0x81 => Seen::Text(String::from_utf8(data).unwrap()),
            0x82 => Seen::Binary(data),
            0x8A => Seen::Pong(data),
            0xC1 | 0xC2 => Seen::Deflated(data),
            0x88 => Seen::Close(data.first_chunk().map(|code| u16::from_be_bytes(*code))),
            other => panic!("a frame that begins with {other:#x}"),
        })
    }

    /// Takes the next frames, which must be these. One that closes has nothing behind it.
    pub(crate) async fn expect(&mut self, case: &str, expected: &[Seen]) {
        for expected in expected {
            let seen = self.next().await;
            assert!(seen == *expected, "{case}: expected {}, saw {}", brief(expected), brief(&seen));
            if matches!(expected, Seen::Close(_)) {
                assert_eq!(self.next().await, Seen::End, "{case}");
            }
        }
    }
}

fn brief(seen: &Seen) -> String {
    format!("{seen:?}").chars().take(200).collect()
}

/// A frame as a client sends it.
pub(crate) fn frame(first: u8, data: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut bytes = vec![first];
    match data.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(data.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    bytes
}

/// A message in fragments of this size, the last one possibly empty.
pub(crate) fn fragments(opcode: u8, data: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut first = opcode;
    for piece in data.chunks(size) {
        bytes.extend(frame(first, piece));
        first = 0;
    }
    bytes.extend(frame(0x80, b""));
    bytes
}

/// Long enough that no ping of Engine.IO's comes between.
pub(crate) fn quiet() -> Config {
    Config { ping_interval: Duration::from_secs(600), ..Config::default() }
}

/// What a client sends and what it must see. Where that does not end the connection it must still be a good one.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) sends: Vec<u8>,
    pub(crate) sees: Vec<Seen>,
}

/// One row of a table.
pub(crate) fn case(name: impl Into<String>, sends: &[Vec<u8>], sees: &[Seen]) -> Case {
    Case { name: name.into(), sends: sends.concat(), sees: sees.to_vec() }
}

/// Carries cases out, each on a connection of its own: whole, and when they are short also byte by byte; beside a
/// client that must notice nothing.
pub(crate) async fn carry_out(addr: SocketAddr, cases: &[Case]) {
    let mut witness = Raw::open(addr).await;
    for Case { name, sends, sees } in cases {
        let pieces = if sends.len() <= 600 { vec![sends.len().max(1), 7, 1] } else { vec![sends.len(), 997] };
        for piece in pieces {
            let mut raw = Raw::open(addr).await;
            let name = format!("{name}, in pieces of {piece}");
            raw.send_in(sends, piece).await;
            raw.expect(&name, sees).await;
            if !matches!(sees.last(), Some(Seen::Close(_))) {
                raw.send(&frame(0x88, &[0x03, 0xE8])).await;
                raw.expect(&name, &[Seen::Close(Some(1000))]).await;
            }
        }
        witness.send(&frame(0x81, b"4still here")).await;
        witness.expect("the witness", &[Seen::Text("4still here".into())]).await;
    }
}
