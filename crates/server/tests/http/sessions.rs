//! Sessions, new passwords, and what administrators alone may do.

use crate::{node::*, socket::Socket};
use plaza_chat::Administration;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpStream;

const PASSWORD: &str = "a long password";

async fn log_in(node: &Node, name: &str, agent: &str) -> Value {
    let body = json!({"name": name, "password": PASSWORD});
    let answer = node.post("/api/v1/login", &body).header("user-agent", agent).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

fn access(tokens: &Value) -> &str {
    tokens["accessToken"].as_str().unwrap()
}

async fn sessions(node: &Node, tokens: &Value) -> Vec<Value> {
    let answer = node.get("/api/v1/sessions").bearer_auth(access(tokens)).send().await.unwrap();
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let answer: Value = answer.json().await.unwrap();
    answer["sessions"].as_array().unwrap().clone()
}

async fn connected(node: &Node, tokens: &Value) -> Socket<TcpStream> {
    let stream = TcpStream::connect(node.addr).await.unwrap();
    Socket::with(stream, node, &json!({"token": access(tokens)})).await
}

async fn office(node: &Node) -> Administration {
    let (clock, random) = (Arc::new(plaza_chat::SystemClock), Arc::new(plaza_chat::SystemRandom));
    Administration::open(node.store.clone(), clock, random, plaza_chat::Settings::default()).await.unwrap()
}

/// Waits until a socket is told that it was sent away, and why.
async fn sent_away(mut socket: Socket<TcpStream>) {
    let told = socket.packet("42[\"session:ending\"").await;
    assert!(told.contains("\"revoked\""), "{told}");
    socket.closed().await;
}

#[tokio::test]
async fn ending_a_session_ends_its_sockets_at_once_and_no_others() {
    let node = Node::start(&[]).await;
    node.register("Ana").await;
    let ben = node.register("Ben").await;
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let (page, phone, script) = (
        log_in(&node, "Ana", firefox).await,
        log_in(&node, "Ana", "Phone").await,
        log_in(&node, "Ana", "").await,
    );
    let listed = sessions(&node, &page).await;
    let device = |name: &str| listed.iter().find(|session| session["device"] == name).unwrap();
    assert_eq!((listed.len(), &device("Firefox on Linux")["current"]), (4, &json!(true)));
    assert_eq!(device("Phone")["current"], false);
    for key in ["createdAt", "lastUsedAt"] {
        assert!(device("Phone")[key].as_str().unwrap().ends_with('Z'));
    }
    let (here, there) = (connected(&node, &page).await, connected(&node, &phone).await);
    let elsewhere = connected(&node, &script).await;

    let end = |id: &str, who: &Value| {
        node.http.delete(node.url(&format!("/api/v1/sessions/{id}"))).bearer_auth(access(who))
    };
    let id = device("Phone")["id"].as_str().unwrap();
    let unknown = problem(end("s_unknown", &page), 404, "not_found").await;
    assert_eq!(problem(end(id, &ben), 404, "not_found").await, unknown, "another's is like none");
    assert_eq!(problem(end("%ff", &page), 404, "not_found").await, unknown);
    assert_eq!(end(id, &page).send().await.unwrap().status(), 204);
    sent_away(there).await;

    let all = |query: &str| {
        node.http.delete(node.url(&format!("/api/v1/sessions{query}"))).bearer_auth(access(&page))
    };
    problem(all("?keep=other"), 400, "bad_request").await;
    problem(all("?kept=current"), 400, "bad_request").await;
    assert_eq!(all("?keep=current").send().await.unwrap().status(), 204);
    sent_away(elsewhere).await;
    assert_eq!(sessions(&node, &page).await.len(), 1);
    assert_eq!(all("").send().await.unwrap().status(), 204);
    sent_away(here).await;
    problem(node.get("/api/v1/sessions").bearer_auth(access(&page)), 401, "unauthorized").await;
    assert_eq!(sessions(&node, &ben).await.len(), 1);
    node.stop().await;
}

#[tokio::test]
async fn a_new_password_sends_away_the_others() {
    let node = Node::start(&[]).await;
    let here = node.register("Ana").await;
    let there = log_in(&node, "Ana", "Phone").await;
    let (mut stays, goes) = (connected(&node, &here).await, connected(&node, &there).await);
    let change = |body: &Value| node.post("/api/v1/password", body).bearer_auth(access(&here));
    problem(change(&json!({"current": "wrong password", "new": "another password"})), 403, "forbidden").await;
    problem(change(&json!({"current": PASSWORD, "new": "short"})), 400, "bad_request").await;
    let changed = change(&json!({"current": PASSWORD, "new": "another password"})).send().await.unwrap();
    assert_eq!(changed.status(), 204);
    sent_away(goes).await;
    stays.ask(1, "room:list", &[]).await;
    assert_eq!(stays.answer(1).await["ok"], true);
    drop(stays);
    problem(node.post("/api/v1/login", &json!({"name": "Ana", "password": PASSWORD})), 401, "unauthorized")
        .await;
    node.stop().await;
}

#[tokio::test]
async fn guessing_a_password_with_a_token_is_bounded_as_logging_in_is() {
    let node = Node::start(&[
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_LIMITS__LOGIN__NAME_BURST", "3"),
        ("PLAZA_LIMITS__LOGIN__NAME_PER_MINUTE", "1"),
    ])
    .await;
    let tokens = node.register("Ana").await;
    let guess = |word: &str| {
        let body = json!({"current": word, "new": "another password"});
        node.post("/api/v1/password", &body).bearer_auth(access(&tokens))
    };
    problem(guess("guess number 1"), 403, "forbidden").await;
    problem(
        node.post("/api/v1/login", &json!({"name": "ana", "password": "guess number 2"})),
        401,
        "unauthorized",
    )
    .await;
    problem(guess("guess number 3"), 403, "forbidden").await;
    problem(guess(PASSWORD), 429, "rate_limited").await;
    node.stop().await;
}

#[tokio::test]
async fn one_address_that_tries_one_password_on_many_names_is_bounded() {
    let node = Node::start(&[
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_LIMITS__LOGIN__ADDRESS_BURST", "5"),
        ("PLAZA_LIMITS__LOGIN__ADDRESS_PER_MINUTE", "1"),
    ])
    .await;
    node.register("Victim").await;
    let mut refused = Vec::new();
    for name in ["One", "Two", "Three", "Four", "Five", "Victim", "Six"] {
        let body = json!({"name": name, "password": PASSWORD});
        refused.push(node.post("/api/v1/login", &body).send().await.unwrap().status().as_u16());
    }
    // The right password is among them, behind the bound.
    assert_eq!(refused, [401, 401, 401, 401, 401, 429, 429]);
    let links = json!({"token": "pr_guess", "new": "another password"});
    problem(node.post("/api/v1/password/reset", &links), 429, "rate_limited").await;
    node.stop().await;
}

#[tokio::test]
async fn links_are_administrators_to_give() {
    let node = Node::start(&[("PLAZA_SERVER__PUBLIC_URL", "https://chat.example")]).await;
    let (ana, chief) = (node.register("Ana").await, node.register("Chief").await);
    let ask = |name: &str| node.post("/api/v1/admin/reset-links", &json!({"name": name}));
    // Nothing to strangers, whatever they ask; to others that it is not theirs to ask.
    let stranger = problem(ask("Ana"), 401, "unauthorized").await;
    assert_eq!(problem(ask("Nobody"), 401, "unauthorized").await, stranger);
    let member = problem(ask("Ana").bearer_auth(access(&chief)), 403, "forbidden").await;
    for body in [json!({"name": "Nobody"}), json!({}), json!({"name": "Ana", "admin": true})] {
        let asked = node.post("/api/v1/admin/reset-links", &body).bearer_auth(access(&chief));
        assert_eq!(problem(asked, 403, "forbidden").await, member);
    }
    office(&node).await.set("Chief", true).await.unwrap();
    problem(ask("Nobody").bearer_auth(access(&chief)), 404, "not_found").await;
    let given = ask("ana").bearer_auth(access(&chief)).send().await.unwrap();
    assert_eq!((given.status().as_u16(), header(&given, "cache-control")), (201, "no-store"));
    let given: Value = given.json().await.unwrap();
    assert_eq!(given["user"], ana["user"]);
    let token = given["link"].as_str().unwrap().strip_prefix("https://chat.example/#/reset/").unwrap();

    let socket = connected(&node, &ana).await;
    let reset = json!({"token": token, "new": "another password"});
    assert_eq!(node.post("/api/v1/password/reset", &reset).send().await.unwrap().status(), 204);
    sent_away(socket).await;
    problem(node.post("/api/v1/password/reset", &reset), 401, "unauthorized").await;
    let login = json!({"name": "Ana", "password": "another password"});
    assert_eq!(node.post("/api/v1/login", &login).send().await.unwrap().status(), 200);

    // From the moment on that somebody is none any more.
    office(&node).await.set("Chief", false).await.unwrap();
    problem(ask("Ana").bearer_auth(access(&chief)), 403, "forbidden").await;
    node.stop().await;
}
