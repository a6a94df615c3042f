//! The application that the official conformance suites expect, and what asks of the rest.
//!
//! `cargo run -p plaza-socketio --example echo -- [PORT] [--engine] [--msgpack] [--deflate] [--patient]`
//!
//! Without an option: Socket.IO at `/socket.io/` with the namespaces `/`, `/custom` and `/dynamic-N`; on connect it
//! emits `auth` with the client's auth, answers `message` by `message-back`, and acknowledges `message-with-ack`. The
//! rest is in `handlers`. With `--msgpack`: the same for clients of `socket.io-msgpack-parser`. With `--engine`: plain
//! Engine.IO at `/engine.io/`, every message echoed. With `--deflate` packets of 64 bytes and more are compressed for
//! clients that offer it. With `--patient` clients are borne that take long over a heartbeat or a namespace, as they do
//! on a busy machine.

use plaza_socketio::{
    BroadcastAckError, CloseReason, Compression, Config, Event, Handlers, Origins, Parsers, Payload, Refusal,
    SocketIo,
    engine::{Application, Engine, Frame, Message, Outgoing, Protocol, Session},
    serve,
};
use serde_json::{json, value::RawValue};
use std::{
    future::Future,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpListener;

fn main() -> std::io::Result<()> {
    plaza_socketio::runtime().build()?.block_on(run())
}

async fn run() -> std::io::Result<()> {
    let (mut engine, mut parsers, mut compression) = (false, Parsers::Json, None);
    let (mut ping_timeout, mut connect_timeout) = (Duration::from_millis(200), Duration::from_secs(1));
    let mut port = 3000;
    for argument in std::env::args().skip(1) {
        match (argument.parse(), argument.as_str()) {
            (Ok(number), _) => port = number,
            (Err(_), "--engine") => engine = true,
            (Err(_), "--msgpack") => parsers = Parsers::Msgpack,
            (Err(_), "--deflate") => compression = Some(Compression { threshold: 64 }),
            (Err(_), "--patient") => {
                (ping_timeout, connect_timeout) = (Duration::from_secs(20), Duration::from_secs(45));
            }
            (Err(_), _) => {
                return Err(std::io::Error::other(format!(
                    "what is {argument}? usage: echo [PORT] [--engine] [--msgpack] [--deflate] [--patient]"
                )));
            }
        }
    }
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout,
        max_payload: 1_000_000,
        connect_timeout,
        origins: Origins::Any,
        parsers,
        compression,
        ..Config::default()
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    if engine {
        serve(
            listener,
            Engine::new(Config { path: "/engine.io/".into(), ..config }, EngineEcho),
            std::future::pending(),
        )
        .await
    } else {
        let io = SocketIo::builder(config)
            .namespace("/", handlers())
            .namespace("/custom", handlers())
            .namespaces(|name, _| name.strip_prefix("/dynamic-").is_some_and(is_number), handlers())
            .build();
        serve(listener, io, std::future::pending()).await
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn handlers() -> Handlers {
    Handlers::default()
        .on_connect(|socket, auth| async move {
            let _ = socket.emit("auth", &[auth]);
        })
        .on("message", |socket, event| async move {
            let Ok(arguments) = event.payload.elements() else { return };
            let _ = socket.emit_binary("message-back", &arguments, event.payload.attachments());
        })
        .on("message-with-ack", |_, event: Event| async move {
            let Event { payload, ack: Some(ack), .. } = event else { return };
            let _ = acknowledge(&payload, ack);
        })
        .on("volatile", |socket, event| async move {
            let Ok(arguments) = event.payload.elements() else { return };
            let _ = socket.emit_volatile("volatile-back", &arguments);
        })
        // Asks all of a room `question`, and acknowledges with whether all answered in time and what they answered.
        .on("ask-all", |socket, event| async move {
            let (Ok((room, within)), Some(ack)) = (event.payload.args::<(String, u64)>(), event.ack) else {
                return;
            };
            let room = socket.namespace().to(&room);
            let asked = room.emit_with_ack("question", &[(); 0], Duration::from_millis(within)).await;
            let (complete, answers) = match asked {
                Ok(answers) => (true, answers),
                Err(BroadcastAckError::Incomplete { answers, .. }) => (false, answers),
                Err(BroadcastAckError::Encode(_)) => return,
            };
            // One argument each.
            let first = |answer: &Payload| answer.args::<(serde_json::Value,)>().map(|(first,)| first).ok();
            let answers: Vec<_> = answers.iter().map(first).collect();
            let _ = ack.send(&(complete, answers));
        })
        .on("join", |socket, event| async move {
            let (Ok((room,)), Some(ack)) = (event.payload.args::<(String,)>(), event.ack) else { return };
            socket.join(&room);
            let _ = ack.send(&[(); 0]);
        })
        // Who is in a room: the ids of the sockets there.
        .on("fetch", |socket, event| async move {
            let (Ok((room,)), Some(ack)) = (event.payload.args::<(String,)>(), event.ack) else { return };
            let Ok(sockets) = socket.namespace().to(&room).fetch_sockets().await else { return };
            let ids: Vec<_> = sockets.iter().map(plaza_socketio::RemoteSocket::id).collect();
            let _ = ack.send(&[ids]);
        })
        .event_middleware(
            |_, event| if event.name == "forbidden" { Err("not allowed".into()) } else { Ok(()) },
        )
        .on_refused(|socket, _, why| async move {
            let _ = socket.emit("refused", &[json!({ "message": why.to_string() })]);
        })
}

fn acknowledge(payload: &Payload, ack: plaza_socketio::Ack) -> Result<(), plaza_socketio::EncodeError> {
    let arguments: Vec<&RawValue> = payload.elements()?;
    // The places of the bytes travel within the JSON; the bytes stay in the same order.
    ack.send_binary(&arguments, payload.attachments())
}

/// Plain Engine.IO: what comes goes back.
struct EngineEcho;

impl Application for EngineEcho {
    type Protocol = Echo;

    fn open(&self, session: &Arc<Session>, _: &http::request::Parts) -> Result<Echo, Refusal> {
        Ok(Echo(Arc::clone(session)))
    }
}

struct Echo(Arc<Session>);

impl Protocol for Echo {
    fn receive(
        &mut self,
        message: Message<'_>,
        _: tokio::time::Instant,
        _: &mut Context<'_>,
    ) -> Result<(), CloseReason> {
        let back: Outgoing = match message {
            Message::Text(text) => {
                Frame::text(text.len(), |buffer| buffer.extend_from_slice(text.as_bytes())).into()
            }
            Message::Binary(bytes) => Frame::binary(bytes).into(),
        };
        self.0.send(&back).map_err(|_| CloseReason::TransportError)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<CloseReason> {
        Poll::Pending
    }

    fn is_full(&self) -> bool {
        false
    }

    fn close(self, _: CloseReason) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
