//! Clients that speak MessagePack, beside those that speak JSON.

use crate::support::{Client, Packet, Polling, Server, ask, soon};
use bytes::Bytes;
use plaza_socketio::{Attachment, Config, Handlers, Parsers, SocketIo, Target};
use serde::{Serialize, Serializer};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

const CONNECT: &[u8] = b"\x82\xa4type\0\xa3nsp\xa1/";

fn server(parsers: Parsers) -> Server {
    let handlers = Handlers::default().on("echo", |socket, event| async move {
        let arguments = event.payload.elements().unwrap();
        let bytes = event.payload.attachments();
        match event.ack {
            Some(ack) => ack.send_binary(&arguments, bytes).unwrap(),
            None => socket.emit_binary("echo", &arguments, bytes).unwrap(),
        }
    });
    let config = Config { parsers, ..Config::default() };
    Server::start(SocketIo::builder(config).namespace("/", handlers).build())
}

/// A client in `/` that speaks MessagePack, and its sid there.
async fn join(server: &Server) -> (Client, String) {
    let mut client = Client::open(server).await;
    client.send_binary(CONNECT).await;
    let answer = client.binary().await;
    let sid = answer.strip_prefix(b"\x83\xa4type\0\xa3nsp\xa1/\xa4data\x81\xa3sid\xb4").unwrap();
    (client, String::from_utf8(sid.to_vec()).unwrap())
}

#[tokio::test]
async fn events_acknowledgements_and_bytes_go_both_ways() {
    let server = server(Parsers::Msgpack);
    let (mut client, sid) = join(&server).await;
    client.send_binary(b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa4echo\x01\x81\xa1b\xc4\x02\0\xff").await;
    let echoed = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa4echo\x01\x81\xa1b\xc4\x02\0\xff";
    assert_eq!(client.binary().await, &echoed[..]);
    client.send_binary(b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id\x07\xa4data\x92\xa4echo\xc4\x01!").await;
    assert_eq!(client.binary().await, &b"\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x91\xc4\x01!\xa2id\x07"[..]);

    // The server asks.
    let target = Target { rooms: vec![sid.into()], except: vec![] };
    let socket = server.root().sockets(&target).pop().unwrap();
    let asking = tokio::spawn(async move {
        let bytes = [Bytes::from_static(b"how long?")];
        socket.emit_binary_with_ack("ask", &[Attachment(0)], &bytes, Duration::from_secs(20)).await
    });
    let asked = b"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa3ask\xc4\x09how long?\xa2id\0";
    assert_eq!(client.binary().await, &asked[..]);
    client.send_binary(b"\x84\xa4type\x03\xa3nsp\xa1/\xa2id\0\xa4data\x91\x09").await;
    assert_eq!(soon("an answer", asking).await.unwrap().unwrap().args::<(u8,)>().unwrap(), (9,));
}

#[tokio::test]
async fn refusals_and_goodbyes_are_written_as_the_client_writes() {
    let server = server(Parsers::Msgpack);
    let (mut client, _) = join(&server).await;
    client.send_binary(b"\x82\xa4type\0\xa3nsp\xa2/x").await;
    let refused = b"\x83\xa4type\x04\xa3nsp\xa2/x\xa4data\x81\xa7message\xb1Invalid namespace";
    assert_eq!(client.binary().await, &refused[..]);
    server.root().broadcast().disconnect(false);
    assert_eq!(client.binary().await, &b"\x82\xa4type\x01\xa3nsp\xa1/"[..]);
}

#[tokio::test]
async fn polling_carries_it_as_base64() {
    let server = server(Parsers::Msgpack);
    let client = Polling::open(&server).await;
    // CONNECT, as above.
    assert_eq!(client.post("bgqR0eXBlAKNuc3ChLw==").await.body, "ok");
    let polled = client.poll().await.body;
    assert!(polled.starts_with("bg6R0eXBlAKNuc3ChL6RkYXRhgaNzaWS0"), "{polled}");
}

/// Counts how often it is serialized.
struct Counted<'a>(&'a AtomicUsize);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("counted")
    }
}

#[tokio::test]
async fn each_client_has_its_own_where_both_are_understood() {
    let server = server(Parsers::Both);
    let (mut ana, _) = join(&server).await;
    let mut ben = Client::join(&server).await;
    let counted = AtomicUsize::new(0);
    server.root().emit("news", &[Counted(&counted)]).unwrap();
    assert_eq!(ben.text().await, r#"42["news","counted"]"#);
    assert_eq!(ana.binary().await, &b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa4news\xa7counted"[..]);
    assert_eq!(counted.into_inner(), 1);
    // Bytes of one are bytes of the other.
    let file = [Bytes::from_static(b"file")];
    server.root().broadcast().emit_binary("file", &[Attachment(0)], &file).unwrap();
    assert_eq!(ben.text().await, r#"451-["file",{"_placeholder":true,"num":0}]"#);
    assert_eq!(ben.binary().await, file[0]);
    assert_eq!(ana.binary().await, &b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa4file\xc4\x04file"[..]);

    // Nobody changes over.
    ana.send("2[\"echo\"]").await;
    ana.end().await;
    ben.send_binary(CONNECT).await;
    ben.end().await;
}

#[tokio::test]
async fn the_other_encoding_is_refused() {
    let json = server(Parsers::Json);
    let mut client = Client::open(&json).await;
    client.send_binary(CONNECT).await;
    client.end().await;
    let msgpack = server(Parsers::Msgpack);
    let mut client = Client::open(&msgpack).await;
    client.send("40").await;
    client.end().await;
}

#[tokio::test]
async fn malformed_packets_close_the_connection_and_harm_nobody() {
    let server = server(Parsers::Both);
    let (mut witness, _) = join(&server).await;
    let deep = [&b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa4echo"[..], &[0x91; 900_000]].concat();
    let many =
        [&b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdc\x03\xe9\xa4echo"[..], &b"\xc4\0".repeat(1000)].concat();
    let bombs: [&[u8]; 5] = [
        &deep,
        &many,
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\x02\xa3nsp\xa1/",
        b"\xc1",
    ];
    for bytes in bombs {
        let (mut client, _) = join(&server).await;
        client.send_binary(bytes).await;
        assert!(matches!(client.next().await, Packet::End(_)), "{:x?}", &bytes[..bytes.len().min(30)]);
    }
    witness.send_binary(b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa4echo").await;
    assert_eq!(witness.binary().await, &b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa4echo"[..]);
    assert_eq!(ask(server.addr, "GET", "transport=polling", &[], b"").await.status, 200);
}
