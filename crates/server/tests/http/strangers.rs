//! A room that one may not see is answered byte for byte like one that does not exist, whatever is asked. What may be asked
//! is taken from the published lists, so that nothing new is forgotten.

use crate::{node::*, socket};
use plaza_protocol::REQUESTS;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::net::TcpStream;

/// Stands for the room that is asked about.
const ROOM: &str = "ROOM";

/// What one might ask of a room by this request: with people who are in it, who are not, and who are nobody.
fn asked(event: &str) -> Option<Vec<Value>> {
    let plain = || json!({"roomId": ROOM});
    let with = |key: &str, values: &[Value]| {
        let objects = values.iter().map(|value| json!({"roomId": ROOM, key: value}));
        Some(objects.collect::<Vec<_>>())
    };
    let people = [json!("@Ana"), json!("@Eve"), json!("@Nobody"), json!("u_nobody")];
    match event {
        "room:join" | "room:leave" | "typing" => Some(vec![plain()]),
        "room:members" | "room:bans" => Some(vec![plain(), json!({"roomId": ROOM, "after": "u_"})]),
        "room:rename" => with("name", &[json!("Mine"), json!(""), json!("x".repeat(500))]),
        "room:history" => Some(vec![
            plain(),
            json!({"roomId": ROOM, "before": 2}),
            json!({"roomId": ROOM, "after": 1_000}),
            json!({"roomId": ROOM, "limit": 0}),
        ]),
        "room:locate" => with("at", &[json!("2020-01-01T00:00:00.000Z"), json!("soon")]),
        "room:read" => with("seq", &[json!(0), json!(1), json!(1_000)]),
        "room:resume" => Some(vec![json!({"positions": {ROOM: 1}}), json!({"positions": {ROOM: 1_000}})]),
        "member:add" | "member:remove" | "member:ban" | "member:unban" => with("user", &people),
        "member:role" => {
            let roles = people.iter().map(|user| json!({"roomId": ROOM, "user": user, "role": "owner"}));
            Some(roles.collect())
        }
        "message:send" => {
            let message = |id: &str, text: &str| json!({"roomId": ROOM, "clientId": id, "kind": "text", "body": {"text": text}});
            // The first is what Ana has sent.
            Some(vec![message("c1", "between us"), message("c2", "hi"), message("c3", "")])
        }
        _ => {
            let kind = event.strip_prefix("message:")?;
            let kinds: Value =
                serde_json::from_str(include_str!("../../../protocol/fixtures/kinds.json")).unwrap();
            let bodies = kinds[kind]["good"].as_array()?.iter().chain([&kinds[kind]["bad"][0]["body"]]);
            let with_room = |body: &Value| {
                let mut object = body.clone();
                object["roomId"] = json!(ROOM);
                object
            };
            Some(bodies.map(with_room).collect())
        }
    }
}

/// The events whose objects name a room that is there already.
fn of_rooms() -> Vec<&'static str> {
    let mut events = Vec::new();
    for described in REQUESTS {
        let mut generator = SchemaSettings::draft07().into_generator();
        let schema = json!((described.request)(&mut generator));
        let all = format!("{schema}{}", json!(generator.definitions()));
        if all.contains("\"roomId\"") || described.event == "room:resume" {
            events.push(described.event);
        }
    }
    assert!(events.len() >= 14, "{events:?}");
    events
}

/// Everything that is asked of a room, as it was answered.
async fn answers(eve: &mut socket::Socket<TcpStream>, room: &str, but: &str) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for event in of_rooms().into_iter().filter(|event| *event != but) {
        let objects = asked(event).unwrap_or_else(|| panic!("say here what may be asked by {event}"));
        for object in objects {
            let object = object.to_string().replace(ROOM, room);
            eve.send(&format!("427[\"{event}\",{object}]")).await;
            let answer = eve.packet("437[").await;
            answers.insert(format!("{event} {}", object.replace(room, ROOM)), answer.replace(room, ROOM));
        }
    }
    answers
}

/// Ana's rooms, each with one that is not there and looks like it.
async fn rooms(node: &Node) -> [(String, String); 3] {
    let mut ana = socket::guest(node, "Ana").await;
    let ben = socket::guest(node, "Ben").await;
    let mut made = Vec::new();
    for (id, object) in [
        json!({"kind": "group", "name": "Secret"}),
        json!({"kind": "direct", "user": "@Ben"}),
        json!({"kind": "public", "name": "hall"}),
    ]
    .into_iter()
    .enumerate()
    {
        ana.ask(id as u32, "room:create", &[object]).await;
        let answer = ana.answer(id as u32).await;
        let room = answer["room"]["id"].as_str().unwrap().to_owned();
        let message = asked("message:send").unwrap()[0].to_string().replace(ROOM, &room);
        ana.ask(9, "message:send", &[serde_json::from_str(&message).unwrap()]).await;
        assert_eq!(ana.answer(9).await["ok"], true);
        let start = if room == "hall" { "" } else { &room[..2] };
        let nowhere = format!("{start}{}", "A".repeat(room.len() - start.len()));
        made.push((room, nowhere));
    }
    drop((ana, ben));
    made.try_into().unwrap()
}

#[tokio::test]
async fn over_a_socket_no_answer_tells_a_strangers_room_from_none() {
    let node = Node::start(&[]).await;
    let rooms = rooms(&node).await;
    let mut eve = socket::guest(&node, "Eve").await;
    for (room, nowhere) in &rooms {
        // Whoever wants to may join a public one.
        let but = if room == "hall" { "room:join" } else { "" };
        let there = answers(&mut eve, room, but).await;
        assert_eq!(there, answers(&mut eve, nowhere, but).await);
        for (asked, answer) in &there {
            let refused = answer.contains("\"not_found\"") || answer.contains("\"bad_request\"");
            assert!(refused || asked.starts_with("room:resume"), "{asked}: {answer}");
        }
    }
    drop(eve);
    node.stop().await;
}

/// What is answered to one who comes with a position in this room.
async fn coming_back(node: &Node, token: &str, room: &str) -> String {
    let mut socket = socket::Socket::with(node.connect().await, node, &json!({"token": token})).await;
    socket.send("41").await;
    socket.send(&format!("40{}", json!({"token": token, "positions": {room: 1}}))).await;
    let resumed = socket.packet("42[\"resumed\"").await;
    resumed.replace(room, ROOM)
}

#[tokio::test]
async fn a_position_in_a_strangers_room_is_as_good_as_one_in_none() {
    let node = Node::start(&[]).await;
    let rooms = rooms(&node).await;
    let token = node.register("Eve").await["accessToken"].as_str().unwrap().to_owned();
    for (room, nowhere) in &rooms {
        let there = coming_back(&node, &token, room).await;
        assert!(there.contains(ROOM), "{there}");
        assert_eq!(there, coming_back(&node, &token, nowhere).await);
    }
    node.stop().await;
}

/// What an operation is asked with, if it takes something beside its path.
fn body(operation: &str) -> Option<Value> {
    match operation {
        "renameRoom" => Some(json!({"name": "Mine"})),
        "addMember" => Some(json!({"user": "@Eve"})),
        "setRole" => Some(json!({"role": "owner"})),
        "sendMessage" => Some(json!({"kind": "text", "body": {"text": "between us"}})),
        _ => None,
    }
}

/// Everything that is asked of a room over HTTP, as it was answered.
async fn over_http(node: &Node, token: &str, room: &str, user: &str, but: &str) -> BTreeMap<String, String> {
    let document: Value = node.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut answers = BTreeMap::new();
    let paths = document["paths"].as_object().unwrap().iter();
    for (path, operations) in paths.filter(|(path, _)| path.starts_with("/rooms/{id}")) {
        for (method, operation) in operations.as_object().unwrap() {
            let Some(name) = operation["operationId"].as_str().filter(|name| *name != but) else { continue };
            let query = if name == "locate" { "?at=2020-01-01T00:00:00Z" } else { "" };
            let url = format!("/api/v1{path}{query}").replace("{id}", room).replace("{user}", user);
            let mut request = node
                .http
                .request(method.to_uppercase().parse().unwrap(), node.url(&url))
                .bearer_auth(token)
                .header("idempotency-key", "c1");
            if let Some(body) = body(name) {
                request = request.json(&body);
            }
            let problem = problem(request, 404, "not_found").await;
            answers.insert(name.to_owned(), problem.to_string().replace(room, ROOM));
        }
    }
    assert!(answers.len() >= 12, "{answers:?}");
    answers
}

#[tokio::test]
async fn over_http_no_answer_tells_a_strangers_room_from_none() {
    let node = Node::start(&[]).await;
    let rooms = rooms(&node).await;
    let token = node.register("Eve").await["accessToken"].as_str().unwrap().to_owned();
    for (room, nowhere) in &rooms {
        let but = if room == "hall" { "joinRoom" } else { "" };
        for user in ["@Ana", "@Eve", "@Nobody"] {
            let there = over_http(&node, &token, room, user, but).await;
            assert_eq!(there, over_http(&node, &token, nowhere, user, but).await, "{user}");
        }
    }
    node.stop().await;
}
