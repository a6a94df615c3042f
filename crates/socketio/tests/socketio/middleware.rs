//! What stands between an event and its handler: those who look at all of them, and those who refuse some.

use crate::support::{Client, Server, one, telling};
use plaza_socketio::{Config, Event, Handlers};
use serde_json::json;

fn acknowledged(name: &'static str) -> Handlers {
    Handlers::default().on(name, move |_, event| async move { event.ack.unwrap().send(&[name]).unwrap() })
}

#[tokio::test]
async fn every_event_is_shown_before_anything_is_done_with_it() {
    let (tell, mut told) = telling();
    let (at_first, at_second, at_known) = (tell.clone(), tell.clone(), tell.clone());
    let handlers = Handlers::default()
        .on("known", move |_, _| {
            at_known.send("handled".to_owned()).unwrap();
            async {}
        })
        .on_any(move |_, event| at_first.send(format!("first {}", event.name)).unwrap())
        .on_any(move |socket, event| {
            let (argument,): (u8,) = event.payload.args().unwrap();
            assert_eq!(socket.namespace().len(), 1);
            at_second.send(format!("second {argument}")).unwrap();
        })
        .event_middleware(|_, event| if event.name == "bad" { Err("bad".into()) } else { Ok(()) });
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::join(&server).await;
    client.send(r#"42["known",1]"#).await;
    client.send(r#"42["unknown",2]"#).await;
    client.send(r#"42["bad",3]"#).await;
    let expected =
        ["first known", "second 1", "handled", "first unknown", "second 2", "first bad", "second 3"];
    assert_eq!(told.take(7).await, expected);
}

#[tokio::test]
async fn a_refused_event_reaches_who_is_told_of_it_and_no_handler() {
    let handlers = acknowledged("open")
        .on("secret", |_, _| async { panic!("it was refused") })
        .event_middleware(|socket, event| match event.name.as_str() {
            "secret" if !socket.rooms().iter().any(|room| &**room == "staff") => {
                Err("unauthorized event".into())
            }
            _ => Ok(()),
        })
        .event_middleware(|_, event| event.payload.args::<(u8,)>().map(drop).map_err(Into::into))
        .on_refused(|socket, event, why| async move {
            let Event { name, ack: Some(ack), .. } = event else { return socket.disconnect(true) };
            ack.send(&[json!({ "refused": name, "why": why.to_string() })]).unwrap();
        });
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::join(&server).await;
    client.send(r#"421["open",1]"#).await;
    client.send(r#"422["secret",1]"#).await;
    client.send(r#"423["open"]"#).await;
    client.send(r#"424["nobody's"]"#).await;
    assert_eq!(client.text().await, r#"431["open"]"#);
    assert_eq!(client.text().await, r#"432[{"refused":"secret","why":"unauthorized event"}]"#);
    for (id, name) in [(3, "open"), (4, "nobody's")] {
        let answer = client.text().await;
        assert!(
            answer.starts_with(&format!(r#"43{id}[{{"refused":"{name}","why":"invalid length 0"#)),
            "{answer}"
        );
    }
    client.send(r#"42["secret",1]"#).await;
    client.end().await;
}

#[tokio::test]
async fn without_anybody_to_tell_a_refused_event_is_passed_over() {
    let handlers = acknowledged("open").event_middleware(|_, event| match event.name.as_str() {
        "panic" => panic!("in a middleware"),
        "open" => Ok(()),
        _ => Err("no".into()),
    });
    let server = Server::start(one(Config::default(), handlers));
    let mut client = Client::join(&server).await;
    client.send(r#"421["refused"]"#).await;
    client.send(r#"422["panic"]"#).await;
    client.send(r#"423["open"]"#).await;
    assert_eq!(client.text().await, r#"433["open"]"#);
}
