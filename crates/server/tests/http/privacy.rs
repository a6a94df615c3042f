//! Blocking and hiding: told however it was asked for, and not so often that many others have to hear of it all the time.

use crate::{node::*, socket};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn one_who_is_blocked_over_http_sees_it_as_over_a_socket() {
    let node = Node::start(&[]).await;
    let ana = node.register("Ana").await;
    let token = ana["accessToken"].as_str().unwrap();
    let _here = socket::Socket::with(node.connect().await, &node, &json!({"token": token})).await;
    let mut ben = socket::guest(&node, "Ben").await;
    ben.ask(1, "presence:watch", &[json!({"add": ["@Ana"]})]).await;
    assert_eq!(ben.answer(1).await["online"][0]["name"], "Ana");
    for (method, online) in [(Method::PUT, false), (Method::DELETE, true)] {
        let request = node.http.request(method, node.url("/api/v1/blocks/@Ben")).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        let told = ben.packet("42[\"presence\"").await;
        assert!(told.contains(&format!("\"online\":{online}")), "{told}");
    }
    drop((_here, ben));
    node.stop().await;
}

#[tokio::test]
async fn nobody_has_others_told_as_often_as_they_like() {
    let node = Node::start(&[
        ("PLAZA_LIMITS__PRIVACY__PERSON_BURST", "4"),
        ("PLAZA_LIMITS__PRIVACY__PERSON_PER_MINUTE", "1"),
    ])
    .await;
    let ana = node.register("Ana").await;
    let token = ana["accessToken"].as_str().unwrap();
    let mut sockets = [
        socket::Socket::with(node.connect().await, &node, &json!({"token": token})).await,
        socket::Socket::with(node.connect().await, &node, &json!({"token": token})).await,
    ];
    let ben = socket::guest(&node, "Ben").await;
    let asked = [
        ("presence:set", json!({"visible": false})),
        ("presence:set", json!({"visible": true})),
        ("user:block", json!({"user": "@Ben"})),
        ("user:unblock", json!({"user": "@Ben"})),
        ("presence:set", json!({"visible": false})),
        ("user:block", json!({"user": "@Ben"})),
    ];
    for (at, (event, object)) in asked.into_iter().enumerate() {
        // Whichever connection it is.
        let socket = &mut sockets[at % 2];
        socket.ask(1, event, &[object]).await;
        let answer = socket.answer(1).await;
        assert_eq!(answer["ok"], at < 4, "{answer}");
        assert!(at < 4 || answer["error"]["code"] == "rate_limited", "{answer}");
    }
    let block = node.http.put(node.url("/api/v1/blocks/@Ben")).bearer_auth(token);
    problem(block, 429, "rate_limited").await;
    let mut cleo = socket::guest(&node, "Cleo").await;
    cleo.ask(1, "presence:set", &[json!({"visible": false})]).await;
    assert_eq!(cleo.answer(1).await["ok"], true, "nobody else is held up by it");
    drop((sockets, ben, cleo));
    node.stop().await;
}
