//! What other servers say is not trusted.

use super::{FORMATS, Node, options, soon};
use plaza_bus::{
    Channel, LocalBus,
    adapter::{AdapterFigures, Hooks},
    wire::{Body, Broadcast, Channels, Content, Flags, Format, classic, sharded},
};
use plaza_socketio::{Outgoing, Target};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// Publishes as some other server.
fn publish(node: &Node, format: Format, channel: &str, body: &Body<'_>) {
    let payload = match format {
        Format::Classic => classic::encode("other", "/", body),
        _ => sharded::encode("other", "/", body),
    };
    node.bus.publish(&Channel::new(channel).unwrap(), payload.unwrap().into());
}

fn broadcast(event: &str, plaza: Option<&str>) -> Body<'static> {
    Body::Broadcast(Broadcast {
        request: None,
        target: Target { rooms: vec!["red".into()], except: vec![] },
        flags: Flags { plaza: plaza.map(|plaza| plaza.to_owned().into()), ..Flags::default() },
        event: Content { json: event.to_owned().into(), attachments: vec![] },
    })
}

async fn counted(node: &Node, what: &str, wanted: impl Fn(AdapterFigures) -> bool) {
    soon(what, async {
        while !wanted(node.adapter.figures()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_reserved_or_malformed_reaches_nobody() {
    for format in FORMATS {
        let bus = LocalBus::new();
        let hooks = Hooks::default().reserve(|namespace, event| namespace == "/" && event == "message");
        let node = Node::start(&bus, options(format), hooks).await;
        let channels = Channels::new("socket.io", format);
        let mut ana = node.client("red").await;
        let room = channels.room("/", "red").unwrap();
        publish(&node, format, &room, &broadcast(r#"["message",1]"#, None));
        // A name that is Socket.IO's own would close the connections of official clients.
        publish(&node, format, &room, &broadcast(r#"["disconnect"]"#, None));
        publish(
            &node,
            format,
            &channels.room("/other", "red").unwrap(),
            &broadcast(r#"["elsewhere"]"#, None),
        );
        for junk in [b"".as_slice(), b"{", b"\x93", b"{}", &[0xC1; 100], &[0x91; 100_000]] {
            for channel in [room.clone(), channels.namespace("/"), channels.requests("/")] {
                node.bus.publish(&Channel::new(channel).unwrap(), junk.to_vec().into());
            }
        }
        publish(&node, format, &room, &broadcast(r#"["fine"]"#, None));
        assert_eq!(ana.event().await.0, json!(["fine"]), "{format:?}");
        counted(&node, "the reserved one", |figures| figures.reserved == 1).await;
        counted(&node, "the malformed ones", |figures| figures.malformed == 1 + 18).await;
    }
}

#[tokio::test]
async fn what_plaza_adds_is_handed_over_and_reaches_no_socket() {
    for format in FORMATS {
        let bus = LocalBus::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let hooks = Hooks::default().on_plaza(move |from| {
            let note = (from.target.rooms[0].to_string(), from.plaza.to_owned(), from.event.json.to_string());
            noted.lock().unwrap().push(note);
        });
        let a = Node::start(&bus, options(format), Hooks::default()).await;
        let b = Node::start(&bus, options(format), hooks).await;
        let (mut ana, mut ben) = (a.client("red").await, b.client("red").await);
        let target = Target { rooms: vec!["red".into()], except: vec![] };
        let message = Outgoing::event("/", "message", &[json!({ "text": "hi" })]).unwrap();
        a.adapter.publish_plaza("/", &target, &message, &json!({ "seq": 7 })).unwrap();
        a.root().to("red").emit("after", &[1]).unwrap();
        for client in [&mut ana, &mut ben] {
            assert_eq!(client.event().await.0, json!(["after", 1]));
        }
        let expected = ("red".into(), r#"{"seq":7}"#.into(), r#"["message",{"text":"hi"}]"#.into());
        assert_eq!(*seen.lock().unwrap(), [expected]);
    }
}
