//! How many connections may speak, for how long, and how they end.

use crate::node::*;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

#[tokio::test]
async fn a_client_that_dawdles_over_its_head_is_let_go() {
    let node = Node::start(&[("PLAZA_SERVER__HEADER_TIMEOUT_MS", "200")]).await;
    // Nothing at all, what could become HTTP/2, and half a head.
    for head in ["", "PRI * HTTP/2.0\r\n", "GET /health HTTP/1.1\r\nhost: x\r\n"] {
        let mut slow = TcpStream::connect(node.addr).await.unwrap();
        slow.write_all(head.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("the server closes it").unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"), "{head:?}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_body_is_answered() {
    let node = Node::start(&[("PLAZA_SERVER__REQUEST_TIMEOUT_MS", "200")]).await;
    let mut slow = TcpStream::connect(node.addr).await.unwrap();
    let head = "POST /api/v1/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, slow.read_to_end(&mut answer)).await.expect("the server answers").unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("application/problem+json"), "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn connections_past_the_bound_wait_until_one_has_ended() {
    let node = Node::start(&[("PLAZA_SERVER__MAX_HTTP_CONNECTIONS", "1")]).await;
    let mut first = TcpStream::connect(node.addr).await.unwrap();
    answered(&mut first).await;
    let mut second = TcpStream::connect(node.addr).await.unwrap();
    second.write_all(HEALTH).await.unwrap();
    // Long enough for the second, were it let in: it asked before each of these.
    for _ in 0..20 {
        answered(&mut first).await;
    }
    let early = second.try_read(&mut [0]).expect_err("the second was answered beside the first");
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    read_answer(&mut second).await;
    drop(second);
    node.stop().await;
}

/// From an address of this machine, for the system to see one as another.
async fn connect_from(node: &Node, addr: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((addr, 0).into()).unwrap();
    socket.connect(node.addr).await.unwrap()
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let bounds = [
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_SERVER__MAX_HTTP_CONNECTIONS", "3"),
        ("PLAZA_SERVER__MAX_HTTP_CONNECTIONS_PER_ADDRESS", "2"),
    ];
    let node = Node::start(&bounds).await;
    let one = [127, 0, 0, 1];
    let mut held = [connect_from(&node, one).await, connect_from(&node, one).await];
    for connection in &mut held {
        answered(connection).await;
    }
    let mut third = connect_from(&node, one).await;
    assert_eq!(timeout(PATIENCE, third.read(&mut [0])).await.expect("it is closed").unwrap_or(0), 0);
    let mut other = connect_from(&node, [127, 0, 0, 2]).await;
    answered(&mut other).await;
    drop((held, other, third));
    node.stop().await;
}

#[tokio::test]
async fn who_takes_nothing_of_the_answers_loses_the_place() {
    let bounds = [("PLAZA_SERVER__MAX_HTTP_CONNECTIONS", "2"), ("PLAZA_SERVER__WRITE_TIMEOUT_MS", "200")];
    let node = Node::start(&bounds).await;
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let socket = TcpSocket::new_v4().unwrap();
        // So that the kernel does not take megabytes in place of a client that does not read.
        socket.set_recv_buffer_size(4096).unwrap();
        socket2::SockRef::from(&socket).set_tcp_mss(1_400).unwrap();
        let mut connection = socket.connect(node.addr).await.unwrap();
        // More answers than anybody holds.
        connection.write_all(&HEALTH.repeat(10_000)).await.unwrap();
        stalled.push(connection);
    }
    let mut next = TcpStream::connect(node.addr).await.unwrap();
    answered(&mut next).await;
    drop((stalled, next));
    node.stop().await;
}

#[tokio::test]
async fn a_websocket_takes_no_place_among_the_http_connections() {
    let node = Node::start(&[("PLAZA_SERVER__MAX_HTTP_CONNECTIONS", "1")]).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = TcpStream::connect(node.addr).await.unwrap();
        let upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
                       upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        socket.write_all(upgrade.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        timeout(PATIENCE, socket.read_exact(&mut status)).await.expect("it is let in").unwrap();
        assert_eq!(&status, b"HTTP/1.1 101");
        sockets.push(socket);
    }
    let mut http = TcpStream::connect(node.addr).await.unwrap();
    answered(&mut http).await;
    drop((sockets, http));
    node.stop().await;
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";

/// One request and its answer on a connection that stays open.
async fn answered(connection: &mut TcpStream) {
    connection.write_all(HEALTH).await.unwrap();
    read_answer(connection).await;
}

/// Reads an answer of `/health` to its end, the brace that closes its one object.
async fn read_answer(connection: &mut TcpStream) {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let read = timeout(PATIENCE, connection.read_buf(&mut answer)).await.expect("an answer").unwrap();
        assert!(read > 0, "closed without an answer");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn stopping_closes_connections_at_rest_and_frees_the_port() {
    let node = Node::start(&[]).await;
    let mut idle = TcpStream::connect(node.addr).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let addr = node.addr;
    let began = Instant::now();
    node.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "an idle connection held it up");
    let mut rest = Vec::new();
    timeout(PATIENCE, idle.read_to_end(&mut rest)).await.expect("the server closed it").unwrap();
    TcpListener::bind(addr).await.expect("the port is free");
}

#[tokio::test]
async fn a_client_that_will_not_end_holds_up_stopping_no_longer_than_the_grace() {
    let node = Node::start(&[("PLAZA_SERVER__GRACE_MS", "400")]).await;
    let mut slow = TcpStream::connect(node.addr).await.unwrap();
    let head = "POST /api/v1/login HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut asked_on = [0; 12];
    slow.read_exact(&mut asked_on).await.unwrap();
    assert_eq!(&asked_on, b"HTTP/1.1 100", "the server reads the body now");
    let began = Instant::now();
    node.stop().await;
    assert!(began.elapsed() >= Duration::from_millis(300), "the request was given no time to end");
    assert!(began.elapsed() < Duration::from_secs(5), "a client that never ends held it up");
    let mut rest = Vec::new();
    // Cut off: the end of the stream, or a reset.
    let _ = timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("the server closed it");
}
