//! Connection state recovery: a wall that people write on. Whoever loses the connection for a while comes back as the
//! same socket, with its name and rooms, and reads what was written meanwhile, once.
//!
//! `cargo run -p plaza-socketio --example recovery -- [PORT]`, and with the official client, whose network you cut:
//!
//! ```js
//! const socket = io("http://localhost:3000", { auth: { name: "ana", rooms: ["kitchen"] } });
//! socket.on("connect", () => console.log(socket.recovered ? "back as" : "new as", socket.id));
//! socket.on("written", (line) => console.log(line));
//! socket.emit("write", "kitchen", "is there tea?", () => console.log("written"));
//! ```

use plaza_socketio::{Config, Handlers, Origins, Recovery, SocketIo, serve};
use serde_json::{Value, json, value::RawValue};
use std::time::Duration;
use tokio::net::TcpListener;

struct Name(String);

fn main() -> std::io::Result<()> {
    plaza_socketio::runtime().build()?.block_on(run())
}

async fn run() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(3000);
    let config = Config {
        // On, for two minutes. Everything else about it has bounds too.
        recovery: Some(Recovery { window: Duration::from_secs(120), ..Recovery::default() }),
        origins: Origins::Any,
        ..Config::default()
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, SocketIo::builder(config).namespace("/", wall()).build(), std::future::pending()).await
}

fn wall() -> Handlers {
    Handlers::default()
        .on_connect(|socket, auth| async move {
            if socket.recovered() {
                // Its name and its rooms are what they were, and what it missed is on its way.
                return;
            }
            socket.set_data(Name(auth["name"].as_str().unwrap_or("nobody").to_owned()));
            let rooms = auth["rooms"].as_array().into_iter().flatten();
            rooms.filter_map(Value::as_str).for_each(|room| socket.join(room));
        })
        .on("write", |socket, event| async move {
            let Ok(arguments) = event.payload.elements() else { return };
            let Some((room, written)) = room(&arguments) else { return };
            let _ =
                socket.namespace().to(&room).emit_binary("written", &written, event.payload.attachments());
            if let Some(ack) = event.ack {
                let _ = ack.send(&[(); 0]);
            }
        })
        // For those who can have it at once: nobody reads it later.
        .on("whisper", |socket, event| async move {
            let Ok(arguments) = event.payload.elements() else { return };
            let Some((room, written)) = room(&arguments) else { return };
            let _ = socket.namespace().to(&room).volatile().emit("whispered", &written);
        })
        .on("whoami", |socket, event| async move {
            let (Some(ack), Some(Name(name))) = (event.ack, socket.data()) else { return };
            let mut rooms = socket.rooms();
            rooms.sort_unstable();
            let rooms: Vec<&str> = rooms.iter().map(|room| &**room).collect();
            let _ = ack.send(&[json!({ "name": name, "rooms": rooms, "recovered": socket.recovered() })]);
        })
}

/// The first argument, and those that come behind it.
fn room<'a>(arguments: &[&'a RawValue]) -> Option<(String, Vec<&'a RawValue>)> {
    let (room, written) = arguments.split_first()?;
    Some((serde_json::from_str(room.get()).ok()?, written.to_vec()))
}
