//! HTTPS and wss: a certificate of an authority of our own, its renewal while the node runs, and those who come without.

use crate::{
    authority::{Authority, shown},
    node::*,
    socket::Socket,
};
use reqwest::StatusCode;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
    time::{sleep, timeout},
};
use tokio_rustls::client::TlsStream;

async fn secure_node(authority: &Authority, settings: &[(&str, &str)]) -> Node {
    let (cert, key) = (authority.path("cert.pem"), authority.path("key.pem"));
    let tls = [
        ("PLAZA_SERVER__TLS__CERT", cert.as_str()),
        ("PLAZA_SERVER__TLS__KEY", key.as_str()),
        ("PLAZA_SERVER__TLS__RELOAD_MS", "100"),
    ];
    Node::start(&[&tls, settings].concat()).await
}

/// One request on a connection that stays open; its answer, whose length is known.
async fn health(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Value {
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.expect("an answer").unwrap();
        assert!(read > 0, "closed without an answer");
    }
    let text = String::from_utf8(answer).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

/// Connects until the node shows this certificate.
async fn until_shown(authority: &Authority, node: &Node, certificate: &CertificateDer<'_>) {
    let began = Instant::now();
    while shown(&authority.connect(node.addr).await.unwrap()) != *certificate {
        assert!(began.elapsed() < PATIENCE, "the new certificate is never shown");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn https_is_spoken_as_http_1_and_by_the_right_authority() {
    let authority = Authority::new();
    let node = secure_node(&authority, &[]).await;
    let mut stream = authority.connect(node.addr).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(health(&mut stream).await["status"], "ok");
    assert_eq!(health(&mut stream).await["status"], "ok", "the connection stays");
    let stranger = Authority::new().connect(node.addr).await;
    assert!(stranger.unwrap_err().to_string().contains("invalid peer certificate"));
    node.stop().await;
}

/// A guest over wss.
async fn guest(authority: &Authority, node: &Node, name: &str) -> Socket<TlsStream<TcpStream>> {
    Socket::guest(authority.connect(node.addr).await.unwrap(), node, name).await
}

#[tokio::test]
async fn a_websocket_over_tls_talks_and_carries_much() {
    const MANY: u32 = 300;
    let authority = Authority::new();
    let node = secure_node(&authority, &[]).await;
    let mut ana = guest(&authority, &node, "Ana").await;
    ana.ask(0, "room:join", &[json!({"roomId": "hall"})]).await;
    assert_eq!(ana.answer(0).await["ok"], true);
    // What is sent in bursts is more than TLS passes on at once: what it holds back must come too.
    let body = json!({"text": "x".repeat(8_000)});
    for number in 1..=MANY {
        let message =
            json!({"roomId": "hall", "clientId": format!("c{number}"), "kind": "text", "body": body});
        ana.ask(number, "message:send", &[message]).await;
        if number % 50 == 0 {
            ana.answer(number).await;
        }
    }
    ana.ask(MANY + 1, "room:history", &[json!({"roomId": "hall", "limit": 200})]).await;
    let page = ana.answer(MANY + 1).await;
    let events = page["events"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["clientId"], format!("c{MANY}"));
    drop(ana);
    node.stop().await;
}

#[tokio::test]
async fn who_speaks_http_is_shown_the_way_and_not_served() {
    let authority = Authority::new();
    let node = secure_node(&authority, &[]).await;
    let http = plaza_client::plain_http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let plain = |path: &str| format!("http://{}{path}", node.addr);
    let page = http.get(plain("/history/general?x=1")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(header(&page, "location"), format!("https://{}/history/general?x=1", node.addr));
    assert_eq!(header(&page, "connection"), "close");
    let login = http.post(plain("/api/v1/login")).json(&json!({"name": "a", "password": "b"}));
    let login = login.send().await.unwrap();
    assert_eq!((login.status(), header(&login, "location")), (StatusCode::BAD_REQUEST, ""));
    assert!(login.text().await.unwrap().contains("https://"));
    let socket = http.get(plain("/socket.io/?EIO=4&transport=websocket")).header("upgrade", "websocket");
    assert_eq!(socket.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    for host in ["", "a b", "name:password@evil.example"] {
        let mut raw = TcpStream::connect(node.addr).await.unwrap();
        raw.write_all(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, raw.read_to_string(&mut answer)).await.expect("an answer").unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{host}: {answer}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_and_connections_stay() {
    let authority = Authority::new();
    let node = secure_node(&authority, &[]).await;
    let mut before = authority.connect(node.addr).await.unwrap();
    let mut socket = guest(&authority, &node, "Ana").await;
    health(&mut before).await;

    let renewed = authority.issue();
    until_shown(&authority, &node, &renewed).await;
    assert_ne!(shown(&before), renewed);
    assert_eq!(health(&mut before).await["connections"], 1, "the connections of before are there");
    socket.ask(0, "room:list", &[]).await;
    assert_eq!(socket.answer(0).await["ok"], true);
    drop(socket);
    node.stop().await;
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_ended() {
    let authority = Authority::new();
    let node = secure_node(&authority, &[("PLAZA_SERVER__TLS__HANDSHAKE_TIMEOUT_MS", "200")]).await;
    // Nothing, half a record, and half a request without TLS, whose head has a deadline of its own.
    for sent in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let mut slow = TcpStream::connect(node.addr).await.unwrap();
        slow.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("the server closes it").unwrap();
        assert_eq!(rest, b"", "{sent:?}");
    }
    node.stop().await;
}

/// A ClientHello (RFC 5246, section 7.4.1.2) that offers this version and none above, and is otherwise one of TLS 1.2.
fn hello_of(version: [u8; 2]) -> Vec<u8> {
    let suites = [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x0a, 0x00, 0x2f];
    let extensions = [
        // x25519 and P-256, points as they are, ECDSA with P-256 and RSA-PSS.
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4],
    ]
    .concat();
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.extend([0, 0, suites.len() as u8]);
    body.extend(suites);
    body.extend([1, 0, 0, extensions.len() as u8]);
    body.extend(extensions);
    let message = [&[1, 0, 0, body.len() as u8], &body[..]].concat();
    [&[22, 3, 1, 0, message.len() as u8], &message[..]].concat()
}

#[tokio::test]
async fn versions_that_are_broken_are_refused() {
    const HANDSHAKE: u8 = 22;
    const ALERT: u8 = 21;
    // In one record (section 7.2): two bytes, fatal, `protocol_version`.
    const PROTOCOL_VERSION: [u8; 4] = [0, 2, 2, 70];
    let authority = Authority::new();
    let node = secure_node(&authority, &[]).await;
    for (name, version) in [("SSL 3.0", [3, 0]), ("TLS 1.0", [3, 1]), ("TLS 1.1", [3, 2])] {
        let mut old = TcpStream::connect(node.addr).await.unwrap();
        old.write_all(&hello_of(version)).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, old.read_to_end(&mut answer)).await.expect("the server closes it");
        assert_eq!((answer.first(), answer.get(3..)), (Some(&ALERT), Some(&PROTOCOL_VERSION[..])), "{name}");
    }
    // It was the version, and nothing else.
    let mut current = TcpStream::connect(node.addr).await.unwrap();
    current.write_all(&hello_of([3, 3])).await.unwrap();
    let first = timeout(PATIENCE, current.read_u8()).await.expect("an answer").unwrap();
    assert_eq!(first, HANDSHAKE);
    for (name, newer) in [("TLS 1.2", &rustls::version::TLS12), ("TLS 1.3", &rustls::version::TLS13)] {
        let mut stream = authority.connect_with(node.addr, newer).await.expect(name);
        assert_eq!(health(&mut stream).await["status"], "ok", "{name}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_handshake_of_a_byte_now_and_then_is_given_up() {
    const LIMIT: Duration = Duration::from_millis(600);
    let authority = Authority::new();
    let limit = LIMIT.as_millis().to_string();
    let node = secure_node(&authority, &[("PLAZA_SERVER__TLS__HANDSHAKE_TIMEOUT_MS", &limit)]).await;
    let mut slow = TcpStream::connect(node.addr).await.unwrap();
    let began = Instant::now();
    let dripping = async {
        for byte in [&[22, 3, 1, 2, 0, 1, 0, 1, 252][..], &[3; 400]].concat() {
            if slow.write_all(&[byte]).await.is_err() {
                return;
            }
            // Somebody who reads sees the end before a write fails.
            if let Ok(ended) = timeout(Duration::from_millis(50), slow.read(&mut [0])).await {
                assert_eq!(ended.unwrap_or(0), 0, "it was answered");
                return;
            }
            authority.connect(node.addr).await.expect("others come in meanwhile");
        }
    };
    timeout(PATIENCE, dripping).await.expect("it is given up");
    assert!(began.elapsed() >= LIMIT, "{:?}", began.elapsed());
    node.stop().await;
}

#[tokio::test]
async fn a_handshake_under_way_takes_a_place() {
    let authority = Authority::new();
    let bounds = [
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_SERVER__MAX_HTTP_CONNECTIONS_PER_ADDRESS", "2"),
        ("PLAZA_SERVER__TLS__HANDSHAKE_TIMEOUT_MS", "600000"),
    ];
    let node = secure_node(&authority, &bounds).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut half = TcpStream::connect(node.addr).await.unwrap();
        half.write_all(&[22, 3, 1]).await.unwrap();
        held.push(half);
    }
    let mut third = TcpStream::connect(node.addr).await.unwrap();
    assert_eq!(timeout(PATIENCE, third.read(&mut [0])).await.expect("it is closed").unwrap_or(0), 0);
    drop(held.pop());
    let began = Instant::now();
    while authority.connect(node.addr).await.is_err() {
        assert!(began.elapsed() < PATIENCE, "the place of one who has gone is never free");
        sleep(Duration::from_millis(20)).await;
    }
    // And one that is still half way does not hold up the stop.
    let began = Instant::now();
    node.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "a handshake held it up");
    drop(held);
}

#[tokio::test]
async fn the_console_talks_over_tls_with_whom_it_trusts() {
    let authority = Authority::new();
    let node = secure_node(&authority, &[]).await;
    let chat = async |scheme: &str, trusted: String| {
        let mut console = Command::new(env!("CARGO_BIN_EXE_plaza"))
            .args(["chat", &format!("{scheme}://{}", node.addr)])
            .env("SSL_CERT_FILE", trusted)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = "register Ana a-long-password\njoin hall\nwrite hall hello\nhistory hall\nquit\n";
        let mut input = console.stdin.take().unwrap();
        // One that has given up reads nothing more.
        let _ = input.write_all(lines.as_bytes()).await;
        drop(input);
        timeout(PATIENCE, console.wait_with_output()).await.expect("the console ends").unwrap()
    };
    let trusting = chat("https", authority.path("root.pem")).await;
    let said = String::from_utf8_lossy(&trusting.stdout).into_owned();
    assert!(
        said.contains("Message from hall ==> hello"),
        "{said}{}",
        String::from_utf8_lossy(&trusting.stderr)
    );
    for (scheme, trusted, hint) in [
        ("https", Authority::new().path("root.pem"), "name its file in SSL_CERT_FILE"),
        ("http", authority.path("root.pem"), "try https://"),
    ] {
        let wary = chat(scheme, trusted).await;
        let said = String::from_utf8_lossy(&wary.stderr);
        assert!(!wary.status.success() && said.contains(hint), "{said}");
    }
    node.stop().await;
}
