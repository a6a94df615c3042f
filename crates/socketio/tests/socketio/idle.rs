//! An idle connection holds no read buffer and no HTTP state: what a thousand of them add to the process, measured
//! in a process of its own, where nothing else allocates.

#![cfg(target_os = "linux")]

use crate::support::{Server, one, until};
use plaza_socketio::{Config, Handlers};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
};

/// One read buffer of hyper's, or of most WebSocket libraries, is more. About 2,600 in fact, debug or release.
const BOUND: u64 = 5 * 1024;
const WARM_UP: usize = 100;
const MOST: usize = 1_000;

#[test]
fn an_idle_connection_costs_little() {
    let measured = Command::new(std::env::current_exe().unwrap())
        .args(["idle::measure", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&measured.stdout) + String::from_utf8_lossy(&measured.stderr);
    assert!(measured.status.success() && said.contains("bytes a connection"), "{said}");
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn measure() {
    let handlers = Handlers::default().on("echo", |socket, event| async move {
        let arguments = event.payload.elements().unwrap();
        socket.emit("echo", &arguments).unwrap();
        socket.join("everybody");
    });
    let server = Server::start(one(Config::default(), handlers));
    // The first ones bring what is there once, tables and arenas.
    let first = open(&server, WARM_UP).await;
    let before = resident();
    // Both ends of each are in this process.
    let count = MOST.min((open_files() - 100) / 2 - WARM_UP);
    let others = open(&server, count).await;
    let each = resident().saturating_sub(before) / count as u64;
    println!("{each} bytes a connection, over {count} of them");
    assert!(each < BOUND, "{each} bytes a connection, over {count} of them");
    // A measurement that finds nothing at all has looked at the wrong thing.
    assert!(each > 100, "{each} bytes a connection");
    assert_eq!(first.len() + others.len(), server.root().len());
}

/// Connections that have been used and are now idle. The clients are plain sockets: all memory is the server's.
async fn open(server: &Server, count: usize) -> Vec<TcpStream> {
    let (addr, there) = (server.addr, server.root().len());
    let opened =
        tokio::task::spawn_blocking(move || (0..count).map(|_| client(addr)).collect()).await.unwrap();
    until("all to be there", || server.root().len() == there + count).await;
    opened
}

/// Connects, has 20 KB echoed that arrive in two pieces, so that every buffer there is has been in use.
fn client(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {addr}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'4', b'0']).unwrap();
    let event = format!(r#"42["echo","{}"]"#, "x".repeat(20_000));
    let frame = [b"\x81\xfe", &(event.len() as u16).to_be_bytes()[..], &[0; 4], event.as_bytes()].concat();
    let (one, other) = frame.split_at(frame.len() / 2);
    stream.write_all(one).unwrap();
    std::thread::yield_now();
    stream.write_all(other).unwrap();
    let (mut piece, mut read) = ([0; 4096], 0);
    while read < event.len() {
        match stream.read(&mut piece).unwrap() {
            0 => panic!("the server closed"),
            bytes => read += bytes,
        }
    }
    stream
}

/// Bytes of memory of its own this process has.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// How many files this process may have open.
fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}
