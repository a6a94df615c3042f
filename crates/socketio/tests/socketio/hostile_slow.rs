//! Clients that take their time: heads, bodies, frames and packets that never end. Each is let go of in the time that
//! is configured, and another client notices nothing.

use crate::support::{Client, Polling, Server, one, soon, until};
use plaza_socketio::{Config, Handlers, Patience};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

const BRIEF: Duration = Duration::from_millis(300);

fn server(config: Config) -> Server {
    let echo = Handlers::default().on("echo", |_, event| async move {
        let arguments = event.payload.elements().unwrap();
        event.ack.unwrap().send(&arguments).unwrap();
    });
    Server::start_with(one(config, echo), Patience { head: BRIEF, ..Patience::default() })
}

fn hasty() -> Config {
    Config { ping_interval: BRIEF, ping_timeout: BRIEF, ..Config::default() }
}

/// Sends one byte now and then, for as long as it is taken; what the server said until it ended the connection.
async fn drip(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut bytes = bytes.iter().cycle();
    let mut buffer = [0; 1024];
    soon("the end of a slow connection", async {
        let mut tick = tokio::time::interval(BRIEF / 10);
        loop {
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(bytes) => answer.extend_from_slice(&buffer[..bytes]),
                },
                _ = tick.tick() => {
                    let _ = stream.write_all(&[*bytes.next().unwrap()]).await;
                }
            }
        }
    })
    .await;
    answer
}

async fn is_served(client: &mut Client) {
    client.send(r#"421["echo",1]"#).await;
    assert_eq!(client.text().await, "431[1]");
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let server = server(Config::default());
    let mut witness = Client::join(&server).await;
    for head in [
        "",
        "G",
        "PRI * HTTP/2.0\r\n\r\nS",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\n",
    ] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = soon(&format!("an end after {head:?}"), stream.read_to_end(&mut answer)).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        is_served(&mut witness).await;
    }
}

#[tokio::test]
async fn a_head_of_a_byte_now_and_then_is_given_up() {
    let server = server(Config::default());
    let mut witness = Client::join(&server).await;
    let began = Instant::now();
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let head = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nx-x: ".to_owned() + &"x".repeat(10_000);
    let answer = drip(stream, head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    assert!(began.elapsed() >= BRIEF, "it had its time");
    is_served(&mut witness).await;
    assert_eq!(server.io.clients(), 1);
}

#[tokio::test]
async fn a_body_of_a_byte_now_and_then_is_given_up() {
    let server = server(hasty());
    let client = Polling::open(&server).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = client.poll_request().replace("GET", "POST");
    let head = head.replace("\r\n\r\n", "\r\ncontent-length: 100000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = drip(stream, b"4").await;
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    until("the session to end", || server.io.clients() == 0).await;
}

#[tokio::test]
async fn a_frame_of_a_byte_now_and_then_ends_with_the_heartbeat() {
    let server = server(hasty());
    let mut witness = Client::join(&server).await;
    let mut client = Client::join(&server).await;
    // A header that promises 100,000 bytes; within a frame there is no place for a pong.
    client.send_raw(&[0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0x86, 0xA0, 0, 0, 0, 0]).await;
    let stream = client.into_tcp();
    let (answer, ()) = tokio::join!(drip(stream, b"4"), async {
        while server.io.clients() > 1 {
            is_served(&mut witness).await;
        }
    });
    // Pings, and the close frame of a session that has ended: 1000.
    assert!(answer.ends_with(&[0x88, 2, 0x03, 0xE8]), "{answer:02x?}");
    is_served(&mut witness).await;
}

#[tokio::test]
async fn fragments_without_end_are_bounded_in_bytes_and_in_time() {
    let server = server(Config { max_payload: 1_000, ..hasty() });
    // One byte a fragment, with WebSocket pings between: they are no sign of life to Engine.IO.
    let mut client = Client::join(&server).await;
    client.send_raw(&[0x01, 0x80, 0, 0, 0, 0]).await;
    let stream = client.into_tcp();
    let answer = drip(stream, &[0x00, 0x81, 0, 0, 0, 0, b'x', 0x89, 0x80, 0, 0, 0, 0]).await;
    assert!(answer.ends_with(&[0x88, 2, 0x03, 0xE8]), "{answer:02x?}");
    // As many as there is no end of: 1009 at the first byte too many.
    let mut client = Client::join(&server).await;
    let many = [&[0x01, 0x81, 0, 0, 0, 0, b'4'][..], &[0x00, 0x81, 0, 0, 0, 0, b'x'].repeat(1_000)].concat();
    client.send_raw(&many).await;
    assert_eq!(client.end().await, Some(1009));
    until("both to be gone", || server.io.clients() == 0).await;
}
