//! A small Socket.IO server whose rooms are shared by as many processes as there are, and by Node.js servers.
//!
//! `cargo run -p plaza-bus --example rooms -- [PORT] [--redis URL | --cluster URL] [--classic] [--name NAME] [--commands] [--recovery]`
//!
//! Without a Redis it is alone. `--cluster` names one server of a Redis Cluster, `--classic` speaks with Node's
//! `createAdapter` and its emitter instead of `createShardedAdapter`. With `--name` every Engine.IO sid begins with that
//! and `_`, for a proxy to know this process by. With `--recovery` a client whose connection broke off is given what it missed. When it listens it says so on standard output. It answers three events,
//! and with `--commands` those of `commands.rs`, which `e2e/cluster` asks for:
//!
//! | event | what happens |
//! |---|---|
//! | `join(room, ack)` | puts the socket into the room; `ack({ok:true})` when what others send there is heard |
//! | `msg(room, text, t0, ack)` | `msg {room,text,t0}` to everybody in the room; `ack({ok:true})` |
//! | `echo(text, ack)` | `ack(text)` |

mod commands;

use plaza_bus::{
    Bus, BusOptions, Endpoint, Layout, Link, LocalBus, PubSub, RedisOptions,
    adapter::{AdapterOptions, ClusterAdapter, Hooks},
    wire::Format,
};
use plaza_socketio::{Config, Event, Handlers, Origins, Recovery, SocketIo, serve};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, error::Error, future::pending, time::Duration};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn Error + Send + Sync>;

/// How long who joins a room waits for the other servers to be heard.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the command line says.
struct Settings {
    port: u16,
    link: Link,
    format: Format,
    sid_prefix: String,
    commands: bool,
    recovery: Option<Recovery>,
}

fn main() -> Result<(), Failure> {
    let settings = settings(std::env::args().skip(1))?;
    plaza_socketio::runtime().build()?.block_on(run(settings))
}

async fn run(settings: Settings) -> Result<(), Failure> {
    let shutdown = CancellationToken::new();
    let (bus, receiver) = Bus::start(BusOptions::new(settings.link), shutdown.clone()).await?;
    eprintln!("{}", bus.found());
    let options = AdapterOptions { format: settings.format, ..AdapterOptions::default() };
    let hooks = if settings.commands { commands::hooks() } else { Hooks::default() };
    let adapter = ClusterAdapter::start(bus, options, hooks, shutdown);
    let with = |handlers: Handlers| match settings.commands {
        true => commands::add(handlers, &adapter),
        false => handlers,
    };
    let (sid_prefix, recovery) = (settings.sid_prefix, settings.recovery);
    let config = Config { origins: Origins::Any, sid_prefix, recovery, ..Config::default() };
    let io = SocketIo::builder(config)
        .namespace("/", with(handlers(&adapter)))
        .namespace("/other", with(handlers(&adapter)))
        .adapter(adapter.clone())
        .build();
    let listening = adapter.clone();
    tokio::spawn(async move { listening.run(receiver).await });
    adapter.ready().await;
    let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, io, pending()).await?;
    Ok(())
}

/// What everybody in a room gets. Its fields go out as they came, so they are not taken apart.
#[derive(Serialize)]
struct Message<'a> {
    room: &'a RawValue,
    text: &'a RawValue,
    t0: &'a RawValue,
}

/// An answer.
#[derive(Serialize)]
struct Done {
    ok: bool,
}

fn settings(mut arguments: impl Iterator<Item = String>) -> Result<Settings, Failure> {
    let (mut port, mut layout, mut mode) = (3000, None, PubSub::Sharded);
    let (mut sid_prefix, mut commands, mut recovery) = (String::new(), false, None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--redis" => layout = Some(Layout::One(Endpoint::parse(&value())?)),
            "--cluster" => layout = Some(Layout::Cluster(vec![Endpoint::parse(&value())?])),
            "--name" => sid_prefix = format!("{}_", value()),
            "--classic" => mode = PubSub::Classic,
            "--commands" => commands = true,
            "--recovery" => recovery = Some(Recovery::default()),
            number => port = number.parse().map_err(|_| format!("what is {number}?"))?,
        }
    }
    let link = match layout {
        Some(layout) => Link::Redis(RedisOptions { mode, ..RedisOptions::new(layout) }),
        None => Link::Local(LocalBus::new()),
    };
    let format = match mode {
        PubSub::Sharded => Format::Sharded,
        PubSub::Classic => Format::Classic,
    };
    Ok(Settings { port, link, format, sid_prefix, commands, recovery })
}

fn handlers(adapter: &ClusterAdapter) -> Handlers {
    let adapter = adapter.clone();
    Handlers::default()
        .on("join", move |socket, event: Event| {
            let adapter = adapter.clone();
            async move {
                let Ok((room,)) = event.payload.args::<(String,)>() else { return };
                socket.join(&room);
                // Without Redis the room is this server's alone, which is no reason to wait.
                let _ = timeout(PATIENCE, adapter.hears(socket.namespace().name(), &room)).await;
                if let Some(ack) = event.ack {
                    let _ = ack.send(&[Done { ok: true }]);
                }
            }
        })
        .on("msg", |socket, event: Event| async move {
            let Ok(arguments) = event.payload.elements() else { return };
            let [room, text, t0, ..] = *arguments else { return };
            let Ok(name) = serde_json::from_str::<Cow<'_, str>>(room.get()) else { return };
            let _ = socket.namespace().to(&name).emit("msg", &[Message { room, text, t0 }]);
            if let Some(ack) = event.ack {
                let _ = ack.send(&[Done { ok: true }]);
            }
        })
        .on("echo", |_, event: Event| async move {
            let (Ok(arguments), Some(ack)) = (event.payload.elements(), event.ack) else { return };
            let [text, ..] = *arguments else { return };
            let _ = ack.send(&[text]);
        })
}
