//! What is too much is refused, and what is only promised costs nothing.

use crate::support::{Client, Polling, Server, ask, one, soon, until, upgrade};
use plaza_socketio::{Config, Handlers};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const MAX: usize = 1_000;

fn echo() -> Handlers {
    Handlers::default().on("len", |_, event| async move {
        let (text,) = event.payload.args::<(String,)>().unwrap();
        event.ack.unwrap().send(&[text.len()]).unwrap();
    })
}

fn server(max_payload: usize) -> Server {
    Server::start(one(Config { max_payload, ..Config::default() }, echo()))
}

/// An event whose packet has this many bytes, the Engine.IO type included.
fn event_of(bytes: usize) -> String {
    let empty = r#"421["len",""]"#.len();
    format!(r#"421["len","{}"]"#, "x".repeat(bytes - empty))
}

#[tokio::test]
async fn a_frame_up_to_the_limit_is_taken_and_one_past_it_closes() {
    let server = server(MAX);
    let mut client = Client::join(&server).await;
    client.send(&event_of(MAX)).await;
    assert_eq!(client.text().await, format!("431[{}]", MAX - 13));
    client.send(&event_of(MAX + 1)).await;
    assert_eq!(client.end().await, Some(1009));

    // In pieces it is not any smaller.
    let mut client = Client::join(&server).await;
    let piece = [&b"\x01\xfe\x02\x58\0\0\0\0"[..], &[b'4'; 600]].concat();
    client.send_raw(&piece).await;
    client.send_raw(&[b"\x80", &piece[1..]].concat()).await;
    assert_eq!(client.end().await, Some(1009));
    until("both to be gone", || server.root().is_empty()).await;
}

#[tokio::test]
async fn a_post_up_to_the_limit_is_taken_and_one_past_it_is_413() {
    let server = server(MAX);
    let client = Polling::join(&server).await;
    assert_eq!(client.post(&event_of(MAX)).await.body, "ok");
    assert_eq!(client.poll().await.body, format!("431[{}]", MAX - 13));
    assert_eq!(client.post(&event_of(MAX + 1)).await.status, 413);
    // Also when it does not say so beforehand.
    let client = Polling::join(&server).await;
    let head = client.poll_request().replace("GET", "POST");
    let chunked = head.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let body = format!("3e9\r\n{}\r\n0\r\n\r\n", event_of(MAX + 1));
    stream.write_all((chunked + &body).as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon("an answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn one_large_message_is_put_together_from_many_reads() {
    let server = server(3_000_000);
    let mut client = Client::join(&server).await;
    for bytes in [200_000, 3_000_000] {
        client.send(&event_of(bytes)).await;
        assert_eq!(client.text().await, format!("431[{}]", bytes - 13));
    }
}

#[tokio::test]
async fn more_attachments_than_may_be_close() {
    let server = Server::start(one(Config { max_attachments: 2, ..Config::default() }, echo()));
    for count in ["3", "1000000000", "18446744073709551615", "18446744073709551616"] {
        let mut client = Client::join(&server).await;
        client.send(&format!(r#"45{count}-["len",{{"_placeholder":true,"num":0}}]"#)).await;
        client.end().await;
    }
}

/// Bytes of address space this process has asked for.
#[cfg(target_os = "linux")]
fn virtual_size() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmSize:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A server that makes room for what is announced makes room for anybody's gigabytes.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn announced_lengths_take_no_memory() {
    const GIB: u64 = 1 << 30;
    let server = server(GIB as usize);
    let before = virtual_size();
    let mut clients = Vec::new();
    let mut posts = Vec::new();
    for _ in 0..16 {
        let mut client = Client::join(&server).await;
        // A frame of one gigabyte, of which the first bytes come; then one as the start of several.
        let header = [&b"\x82\xff"[..], &GIB.to_be_bytes(), &[0; 4], b"only this"].concat();
        client.send_raw(&header).await;
        clients.push(client);

        let polling = Polling::join(&server).await;
        let head = polling.poll_request().replace("GET", "POST");
        let head = head.replace("\r\n\r\n", &format!("\r\ncontent-length: {GIB}\r\n\r\n4"));
        let mut post = TcpStream::connect(server.addr).await.unwrap();
        post.write_all(head.as_bytes()).await.unwrap();
        posts.push(post);
    }
    // They are all there and waited for, which the last one's answer shows.
    let mut last = Client::join(&server).await;
    last.send(&event_of(100)).await;
    assert_eq!(last.text().await, "431[87]");
    assert_eq!(server.io.clients(), 33);
    // Other tests take some at the same time, but not gigabytes.
    let grown = virtual_size().saturating_sub(before);
    assert!(grown < 4 * GIB, "{} MiB more", grown >> 20);
}

#[tokio::test]
async fn a_method_or_a_path_of_no_use_is_refused() {
    let server = server(MAX);
    for (method, query, status) in [
        ("DELETE", "transport=polling", 400),
        ("POST", "transport=polling", 400),
        ("GET", "transport=carrier-pigeon", 400),
        ("GET", "transport=polling&sid=none", 400),
        ("GET", "transport=websocket", 400),
    ] {
        assert_eq!(ask(server.addr, method, query, &[], b"").await.status, status, "{method} {query}");
    }
    assert_eq!(server.io.clients(), 0);
}

#[tokio::test]
async fn a_post_that_never_ends_is_answered_and_lets_go_of_its_connection() {
    let brief = std::time::Duration::from_millis(500);
    let config = Config { ping_interval: brief, ping_timeout: brief, ..Config::default() };
    let server = Server::start(one(config, echo()));
    let client = Polling::open(&server).await;
    let head =
        client.poll_request().replace("GET", "POST").replace("\r\n\r\n", "\r\ncontent-length: 9\r\n\r\n4");
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon("an answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    until("the session to end", || server.io.clients() == 0).await;
}

#[tokio::test]
async fn a_full_server_says_so_and_when_to_come_again() {
    let server = Server::start(one(Config { max_clients: 2, ..Config::default() }, echo()));
    let _held = Polling::open(&server).await;
    let other = Client::join(&server).await;
    let answer = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.body.contains("The server is full."), "{}", answer.body);
    assert_eq!(upgrade(server.addr, "transport=websocket", &[]).await, 503);
    drop(other);
    until("a place to be free", || server.io.clients() == 1).await;
    Client::join(&server).await;
}
