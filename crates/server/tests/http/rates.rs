//! What one connection, and one person over all of theirs, may do how often.

use crate::{node::*, socket};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// As if they came from elsewhere.
const FROM_ELSEWHERE: (&str, &str) = ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false");

fn message(client_id: &str) -> Value {
    json!({"roomId": "hall", "clientId": client_id, "kind": "text", "body": {"text": "hi"}})
}

#[tokio::test]
async fn one_person_writes_so_often_and_no_more_over_sockets_and_http_together() {
    let node = Node::start(&[
        FROM_ELSEWHERE,
        ("PLAZA_LIMITS__WRITE__PERSON_BURST", "5"),
        ("PLAZA_LIMITS__WRITE__PERSON_PER_MINUTE", "1"),
    ])
    .await;
    let token = node.register("Ana").await["accessToken"].as_str().unwrap().to_owned();
    let auth = json!({"token": token});
    let mut one = socket::Socket::with(node.connect().await, &node, &auth).await;
    let mut other = socket::Socket::with(node.connect().await, &node, &auth).await;
    one.ask(0, "room:join", &[json!({"roomId": "hall"})]).await;
    assert_eq!(one.answer(0).await["ok"], true);
    let over_http = |client_id: &str| {
        node.post("/api/v1/rooms/hall/messages", &json!({"kind": "text", "body": {"text": "hi"}}))
            .bearer_auth(&token)
            .header("idempotency-key", client_id)
    };
    one.ask(1, "message:send", &[message("c1")]).await;
    assert_eq!(one.answer(1).await["ok"], true);
    assert_eq!(over_http("c2").send().await.unwrap().status(), StatusCode::CREATED);
    other.ask(3, "message:send", &[message("c3")]).await;
    assert_eq!(other.answer(3).await["ok"], true);
    assert_eq!(over_http("c4").send().await.unwrap().status(), StatusCode::CREATED);
    for socket in [&mut one, &mut other] {
        socket.ask(5, "message:send", &[message("c5")]).await;
        let error = socket.answer(5).await["error"].clone();
        assert_eq!((&error["code"], &error["retryable"]), (&json!("rate_limited"), &json!(true)), "{error}");
        assert!((30_000..=60_000).contains(&error["retryAfterMs"].as_u64().unwrap()), "{error}");
    }
    problem(over_http("c5"), 429, "rate_limited").await;
    // Nor does anything else go into a log by this person, so that nobody comes and goes for others to hear of it.
    for (event, object) in [
        ("room:leave", json!({"roomId": "hall"})),
        ("room:join", json!({"roomId": "yard"})),
        ("room:create", json!({"kind": "group", "name": "Mine"})),
        ("member:ban", json!({"roomId": "hall", "user": "@Nobody"})),
    ] {
        one.ask(5, event, &[object]).await;
        assert_eq!(one.answer(5).await["error"]["code"], "rate_limited", "{event}");
    }
    problem(node.post("/api/v1/rooms/hall/leave", &json!({})).bearer_auth(&token), 429, "rate_limited").await;
    // Who reads is not held up, and neither is anybody else.
    one.ask(6, "room:history", &[json!({"roomId": "hall"})]).await;
    let page = one.answer(6).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 5, "{page}");
    let mut ben = socket::guest(&node, "Ben").await;
    ben.ask(0, "room:join", &[json!({"roomId": "hall"})]).await;
    assert_eq!(ben.answer(0).await["ok"], true);
    ben.ask(1, "message:send", &[message("c1")]).await;
    assert_eq!(ben.answer(1).await["ok"], true);
    drop((one, other, ben));
    node.stop().await;
}

#[tokio::test]
async fn one_connection_is_no_way_around_how_often_one_may_connect() {
    let node = Node::start(&[
        FROM_ELSEWHERE,
        ("PLAZA_LIMITS__CONNECT__ADDRESS_BURST", "5"),
        ("PLAZA_LIMITS__CONNECT__ADDRESS_PER_MINUTE", "1"),
    ])
    .await;
    let token = node.register("Ana").await["accessToken"].as_str().unwrap().to_owned();
    let come_in = format!("40{}", json!({"token": token}));
    // Opening it counts as one, with the first try to come in.
    let mut ana = socket::Socket::with(node.connect().await, &node, &json!({"token": token})).await;
    for _ in 0..2 {
        ana.send("41").await;
        ana.send(&come_in).await;
        ana.packet("40{").await;
    }
    ana.send("41").await;
    for _ in 0..2 {
        ana.send("40{\"token\":\"nonsense\"}").await;
        assert!(ana.packet("44{").await.contains("unauthorized"));
    }
    for auth in [come_in.as_str(), "40{\"token\":\"nonsense\"}", "40"] {
        ana.send(auth).await;
        let refused = ana.packet("44{").await;
        assert!(refused.contains("rate_limited") && refused.contains("retryAfterMs"), "{refused}");
    }
    // Another connection of the same address waits as well. Not 503, after which a proxy would try the next node.
    let opening = node.get("/socket.io/?EIO=4&transport=polling").send().await.unwrap();
    assert_eq!(opening.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(ana);
    node.stop().await;
}

#[tokio::test]
async fn one_password_tried_on_many_names_keeps_its_address_out_and_no_owner() {
    let node = Node::start(&[
        ("PLAZA_SERVER__TRUSTED_PROXIES", "127.0.0.1"),
        ("PLAZA_LIMITS__LOGIN__ADDRESS_BURST", "5"),
        ("PLAZA_LIMITS__LOGIN__ADDRESS_PER_MINUTE", "1"),
    ])
    .await;
    node.register("Ana").await;
    let log_in = async |addr: &str, name: &str, password: &str| {
        let body = json!({"name": name, "password": password});
        let request = node.post("/api/v1/login", &body).header("x-forwarded-for", addr);
        request.send().await.unwrap().status().as_u16()
    };
    for number in 0..12 {
        let name = if number % 2 == 0 { "Ana".to_owned() } else { format!("Nobody{number}") };
        let status = log_in("203.0.113.1", &name, "Summer2026!").await;
        assert_eq!(status, if number < 5 { 401 } else { 429 }, "{number}");
    }
    // Also with the right one now, and whatever else it says of where it comes from.
    assert_eq!(log_in("203.0.113.1", "Ana", "a long password").await, 429);
    assert_eq!(log_in("198.51.100.7, 203.0.113.1", "Ana", "a long password").await, 429);
    assert_eq!(log_in("203.0.113.2", "Ana", "a long password").await, 200);
    node.stop().await;
}
