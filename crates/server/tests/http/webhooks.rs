//! Programs that write into rooms.

use crate::{node::*, socket};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use plaza_chat::{Administration, Settings, SystemClock, SystemRandom};
use plaza_protocol::Kind;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A node with Ana and her room `hall`.
pub(crate) struct Hall {
    pub(crate) node: Node,
    pub(crate) token: String,
}

impl Hall {
    pub(crate) async fn open(settings: &[(&str, &str)]) -> Self {
        let node = Node::start(settings).await;
        let token = node.register("Ana").await["accessToken"].as_str().unwrap().to_owned();
        let hall = Self { node, token };
        hall.make("hall").await;
        hall
    }

    async fn make(&self, room: &str) {
        let body = json!({"kind": "public", "name": room, "id": room});
        let made = self.node.post("/api/v1/rooms", &body).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(made.status(), StatusCode::CREATED);
    }

    async fn office(&self) -> Administration {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Administration::open(self.node.store.clone(), clock, random, Settings::default()).await.unwrap()
    }

    /// The key of a new webhook.
    async fn key(&self, name: &str, room: &str) -> String {
        let made = self.office().await.add_webhook(name, &[room.parse().unwrap()]).await.unwrap();
        made.key.expose().to_owned()
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        self.node.post("/webhook", body)
    }

    /// The room's messages.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        let page = self.node.get("/api/v1/rooms/hall/events?limit=200").bearer_auth(&self.token);
        let page: Value = page.send().await.unwrap().json().await.unwrap();
        let events = page["events"].as_array().unwrap().clone();
        events.into_iter().filter(|event| event["type"] == "message").collect()
    }
}

fn hello(text: &str) -> Value {
    json!({"roomId": "hall", "message": text})
}

async fn written(request: RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!((status, &body["ok"]), (StatusCode::OK, &json!(true)), "{body}");
    body
}

/// Signs as Standard Webhooks does, so many seconds from now.
fn signed(request: RequestBuilder, key: &str, id: &str, body: &Value, seconds: i64) -> RequestBuilder {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed() + seconds;
    let key = STANDARD.decode(key.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{now}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", now.to_string())
        .header("webhook-signature", signature)
}

#[tokio::test]
async fn a_key_writes_into_its_room_under_its_own_mark_and_nowhere_else() {
    let hall = Hall::open(&[]).await;
    hall.make("other").await;
    let key = hall.key("Build server", "hall").await;
    let told = written(hall.post(&hello("Built.")).bearer_auth(&key)).await;
    let messages = hall.messages().await;
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!(told, json!({"ok": true, "roomId": "hall", "seq": message["seq"], "id": message["id"]}));
    assert_eq!(message["body"], json!({"text": "Built."}));
    let sender = &message["sender"];
    assert_eq!(
        (&sender["name"], &sender["webhook"], &sender["guest"]),
        (&json!("Build server"), &json!(true), &json!(true))
    );
    assert!(sender["id"].as_str().unwrap().starts_with("w_"), "{sender}");
    // A room that is not there, and one that is not its own.
    let nowhere = hall.post(&json!({"roomId": "nowhere", "message": "x"})).bearer_auth(&key);
    let other = hall.post(&json!({"roomId": "other", "message": "x"})).bearer_auth(&key);
    let (nowhere, other) = (problem(nowhere, 404, "not_found").await, problem(other, 404, "not_found").await);
    assert_eq!((&nowhere, &nowhere["field"]), (&other, &json!("roomId")));
    // Removed, it holds no more, and what it wrote stays.
    hall.office().await.remove_webhook("build server").await.unwrap();
    problem(hall.post(&hello("x")).bearer_auth(&key), 401, "unauthorized").await;
    assert_eq!(hall.messages().await.len(), 1);
    hall.node.stop().await;
}

#[tokio::test]
async fn who_shows_nothing_is_let_in_from_this_machine_alone_and_only_straight() {
    let hall = Hall::open(&[]).await;
    let told = written(hall.post(&hello("one"))).await;
    assert_eq!(told["roomId"], "hall");
    assert_eq!(hall.messages().await[0]["sender"]["id"], "w_local");
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=203.0.113.7"),
        ("via", "1.1 proxy"),
        ("x-real-ip", "127.0.0.1"),
        ("origin", "http://127.0.0.1"),
        ("sec-fetch-site", "same-origin"),
        ("authorization", "Bearer whsec_AAAA"),
        ("authorization", "Basic YTpi"),
        ("webhook-signature", "v1,AAAA"),
    ] {
        problem(hall.post(&hello("two")).header(name, value), 401, "unauthorized").await;
    }
    let nowhere = hall.post(&json!({"roomId": "nowhere", "message": "x"}));
    assert_eq!(problem(nowhere, 404, "not_found").await["field"], "roomId");
    // A page in a browser can send text without being asked whether it may.
    let as_text = hall.node.http.post(hall.node.url("/webhook")).header("content-type", "text/plain");
    problem(as_text.body(hello("two").to_string()), 415, "bad_request").await;
    assert_eq!(hall.messages().await.len(), 1);
    hall.node.stop().await;

    let strict = Hall::open(&[("PLAZA_WEBHOOKS__KEYLESS_ON_LOOPBACK", "false")]).await;
    problem(strict.post(&hello("one")), 401, "unauthorized").await;
    strict.node.stop().await;
    let behind = Hall::open(&[("PLAZA_SERVER__TRUSTED_PROXIES", "127.0.0.1")]).await;
    problem(behind.post(&hello("one")), 401, "unauthorized").await;
    behind.node.stop().await;
    let none = Hall::open(&[("PLAZA_WEBHOOKS__ENABLED", "false")]).await;
    problem(none.post(&hello("one")), 404, "not_found").await;
    none.node.stop().await;
}

#[tokio::test]
async fn a_signature_holds_for_what_was_signed_and_for_five_minutes() {
    let hall = Hall::open(&[]).await;
    let key = hall.key("Shop", "hall").await;
    let body = hello("Paid.");
    let first = written(signed(hall.post(&body), &key, "msg_1", &body, 0)).await;
    // The same again, later, and under another name that nobody signed.
    let again = signed(hall.post(&body), &key, "msg_1", &body, -299).header("idempotency-key", "other");
    assert_eq!(written(again).await, first);
    for (seconds, id) in [(-310, "msg_2"), (310, "msg_3")] {
        problem(signed(hall.post(&body), &key, id, &body, seconds), 401, "unauthorized").await;
    }
    let other = hello("Paid twice.");
    problem(signed(hall.post(&other), &key, "msg_4", &body, 0), 401, "unauthorized").await;
    problem(signed(hall.post(&body), "whsec_AAAA", "msg_5", &body, 0), 401, "unauthorized").await;
    let nowhere = json!({"roomId": "nowhere", "message": "x"});
    problem(signed(hall.post(&nowhere), &key, "msg_6", &nowhere, 0), 401, "unauthorized").await;
    // Another message by the same name.
    problem(signed(hall.post(&other), &key, "msg_1", &other, 0), 409, "conflict").await;

    // Two keys while they change, one afterwards; whichever it is, it is the same sender.
    let office = hall.office().await;
    let second = office.rotate_webhook("Shop", 60_000).await.unwrap().key.expose().to_owned();
    assert_eq!(written(signed(hall.post(&body), &key, "msg_1", &body, 0)).await, first);
    assert_eq!(written(signed(hall.post(&body), &second, "msg_1", &body, 0)).await, first);
    assert_eq!(written(hall.post(&body).bearer_auth(&second).header("webhook-id", "msg_1")).await, first);
    let third = office.rotate_webhook("Shop", 0).await.unwrap().key.expose().to_owned();
    for ended in [&key, &second] {
        problem(signed(hall.post(&body), ended, "msg_7", &body, 0), 401, "unauthorized").await;
        problem(hall.post(&body).bearer_auth(ended), 401, "unauthorized").await;
    }
    assert_eq!(written(signed(hall.post(&body), &third, "msg_1", &body, 0)).await, first);
    assert_eq!(hall.messages().await.len(), 1);
    hall.node.stop().await;
}

#[tokio::test]
async fn many_at_once_under_one_name_are_one_message() {
    let hall = Hall::open(&[]).await;
    let key = hall.key("Build", "hall").await;
    let post = |name: &'static str, text: &str| {
        hall.post(&hello(text)).bearer_auth(&key).header("idempotency-key", name)
    };
    let answers = join_all((0..24).map(|_| written(post("k1", "once")))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let long = "k".repeat(200);
    let long_one = || hall.post(&hello("long")).bearer_auth(&key).header("idempotency-key", &long);
    assert_eq!(written(long_one()).await, written(long_one()).await);
    problem(post("k1", "twice"), 409, "conflict").await;
    problem(post("", "none"), 400, "bad_request").await;
    // Without a name each is another, and the positions have no hole for those that were not written.
    written(hall.post(&hello("free")).bearer_auth(&key)).await;
    written(hall.post(&hello("free")).bearer_auth(&key)).await;
    let messages = hall.messages().await;
    let seqs: Vec<_> = messages.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [2, 3, 4, 5]);
    let rooms = hall.node.get("/api/v1/rooms").bearer_auth(&hall.token).send().await.unwrap();
    let rooms: Value = rooms.json().await.unwrap();
    assert_eq!(
        (&rooms["rooms"][0]["unread"], &rooms["rooms"][0]["members"]),
        (&json!(4), &json!(1)),
        "{rooms}"
    );
    hall.node.stop().await;
}

#[tokio::test]
async fn a_sender_cannot_pass_for_somebody() {
    let hall = Hall::open(&[]).await;
    let key = hall.key("Build", "hall").await;
    let named = |sender: Value| {
        hall.post(&json!({"roomId": "hall", "message": "x", "sender": sender})).bearer_auth(&key)
    };
    for taken in ["Ana", "ANA", "A na", "Аnа".to_lowercase().as_str()] {
        let request = named(json!(taken));
        let answer = request.send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["field"], "sender", "{taken}: {body}");
        assert!(["conflict", "bad_request"].contains(&body["code"].as_str().unwrap()), "{body}");
    }
    for bad in [json!(""), json!("a  b"), json!("<b>"), json!("a\u{202e}b"), json!("x".repeat(33)), json!(7)]
    {
        let refused = problem(named(bad), 400, "bad_request").await;
        assert_eq!(refused["field"], "sender", "{refused}");
    }
    written(named(json!("Tin nhắn 2"))).await;
    assert_eq!(hall.messages().await[0]["sender"]["name"], "Tin nhắn 2");
    let office = hall.office().await;
    assert!(office.add_webhook("аna", &["hall".parse().unwrap()]).await.is_err());
    assert!(office.add_webhook("build", &["hall".parse().unwrap()]).await.is_err());
    assert!(office.add_webhook("Other", &["nowhere".parse().unwrap()]).await.is_err());
    assert_eq!(office.list_webhooks().await.unwrap().len(), 1);
    hall.node.stop().await;
}

#[tokio::test]
async fn each_kind_is_taken_and_what_is_wrong_is_named() {
    let fixture: Value = serde_json::from_str(include_str!("../../../protocol/fixtures/kinds.json")).unwrap();
    let hall = Hall::open(&[]).await;
    let key = hall.key("Build", "hall").await;
    let flat = |body: &Value| {
        let mut flat = body.clone();
        flat["roomId"] = json!("hall");
        flat
    };
    let mut count = 0;
    for kind in Kind::ALL {
        let path = format!("/webhook/{}", kind.as_str());
        let fixture = &fixture[kind.as_str()];
        for good in fixture["good"].as_array().unwrap() {
            written(hall.node.post(&path, &flat(good)).bearer_auth(&key)).await;
            count += 1;
            let message = hall.messages().await.pop().unwrap();
            assert_eq!((&message["kind"], &message["body"]), (&json!(kind.as_str()), good));
        }
        for bad in fixture["bad"].as_array().unwrap() {
            let refused =
                problem(hall.node.post(&path, &flat(&bad["body"])).bearer_auth(&key), 400, "bad_request")
                    .await;
            assert_eq!(refused["field"], bad["field"], "{bad}: {refused}");
        }
    }
    assert_eq!(hall.messages().await.len(), count);
    for (body, field, status, code) in [
        (json!({"message": "x"}), "roomId", 400, "bad_request"),
        (json!({"roomId": "a b", "message": "x"}), "roomId", 400, "bad_request"),
        (json!({"roomId": 7, "message": "x"}), "roomId", 400, "bad_request"),
        (json!({"roomId": "hall"}), "message", 400, "bad_request"),
        (json!({"roomId": "hall", "message": " "}), "message", 400, "bad_request"),
        (json!({"roomId": "hall", "message": ["x"]}), "message", 400, "bad_request"),
        (json!({"roomId": "hall", "message": "x", "more": 1}), "more", 400, "bad_request"),
        (json!({"roomId": "hall", "message": "x".repeat(8_193)}), "message", 413, "too_large"),
    ] {
        let refused = problem(hall.post(&body).bearer_auth(&key), status, code).await;
        assert_eq!(refused["field"], field, "{refused}");
    }
    for body in [json!([]), json!(null), json!("x")] {
        problem(hall.post(&body).bearer_auth(&key), 400, "bad_request").await;
    }
    let raw = |body: String| {
        let request = hall.node.http.post(hall.node.url("/webhook")).bearer_auth(&key);
        request.header("content-type", "application/json").body(body)
    };
    problem(raw("{".into()), 400, "bad_request").await;
    problem(raw("[".repeat(10_000)), 400, "bad_request").await;
    problem(raw(" ".repeat(70_000)), 413, "too_large").await;
    assert_eq!(hall.messages().await.len(), count);
    hall.node.stop().await;
}

#[tokio::test]
async fn kinds_come_by_their_own_names_too_to_those_who_asked() {
    let hall = Hall::open(&[]).await;
    let auth = json!({"token": hall.token, "kinds": true});
    let mut twice = socket::Socket::with(hall.node.connect().await, &hall.node, &auth).await;
    let mut once = socket::guest(&hall.node, "Ben").await;
    once.ask(0, "room:join", &[json!({"roomId": "hall"})]).await;
    assert_eq!(once.answer(0).await["ok"], true);
    let mut reader = socket::guest(&hall.node, "Eve").await;
    reader.ask(0, "room:join", &[json!({"roomId": "hall"})]).await;
    assert_eq!(reader.answer(0).await["ok"], true);
    let image =
        json!({"roomId": "hall", "clientId": "c1", "imageUrl": "https://example.org/a.png", "width": 2});
    once.ask(1, "message:image", &[image]).await;
    let told = once.answer(1).await;
    assert_eq!(told["ok"], true, "{told}");
    let common = twice.packet("42[\"message\",").await;
    let by_kind = twice.packet("42[\"message:").await;
    assert_eq!(by_kind.strip_prefix("42[\"message:image\","), common.strip_prefix("42[\"message\","));
    // The same by its common name is the same.
    let body = json!({"imageUrl": "https://example.org/a.png", "width": 2});
    once.ask(
        2,
        "message:send",
        &[json!({"roomId": "hall", "clientId": "c1", "kind": "image", "body": body})],
    )
    .await;
    assert_eq!(once.answer(2).await, told);
    once.ask(3, "message:location", &[json!({"roomId": "hall", "latitude": 91, "longitude": 0})]).await;
    assert_eq!(once.answer(3).await["error"]["code"], "bad_request");
    once.ask(4, "message:text", &[json!({"roomId": "hall", "text": "hi"})]).await;
    assert_eq!(once.answer(4).await["ok"], true);
    // Who did not ask got each once.
    let mut got = Vec::new();
    while got.len() < 2 {
        got.push(reader.packet("42[\"message").await);
    }
    assert!(got.iter().all(|packet| packet.starts_with("42[\"message\",")), "{got:?}");
    // What was missed comes twice as well.
    let missed =
        json!({"token": hall.token, "kinds": true, "positions": {"hall": 3}, "epoch": epoch(&hall).await});
    let url = hall.node.connect().await;
    let mut back = socket::Socket::opened(url, &hall.node, &missed).await;
    back.packet("42[\"message\",").await;
    back.packet("42[\"message:image\",").await;
    drop((twice, once, reader, back));
    hall.node.stop().await;
}

async fn epoch(hall: &Hall) -> Value {
    let auth = json!({"token": hall.token});
    let mut socket = socket::Socket::opened(hall.node.connect().await, &hall.node, &auth).await;
    let session = socket.packet("42[\"session\",").await;
    let session: Value = serde_json::from_str(&session[2..]).unwrap();
    session[1]["epoch"].clone()
}

#[tokio::test]
async fn webhooks_may_have_an_address_of_their_own() {
    let hall = Hall::open(&[("PLAZA_WEBHOOKS__LISTEN", "127.0.0.1:0")]).await;
    let own = |path: &str| format!("http://{}{path}", hall.node.webhooks.unwrap());
    problem(hall.post(&hello("x")), 404, "not_found").await;
    for path in ["/webhook", "/api/v1/webhook"] {
        written(hall.node.http.post(own(path)).json(&hello("x"))).await;
    }
    let health = hall.node.http.get(own("/health")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    problem(hall.node.http.get(own("/api/v1/me")), 404, "not_found").await;
    problem(hall.node.http.get(own("/webhook")), 405, "bad_request").await;
    assert_eq!(hall.messages().await.len(), 2);
    hall.node.stop().await;
}

#[tokio::test]
async fn webhooks_are_limited_as_others_are() {
    let hall = Hall::open(&[
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_LIMITS__WEBHOOK__ADDRESS_BURST", "4"),
        ("PLAZA_LIMITS__WEBHOOK__ADDRESS_PER_MINUTE", "1"),
        ("PLAZA_LIMITS__WRITE__PERSON_BURST", "2"),
        ("PLAZA_LIMITS__WRITE__PERSON_PER_MINUTE", "1"),
    ])
    .await;
    written(hall.post(&hello("one"))).await;
    written(hall.post(&hello("two"))).await;
    // As a writer.
    problem(hall.post(&hello("three")), 429, "rate_limited").await;
    // As an address, also with keys that are guessed.
    problem(hall.post(&hello("x")).bearer_auth("whsec_guess"), 401, "unauthorized").await;
    problem(hall.post(&hello("x")).bearer_auth("whsec_guess"), 429, "rate_limited").await;
    hall.node.stop().await;
}
