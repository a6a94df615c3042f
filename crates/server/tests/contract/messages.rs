//! Sending: acknowledged once, in order, bounded; and reading back.

use crate::{code, is_sentence, refused, seqs};
use plaza_protocol::{
    AddMember, Code, Content, CreateRoom, Event, History, JoinRoom, MarkRead, Request, SendMessage, TextBody,
};
use plaza_testkit::{Guest, Plaza, guest::room, log};
use serde_json::{Value, json};
use std::time::Duration;

async fn in_general(plaza: &Plaza, name: &str) -> Guest {
    let mut guest = Guest::connect(plaza, name).await;
    guest.until_resumed().await;
    guest.connection.join_room(&room("general")).await.unwrap();
    guest.next_event().await;
    guest
}

#[tokio::test]
async fn every_connection_of_every_member_gets_it_the_sender_too() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut ana = in_general(&plaza, "Ana").await;
    let mut ben = in_general(&plaza, "Ben").await;
    ana.next_event().await;
    let mut phone = Guest::with_token(&plaza, &ana.token).await;
    phone.until_resumed().await;
    let sent = ana.say(&room("general"), "c1", "hi <b>there</b> 👋").await;
    for guest in [&mut ana, &mut ben, &mut phone] {
        let Event::Message(message) = guest.next_event().await else { panic!() };
        assert_eq!((message.seq, &message.id, message.at), (sent.seq, &sent.id, sent.at));
        assert_eq!((message.sender.name.as_str(), message.client_id.as_str()), ("Ana", "c1"));
        assert_eq!(message.content, Content::Text(TextBody { text: "hi <b>there</b> 👋".into() }));
        guest.nothing_more().await;
    }
}

#[tokio::test]
async fn the_same_again_is_answered_as_the_first_time_and_shown_once() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut ana = in_general(&plaza, "Ana").await;
    let first = ana.say(&room("general"), "c1", "once").await;
    assert_eq!(ana.say(&room("general"), "c1", "once").await, first);
    let elsewhere = Guest::with_token(&plaza, &ana.token).await;
    assert_eq!(elsewhere.say(&room("general"), "c1", "once").await, first);
    assert_eq!(ana.next_event().await.seq(), first.seq);
    ana.nothing_more().await;
}

#[tokio::test]
async fn the_same_name_with_another_body_is_a_conflict() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = in_general(&plaza, "Ana").await;
    ana.say(&room("general"), "c1", "once").await;
    let other = ana.connection.send_message(&room("general"), &"c1".parse().unwrap(), "twice").await;
    let error = refused(other);
    assert_eq!((error.code, error.retryable), (Code::Conflict, false));

    // Another sender's and another room's are others.
    let ben = in_general(&plaza, "Ben").await;
    ben.say(&room("general"), "c1", "mine").await;
    ana.connection.join_room(&room("other")).await.unwrap();
    ana.say(&room("other"), "c1", "elsewhere").await;
}

#[tokio::test]
async fn a_text_has_bounds() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = in_general(&plaza, "Ana").await;
    ana.say(&room("general"), "full", &"x".repeat(TextBody::MAX_BYTES)).await;
    let send = |client_id: &str, text: String| {
        let (connection, client_id) = (ana.connection.clone(), client_id.parse().unwrap());
        async move { connection.send_message(&room("general"), &client_id, &text).await }
    };
    assert_eq!(code(send("c1", "x".repeat(TextBody::MAX_BYTES + 1)).await), Code::TooLarge);
    assert_eq!(code(send("c2", String::new()).await), Code::BadRequest);
    assert_eq!(code(send("c3", " \n\t ".into()).await), Code::BadRequest);
}

#[tokio::test]
async fn what_is_not_a_request_is_answered_and_hurts_nobody() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let address = plaza.address().unwrap();
    let auth = json!({"guest": "Ana"});
    let options = plaza_client::Options::default();
    let (socket, _events) = plaza_client::socket::Socket::connect(&address, &auth, &options).await.unwrap();
    let ask = async |event: &str, argument: Value| -> Value {
        let answer = socket.request(event, &argument, Duration::from_secs(10)).await.unwrap();
        serde_json::from_str(answer.get()).unwrap()
    };
    let text = |client_id: Value| json!({"roomId": "general", "clientId": client_id, "kind": "text", "body": {"text": "x"}});
    assert_eq!(ask(JoinRoom::EVENT, json!({"roomId": "general"})).await["ok"], true);
    for (event, argument) in [
        (JoinRoom::EVENT, json!({})),
        (JoinRoom::EVENT, json!({"roomId": 7})),
        (JoinRoom::EVENT, json!({"roomId": "has space"})),
        (JoinRoom::EVENT, json!({"roomId": "general", "more": 1})),
        (JoinRoom::EVENT, json!("general")),
        (JoinRoom::EVENT, Value::Null),
        (CreateRoom::EVENT, json!({"name": "", "kind": "public"})),
        (CreateRoom::EVENT, json!({"name": "x".repeat(81), "kind": "public"})),
        (CreateRoom::EVENT, json!({"name": "x", "kind": "secret"})),
        (CreateRoom::EVENT, json!({"name": "x", "kind": "group", "id": "chosen"})),
        (CreateRoom::EVENT, json!({"name": "x", "kind": "public", "id": "g_chosen"})),
        (CreateRoom::EVENT, json!({"name": "x", "kind": "public", "id": "exactly-20-characters"[..20]})),
        (SendMessage::EVENT, text(Value::Null)),
        (SendMessage::EVENT, text(json!(""))),
        (SendMessage::EVENT, text(json!("x".repeat(65)))),
        (SendMessage::EVENT, json!({"roomId": "general", "clientId": "c", "kind": "video", "body": {}})),
        (
            SendMessage::EVENT,
            json!({"roomId": "general", "clientId": "c", "kind": "text", "body": {"text": 1}}),
        ),
        (History::EVENT, json!({"roomId": "general", "before": 1, "after": 1})),
        (History::EVENT, json!({"roomId": "general", "limit": 0})),
        (History::EVENT, json!({"roomId": "general", "limit": 201})),
        (History::EVENT, json!({"roomId": "general", "after": -1})),
        (MarkRead::EVENT, json!({"roomId": "general", "seq": 99})),
        (AddMember::EVENT, json!({"roomId": "general", "user": "@"})),
        ("room:paint", json!({"roomId": "general"})),
    ] {
        let answer = ask(event, argument.clone()).await;
        assert_eq!(answer["ok"], false, "{event} {argument}: {answer}");
        assert_eq!(answer["error"]["code"], "bad_request", "{event} {argument}: {answer}");
        assert_eq!(answer["error"]["retryable"], false);
        let sentence = answer["error"]["message"].as_str().unwrap();
        assert!(is_sentence(sentence) && !sentence.contains(event), "{event} {argument}: {sentence}");
    }
    assert_eq!(ask(SendMessage::EVENT, text(json!("good"))).await["ok"], true);
}

#[tokio::test]
async fn history_goes_both_ways_in_pages() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = in_general(&plaza, "Ana").await;
    for number in 2..=130 {
        ana.say(&room("general"), &format!("c{number}"), &format!("text {number}")).await;
    }
    let page = async |before, after, limit| {
        let ask = History { room_id: room("general"), before, after, limit };
        let page = ana.connection.history(&ask).await.unwrap();
        (seqs(&page.events), page.more)
    };
    assert_eq!(page(None, None, None).await, ((81..=130).collect(), true));
    assert_eq!(page(None, None, Some(200)).await, ((1..=130).collect(), false));
    assert_eq!(page(Some(81), None, Some(50)).await, ((31..=80).collect(), true));
    assert_eq!(page(Some(3), None, Some(50)).await, (vec![1, 2], false));
    assert_eq!(page(Some(1), None, None).await, (vec![], false));
    assert_eq!(page(None, Some(0), Some(3)).await, (vec![1, 2, 3], true));
    assert_eq!(page(None, Some(127), Some(3)).await, (vec![128, 129, 130], false));
    assert_eq!(page(None, Some(130), None).await, (vec![], false));

    let by_socket = log::by_socket(&ana.connection, &room("general")).await.unwrap();
    let by_rest = log::by_rest(&plaza.rest().unwrap(), &ana.token, &room("general")).await.unwrap();
    assert_eq!(seqs(&by_socket), (1..=130).collect::<Vec<_>>());
    assert_eq!(by_socket, by_rest);
}

#[tokio::test]
async fn what_was_seen_live_is_what_history_gives() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut ana = Guest::connect(&plaza, "Ana").await;
    ana.until_resumed().await;
    ana.connection.join_room(&room("general")).await.unwrap();
    let ben = in_general(&plaza, "Ben").await;
    ben.say(&room("general"), "c1", "ünïcode \u{0} \"quoted\" \\").await;
    ben.connection.leave_room(&room("general")).await.unwrap();
    let mut live = Vec::new();
    for _ in 0..4 {
        live.push(ana.next_event().await);
    }
    assert_eq!(log::by_socket(&ana.connection, &room("general")).await.unwrap(), live);
}
