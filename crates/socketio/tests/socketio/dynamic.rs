//! Namespaces that are made when a client asks for them, and gone with the last.

use crate::support::{Client, Server, telling, until};
use plaza_socketio::{Config, ConnectError, Handlers, SocketIo};
use std::sync::Arc;

/// `/` and all of `/shop-N`; those ask for the word `please`.
fn server(config: Config) -> Server {
    let shops = Handlers::default()
        .middleware(|_, auth| async move {
            if auth["word"] == "please" { Ok(()) } else { Err(ConnectError::new("say please")) }
        })
        .on("where", |socket, event| async move {
            event.ack.unwrap().send(&[socket.namespace().name()]).unwrap();
        });
    let io = SocketIo::builder(config)
        .namespace("/", Handlers::default())
        .namespaces(|name, auth| name.strip_prefix("/shop-").is_some() && auth["closed"].is_null(), shops)
        .namespaces(|name, _| name == "/panic" && panic!("in a predicate"), Handlers::default())
        .namespaces(|name, _| name.starts_with("/shop"), Handlers::default())
        .build();
    Server::start(io)
}

const PLEASE: &str = r#"{"word":"please"}"#;

fn names(server: &Server) -> Vec<String> {
    let mut names: Vec<_> =
        server.io.namespaces().iter().map(|namespace| namespace.name().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn it_is_there_while_somebody_is() {
    let server = server(Config::default());
    let (mut ana, mut ben) = (Client::open(&server).await, Client::open(&server).await);
    assert_eq!(names(&server), ["/"]);
    ana.enter_with("40/shop-1,", PLEASE).await;
    ben.enter_with("40/shop-1,", PLEASE).await;
    ben.enter_with("40/shop-2,", PLEASE).await;
    assert_eq!(names(&server), ["/", "/shop-1", "/shop-2"]);
    assert_eq!(server.io.of("/shop-1").unwrap().len(), 2);
    ana.send(r#"42/shop-1,5["where"]"#).await;
    assert_eq!(ana.text().await, r#"43/shop-1,5["/shop-1"]"#);
    server.io.of("/shop-1").unwrap().emit("sale", &["today"]).unwrap();
    for client in [&mut ana, &mut ben] {
        assert_eq!(client.text().await, r#"42/shop-1,["sale","today"]"#);
    }
    // It goes with the last, however that goes.
    ana.send("41/shop-1,").await;
    ben.send(r#"42/shop-2,1["where"]"#).await;
    ben.text().await;
    assert!(server.io.of("/shop-1").is_some());
    ben.send("41/shop-1,").await;
    until("the first to be gone", || server.io.of("/shop-1").is_none()).await;
    drop(ben);
    until("the second to be gone", || names(&server) == ["/"]).await;
    // And comes back.
    ana.enter_with("40/shop-2,", PLEASE).await;
    assert_eq!(names(&server), ["/", "/shop-2"]);
}

#[tokio::test]
async fn the_first_family_that_says_yes_has_it() {
    let server = server(Config::default());
    let mut client = Client::open(&server).await;
    client.enter_with("40/shop-1,", r#"{"closed":true}"#).await;
    client.enter_with("40/shopping,", "").await;
    for name in ["/other", "/sho", "/shop-1/"] {
        client.send(&format!("40{name},{PLEASE}")).await;
        let answer = client.text().await;
        match name {
            "/shop-1/" => assert!(answer.starts_with("40/shop-1/,{"), "{answer}"),
            _ => assert_eq!(answer, format!(r#"44{name},{{"message":"Invalid namespace"}}"#)),
        }
    }
    let long = format!("/shop-{}", "x".repeat(250));
    client.send(&format!("40{long},{PLEASE}")).await;
    assert_eq!(client.text().await, format!(r#"44{long},{{"message":"Invalid namespace"}}"#));
    client.send("40/panic,").await;
    assert_eq!(client.text().await, r#"44/panic,{"message":"Internal error"}"#);
}

#[tokio::test]
async fn a_client_that_is_refused_leaves_none_behind() {
    let server = server(Config::default());
    let mut client = Client::open(&server).await;
    for number in 0..50 {
        client.send(&format!("40/shop-{number},")).await;
        assert_eq!(client.text().await, format!(r#"44/shop-{number},{{"message":"say please"}}"#));
    }
    until("none to be left", || names(&server) == ["/"]).await;
}

#[tokio::test]
async fn there_are_no_more_than_may_be() {
    let server = server(Config { max_dynamic_namespaces: 2, ..Config::default() });
    let mut client = Client::open(&server).await;
    client.enter_with("40/shop-1,", PLEASE).await;
    client.enter_with("40/shop-2,", PLEASE).await;
    client.send(&format!("40/shop-3,{PLEASE}")).await;
    assert_eq!(client.text().await, r#"44/shop-3,{"message":"Too many namespaces"}"#);
    let mut other = Client::open(&server).await;
    other.enter_with("40/shop-2,", PLEASE).await;
    client.send("41/shop-1,").await;
    until("a place to be free", || names(&server).len() == 2).await;
    client.enter_with("40/shop-3,", PLEASE).await;
}

#[tokio::test]
async fn one_that_the_server_lets_go_of_leaves_none_behind_and_may_be_late_to_learn() {
    let server = server(Config::default());
    let mut client = Client::join(&server).await;
    for number in 0..40 {
        client.enter_with(&format!("40/shop-{number},"), PLEASE).await;
        server.io.of(&format!("/shop-{number}")).unwrap().broadcast().disconnect(false);
        // Sent before it knew.
        client.send(&format!(r#"42/shop-{number},["where"]"#)).await;
        assert_eq!(client.text().await, format!("41/shop-{number},"));
        until("it to be gone", || names(&server) == ["/"]).await;
    }
    assert_eq!(server.io.clients(), 1);
}

#[tokio::test]
async fn whoever_holds_one_keeps_it() {
    let (tell, mut told) = telling();
    let handlers = Handlers::default().on_connect(move |socket, _| {
        tell.send(Arc::as_ptr(socket.namespace()) as usize).unwrap();
        async {}
    });
    let io = SocketIo::builder(Config::default()).namespaces(|_, _| true, handlers).build();
    let server = Server::start(io);
    let mut client = Client::open(&server).await;
    client.enter("40/held,").await;
    let held = server.io.of("/held").unwrap();
    client.send("41/held,").await;
    until("the client to be gone", || held.is_empty()).await;
    client.enter("40/held,").await;
    assert_eq!(told.take(2).await, [Arc::as_ptr(&held) as usize; 2]);
}
