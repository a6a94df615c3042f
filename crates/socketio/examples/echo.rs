//! The application that the official conformance suites expect.
//!
//! `cargo run -p plaza-socketio --example echo -- [PORT] [--engine] [--deflate]`
//!
//! Without `--engine`: Socket.IO at `/socket.io/` with the namespaces `/` and `/custom`; on connect it emits `auth`
//! with the client's auth, answers `message` by `message-back`, and acknowledges `message-with-ack`. With it: plain
//! Engine.IO at `/engine.io/`, every message echoed. With `--deflate` packets of 64 bytes and more are compressed for
//! clients that offer it.

use plaza_socketio::{
    CloseReason, Compression, Config, Event, Handlers, Origins, Payload, Refusal, SocketIo,
    engine::{Application, Engine, Frame, Message, Outgoing, Protocol, Session},
    serve,
};
use serde_json::value::RawValue;
use std::{
    future::Future,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut engine = false;
    let mut compression = None;
    let mut port = 3000;
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(number) => port = number,
            Err(_) if argument == "--engine" => engine = true,
            Err(_) if argument == "--deflate" => compression = Some(Compression { threshold: 64 }),
            Err(_) => {
                return Err(std::io::Error::other(format!(
                    "what is {argument}? usage: echo [PORT] [--engine] [--deflate]"
                )));
            }
        }
    }
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        max_payload: 1_000_000,
        connect_timeout: Duration::from_secs(1),
        compression,
        origins: Origins::Any,
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
        let io =
            SocketIo::builder(config).namespace("/", handlers()).namespace("/custom", handlers()).build();
        serve(listener, io, std::future::pending()).await
    }
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
