//! What somebody with bad intentions may send: pages of other origins, requests that are two at once, heads without end.

use crate::{node::*, socket};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Sends bytes as they are, and reads until the server has closed.
async fn raw(node: &Node, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(node.addr).await.unwrap();
    // The server may have closed before all was sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

const WEBSOCKET: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The status of a WebSocket's handshake by a page of this origin.
async fn websocket(node: &Node, origin: &str) -> String {
    let mut stream = TcpStream::connect(node.addr).await.unwrap();
    let head = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {}\r\norigin: {origin}\r\n{WEBSOCKET}\r\n",
        node.addr
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut status)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&status["HTTP/1.1 ".len()..]).into_owned()
}

#[tokio::test]
async fn pages_of_other_origins_reach_no_socket() {
    let node = Node::start(&[("PLAZA_SERVER__ALLOWED_ORIGINS", "https://app.example")]).await;
    let own = format!("http://{}", node.addr);
    for (origin, allowed) in [
        (own.as_str(), true),
        ("https://app.example", true),
        ("https://evil.example", false),
        ("http://app.example", false),
        ("https://app.example.evil.example", false),
        ("null", false),
    ] {
        let poll = node.get("/socket.io/?EIO=4&transport=polling").header("origin", origin);
        let poll = poll.send().await.unwrap();
        assert_eq!(poll.status() == StatusCode::OK, allowed, "{origin}");
        assert_eq!(header(&poll, "access-control-allow-origin"), if allowed { origin } else { "" });
        assert_eq!(websocket(&node, origin).await, if allowed { "101" } else { "403" }, "{origin}");
    }
    node.stop().await;
}

/// Opens a session by polling, asks to connect with this, and gives what is answered.
async fn connect(node: &Node, query: &str, cookie: &str, auth: &str) -> String {
    let opened = node.get(&format!("/socket.io/?EIO=4&transport=polling{query}")).header("cookie", cookie);
    let opened = opened.send().await.unwrap();
    assert_eq!(header(&opened, "set-cookie"), "");
    let text = opened.text().await.unwrap();
    let open: Value = serde_json::from_str(&text[1..]).unwrap();
    let session = format!("/socket.io/?EIO=4&transport=polling&sid={}{query}", open["sid"].as_str().unwrap());
    let sent = node.http.post(node.url(&session)).header("cookie", cookie).body(format!("40{auth}"));
    assert_eq!(sent.send().await.unwrap().status(), StatusCode::OK);
    node.get(&session).header("cookie", cookie).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn only_what_is_meant_as_credentials_counts_as_such() {
    let node = Node::start(&[]).await;
    let tokens = node.register("Ana").await;
    let token = tokens["accessToken"].as_str().unwrap();
    let cookie = format!("token={token}; accessToken={token}; Authorization=Bearer {token}; io={token}");
    let query = format!("&token={token}&access_token={token}&auth={token}");

    problem(node.get("/api/v1/me").header("cookie", &cookie), 401, "unauthorized").await;
    for (query, cookie) in [(query.as_str(), ""), ("", cookie.as_str()), (query.as_str(), cookie.as_str())] {
        let refused = connect(&node, query, cookie, "").await;
        assert!(refused.starts_with("44{") && refused.contains("\"unauthorized\""), "{refused}");
    }
    let mut by_websocket = socket::with_cookie(&node, &cookie).await;
    assert!(by_websocket.packet("4").await.starts_with("44{"), "a cookie lets nobody in");
    drop(by_websocket);
    let admitted = connect(&node, "", "", &json!({"token": token}).to_string()).await;
    assert!(admitted.starts_with("40{"), "{admitted}");
    node.stop().await;
}

#[tokio::test]
async fn a_request_is_one_request_to_everybody_on_its_way() {
    let node = Node::start(&[]).await;
    let smuggled = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let length = smuggled.len() + 5;
    let post = "POST /api/v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for (framing, body) in [
        (
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (format!("content-length: 2\r\ncontent-length: {length}\r\n"), format!("{{}}{smuggled}")),
        ("content-length: +2\r\n".into(), format!("{{}}{smuggled}")),
        ("content-length: 2, 3\r\n".into(), format!("{{}}{smuggled}")),
        ("transfer-encoding: chunked, identity\r\n".into(), format!("0\r\n\r\n{smuggled}")),
        ("transfer-encoding: xchunked\r\n".into(), format!("0\r\n\r\n{smuggled}")),
        ("transfer-encoding : chunked\r\n".into(), format!("0\r\n\r\n{smuggled}")),
        ("content-length: 0\r\n x: y\r\n".into(), smuggled.into()),
        ("content-length: 0\r\nx: a\rb\r\n".into(), smuggled.into()),
    ] {
        let answer = raw(&node, format!("{post}{framing}\r\n{body}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{framing}: {answer}");
        assert!(!answer.contains("uptimeSeconds"), "{framing}: {answer}");
    }
    node.stop().await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let node = Node::start(&[]).await;
    // Well past the bound: what has come in one piece is looked at whole.
    let long = format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    let many = format!("GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(10_000));
    let path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(1_000_000));
    for (what, head) in [("long", long), ("many", many), ("path", path)] {
        let answer = raw(&node, head.as_bytes()).await;
        let refused =
            ["HTTP/1.1 431", "HTTP/1.1 414", "HTTP/1.1 400"].iter().any(|start| answer.starts_with(start));
        // What was still on its way when the server closed may have the kernel throw the answer away.
        assert!(refused || answer.is_empty(), "{what}: {answer}");
    }
    assert_eq!(node.get("/health").send().await.unwrap().status(), StatusCode::OK);
    node.stop().await;
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let node = Node::start(&[]).await;
    for path in ["/", "/health", "/livez", "/readyz", "/config.json", "/none.png", "/api/v1/me", "/api/none"]
    {
        let answer = node.get(path).send().await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), value, "{path}");
        }
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!((header(&answer, "server"), header(&answer, "x-powered-by")), ("", ""), "{path}");
    }
    node.stop().await;
}

#[tokio::test]
async fn nothing_but_the_page_is_served_as_files() {
    let node = Node::start(&[]).await;
    for path in [
        "/../Cargo.toml",
        "/assets/../../../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/..%2f..%2fetc%2fpasswd.txt",
        "/assets/..%5c..%5cCargo.toml",
        "//etc/passwd.txt",
        "/plaza.db",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw(&node, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    for method in ["TRACE", "CONNECT", "DELETE", "PUT"] {
        let request =
            format!("{method} / HTTP/1.1\r\nhost: x\r\nx-secret: s3cret\r\nconnection: close\r\n\r\n");
        let answer = raw(&node, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4") && !answer.contains("s3cret"), "{method}: {answer}");
    }
    node.stop().await;
}

#[tokio::test]
async fn the_page_is_told_where_its_server_is() {
    let node = Node::start(&[]).await;
    let settings = node.get("/config.json").send().await.unwrap();
    assert_eq!(
        (header(&settings, "cache-control"), header(&settings, "content-type")),
        ("no-cache", "application/json")
    );
    assert_eq!(settings.json::<Value>().await.unwrap(), json!({"apiBaseUrl": ""}));
    node.stop().await;

    let node = Node::start(&[("PLAZA_WEB__API_BASE_URL", "https://chat.example")]).await;
    let settings = node.get("/config.json").send().await.unwrap();
    assert_eq!(settings.json::<Value>().await.unwrap(), json!({"apiBaseUrl": "https://chat.example"}));
    let page = node.get("/").send().await.unwrap();
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains("connect-src 'self' ws: wss: https://chat.example;"), "{policy}");
    node.stop().await;
}
