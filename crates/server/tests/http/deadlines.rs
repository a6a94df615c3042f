//! Requests that wait for longer than they have time are not carried out, and a node with too much to deliver says so.

use crate::{node::*, socket};
use plaza_client::{Connection, Options, RequestError};
use plaza_protocol::{Auth, Code};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::Row as _;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::time::sleep;

#[tokio::test]
async fn what_expires_in_the_queue_is_not_carried_out() {
    let node = Node::start(&[("PLAZA_SOCKET__REQUEST_DEADLINE_MS", "300")]).await;
    let (mut ana, mut ben) = (socket::guest(&node, "Ana").await, socket::guest(&node, "Ben").await);
    for guest in [&mut ana, &mut ben] {
        guest.ask(0, "room:join", &[json!({"roomId": "hall"})]).await;
        assert_eq!(guest.answer(0).await["ok"], true);
    }
    let message = |id: &str| json!({"roomId": "hall", "clientId": id, "kind": "text", "body": {"text": id}});

    // Nothing can be committed meanwhile: one batch waits for the writer, the others for the batch.
    let hall = plaza_store::Subject::of("room", "hall");
    let writer = node.store.write_about(&[hall]).await.unwrap();
    let began = Instant::now();
    ana.ask(1, "message:send", &[message("first")]).await;
    sleep(Duration::from_millis(50)).await;
    ana.ask(2, "message:send", &[message("by default"), json!({})]).await;
    ana.ask(3, "message:send", &[message("in a hurry"), json!({"timeoutMs": 1})]).await;
    ana.ask(4, "message:send", &[message("patient"), json!({"timeoutMs": 30_000})]).await;
    ana.ask(5, "room:read", &[json!({"roomId": "hall", "seq": 1}), json!({"timeoutMs": 20_000})]).await;
    // What waits for the writer by itself; the second one for the first.
    ana.ask(8, "presence:set", &[json!({"visible": false})]).await;
    ana.ask(9, "user:block", &[json!({"user": "@Ben"}), json!({"timeoutMs": 20_000})]).await;
    // One that only reads waits for nobody.
    ben.ask(6, "room:history", &[json!({"roomId": "hall"}), json!({"timeoutMs": 20_000})]).await;
    assert_eq!(ben.answer(6).await["ok"], true);
    sleep(Duration::from_millis(400).saturating_sub(began.elapsed())).await;
    drop(writer);

    // In the order in which their turns come.
    let mut waiting = BTreeMap::from([(1, true), (2, true), (3, true), (4, false), (8, true), (9, false)]);
    while !waiting.is_empty() {
        let (id, answer) = ana.any_answer().await;
        let Some(expired) = waiting.remove(&id) else { continue };
        assert_eq!(answer["ok"] == false, expired, "{id}: {answer}");
        if expired {
            assert_eq!(
                (&answer["error"]["code"], &answer["error"]["retryable"]),
                (&json!("expired"), &json!(true))
            );
        }
    }
    ana.ask(7, "room:history", &[json!({"roomId": "hall"})]).await;
    let page = ana.answer(7).await;
    let said: Vec<_> =
        page["events"].as_array().unwrap().iter().filter_map(|event| event["clientId"].as_str()).collect();
    assert_eq!(said, ["patient"]);
    let mut reader = node.store.read().await.unwrap();
    let hidden = sqlx::query("SELECT COUNT(*) FROM users WHERE hidden = 1").fetch_one(&mut *reader).await;
    assert_eq!(hidden.unwrap().get::<i64, _>(0), 0);
    drop((reader, ana, ben));
    node.stop().await;
}

#[tokio::test]
async fn what_is_asked_of_accounts_is_not_carried_out_behind_the_requests_end() {
    let node = Node::start(&[("PLAZA_SERVER__REQUEST_TIMEOUT_MS", "3000")]).await;
    let ana = node.register("Ana").await;
    let token = ana["accessToken"].as_str().unwrap();
    let new = json!({"name": "Ben", "password": "a long password"});
    let change = json!({"current": "a long password", "new": "another password"});
    let held = json!({"refreshToken": ana["refreshToken"]});
    let writer = node.store.write().await.unwrap();
    let too_late = tokio::join!(
        problem(node.post("/api/v1/register", &new), 408, "bad_request"),
        problem(node.post("/api/v1/password", &change).bearer_auth(token), 408, "bad_request"),
        problem(node.post("/api/v1/refresh", &held), 408, "bad_request"),
        problem(node.post("/api/v1/logout", &held), 408, "bad_request"),
        problem(node.http.delete(node.url("/api/v1/sessions")).bearer_auth(token), 408, "bad_request"),
    );
    drop((writer, too_late));
    // Behind all of them, if they still waited.
    drop(node.store.write().await.unwrap());
    problem(node.post("/api/v1/login", &new), 401, "unauthorized").await;
    let me = node.get("/api/v1/me").bearer_auth(token).send().await.unwrap();
    assert_eq!(me.status(), StatusCode::OK, "the session holds");
    let old = json!({"name": "Ana", "password": "a long password"});
    assert_eq!(node.post("/api/v1/login", &old).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(node.post("/api/v1/refresh", &held).send().await.unwrap().status(), StatusCode::OK);
    node.stop().await;
}

#[tokio::test]
async fn a_time_out_of_bounds_is_refused() {
    let node = Node::start(&[]).await;
    let mut ana = socket::guest(&node, "Ana").await;
    for (options, fits) in [
        (json!({"timeoutMs": 1_000}), true),
        (json!({}), true),
        (json!(null), true),
        (json!({"timeoutMs": 0}), false),
        (json!({"timeoutMs": 30_001}), false),
        (json!({"timeoutMs": -1}), false),
        (json!({"timeout": 1_000}), false),
        (json!("soon"), false),
    ] {
        ana.ask(1, "room:list", &[json!({}), options.clone()]).await;
        let answer = ana.answer(1).await;
        assert_eq!(answer["ok"], fits, "{options}: {answer}");
        assert!(fits || answer["error"]["code"] == "bad_request", "{answer}");
    }
    drop(ana);
    node.stop().await;
}

#[tokio::test]
async fn a_node_that_has_too_much_to_deliver_says_so_and_recovers() {
    // One who reads nothing and may be far behind stands for the many it would take.
    let bounds =
        [("PLAZA_SOCKET__OUTBOX_BYTES", "67108864"), ("PLAZA_SOCKET__TOTAL_OUTBOX_BYTES", "1048576")];
    let node = Node::start(&bounds).await;
    let address = format!("http://{}", node.addr).parse().unwrap();
    let auth = |name: &str| Auth { guest: Some(name.into()), ..Auth::default() };
    let unread = Options {
        event_queue: 1,
        receive_buffer_bytes: Some(4096),
        max_segment_bytes: Some(1_400),
        ..Options::default()
    };
    let room = "hall".parse().unwrap();
    let (stalled, _, stalled_inbox) = Connection::open(&address, &auth("Stalled"), &unread).await.unwrap();
    stalled.join_room(&room).await.unwrap();
    let (ana, session, mut inbox) =
        Connection::open(&address, &auth("Ana"), &Options::default()).await.unwrap();
    ana.join_room(&room).await.unwrap();
    let reading = tokio::spawn(async move { while inbox.next().await.is_ok() {} });

    let text = "x".repeat(8_000);
    let mut sent = 0;
    let refused = loop {
        match ana.send_message(&room, &format!("c{sent}").parse().unwrap(), &text).await {
            Ok(_) => sent += 1,
            Err(RequestError::Refused(error)) => break error,
            Err(other) => panic!("after {sent}: {other}"),
        }
        assert!(sent < 3_000, "it never has too much");
    };
    assert_eq!((refused.code, refused.retryable, refused.retry_after_ms), (Code::Busy, true, Some(1_000)));
    ana.list_rooms().await.expect("what is read is answered");
    let over_http = node
        .post("/api/v1/rooms/hall/messages", &json!({"kind": "text", "body": {"text": text}}))
        .bearer_auth(session.token.unwrap().expose())
        .header("idempotency-key", "over http");
    problem(over_http, 503, "busy").await;
    let newcomer = node.get("/socket.io/?EIO=4&transport=polling").send().await.unwrap();
    assert_eq!(newcomer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!header(&newcomer, "retry-after").is_empty());

    drop((stalled, stalled_inbox));
    let began = Instant::now();
    while ana.send_message(&room, &"again".parse().unwrap(), "again").await.is_err() {
        assert!(began.elapsed() < PATIENCE, "it does not recover");
        sleep(Duration::from_millis(20)).await;
    }
    ana.close();
    reading.await.unwrap();
    node.stop().await;
}
