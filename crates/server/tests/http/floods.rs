//! Floods of what is never stored: they cost the one who sends them, and nobody else, and what is kept of them is bounded.

use crate::{node::*, socket};
use serde_json::{Value, json};
use sqlx::Row as _;
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::net::TcpStream;

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

async fn in_hall(node: &Node, name: &str) -> socket::Socket<TcpStream> {
    let mut guest = socket::guest(node, name).await;
    guest.ask(0, "room:join", &[json!({"roomId": "hall"})]).await;
    assert_eq!(guest.answer(0).await["ok"], true);
    guest
}

/// Everything up to the answer to a request.
async fn until(socket: &mut socket::Socket<TcpStream>, id: u32) -> Vec<String> {
    let mut packets = Vec::new();
    loop {
        let packet = socket.packet("4").await;
        if packet.starts_with(&format!("43{id}[")) {
            return packets;
        }
        packets.push(packet);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_who_writes_and_reads_all_the_time_others_hear_now_and_then() {
    const FLOOD: usize = 1_000;
    let node = Node::start(&[]).await;
    let mut ben = in_hall(&node, "Ben").await;
    let mut eve = in_hall(&node, "Eve").await;
    let message = |id: u32| json!({"roomId": "hall", "clientId": format!("c{id}"), "kind": "text", "body": {"text": "hi"}});
    for id in 0..100 {
        ben.ask(id, "message:send", &[message(id)]).await;
        assert_eq!(ben.answer(id).await["ok"], true);
    }
    let (began, before) = (Instant::now(), resident());
    let flooding = tokio::spawn(async move {
        for number in 0..FLOOD {
            // Nobody waits for an answer, and there is none to wait for.
            eve.send("42[\"typing\",{\"roomId\":\"hall\"}]").await;
            eve.send("42[\"typing\",{\"roomId\":\"nowhere\"}]").await;
            let seq = number % 100 + 1;
            eve.send(&format!("42[\"room:read\",{{\"roomId\":\"hall\",\"seq\":{seq}}}]")).await;
        }
        eve.ask(1, "typing", &[json!({"roomId": "hall"})]).await;
        assert_eq!(eve.answer(1).await["ok"], true);
        eve
    });
    // Meanwhile Ben is served as ever.
    let (mut heard, mut slowest, mut id) = (Vec::new(), Duration::ZERO, 100);
    while !flooding.is_finished() || id < 110 {
        let asked = Instant::now();
        ben.ask(id, "message:send", &[message(id)]).await;
        heard.extend(until(&mut ben, id).await);
        slowest = slowest.max(asked.elapsed());
        id += 1;
    }
    let eve = flooding.await.unwrap();
    let took = began.elapsed();
    assert!(slowest < PATIENCE / 4, "{slowest:?}");
    let told =
        |event: &str| heard.iter().filter(|packet| packet.starts_with(&format!("42[\"{event}\""))).count();
    let (typing, receipts) = (told("typing"), told("receipts"));
    // Of one person once in two seconds, and of a room once a second.
    assert!((1..=took.as_secs() as usize / 2 + 1).contains(&typing), "{typing} in {took:?}");
    assert!((1..=took.as_secs() as usize + 1).contains(&receipts), "{receipts} in {took:?}");
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    drop((ben, eve));
    node.stop().await;
}

/// Makes accounts that nobody logs in to.
async fn people(node: &Node, count: usize) -> Vec<String> {
    let mut tx = node.store.write().await.unwrap();
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        let id = format!("u_person-{number:015}");
        sqlx::query(
            "INSERT INTO users (id, name, name_key, guest, password_hash, created_at, seen_at)
             VALUES ($1, $2, $3, 0, 'none', 1, 1)",
        )
        .bind(id.as_str())
        .bind(format!("Person{number}"))
        .bind(format!("person{number}"))
        .execute(&mut *tx)
        .await
        .unwrap();
        ids.push(id);
    }
    let row = sqlx::query("SELECT COUNT(*) FROM users").fetch_one(&mut *tx).await.unwrap();
    assert!(row.get::<i64, _>(0) >= count as i64);
    tx.commit().await.unwrap();
    ids
}

async fn watch(socket: &mut socket::Socket<TcpStream>, people: &[String]) -> Value {
    socket.ask(7, "presence:watch", &[json!({"add": people})]).await;
    socket.answer(7).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_people_are_watched_by_many_or_by_nobody() {
    const MANY: usize = 10_000;
    let node = Node::start(&[("PLAZA_CHAT__PRESENCE_WATCHES", "10000")]).await;
    let people = people(&node, MANY).await;
    let mut eve = socket::guest(&node, "Eve").await;
    let refused = watch(&mut eve, &people).await;
    assert_eq!(refused["error"]["code"], "bad_request", "{refused}");
    assert_eq!(
        refused["error"]["message"],
        "There are 10000 people to watch in this request, and at most 500 fit."
    );
    // As many as one connection may, on as many connections as it takes.
    let before = resident();
    let mut watchers = Vec::new();
    for some in people.chunks(500) {
        let mut watcher = socket::guest(&node, &format!("Watcher{}", watchers.len())).await;
        let answer = watch(&mut watcher, some).await;
        assert_eq!(answer["offline"].as_array().map(Vec::len), Some(500), "{answer}");
        watchers.push(watcher);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    let busy = watch(&mut eve, &people[..1]).await;
    assert_eq!(busy["error"]["code"], "busy", "{busy}");
    assert!(busy["error"]["retryAfterMs"].as_u64().unwrap() > 0, "{busy}");
    // Who goes makes room.
    drop(watchers.pop());
    let began = Instant::now();
    while watch(&mut eve, &people[..1]).await["ok"] != true {
        assert!(began.elapsed() < PATIENCE, "the watches of one who has gone are never free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop((eve, watchers));
    node.stop().await;
}
