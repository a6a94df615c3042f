//! Why a socket went, by the names Node's server has for it. Each was seen there (socket.io 4.8).

use crate::support::{Client, Polling, Server, Told, ask, telling};
use plaza_socketio::{Config, Handlers, SocketIo};
use std::{sync::Arc, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// A server with two namespaces that tells who went from where, and why.
fn server(config: Config) -> (Server, Told<String>) {
    let (tell, told) = telling();
    let handlers = || {
        let (tell, waiting) = (tell.clone(), tell.clone());
        Handlers::default()
            .on("wait", move |_, _| {
                waiting.send("waiting".to_owned()).unwrap();
                std::future::pending()
            })
            .on("leave me", |socket, event| async move {
                socket.disconnect(event.payload.args::<(bool,)>().unwrap().0);
            })
            .on("close", |socket, _| async move { socket.close_transport() })
            .on_disconnect(move |socket, reason| {
                assert!(!socket.is_connected());
                tell.send(format!("{}: {reason}", socket.namespace().name())).unwrap();
                async {}
            })
    };
    let io = SocketIo::builder(config).namespace("/", handlers()).namespace("/b", handlers()).build();
    (Server::start(io), told)
}

/// In both namespaces.
async fn in_both(server: &Server) -> Client {
    let mut client = Client::join(server).await;
    client.enter("40/b,").await;
    client
}

async fn both_went(told: &mut Told<String>, reason: &str, what: &str) {
    let mut went = told.take(2).await;
    went.sort();
    assert_eq!(went, [format!("/: {reason}"), format!("/b: {reason}")], "{what}");
}

#[tokio::test]
async fn leaving_a_namespace_is_of_that_namespace_alone() {
    let (server, mut told) = server(Config::default());
    let mut client = in_both(&server).await;
    client.send("41").await;
    assert_eq!(told.next().await, "/: client namespace disconnect");
    client.enter("40").await;
    client.send(r#"42["leave me",false]"#).await;
    assert_eq!(client.text().await, "41");
    assert_eq!(told.next().await, "/: server namespace disconnect");
    client.close().await;
    assert_eq!(told.next().await, "/b: transport close");
}

#[tokio::test]
async fn a_disconnect_that_closes_takes_the_client_out_of_all_its_namespaces() {
    let (server, mut told) = server(Config::default());
    let mut client = in_both(&server).await;
    client.send(r#"42["leave me",true]"#).await;
    let mut told_the_client = [client.text().await, client.text().await];
    told_the_client.sort();
    assert_eq!(told_the_client, ["41", "41/b,"]);
    both_went(&mut told, "server namespace disconnect", "disconnect(true)").await;
    client.end().await;
}

#[tokio::test]
async fn a_transport_that_the_server_closes_is_forced() {
    let (server, mut told) = server(Config::default());
    let mut client = in_both(&server).await;
    client.send(r#"42["close"]"#).await;
    both_went(&mut told, "forced close", "close_transport").await;
    client.end().await;
}

#[tokio::test]
async fn what_a_client_sends_and_must_not() {
    let (server, mut told) = server(Config::default());
    let cases = [
        ("xyz", "parse error"),                                         // no Engine.IO packet
        ("", "parse error"),                                            // none at all
        ("2", "transport error"),                                       // a ping, which only the server sends
        ("4abc", "forced close"),                                       // no Socket.IO packet
        ("42{}", "forced close"),                                       // no array
        ("40", "forced close"),                                         // connected already
        (r#"42/c,["a"]"#, "forced close"),                              // not connected there
        (r#"451-["a",{"_placeholder":true,"num":1}]"#, "forced close"), // with the bytes that follow: no such place
    ];
    for (text, reason) in cases {
        let mut client = in_both(&server).await;
        client.send(text).await;
        if text.starts_with("451") {
            client.send_binary(&[1]).await;
        }
        both_went(&mut told, reason, text).await;
        client.end().await;
    }
    let mut client = in_both(&server).await;
    client.send_binary(b"out of nowhere").await;
    both_went(&mut told, "forced close", "bytes without a packet").await;
}

#[tokio::test]
async fn a_websocket_that_breaks_its_rules_is_an_error_and_one_that_ends_is_closed() {
    let (server, mut told) = server(Config { max_payload: 1_000, ..Config::default() });
    let long = "x".repeat(1_001);
    let frames: [(&[u8], &str, Option<u16>); 5] = [
        (b"\x81\x014", "transport error", Some(1002)), // not masked
        (b"\x81\x81\0\0\0\0\xff", "transport error", Some(1007)), // not UTF-8
        (b"\x82\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0", "transport error", Some(1009)), // 2 GiB to come
        (b"\x88\x80\0\0\0\0", "transport close", None),
        (b"\x88\x82\0\0\0\0\x0f\xa1", "transport close", Some(4001)), // its own code comes back
    ];
    for (frame, reason, code) in frames {
        let mut client = in_both(&server).await;
        client.send_raw(frame).await;
        both_went(&mut told, reason, &format!("{frame:x?}")).await;
        assert_eq!(client.end().await, code, "{frame:x?}");
    }
    let mut client = in_both(&server).await;
    client.send(&format!(r#"42["x","{long}"]"#)).await;
    both_went(&mut told, "transport error", "too long").await;

    let mut client = in_both(&server).await;
    client.tcp().shutdown().await.unwrap();
    both_went(&mut told, "transport close", "the end of the stream").await;

    let mut client = in_both(&server).await;
    client.tcp().set_zero_linger().unwrap();
    drop(client);
    both_went(&mut told, "transport close", "a reset").await;
}

#[tokio::test]
async fn silence_is_a_ping_timeout() {
    let config = Config {
        ping_interval: Duration::from_millis(200),
        ping_timeout: Duration::from_millis(800),
        ..Config::default()
    };
    let (server, mut told) = server(config);
    let mut client = in_both(&server).await;
    client.alive = false;
    client.end().await;
    both_went(&mut told, "ping timeout", "a WebSocket").await;

    let _never_polls_again = Polling::join(&server).await;
    assert_eq!(told.next().await, "/: ping timeout");
}

#[tokio::test]
async fn clients_that_poll_go_for_the_same_reasons() {
    let (server, mut told) = server(Config { max_payload: 1_000, ..Config::default() });
    let client = Polling::join(&server).await;
    assert_eq!(client.post("1").await.body, "ok");
    assert_eq!(told.next().await, "/: transport close");

    let client = Arc::new(Polling::join(&server).await);
    // One of two polls comes second.
    let other = Arc::clone(&client);
    let (first, second) = tokio::join!(client.poll(), other.poll());
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(told.next().await, "/: transport error");

    for (body, status, reason) in
        [("zzz", 400, "parse error"), ("4abc", 200, "forced close"), ("bnot base64", 400, "parse error")]
    {
        let client = Polling::join(&server).await;
        assert_eq!(client.post(body).await.status, status, "{body}");
        assert_eq!(told.next().await, format!("/: {reason}"), "{body}");
    }

    let client = Polling::join(&server).await;
    let bytes = ["content-type: application/octet-stream"];
    assert_eq!(ask(server.addr, "POST", &client.query(), &bytes, &[4]).await.status, 400);
    assert_eq!(told.next().await, "/: transport error");
}

#[tokio::test]
async fn a_request_that_breaks_off_ends_its_session() {
    let (server, mut told) = server(Config { in_flight: 1, ..Config::default() });
    let client = Polling::join(&server).await;
    let mut poll = TcpStream::connect(server.addr).await.unwrap();
    poll.write_all(client.poll_request().as_bytes()).await.unwrap();
    drop(poll);
    assert_eq!(told.next().await, "/: transport error");

    let client = Polling::join(&server).await;
    let mut post = TcpStream::connect(server.addr).await.unwrap();
    let head =
        client.poll_request().replace("GET", "POST").replace("\r\n\r\n", "\r\ncontent-length: 100\r\n\r\n");
    post.write_all(format!("{head}42[\"leave me\",fa").as_bytes()).await.unwrap();
    drop(post);
    assert_eq!(told.next().await, "/: transport error");

    // More events than there is room for: the rest of them is lost with the request, and it shall not go unnoticed.
    let client = Polling::join(&server).await;
    let mut post = TcpStream::connect(server.addr).await.unwrap();
    let body = ["42[\"wait\"]"; 50].join("\x1e");
    let head = client.poll_request().replace("GET", "POST");
    let head = head.replace("\r\n\r\n", &format!("\r\ncontent-length: {}\r\n\r\n", body.len()));
    post.write_all((head + &body).as_bytes()).await.unwrap();
    assert_eq!(told.next().await, "waiting");
    drop(post);
    assert_eq!(told.next().await, "/: transport error");
}

#[tokio::test]
async fn a_server_that_closes_says_so() {
    let (server, mut told) = server(Config::default());
    let mut client = in_both(&server).await;
    let closing = tokio::spawn({
        let io = server.io.clone();
        async move { io.close().await }
    });
    both_went(&mut told, "server shutting down", "close").await;
    assert_eq!(client.end().await, Some(1001));
    crate::support::soon("the server to close", closing).await.unwrap();
}
