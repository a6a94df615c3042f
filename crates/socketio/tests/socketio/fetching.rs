//! Sockets told of from afar: who they are, where, and what can be done to them; on this node and on others.

use crate::support::{Client, Server};
use futures_util::future::BoxFuture;
use plaza_socketio::{
    Adapter, Config, FetchError, Handlers, Handshake, RemoteSocket, SocketInfo, SocketIo, Target, ToOthers,
};
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

fn handlers() -> Handlers {
    Handlers::default()
        .middleware(|socket, auth| async move {
            socket.set_data(auth["name"].as_str().unwrap_or_default().to_owned());
            Ok(())
        })
        .describe(|socket| json!({ "name": socket.data::<String>() }))
}

fn name(socket: &RemoteSocket) -> &str {
    socket.info().data["name"].as_str().unwrap()
}

async fn named(server: &Server, name: &str) -> (Client, String) {
    let mut client = Client::open(server).await;
    let sid = client.enter_with("40", &format!(r#"{{"name":"{name}"}}"#)).await;
    (client, sid)
}

#[tokio::test]
async fn those_of_a_target_are_told_of_and_moved() {
    let io =
        SocketIo::builder(Config::default()).on_request(Handshake::keep).namespace("/", handlers()).build();
    let server = Server::start(io);
    let (mut ana, ana_sid) = named(&server, "ana").await;
    let (mut ben, ben_sid) = named(&server, "ben").await;
    server.root().to(&ana_sid).join("red");
    server.root().broadcast().join("all");

    let mut all = server.root().broadcast().fetch_sockets().await.unwrap();
    all.sort_by_key(|socket| name(socket).to_owned());
    assert_eq!(all.iter().map(name).collect::<Vec<_>>(), ["ana", "ben"]);
    let [one, other] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((one.id().as_str(), other.id().as_str()), (&*ana_sid, &*ben_sid));
    let mut rooms = one.info().rooms.clone();
    rooms.sort_unstable();
    assert_eq!(rooms, ["all", "red"]);
    let handshake = one.info().handshake.as_ref().unwrap();
    assert_eq!(handshake.url, "/socket.io/?EIO=4&transport=websocket");
    assert_eq!(
        (handshake.query["EIO"].as_str(), handshake.headers["host"].as_str()),
        ("4", &*server.addr.to_string())
    );

    // As they travel to another node.
    let told = serde_json::to_string(one.info()).unwrap();
    assert_eq!(&serde_json::from_str::<SocketInfo>(&told).unwrap(), one.info());

    // What is done to them from afar is done.
    other.join("red");
    one.leave("red");
    let red = server.root().to("red").fetch_sockets().await.unwrap();
    assert_eq!(red.iter().map(name).collect::<Vec<_>>(), ["ben"]);
    other.emit("for", &["ben"]).unwrap();
    assert_eq!(ben.text().await, r#"42["for","ben"]"#);
    let asked = one.clone();
    let asking =
        tokio::spawn(async move { asked.emit_with_ack("name?", &[(); 0], Duration::from_secs(20)).await });
    assert_eq!(ana.text().await, r#"420["name?"]"#);
    ana.send(r#"430["ana"]"#).await;
    assert_eq!(asking.await.unwrap().unwrap().args::<(String,)>().unwrap().0, "ana");
    one.disconnect(true);
    ana.end().await;
    assert_eq!(server.root().len(), 1);
    assert!(one.emit_with_ack("name?", &[(); 0], Duration::from_secs(20)).await.is_err());
}

#[tokio::test]
async fn nothing_secret_and_nothing_unasked_is_told() {
    let server =
        Server::start(SocketIo::builder(Config::default()).namespace("/", Handlers::default()).build());
    let _client = Client::join(&server).await;
    let fetched = server.root().broadcast().fetch_sockets().await.unwrap().pop().unwrap();
    assert_eq!((&fetched.info().handshake, &fetched.info().data), (&None, &json!(null)));

    let request = http::Request::builder()
        .uri("/socket.io/?EIO=4&b")
        .header("cookie", "session=1")
        .header("authorization", "Bearer 1")
        .header("origin", "https://example.org")
        .header("x-raw", http::HeaderValue::from_bytes(b"\xff").unwrap())
        .body(())
        .unwrap();
    let handshake = Handshake::of(&request.into_parts().0);
    assert_eq!(handshake.headers.keys().collect::<Vec<_>>(), ["origin"]);
    assert!(handshake.xdomain && !handshake.secure);
    assert_eq!(handshake.query, [("EIO".to_owned(), "4".to_owned()), ("b".to_owned(), String::new())].into());
}

/// Another node with one socket, which hears of everything that is published, and which may fall silent.
#[derive(Clone, Default)]
struct Elsewhere {
    published: Arc<Mutex<Vec<String>>>,
    silent: Arc<AtomicBool>,
}

const THERE: &str = "aaaaaaaaaaaaaaaaaaaa";

impl Adapter for Elsewhere {
    fn publish(&self, namespace: &str, message: &ToOthers) {
        let what = match message {
            ToOthers::Send { volatile, .. } => format!("send, volatile {volatile}"),
            ToOthers::Join { room, .. } => format!("join {room}"),
            ToOthers::Leave { room, .. } => format!("leave {room}"),
            ToOthers::Disconnect { target, close } => format!("disconnect {:?} {close}", target.rooms),
        };
        self.published.lock().unwrap().push(format!("{namespace} {what}"));
    }

    fn fetch(&self, _: &str, _: &Target) -> BoxFuture<'static, Result<Vec<SocketInfo>, FetchError>> {
        if self.silent.load(Ordering::Relaxed) {
            return Box::pin(async { Err(FetchError("one is silent".to_owned())) });
        }
        let there = json!({ "id": THERE, "handshake": null, "rooms": ["red"], "data": { "name": "cleo" } });
        Box::pin(async { Ok(vec![serde_json::from_value(there).unwrap()]) })
    }
}

#[tokio::test]
async fn other_nodes_are_asked_unless_only_this_one_is_meant() {
    let elsewhere = Elsewhere::default();
    let builder = SocketIo::builder(Config::default()).namespace("/", handlers());
    let server = Server::start(builder.adapter(elsewhere.clone()).build());
    let (mut ana, _) = named(&server, "ana").await;
    let (root, told) = (server.root(), || std::mem::take(&mut *elsewhere.published.lock().unwrap()));

    let all = root.broadcast().fetch_sockets().await.unwrap();
    assert_eq!(all.iter().map(name).collect::<Vec<_>>(), ["ana", "cleo"]);
    all[1].disconnect(false);
    assert_eq!(told(), [format!(r#"/ disconnect ["{THERE}"] false"#)]);
    let here = root.broadcast().local().fetch_sockets().await.unwrap();
    assert_eq!(here.iter().map(name).collect::<Vec<_>>(), ["ana"]);

    root.broadcast().volatile().emit("hi", &[1]).unwrap();
    root.to("red").join("blue");
    root.to("red").leave("blue");
    assert_eq!(told(), ["/ send, volatile true", "/ join blue", "/ leave blue"]);
    root.broadcast().local().emit("hi", &[2]).unwrap();
    root.to("red").local().join("blue");
    root.to("red").local().leave("blue");
    root.to("red").local().disconnect(true);
    assert!(told().is_empty());
    for number in [1, 2] {
        assert_eq!(ana.text().await, format!(r#"42["hi",{number}]"#));
    }

    elsewhere.silent.store(true, Ordering::Relaxed);
    let error = root.broadcast().fetch_sockets().await.unwrap_err();
    assert_eq!(error.to_string(), "not all nodes answered: one is silent");
}
