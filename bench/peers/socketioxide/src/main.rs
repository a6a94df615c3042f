//! The small application on socketioxide: `peer-socketioxide PORT [--redis URL] [--buffer MESSAGES]`.
//!
//! With `--redis` it shares its rooms with other processes of its kind. `--buffer` is `max_buffer_size`: as many messages
//! may wait for one client, of which more are dropped; 128 where it is not given.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    adapter::{Adapter, LocalAdapter},
    extract::{AckSender, Data, SocketRef},
};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use std::env;

#[tokio::main]
async fn main() -> Result<()> {
    let (mut port, mut redis, mut builder) = (3000, None, SocketIo::builder());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} wants a value"));
        match argument.as_str() {
            "--redis" => redis = Some(value()?),
            "--buffer" => builder = builder.max_buffer_size(value()?.parse()?),
            number => port = number.parse::<u16>()?,
        }
    }
    let router = axum::Router::new();
    let router = if let Some(url) = redis {
        let client = redis::Client::open(format!("{url}?protocol=resp3"))?;
        let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
        let (layer, io) = builder.with_adapter::<RedisAdapter<_>>(adapter).build_layer();
        io.ns("/", connected).await?;
        router.layer(layer)
    } else {
        let (layer, io) = builder.with_adapter::<LocalAdapter>(()).build_layer();
        io.ns("/", connected);
        router.layer(layer)
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn connected<A: Adapter>(socket: SocketRef<A>) {
    socket.on("join", async |socket: SocketRef<A>, Data(room): Data<String>, ack: AckSender<A>| {
        socket.join(room);
        let _ = ack.send(&json!({ "ok": true }));
    });
    socket.on(
        "msg",
        async |io: SocketIo<A>, Data((room, text, t0)): Data<(String, Value, Value)>, ack: AckSender<A>| {
            let message = json!({ "room": room, "text": text, "t0": t0 });
            let _ = io.to(room).emit("msg", &message).await;
            let _ = ack.send(&json!({ "ok": true }));
        },
    );
    socket.on("echo", async |Data(text): Data<Value>, ack: AckSender<A>| {
        let _ = ack.send(&text);
    });
}
