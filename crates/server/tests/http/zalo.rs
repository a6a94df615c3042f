//! A Zalo Official Account, with a stand-in for Zalo.

use crate::{node::*, webhooks::Hall};
use axum::{Json, Router, http::HeaderMap, routing::post};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

const APP: &str = "102719276611582260";
const SECRET: &str = "the secret key of the account";
const ACCOUNT: [(&str, &str); 4] = [
    ("PLAZA_WEBHOOKS__ZALO__APP_ID", APP),
    ("PLAZA_WEBHOOKS__ZALO__ROOM", "hall"),
    ("PLAZA_WEBHOOKS__ZALO__SECRET_KEY", SECRET),
    ("PLAZA_WEBHOOKS__ZALO__ACCESS_TOKEN", "a token"),
];

/// As it was recorded, with the text of another.
fn event(name: &str, id: &str, text: &str) -> Value {
    json!({
        "event_name": name, "app_id": APP, "sender": {"id": "8309393969855402319"},
        "recipient": {"id": "1423847451268726170"}, "message": {"text": text, "msg_id": id},
        "timestamp": "1751100041636", "user_id_by_app": "7300442764876318465",
    })
}

fn mac(body: &str, timestamp: &str, secret: &str) -> String {
    let hash = Sha256::digest(format!("{APP}{body}{timestamp}{secret}"));
    hash.iter().fold("mac=".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn tell(hall: &Hall, event: &Value, signature: &str) -> RequestBuilder {
    let request = hall.node.http.post(hall.node.url("/webhook/zalo-oa"));
    request.header("x-zevent-signature", signature).body(event.to_string())
}

async fn taken(hall: &Hall, event: &Value) {
    let signature = mac(&event.to_string(), event["timestamp"].as_str().unwrap(), SECRET);
    assert_eq!(tell(hall, event, &signature).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_people_write_to_the_account_comes_into_its_room_once() {
    let hall = Hall::open(&ACCOUNT).await;
    let chao = event("user_send_text", "m1", "Chào");
    taken(&hall, &chao).await;
    taken(&hall, &chao).await;
    taken(&hall, &event("oa_send_text", "m2", "an echo")).await;
    let mut place = event("user_send_location", "m3", "Saigon");
    place["message"]["attachments"] = json!([{"type": "location", "payload": {"coordinates": {"latitude": "10.7923119", "longitude": "106.7820651"}}}]);
    taken(&hall, &place).await;
    let messages = hall.messages().await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!((&messages[0]["kind"], &messages[0]["body"]), (&json!("text"), &json!({"text": "Chào"})));
    assert_eq!(
        messages[1]["body"],
        json!({"latitude": 10.7923119, "longitude": 106.7820651, "address": "Saigon"})
    );
    let sender = &messages[0]["sender"];
    assert_eq!((&sender["name"], &sender["webhook"]), (&json!("Zalo 8309393969855402319"), &json!(true)));
    assert_eq!(sender, &messages[1]["sender"]);
    hall.node.stop().await;
}

#[tokio::test]
async fn what_zalo_has_not_signed_is_refused() {
    let hall = Hall::open(&ACCOUNT).await;
    let told = event("user_send_text", "m1", "Chào");
    let good = mac(&told.to_string(), "1751100041636", SECRET);
    let another = event("user_send_text", "m1", "Another");
    for (event, signature) in [
        (told.clone(), ""),
        (told.clone(), &good[4..]),
        (told.clone(), &good[..good.len() - 1]),
        (told.clone(), &*mac(&told.to_string(), "1751100041636", "another")),
        (told.clone(), &*mac(&told.to_string(), "1751100041637", SECRET)),
        (another, &*good),
        (json!({}), &*good),
    ] {
        problem(tell(&hall, &event, signature), 401, "unauthorized").await;
    }
    assert!(hall.messages().await.is_empty());
    hall.node.stop().await;
    let off = Hall::open(&[]).await;
    problem(tell(&off, &told, &good), 404, "not_found").await;
    off.node.stop().await;
}

#[tokio::test]
async fn answers_go_to_zalo_once_and_one_that_did_not_is_told_of() {
    let (told, mut asked) = mpsc::unbounded_channel();
    let stand_in = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        let refused = body["message"]["text"] == "refuse this";
        told.send((headers["access_token"].to_str().unwrap().to_owned(), body)).unwrap();
        let answer = if refused {
            json!({"error": -213, "message": "User has not interacted"})
        } else {
            json!({"error": 0})
        };
        Json(answer)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v3.0/oa/message/cs", post(stand_in));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let settings: Vec<_> = ACCOUNT.into_iter().chain([("PLAZA_WEBHOOKS__ZALO__API_URL", &*url)]).collect();
    let hall = Hall::open(&settings).await;
    let answer = |key: &'static str, text: &str| {
        let body = json!({"kind": "zalo", "body": {"to": "8309393969855402319", "text": text}});
        let request = hall.node.post("/api/v1/rooms/hall/messages", &body).bearer_auth(&hall.token);
        async move { request.header("idempotency-key", key).send().await.unwrap().status() }
    };
    for _ in 0..2 {
        assert_eq!(answer("k1", "We will call.").await, StatusCode::CREATED);
    }
    assert_eq!(answer("k2", "refuse this").await, StatusCode::CREATED);
    let expected = ["We will call.", "refuse this"];
    for text in expected {
        let (token, body) = timeout(PATIENCE, asked.recv()).await.unwrap().unwrap();
        assert_eq!(token, "a token");
        assert_eq!(body, json!({"recipient": {"user_id": "8309393969855402319"}, "message": {"text": text}}));
    }
    let told = timeout(PATIENCE, async {
        loop {
            let messages = hall.messages().await;
            if messages.len() == 3 {
                break messages[2].clone();
            }
            tokio::task::yield_now().await;
        }
    });
    let told = told.await.unwrap();
    assert_eq!((&told["kind"], &told["body"]["event"]), (&json!("zalo"), &json!("answer_not_sent")));
    assert!(told["body"]["text"].as_str().unwrap().contains("User has not interacted"), "{told}");
    assert!(asked.try_recv().is_err(), "each goes out once");
    hall.node.stop().await;
    serving.abort();
}
