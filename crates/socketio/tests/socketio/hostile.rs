//! Whatever a client sends, the server lives and serves the next. The parsers have property tests of their own;
//! here the input is on the wire.

use crate::support::{Client, Polling, Server, soon};
use plaza_socketio::{Config, Handlers};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config as Cases, RngSeed, TestRunner},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    sync::Mutex,
};

/// What one hostile client does.
#[derive(Debug, Clone)]
enum Attack {
    /// Bytes instead of HTTP.
    Raw(Vec<u8>),
    /// Bytes after a good handshake, where frames are due.
    Frames(Vec<u8>),
    /// Packets, one a frame, each text or bytes.
    Packets(Vec<Result<String, Vec<u8>>>),
    /// The body of a POST to a good session.
    Body(Vec<u8>),
    /// The query of a request.
    Query(String),
}

fn attack() -> impl Strategy<Value = Attack> {
    // Almost right is worse than noise.
    let packet =
        "(0|1|2|3|4|5|6)?[0-6]([0-9]{1,20}-)?(/[a-z,]{0,3},)?[0-9]{0,21}[\\[{]\"?[a-z_]{0,7}\"?[,:]?[\\]}]?";
    let frame = (any::<u8>(), 0x80..=0xFFu8, vec(any::<u8>(), 0..40))
        .prop_map(|(first, second, rest)| [vec![first & 0x8F, second], rest].concat());
    prop_oneof![
        vec(any::<u8>(), 0..300).prop_map(Attack::Raw),
        vec(any::<u8>(), 0..300).prop_map(Attack::Frames),
        vec(frame, 1..8).prop_map(|frames| Attack::Frames(frames.concat())),
        vec(
            prop_oneof![
                packet.prop_map(Ok),
                "\\PC{0,40}".prop_map(Ok),
                vec(any::<u8>(), 0..40).prop_map(Err)
            ],
            1..12
        )
        .prop_map(Attack::Packets),
        vec(any::<u8>(), 0..300).prop_map(Attack::Body),
        vec(packet, 0..6).prop_map(|packets| Attack::Body(packets.join("\x1e").into_bytes())),
        "[A-Za-z0-9=&%_]{0,60}".prop_map(Attack::Query),
    ]
}

fn server() -> Server {
    let echo = || {
        Handlers::default().on("echo", |_, event| async move {
            let Some(ack) = event.ack else { return };
            let arguments = event.payload.elements().unwrap();
            ack.send_binary(&arguments, event.payload.attachments()).unwrap();
        })
    };
    let config = Config { max_payload: 10_000, ..Config::default() };
    Server::start(
        plaza_socketio::SocketIo::builder(config).namespace("/", echo()).namespace("/a", echo()).build(),
    )
}

async fn carry_out(server: &Server, attack: &Attack) {
    match attack {
        Attack::Raw(bytes) => throw(server, bytes).await,
        Attack::Frames(bytes) => {
            let mut client = Client::join(server).await;
            let _ = client.tcp().write_all(bytes).await;
            let _ = client.tcp().shutdown().await;
            client.end().await;
        }
        Attack::Packets(packets) => {
            let mut client = Client::join(server).await;
            for packet in packets {
                // It may have been closed meanwhile.
                let _ = match packet {
                    Ok(text) => client.try_send(text).await,
                    Err(bytes) => client.try_send_binary(bytes).await,
                };
            }
            let _ = client.tcp().shutdown().await;
            client.end().await;
        }
        Attack::Body(body) => {
            let client = Polling::join(server).await;
            crate::support::ask(server.addr, "POST", &client.query(), &[], body).await;
            // If there still is a session, it ends here.
            client.post("1").await;
        }
        Attack::Query(query) => {
            throw(server, format!("GET /socket.io/?{query} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
        }
    }
}

/// Sends bytes on a connection of their own, ends it, and reads whatever comes.
async fn throw(server: &Server, bytes: &[u8]) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let _ = soon("the end of a connection", stream.read_to_end(&mut Vec::new())).await;
}

async fn is_served(client: &mut Client, number: usize) {
    client.send(&format!(r#"42{number}["echo",{number}]"#)).await;
    assert_eq!(client.text().await, format!("43{number}[{number}]"));
}

#[test]
fn no_input_harms_the_next_client() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(async { server() });
    let witness = Mutex::new(runtime.block_on(Client::join(&server)));
    let cases =
        Cases { cases: 200, failure_persistence: None, rng_seed: RngSeed::Random, ..Cases::default() };
    TestRunner::new(cases)
        .run(&attack(), |attack| {
            runtime.block_on(async {
                carry_out(&server, &attack).await;
                is_served(&mut *witness.lock().await, 1).await;
                is_served(&mut Client::join(&server).await, 2).await;
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(crate::support::until("all but the witness to be gone", || server.root().len() == 1));
}
