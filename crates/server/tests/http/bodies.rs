//! What a body may not have: fields that are not asked for, whatever they are called, and more than one of each.

use crate::{node::*, socket};
use serde_json::{Value, json};

/// Names that a program on the other side might take for something, or that the store has columns of.
const BESIDE: [&str; 14] = [
    "__proto__",
    "constructor",
    "prototype",
    "id",
    "userId",
    "guest",
    "admin",
    "role",
    "password_hash",
    "createdAt",
    "sender",
    "by",
    "seq",
    "$where",
];

/// The same object with one more field.
fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn no_request_sets_what_is_not_asked_for() {
    let node = Node::start(&[]).await;
    let tokens = node.register("Ana").await;
    let access = tokens["accessToken"].as_str().unwrap();
    let password = "a long password";
    for (path, body) in [
        ("/register", json!({"name": "Eve", "password": password})),
        ("/login", json!({"name": "Ana", "password": password})),
        ("/refresh", json!({"refreshToken": tokens["refreshToken"]})),
        ("/logout", json!({"refreshToken": tokens["refreshToken"]})),
        ("/password", json!({"current": password, "new": "another password"})),
        ("/password/reset", json!({"token": "pr_x", "new": "another password"})),
        ("/rooms", json!({"name": "Group", "kind": "group"})),
    ] {
        let path = format!("/api/v1{path}");
        for name in BESIDE {
            for value in [json!(true), json!({"admin": true}), Value::Null] {
                let request = node.post(&path, &with(&body, name, value)).bearer_auth(access);
                problem(request, 400, "bad_request").await;
            }
        }
        // Two of one name are not one of them.
        let doubled = body.to_string().replacen(
            '{',
            &format!("{{{},", &body.to_string()[1..body.to_string().len() - 1]),
            1,
        );
        let request =
            node.http.post(node.url(&path)).header("content-type", "application/json").bearer_auth(access);
        problem(request.body(doubled), 400, "bad_request").await;
        for other in [json!([body]), json!("text"), json!(7), Value::Null] {
            problem(node.post(&path, &other).bearer_auth(access), 400, "bad_request").await;
        }
    }
    // Nothing of it was done: Ana is who she was, and there is no Eve.
    let me: Value = node.get("/api/v1/me").bearer_auth(access).send().await.unwrap().json().await.unwrap();
    assert_eq!(me, json!({"user": tokens["user"]}));
    let eve = json!({"name": "Eve", "password": password});
    problem(node.post("/api/v1/login", &eve), 401, "unauthorized").await;
    node.stop().await;
}

#[tokio::test]
async fn nobody_writes_as_somebody_else() {
    let node = Node::start(&[]).await;
    let mut ana = socket::guest(&node, "Ana").await;
    let mut eve = socket::guest(&node, "Eve").await;
    for (id, socket) in [(1, &mut ana), (2, &mut eve)] {
        socket.ask(id, "room:join", &[json!({"roomId": "hall"})]).await;
        assert_eq!(socket.answer(id).await["ok"], true);
    }
    let message = json!({"roomId": "hall", "clientId": "c", "kind": "text", "body": {"text": "I am Ana"}});
    let mut id = 10;
    for name in BESIDE {
        for (wrapped, value) in
            [(false, json!("v_ana")), (false, json!({"id": "v_ana", "name": "Ana"})), (true, json!("v_ana"))]
        {
            id += 1;
            let asked = if wrapped {
                with(&message, "body", with(&message["body"], name, value))
            } else {
                with(&message, name, value)
            };
            eve.ask(id, "message:send", &[asked]).await;
            let answer = eve.answer(id).await;
            assert_eq!(
                (&answer["ok"], &answer["error"]["code"]),
                (&json!(false), &json!("bad_request")),
                "{name}"
            );
        }
    }
    // Nor does what stands behind the message say who wrote it.
    eve.ask(8, "message:send", &[message.clone(), json!({"sender": "v_ana"})]).await;
    assert_eq!(eve.answer(8).await["ok"], false);
    eve.ask(9, "message:send", &[message]).await;
    assert_eq!(eve.answer(9).await["ok"], true);
    let told = ana.packet("42[\"message\"").await;
    let told: Value = serde_json::from_str(&told[2..]).unwrap();
    assert_eq!(
        (&told[1]["sender"]["name"], &told[1]["seq"]),
        (&json!("Eve"), &json!(3)),
        "and it was the only one"
    );
    drop((ana, eve));
    node.stop().await;
}

#[tokio::test]
async fn what_a_text_says_is_not_looked_into() {
    let node = Node::start(&[]).await;
    let mut ana = socket::guest(&node, "Ana").await;
    ana.ask(1, "room:join", &[json!({"roomId": "hall"})]).await;
    ana.answer(1).await;
    for (id, text) in
        [(2, "{\"__proto__\":{\"admin\":true}}"), (3, "\"],[\"admin\""), (4, "'; DROP TABLE users; --")]
    {
        let body =
            json!({"roomId": "hall", "clientId": format!("c{id}"), "kind": "text", "body": {"text": text}});
        ana.ask(id, "message:send", &[body]).await;
        let told = ana.packet("42[\"message\"").await;
        let told: Value = serde_json::from_str(&told[2..]).unwrap();
        assert_eq!(told[1]["body"]["text"], text);
    }
    drop(ana);
    node.stop().await;
}
