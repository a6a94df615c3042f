//! Guests expire a while after their last use, and never while they are connected.

use crate::node::*;
use plaza_client::Incoming;
use plaza_protocol::{Auth, Session};
use plaza_store::Store;
use sqlx::Row;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const MINUTE: i64 = 60_000;

async fn seen_at(store: &Store, guest: &Session) -> i64 {
    let mut reader = store.read().await.unwrap();
    let row = sqlx::query("SELECT seen_at FROM users WHERE id = $1").bind(guest.user.id.as_str());
    row.fetch_one(&mut *reader).await.unwrap().get(0)
}

/// Waits until the guest's last use stands in the store as being at this time.
async fn until_seen(store: &Store, guest: &Session, at: i64) {
    let began = Instant::now();
    while seen_at(store, guest).await != at {
        assert!(began.elapsed() < PATIENCE, "{} was not seen", guest.user.name);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn one_who_stays_connected_keeps_the_name() {
    let node = Node::start(24).await;
    let (_connection, ana, _inbox) = node.new_guest("Ana").await;
    for _ in 0..2 {
        until_seen(&node.store, &ana, node.clock.forward(20_000)).await;
    }
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana-2");
    node.connect(Auth { token: ana.token, ..Auth::default() }).await;
    node.stop().await;
}

#[tokio::test]
async fn the_time_counts_from_the_end_of_the_last_connection() {
    let node = Node::start(3_600).await;
    let (connection, ana, _inbox) = node.new_guest("Ana").await;
    let left = node.clock.forward(50 * MINUTE);
    connection.close();
    until_seen(&node.store, &ana, left).await;
    node.clock.forward(50 * MINUTE);
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana-2");
    node.clock.forward(10 * MINUTE);
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana", "an hour has passed");
    node.stop().await;
}

#[tokio::test]
async fn one_whose_name_was_given_away_is_sent_away() {
    let node = Node::start(3_600).await;
    let (_connection, _, mut inbox) = node.new_guest("Ana").await;
    // A clock that jumps is faster than any renewal.
    node.clock.forward(70 * MINUTE);
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana");
    let told = async {
        loop {
            if let Incoming::Ending(ending) = inbox.next().await.unwrap() {
                return ending.reason;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, told).await.unwrap(), "revoked");
    timeout(PATIENCE, async { while inbox.next().await.is_ok() {} }).await.unwrap();
    node.stop().await;
}

#[tokio::test]
async fn a_stop_is_the_end_of_every_connection() {
    let node = Node::start(3_600).await;
    let (_connection, ana, _inbox) = node.new_guest("Ana").await;
    let stopped = node.clock.forward(50 * MINUTE);
    let data = node.stop().await;
    assert_eq!(seen_at(&open(&data).await, &ana).await, stopped);
}
