//! Coming in: middleware that refuses, namespaces that are not there, clients that never come in, and ids.

use crate::support::{Client, Polling, Server, one, soon, telling};
use plaza_socketio::{Config, ConnectError, Handlers, SocketIo};
use serde_json::json;
use std::{collections::HashSet, time::Duration};

#[tokio::test]
async fn a_middleware_refuses_with_a_message_and_data() {
    let (tell, mut told) = telling();
    let on_connect = tell.clone();
    let handlers =
        Handlers::default()
            .middleware(|socket, auth| async move {
                match auth["token"].as_str() {
                    Some("good" | "odd") => {
                        socket.set_data(auth["token"].to_string());
                        Ok(())
                    }
                    Some(_) => Err(ConnectError::new("not you")
                        .with_data(json!({"code": "unauthorized", "retry": false}))),
                    None => Err(ConnectError::new("a token, please")),
                }
            })
            .middleware(|socket, auth| async move {
                assert!(socket.data::<String>().is_some(), "the second is asked after the first");
                if auth["token"] == "odd" { Err(ConnectError::new("odd")) } else { Ok(()) }
            })
            .on_connect(move |socket, auth| {
                on_connect.send(format!("{} with {auth}", socket.data::<String>().unwrap())).unwrap();
                async {}
            })
            .on_disconnect(move |_, _| {
                tell.send("somebody went".to_owned()).unwrap();
                async {}
            });
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::open(&server).await;
    for (connect, refusal) in [
        ("40", r#"44{"message":"a token, please"}"#),
        (r#"40{"token":"x"}"#, r#"44{"data":{"code":"unauthorized","retry":false},"message":"not you"}"#),
        (r#"40{"token":"odd"}"#, r#"44{"message":"odd"}"#),
    ] {
        client.send(connect).await;
        let answer: serde_json::Value = serde_json::from_str(&client.text().await[2..]).unwrap();
        assert_eq!(answer, serde_json::from_str::<serde_json::Value>(&refusal[2..]).unwrap());
    }
    assert!(server.root().is_empty());
    assert_eq!(client.enter_with("40", r#"{"token":"good"}"#).await.len(), 20);
    // The handlers of those refused never ran.
    assert_eq!(told.next().await, r#""good" with {"token":"good"}"#);
    told.nothing_yet();
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named_and_the_others_go_on() {
    let handlers = || {
        Handlers::default().on("where", |socket, event| async move {
            event.ack.unwrap().send(&[socket.namespace().name()]).unwrap();
        })
    };
    let config = Config { max_namespaces: 2, ..Config::default() };
    let io = SocketIo::builder(config)
        .namespace("/", handlers())
        .namespace("/chat", handlers())
        .namespace("/more", handlers())
        .build();
    let server = Server::start(io);
    let mut client = Client::open(&server).await;
    client.send("40/nowhere,").await;
    assert_eq!(client.text().await, r#"44/nowhere,{"message":"Invalid namespace"}"#);
    let chat = client.enter("40/chat,").await;
    let root = client.enter("40").await;
    assert_ne!(chat, root);
    client.send("40/more,").await;
    assert_eq!(client.text().await, r#"44/more,{"message":"Too many namespaces"}"#);

    client.send(r#"42/chat,1["where"]"#).await;
    assert_eq!(client.text().await, r#"43/chat,1["/chat"]"#);
    client.send("41/chat,").await;
    client.send(r#"421["where"]"#).await;
    assert_eq!(client.text().await, r#"431["/"]"#);
    assert!(server.io.of("/chat").unwrap().is_empty());
}

#[tokio::test]
async fn one_that_comes_into_no_namespace_in_time_is_closed() {
    let config = Config { connect_timeout: Duration::from_secs(1), ..Config::default() };
    let refusing = Handlers::default().middleware(|_, _| async { Err(ConnectError::new("no")) });
    let io =
        SocketIo::builder(config).namespace("/", Handlers::default()).namespace("/closed", refusing).build();
    let server = Server::start(io);
    let (mut member, mut stranger, mut refused) =
        (Client::join(&server).await, Client::open(&server).await, Client::open(&server).await);
    let polling = Polling::open(&server).await;
    let poll = tokio::spawn(async move { polling.poll().await.body });
    refused.send("40/closed,").await;
    assert_eq!(refused.text().await, r#"44/closed,{"message":"no"}"#);

    stranger.end().await;
    refused.end().await;
    assert_eq!(soon("the poll's answer", poll).await.unwrap(), "1");
    server.root().emit("still", &["here"]).unwrap();
    assert_eq!(member.text().await, r#"42["still","here"]"#);
}

#[tokio::test]
async fn the_handler_of_connect_starts_before_those_of_events_and_says_the_first_word() {
    let (tell, mut told) = telling();
    let on_event = tell.clone();
    let handlers = Handlers::default()
        .on_connect(move |socket, auth| {
            tell.send("connect").unwrap();
            socket.emit("auth", &[auth]).unwrap();
            std::future::pending()
        })
        .on("event", move |_, _| {
            on_event.send("event").unwrap();
            async {}
        });
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::open(&server).await;
    client.send_all(["40".to_owned(), r#"42["event"]"#.to_owned()]).await;
    assert!(client.text().await.starts_with(r#"40{"sid":""#));
    assert_eq!(client.text().await, r#"42["auth",{}]"#);
    assert_eq!(told.take(2).await, ["connect", "event"]);
}

#[tokio::test]
async fn public_ids_have_twenty_characters_and_are_never_the_secret_ones() {
    let io = SocketIo::builder(Config::default())
        .namespace("/", Handlers::default())
        .namespace("/other", Handlers::default())
        .build();
    let server = Server::start(io);
    let (mut public, mut secret) = (HashSet::new(), HashSet::new());
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::open(&server).await;
        assert!(secret.insert(client.handshake["sid"].as_str().unwrap().to_owned()));
        assert!(public.insert(client.enter("40").await));
        assert!(public.insert(client.enter("40/other,").await));
        // Coming back, it is somebody else.
        client.send("41").await;
        assert!(public.insert(client.enter("40").await));
        clients.push(client);
    }
    let polling = Polling::join(&server).await;
    assert!(!public.contains(&polling.sid));
    assert!(public.is_disjoint(&secret));
    for sid in &public {
        let plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        assert!(sid.len() == 20 && plain, "{sid}");
    }
}
