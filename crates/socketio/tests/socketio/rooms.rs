//! Who gets what: rooms, their unions, exceptions, and sets of sockets that are moved together.

use crate::support::{Client, Server, Told, one, telling, until};
use plaza_socketio::{Config, Handlers, Namespace, Socket, Target};
use std::sync::Arc;

/// Clients that each told the server their name.
struct Crowd {
    server: Server,
    clients: Vec<(Client, Arc<Socket>)>,
    gone: Told<String>,
}

impl Crowd {
    /// Each is `name` or `name: room room`.
    async fn gather(who: &[&str]) -> Self {
        let (tell, gone) = telling();
        let handlers = Handlers::default()
            .on_connect(
                |socket, auth| async move { socket.set_data(auth["name"].as_str().unwrap().to_owned()) },
            )
            .on_disconnect(move |socket, reason| {
                tell.send(format!("{}: {reason}", socket.data::<String>().unwrap())).unwrap();
                async {}
            });
        let server = Server::start(one(Config::default(), handlers));
        let mut clients = Vec::new();
        for one in who {
            let (name, rooms) = one.split_once(": ").unwrap_or((one, ""));
            let mut client = Client::open(&server).await;
            let sid = client.enter_with("40", &format!(r#"{{"name":"{name}"}}"#)).await;
            let socket = server.root().sockets(&in_room(&sid)).pop().unwrap();
            rooms.split_whitespace().for_each(|room| socket.join(room));
            clients.push((client, socket));
        }
        Self { server, clients, gone }
    }

    fn root(&self) -> Arc<Namespace> {
        self.server.root()
    }

    fn socket(&self, name: &str) -> &Arc<Socket> {
        let of_name = |(_, socket): &&(Client, Arc<Socket>)| socket.data::<String>().unwrap() == name;
        &self.clients.iter().find(of_name).unwrap().1
    }

    /// Who got the event `hi` since the last time, each as often as it came.
    async fn who_got_it(&mut self) -> String {
        self.root().emit("end", &[(); 0]).unwrap();
        let mut got = Vec::new();
        for (client, socket) in &mut self.clients {
            if !socket.is_connected() {
                continue;
            }
            for text in client.texts_until(r#"42["end"]"#).await {
                assert_eq!(text, r#"42["hi"]"#);
                got.push(socket.data::<String>().unwrap().clone());
            }
        }
        got.join(" ")
    }
}

fn in_room(room: &str) -> Target {
    Target { rooms: vec![room.into()], except: vec![] }
}

/// The event everybody waits for has no arguments.
const NOTHING: &[(); 0] = &[];

#[tokio::test]
async fn joined_is_reached_and_left_is_not() {
    let mut crowd = Crowd::gather(&["ana", "ben", "eva"]).await;
    let root = crowd.root();
    crowd.socket("ana").join("red");
    crowd.socket("ana").join("red");
    crowd.socket("eva").join("red");
    root.to("red").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana eva");

    crowd.socket("ana").leave("red");
    crowd.socket("ben").leave("red");
    root.to("red").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "eva");
    assert_eq!(crowd.socket("ana").rooms(), []);
    assert_eq!(crowd.socket("eva").rooms(), ["red".into()]);

    root.to("nowhere").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "");
    root.emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana ben eva");
}

#[tokio::test]
async fn several_rooms_are_a_union_and_each_is_reached_once() {
    let mut crowd = Crowd::gather(&["ana: red", "ben: red blue", "eva: blue green", "kim"]).await;
    let root = crowd.root();
    root.to("red").to("blue").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana ben eva");
    root.to("red").to("red").to("nowhere").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana ben");
    root.to("red").to("blue").except("green").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana ben");
    root.except("red").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "eva kim");
    root.except("red").except("nowhere").except("green").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "kim");
}

#[tokio::test]
async fn what_a_socket_broadcasts_does_not_come_back_to_it() {
    let mut crowd = Crowd::gather(&["ana: red", "ben: red", "eva: blue"]).await;
    crowd.socket("ana").broadcast().emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ben eva");
    crowd.socket("ana").to("red").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ben");
    crowd.socket("ana").to("red").to("blue").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ben eva");
    crowd.socket("eva").to("blue").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "");
}

#[tokio::test]
async fn a_sockets_id_is_a_room_of_its_own() {
    let mut crowd = Crowd::gather(&["ana: red", "ben", "eva"]).await;
    let root = crowd.root();
    let [ana, ben] = ["ana", "ben"].map(|name| crowd.socket(name).id().to_string());
    root.to(&ana).emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana");
    root.to("red").to(&ana).to(&ben).emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana ben");
    root.except(&ana).emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ben eva");
    // Others may come into it, and its owner is there already.
    crowd.socket("eva").join(&ana);
    crowd.socket("ana").join(&ana);
    root.to(&ana).emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana eva");
    assert_eq!(root.sockets(&in_room(&ana)).len(), 2);
}

#[tokio::test]
async fn sets_of_sockets_join_leave_and_are_disconnected() {
    let mut crowd = Crowd::gather(&["ana: red", "ben: red", "eva: blue", "kim"]).await;
    let root = crowd.root();
    root.to("red").to("blue").join("many");
    root.to("many").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "ana ben eva");
    root.to("red").leave("many");
    root.to("many").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "eva");
    root.broadcast().join("all");
    root.to("all").except("red").emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "eva kim");

    root.to("red").disconnect(false);
    let mut gone = crowd.gone.take(2).await;
    gone.sort();
    assert_eq!(gone, ["ana: server namespace disconnect", "ben: server namespace disconnect"]);
    assert_eq!(crowd.clients[0].0.texts_until("41").await, Vec::<String>::new());
    root.emit("hi", NOTHING).unwrap();
    assert_eq!(crowd.who_got_it().await, "eva kim");
    // Their sessions are still there, and let them in again.
    assert_eq!(crowd.clients[0].0.enter_with("40", r#"{"name":"ana"}"#).await.len(), 20);

    root.to("blue").disconnect(true);
    assert_eq!(crowd.gone.next().await, "eva: server namespace disconnect");
    assert_eq!(crowd.clients[2].0.texts_until("41").await, Vec::<String>::new());
    crowd.clients[2].0.end().await;
}

#[tokio::test]
async fn a_room_is_gone_with_its_last_member() {
    let mut crowd = Crowd::gather(&["ana: red", "ben: red"]).await;
    let root = crowd.root();
    let (client, ana) = crowd.clients.remove(0);
    client.close().await;
    assert_eq!(crowd.gone.next().await, "ana: transport close");
    assert_eq!(root.sockets(&in_room("red")).len(), 1);
    assert_eq!(ana.rooms(), []);
    // What comes too late changes nothing.
    ana.join("red");
    assert_eq!(root.sockets(&in_room("red")).len(), 1);
    assert_eq!(ana.rooms(), []);

    crowd.socket("ben").disconnect(true);
    until("nobody to be there", || root.is_empty()).await;
    assert_eq!(root.sockets(&Target::default()).len(), 0);
    assert_eq!(root.sockets(&in_room("red")).len(), 0);
}

#[tokio::test]
async fn rooms_joined_before_the_client_is_in_count_from_then_on() {
    let handlers = Handlers::default().middleware(|socket, auth| async move {
        socket.join("early");
        socket.join("left");
        socket.leave("left");
        match auth["in"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(plaza_socketio::ConnectError::new("no")),
        }
    });
    let server = Server::start(one(Config::default(), handlers));
    let (mut inside, mut refused) = (Client::open(&server).await, Client::open(&server).await);
    inside.enter_with("40", r#"{"in":true}"#).await;
    refused.send("40").await;
    assert_eq!(refused.text().await, r#"44{"message":"no"}"#);

    assert_eq!(server.root().sockets(&in_room("early")).len(), 1);
    server.root().to("left").emit("not this", NOTHING).unwrap();
    server.root().to("early").emit("hi", NOTHING).unwrap();
    assert_eq!(inside.text().await, r#"42["hi"]"#);
}
