//! Clients whose connections break off, and who come back as who they were: nothing missing, nothing twice.

use crate::support::{Client, Person, Server, config, plain, recovering, soon, telling, until};
use bytes::Bytes;
use plaza_socketio::{Attachment, Config, Handlers, Parsers, Recovery, SocketIo, Target};
use serde_json::json;
use std::time::Duration;

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
    let server = recovering(Recovery::default(), handlers);
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
async fn what_comes_between_the_end_of_a_connection_and_its_being_known_is_missed() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    server.root().emit("had", &[1]).unwrap();
    assert_eq!(ana.event().await, json!(["had", 1]));
    // Nothing is awaited in between: the session takes nothing any more, and its socket is still there.
    let socket = server.root().sockets(&Target::default()).pop().unwrap();
    socket.close_transport();
    server.root().emit("missed", &[2]).unwrap();
    drop(socket);
    let kept = ana.lost(&server).await;
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.event().await, json!(["missed", 2]));
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
    let server = recovering(Recovery::default(), handlers);
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
async fn over_what_may_not_have_been_heard_of_others_nobody_is_recovered() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    server.root().emit("had", &[1]).unwrap();
    assert_eq!(ana.event().await, json!(["had", 1]));
    // Away when it begins, all the while, and when it ends.
    for hears in [Some(false), None, Some(true)] {
        let kept = ana.lost(&server).await;
        if let Some(hears) = hears {
            server.root().hears_others(hears);
        }
        ana = kept.back(&server).await;
        assert!(!kept.is_recovered_as(&ana), "{hears:?}");
    }
    // What was lost before has nothing to do with who goes later.
    let kept = ana.lost(&server).await;
    server.root().emit("missed", &[2]).unwrap();
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.event().await, json!(["missed", 2]));
}
