//! Clients whose connections break off, and who come back as who they were: nothing missing, nothing twice.

use crate::support::{Client, Server, Told, soon, telling, until};
use bytes::Bytes;
use plaza_socketio::{Attachment, Config, ConnectError, Handlers, Parsers, Recovery, SocketIo, Target};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

const KIB: usize = 1024;

/// What the official client keeps of its socket.
struct Kept {
    sid: String,
    pid: String,
    offset: Option<String>,
}

/// A client that keeps what the official one does.
struct Person {
    client: Client,
    kept: Kept,
}

impl Person {
    async fn join(server: &Server, auth: Value) -> Self {
        let mut client = Client::open(server).await;
        client.send(&format!("40{auth}")).await;
        let answer = client.text().await;
        let answer: Value =
            serde_json::from_str(answer.strip_prefix("40").unwrap_or_else(|| panic!("{answer}"))).unwrap();
        let text = |key: &str| answer[key].as_str().unwrap().to_owned();
        Self { client, kept: Kept { sid: text("sid"), pid: text("pid"), offset: None } }
    }

    /// The connection breaks off.
    async fn lost(self, server: &Server) -> Kept {
        let Self { client, kept } = self;
        drop(client);
        let target = Target { rooms: vec![kept.sid.as_str().into()], except: vec![] };
        until("the server to know", || server.root().sockets(&target).is_empty()).await;
        kept
    }

    /// The next event's name and arguments without its offset, which is kept.
    async fn event(&mut self) -> Value {
        let text = self.client.text().await;
        let mut event: Value =
            serde_json::from_str(text.strip_prefix("42").unwrap_or_else(|| panic!("{text}"))).unwrap();
        if let Some(Value::String(offset)) = event.as_array_mut().unwrap().pop() {
            self.kept.offset = Some(offset);
        }
        event
    }

    async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.event().await);
        }
        events
    }

    /// Nothing but this comes next.
    async fn nothing_more(&mut self, server: &Server) {
        server.root().to(&self.kept.sid).emit("that is all", &[(); 0]).unwrap();
        assert_eq!(self.event().await, json!(["that is all"]));
    }
}

impl Kept {
    fn auth(&self, more: &Value) -> Value {
        let mut auth = json!({ "pid": self.pid, "offset": self.offset });
        auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        auth
    }

    /// Comes back; whether it is recovered shows in the ids.
    async fn back(&self, server: &Server) -> Person {
        let mut person = Person::join(server, self.auth(&json!({}))).await;
        person.kept.offset.clone_from(&self.offset);
        person
    }

    fn is_recovered_as(&self, other: &Person) -> bool {
        (self.pid == other.kept.pid) && (self.sid == other.kept.sid)
    }
}

fn config(recovery: Recovery) -> Config {
    Config { recovery: Some(recovery), ..Config::default() }
}

fn server(recovery: Recovery, handlers: Handlers) -> Server {
    Server::start(SocketIo::builder(config(recovery)).namespace("/", handlers).build())
}

fn plain() -> Server {
    server(Recovery::default(), Handlers::default())
}

#[tokio::test]
async fn it_is_who_it_was_and_gets_what_it_missed_before_anything_new() {
    let (tell, mut told) = telling();
    let handlers = Handlers::default().on_connect(move |socket, auth| {
        let name = auth["name"].as_str().unwrap_or_default().to_owned();
        socket.set_data(name);
        if !socket.recovered() {
            socket.join("red");
        }
        tell.send((socket.recovered(), socket.data::<String>().unwrap().clone(), socket.rooms())).unwrap();
        socket.emit("welcome", &[socket.recovered()]).unwrap();
        async {}
    });
    let server = server(Recovery::default(), handlers);
    let mut ana = Person::join(&server, json!({ "name": "ana" })).await;
    assert_eq!(told.next().await, (false, "ana".to_owned(), vec!["red".into()]));
    assert_eq!(ana.event().await, json!(["welcome", false]));
    server.root().emit("one", &[1]).unwrap();
    assert_eq!(ana.event().await, json!(["one", 1]));

    let kept = ana.lost(&server).await;
    let root = server.root();
    root.emit("two", &[2]).unwrap();
    root.to("red").emit("three", &("text", {})).unwrap();
    root.to("blue").emit("not for her", &[0]).unwrap();
    root.except("red").emit("nor this", &[0]).unwrap();
    root.to(&kept.sid).emit("four", &[4]).unwrap();
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    let expected =
        [json!(["two", 2]), json!(["three", "text", null]), json!(["four", 4]), json!(["welcome", true])];
    assert_eq!(ana.events(4).await, expected);
    // Her data are those she had, whatever she says now.
    assert_eq!(told.next().await, (true, "ana".to_owned(), vec!["red".into()]));
    root.to("red").emit("five", &[5]).unwrap();
    assert_eq!(ana.event().await, json!(["five", 5]));
    assert_eq!(root.len(), 1);
}

#[tokio::test]
async fn it_works_again_and_again() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    for round in 0..5 {
        server.root().emit("had", &[round]).unwrap();
        assert_eq!(ana.event().await, json!(["had", round]));
        let kept = ana.lost(&server).await;
        server.root().emit("missed", &[round]).unwrap();
        ana = kept.back(&server).await;
        assert!(kept.is_recovered_as(&ana), "round {round}");
        assert_eq!(ana.event().await, json!(["missed", round]));
        // And at once once more, with nothing missed.
        let kept = ana.lost(&server).await;
        ana = kept.back(&server).await;
        assert!(kept.is_recovered_as(&ana), "round {round}");
    }
    ana.nothing_more(&server).await;
}

#[tokio::test]
async fn what_was_sent_into_a_broken_connection_is_missed() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    for number in 0..10 {
        server.root().emit("count", &[number]).unwrap();
    }
    assert_eq!(ana.events(4).await[3], json!(["count", 3]));
    let kept = ana.lost(&server).await;
    let mut ana = kept.back(&server).await;
    assert_eq!(ana.events(6).await, (4..10).map(|number| json!(["count", number])).collect::<Vec<_>>());
    ana.nothing_more(&server).await;
}

#[tokio::test]
async fn one_that_had_nothing_yet_says_no_position() {
    let server = plain();
    let ana = Person::join(&server, json!({})).await;
    let kept = ana.lost(&server).await;
    server.root().emit("first", &[1]).unwrap();
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.event().await, json!(["first", 1]));
    // A position of another server's life, which an official client keeps beyond its socket, says as little.
    let mut kept = ana.lost(&server).await;
    server.root().emit("second", &[2]).unwrap();
    kept.offset = Some("other1.99".to_owned());
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.events(2).await, [json!(["first", 1]), json!(["second", 2])]);
}

#[tokio::test]
async fn positions_that_cannot_be_are_not_believed() {
    let server = plain();
    for wrong in ["", ".", "1", "-1", "18446744073709551616"] {
        let mut ana = Person::join(&server, json!({})).await;
        server.root().emit("hi", &[1]).unwrap();
        ana.event().await;
        let mut kept = ana.lost(&server).await;
        let epoch = kept.offset.as_ref().unwrap().split_once('.').unwrap().0.to_owned();
        kept.offset = Some(format!("{epoch}.{wrong}"));
        let mut ana = kept.back(&server).await;
        // From the beginning, then: all that it was sent.
        assert!(kept.is_recovered_as(&ana), "{wrong}");
        if wrong != "1" {
            assert_eq!(ana.event().await, json!(["hi", 1]));
        }
        server.root().to(&ana.kept.sid).disconnect(false);
        until("it to be gone", || server.root().is_empty()).await;
    }
    // Beyond the end there is nothing to begin at.
    let mut ana = Person::join(&server, json!({})).await;
    server.root().emit("hi", &[1]).unwrap();
    ana.event().await;
    let mut kept = ana.lost(&server).await;
    kept.offset = kept.offset.map(|offset| format!("{offset}0"));
    assert!(!kept.is_recovered_as(&kept.back(&server).await));
}

#[tokio::test]
async fn volatile_events_are_not_missed_and_spoil_nothing() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    server.root().emit("kept", &[1]).unwrap();
    assert_eq!(ana.event().await, json!(["kept", 1]));
    // It ends with a text, which the official client would take for a position.
    server.root().broadcast().volatile().emit("volatile", &["text"]).unwrap();
    assert_eq!(ana.event().await, json!(["volatile", "text"]));
    let kept = ana.lost(&server).await;
    server.root().broadcast().volatile().emit("volatile", &["missed"]).unwrap();
    server.root().emit("kept", &[2]).unwrap();
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.event().await, json!(["kept", 2]));
    ana.nothing_more(&server).await;
}

#[tokio::test]
async fn questions_have_no_position_and_are_not_asked_twice() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    let root = server.root();
    let asking = tokio::spawn(async move {
        root.broadcast().emit_with_ack("ask", &["text"], Duration::from_secs(60)).await
    });
    assert_eq!(ana.client.text().await, r#"420["ask","text"]"#);
    let kept = ana.lost(&server).await;
    assert!(soon("nobody to be left to answer", asking).await.unwrap().is_err());
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    ana.nothing_more(&server).await;
}

#[tokio::test]
async fn bytes_are_missed_with_their_event() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    server.root().emit("hi", &[1]).unwrap();
    ana.event().await;
    let kept = ana.lost(&server).await;
    let bytes = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    server.root().broadcast().emit_binary("file", &(Attachment(1), Attachment(0)), &bytes).unwrap();
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    let text = ana.client.text().await;
    let start = r#"452-["file",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0},""#;
    assert!(text.starts_with(start), "{text}");
    assert_eq!([ana.client.binary().await, ana.client.binary().await], bytes);
}

#[tokio::test]
async fn so_it_is_in_messagepack() {
    let config = Config { parsers: Parsers::Both, ..config(Recovery::default()) };
    let server = Server::start(SocketIo::builder(config).namespace("/", Handlers::default()).build());
    let mut client = Client::open(&server).await;
    client.send_binary(b"\x82\xa4type\0\xa3nsp\xa1/").await;
    let answer = client.binary().await;
    // {pid, sid}, in the order of their names.
    let head = b"\x83\xa4type\0\xa3nsp\xa1/\xa4data\x82\xa3pid\xb4".len();
    let pid = answer.slice(head..head + 20);
    drop(client);
    until("the server to know", || server.root().is_empty()).await;
    let bytes = [Bytes::from_static(b"!")];
    server.root().broadcast().emit_binary("file", &[Attachment(0)], &bytes).unwrap();
    let mut client = Client::open(&server).await;
    let back = [b"\x83\xa4type\0\xa3nsp\xa1/\xa4data\x81\xa3pid\xb4", &pid[..]].concat();
    client.send_binary(&back).await;
    assert_eq!(client.binary().await, answer);
    let missed = client.binary().await;
    assert!(
        missed.starts_with(b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa4file\xc4\x01!\xa8"),
        "{missed:x?}"
    );
}

#[tokio::test]
async fn a_connection_that_broke_off_unnoticed_is_taken_over() {
    let (tell, mut told) = telling();
    let at_end = tell.clone();
    let handlers = Handlers::default()
        .on_connect(move |socket, _| {
            tell.send(format!("recovered {}", socket.recovered())).unwrap();
            async {}
        })
        .on_disconnect(move |socket, reason| {
            assert!(!socket.is_connected());
            at_end.send(reason.to_string()).unwrap();
            async {}
        });
    let server = server(Recovery::default(), handlers);
    let mut ana = Person::join(&server, json!({})).await;
    server.root().broadcast().join("red");
    server.root().emit("had", &[1]).unwrap();
    ana.event().await;
    server.root().emit("lost", &[2]).unwrap();
    let old = server.root().sockets(&Target::default()).pop().unwrap();
    let Person { client: mut unnoticed, kept } = ana;

    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.event().await, json!(["lost", 2]));
    assert_eq!(told.take(3).await, ["recovered false", "transport close", "recovered true"]);
    unnoticed.end().await;
    // The old one is nobody, and moves nobody.
    old.leave("red");
    old.join("blue");
    old.disconnect(true);
    old.emit("to nobody", &[0]).unwrap();
    server.root().to("red").emit("still", &[3]).unwrap();
    server.root().to("blue").emit("not there", &[3]).unwrap();
    assert_eq!(ana.event().await, json!(["still", 3]));
    ana.nothing_more(&server).await;
    until("the old session to be gone", || server.io.clients() == 1).await;
    assert_eq!(server.root().len(), 1);
    told.nothing_yet();
}

#[tokio::test]
async fn it_gets_what_was_for_it_at_the_time() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    let root = server.root();
    let socket = root.sockets(&Target::default()).pop().unwrap();
    root.emit("begin", &[0]).unwrap();
    ana.event().await;
    // None of what follows reaches it before its connection breaks off.
    root.to("red").emit("before", &["she came into red"]).unwrap();
    socket.join("red");
    root.to("red").emit("in red", &[1]).unwrap();
    root.except("red").emit("not in red", &[1]).unwrap();
    socket.leave("red");
    root.to("red").emit("after", &["she left red"]).unwrap();
    root.except("red").emit("out of red", &[2]).unwrap();
    socket.join("red");
    let kept = ana.lost(&server).await;
    root.to("red").emit("in red again", &[3]).unwrap();
    // Others move her while she is away.
    root.to(&kept.sid).leave("red");
    root.to("red").emit("after", &["she was put out of red"]).unwrap();
    root.broadcast().join("blue");
    root.to("blue").emit("in blue", &[4]).unwrap();
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    let expected =
        [json!(["in red", 1]), json!(["out of red", 2]), json!(["in red again", 3]), json!(["in blue", 4])];
    assert_eq!(ana.events(4).await, expected);
    ana.nothing_more(&server).await;
    let socket = root.sockets(&Target::default()).pop().unwrap();
    assert_eq!(socket.rooms(), ["blue".into()]);
}

#[tokio::test]
async fn one_that_left_or_was_sent_away_comes_back_as_a_new_one() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    ana.client.send("41").await;
    until("her to be gone", || server.root().is_empty()).await;
    assert!(!ana.kept.is_recovered_as(&ana.kept.back(&server).await));

    let mut ben = Person::join(&server, json!({})).await;
    server.root().to(&ben.kept.sid).disconnect(true);
    ben.client.end().await;
    assert!(!ben.kept.is_recovered_as(&ben.kept.back(&server).await));

    // Also while away.
    let cleo = Person::join(&server, json!({})).await;
    let kept = cleo.lost(&server).await;
    server.root().to(&kept.sid).disconnect(false);
    assert!(!kept.is_recovered_as(&kept.back(&server).await));

    // One that closed its connection, as a page that is left does, may come back.
    let dora = Person::join(&server, json!({})).await;
    let Person { client, kept } = dora;
    client.close().await;
    assert!(kept.is_recovered_as(&kept.back(&server).await));
    // What nobody had is nobody's.
    let nobody = Kept { sid: String::new(), pid: "x".repeat(20), offset: None };
    assert!(nobody.back(&server).await.kept.pid != nobody.pid);
}

#[tokio::test]
async fn past_what_is_kept_it_comes_back_as_a_new_one_but_not_if_it_missed_nothing() {
    let server = server(Recovery { bytes: 64 * KIB, ..Recovery::default() }, Handlers::default());
    let (mut ana, quiet) = (Person::join(&server, json!({})).await, Person::join(&server, json!({})).await);
    let root = server.root();
    root.to(&ana.kept.sid).join("loud");
    root.to("loud").emit("had", &[1]).unwrap();
    ana.event().await;
    let (ana, quiet) = (ana.lost(&server).await, quiet.lost(&server).await);
    let text = "x".repeat(KIB);
    for number in 0..100 {
        root.to("loud").emit("much", &(number, &text)).unwrap();
    }
    assert!(!ana.is_recovered_as(&ana.back(&server).await));
    assert!(!quiet.is_recovered_as(&quiet.back(&server).await), "who knows what was cut while it was away?");

    // What was cut while it was there it had had.
    let quiet = Person::join(&server, json!({})).await;
    for number in 0..100 {
        root.to("loud").emit("much", &(number, &text)).unwrap();
    }
    let kept = quiet.lost(&server).await;
    root.to(&kept.sid).emit("for you", &[1]).unwrap();
    let mut quiet = kept.back(&server).await;
    assert!(kept.is_recovered_as(&quiet));
    assert_eq!(quiet.event().await, json!(["for you", 1]));
}

#[tokio::test]
async fn one_that_missed_more_than_it_can_be_sent_at_once_comes_back_as_a_new_one() {
    let config = Config { outbox_bytes: 64 * KIB, ..config(Recovery::default()) };
    let server = Server::start(SocketIo::builder(config).namespace("/", Handlers::default()).build());
    let ana = Person::join(&server, json!({})).await;
    let kept = ana.lost(&server).await;
    let text = "x".repeat(8 * KIB);
    for number in 0..5 {
        server.root().emit("much", &(number, &text)).unwrap();
    }
    let mut ana = kept.back(&server).await;
    assert!(!kept.is_recovered_as(&ana));
    ana.nothing_more(&server).await;
}

#[tokio::test]
async fn those_away_too_long_or_too_many_come_back_as_new_ones() {
    let short = server(Recovery { window: Duration::ZERO, ..Recovery::default() }, Handlers::default());
    let kept = Person::join(&short, json!({})).await.lost(&short).await;
    assert!(!kept.is_recovered_as(&kept.back(&short).await));

    let few = server(Recovery { sockets: 2, ..Recovery::default() }, Handlers::default());
    let mut all = Vec::new();
    for _ in 0..3 {
        let person = Person::join(&few, json!({})).await;
        all.push(person.lost(&few).await);
    }
    let mut back = Vec::new();
    for kept in &all {
        back.push(kept.back(&few).await);
    }
    let recovered: Vec<_> = all.iter().zip(&back).map(|(kept, back)| kept.is_recovered_as(back)).collect();
    assert_eq!(recovered, [false, true, true]);
}

/// Whether the middleware was asked for one who is back, and which data that one had.
type Asked = (bool, Option<String>);

/// Lets nobody in who says `bar`, and waits with who says `wait` until it is told; tells whom it asked.
fn door() -> (Handlers, Arc<Notify>, Told<Asked>) {
    let (tell, told) = telling();
    let go_on = Arc::new(Notify::new());
    let waiting = Arc::clone(&go_on);
    let handlers = Handlers::default().middleware(move |socket, auth| {
        tell.send((socket.recovered(), socket.data::<String>().cloned())).unwrap();
        socket.set_data("first".to_owned());
        let waiting = Arc::clone(&waiting);
        async move {
            if auth["wait"] == true {
                waiting.notified().await;
            }
            if auth["bar"] == true { Err(ConnectError::new("barred")) } else { Ok(()) }
        }
    });
    (handlers, go_on, told)
}

#[tokio::test]
async fn the_middleware_is_asked_again_unless_it_is_to_be_skipped() {
    let (handlers, go_on, mut asked) = door();
    let (hers, new) = ((true, Some("first".to_owned())), (false, None));
    let server_with_door = server(Recovery::default(), handlers);
    let kept = Person::join(&server_with_door, json!({})).await.lost(&server_with_door).await;
    // Her connection breaks off once more while the middleware thinks. In the meantime more comes.
    server_with_door.root().emit("missed", &[1]).unwrap();
    let mut client = Client::open(&server_with_door).await;
    client.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    assert_eq!(asked.take(2).await, [new.clone(), hers.clone()]);
    server_with_door.root().emit("missed", &[2]).unwrap();
    drop(client);
    until("the server to know", || server_with_door.io.clients() == 0).await;
    let mut ana = kept.back(&server_with_door).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.events(2).await, [json!(["missed", 1]), json!(["missed", 2])]);
    assert_eq!(asked.next().await, hers);

    // Or she comes again while it thinks, and the first of the two has no say any more.
    let kept = ana.lost(&server_with_door).await;
    let mut first = Client::open(&server_with_door).await;
    first.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    assert_eq!(asked.next().await, hers);
    let mut ana = kept.back(&server_with_door).await;
    assert!(kept.is_recovered_as(&ana));
    go_on.notify_waiters();
    first.end().await;
    ana.nothing_more(&server_with_door).await;
    assert_eq!(asked.next().await, hers);

    // One who is barred is not who she was any more.
    let kept = ana.lost(&server_with_door).await;
    let mut client = Client::open(&server_with_door).await;
    client.send(&format!("40{}", kept.auth(&json!({ "bar": true })))).await;
    assert_eq!(client.text().await, r#"44{"message":"barred"}"#);
    assert!(!kept.is_recovered_as(&kept.back(&server_with_door).await));

    let (handlers, _, mut asked) = door();
    let trusting = server(Recovery { skip_middleware: true, ..Recovery::default() }, handlers);
    let kept = Person::join(&trusting, json!({})).await.lost(&trusting).await;
    assert!(kept.is_recovered_as(&kept.back(&trusting).await));
    assert_eq!(asked.now(), [new]);
}

#[tokio::test]
async fn one_who_is_on_the_way_back_is_moved_too() {
    let (handlers, go_on, mut asked) = door();
    let server = server(Recovery::default(), handlers);
    let ana = Person::join(&server, json!({})).await;
    server.root().broadcast().join("red");
    let kept = ana.lost(&server).await;
    let mut client = Client::open(&server).await;
    client.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    asked.take(2).await;
    server.root().to("red").emit("in red", &[1]).unwrap();
    server.root().to(&kept.sid).leave("red");
    server.root().to("red").emit("not in red", &[2]).unwrap();
    go_on.notify_waiters();
    assert!(client.text().await.starts_with("40{"));
    assert!(client.text().await.starts_with(r#"42["in red",1,"#));
    drop(client);
    until("the server to know", || server.root().is_empty()).await;
    let mut client = Client::open(&server).await;
    client.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    asked.next().await;
    server.root().to(&kept.sid).disconnect(false);
    client.end().await;
    assert!(!kept.is_recovered_as(&kept.back(&server).await));
}

#[tokio::test]
async fn a_namespace_made_on_demand_waits_for_its_clients() {
    let window = Duration::from_millis(400);
    let config = config(Recovery { window, ..Recovery::default() });
    let server =
        Server::start(SocketIo::builder(config).namespaces(|_, _| true, Handlers::default()).build());
    let mut client = Client::open(&server).await;
    client.send("40/shop,").await;
    let answer = client.text().await;
    let pid = answer.split(r#""pid":""#).nth(1).unwrap()[..20].to_owned();
    drop(client);
    until("the server to know", || server.io.of("/shop").unwrap().is_empty()).await;
    server.io.of("/shop").unwrap().emit("sale", &[1]).unwrap();
    let mut client = Client::open(&server).await;
    client.send(&format!(r#"40/shop,{{"pid":"{pid}"}}"#)).await;
    assert_eq!(client.text().await, answer);
    assert!(client.text().await.starts_with(r#"42/shop,["sale",1,"#));
    drop(client);
    // And not for ever.
    let mut other = Client::open(&server).await;
    let mut number = 0;
    soon("it to be gone", async {
        while server.io.of("/shop").is_some() {
            number += 1;
            other.enter(&format!("40/other-{number},")).await;
            other.send(&format!("41/other-{number},")).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// A small generator, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test]
async fn whatever_happens_nothing_is_missing_and_nothing_comes_twice() {
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let server = plain();
        let root = server.root();
        let mut ana = Person::join(&server, json!({})).await;
        let mut other = Client::open(&server).await;
        other.send("40").await;
        let (mut rooms, mut expected, mut got, mut sent) = (vec![], vec![], vec![], 0);
        let mut lost = None;
        for _ in 0..150 {
            match dice.roll(8) {
                0..=3 => {
                    sent += 1;
                    let room = ["red", "blue"][dice.roll(2) as usize];
                    let inside = rooms.contains(&room);
                    let (broadcast, hers) = match dice.roll(4) {
                        0 => (root.broadcast(), true),
                        1 => (root.except(room), !inside),
                        _ => (root.to(room), inside),
                    };
                    broadcast.emit("n", &[sent]).unwrap();
                    expected.extend(hers.then_some(json!(["n", sent])));
                }
                4 | 5 => {
                    let room = ["red", "blue"][dice.roll(2) as usize];
                    let sid = lost.as_ref().map_or(&ana.kept.sid, |kept: &Kept| &kept.sid);
                    if rooms.contains(&room) {
                        root.to(sid).leave(room);
                        rooms.retain(|held| *held != room);
                    } else {
                        root.to(sid).join(room);
                        rooms.push(room);
                    }
                }
                // She reads some of what there is, perhaps.
                6 if lost.is_none() => {
                    let waiting = expected.len() - got.len();
                    let count = dice.roll(waiting as u64 + 1) as usize;
                    got.extend(ana.events(count).await);
                }
                _ => match lost.take() {
                    Some(kept) => {
                        ana = kept.back(&server).await;
                        assert!(kept.is_recovered_as(&ana), "seed {seed}");
                    }
                    None => {
                        let kept = Kept {
                            sid: ana.kept.sid.clone(),
                            pid: ana.kept.pid.clone(),
                            offset: ana.kept.offset.clone(),
                        };
                        if dice.roll(2) == 0 {
                            ana.client.try_send("1").await.unwrap();
                            ana.client.end().await;
                            until("the server to know", || root.len() == 1).await;
                        }
                        lost = Some(kept);
                    }
                },
            }
        }
        if let Some(kept) = lost {
            ana = kept.back(&server).await;
        }
        got.extend(ana.events(expected.len() - got.len()).await);
        assert_eq!(got, expected, "seed {seed}");
        ana.nothing_more(&server).await;
    }
}
