//! A client that comes back after what it missed was cut: it is told so, and goes on from there.

use crate::node::*;
use plaza_client::{Inbox, Incoming};
use plaza_protocol::{Auth, Reload, RoomId, RoomResumed, RoomsResumed, Session};
use plaza_store::Store;
use sqlx::Row;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const DAY: i64 = 24 * 60 * 60 * 1_000;

async fn until_resumed(inbox: &mut Inbox) -> (Vec<u64>, RoomsResumed) {
    let mut missed = Vec::new();
    loop {
        match timeout(PATIENCE, inbox.next()).await.unwrap().unwrap() {
            Incoming::Event(event) => missed.push(event.seq()),
            Incoming::Resumed(resumed) => return (missed, resumed),
            other => panic!("before resumed came {other:?}"),
        }
    }
}

/// Waits until the node has cut what is older than it keeps.
async fn until_kept_from(store: &Store, position: i64) {
    let began = Instant::now();
    loop {
        let mut reader = store.read().await.unwrap();
        let row = sqlx::query("SELECT kept_from FROM rooms").fetch_one(&mut *reader).await.unwrap();
        if row.get::<i64, _>(0) == position {
            return;
        }
        drop(reader);
        assert!(began.elapsed() < PATIENCE, "nothing was cut");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn back(session: &Session, held: u64) -> Auth {
    let positions = Some([("hall".to_owned(), held)].into());
    Auth { token: session.token.clone(), positions, epoch: Some(session.epoch.clone()), ..Auth::default() }
}

#[tokio::test]
async fn a_position_that_was_cut_is_told_to_reload() {
    let keep_a_day = |chat: &mut plaza_chat::Settings| chat.retention.days = 1;
    let hall: RoomId = "hall".parse().unwrap();
    let node = Node::over(tempfile::tempdir().unwrap(), BEGINNING, keep_a_day).await;
    let (connection, ana, _inbox) = node.new_guest("Ana").await;
    connection.join_room(&hall).await.unwrap();
    let say = async |connection: &plaza_client::Connection, client_id: &str| {
        connection.send_message(&hall, &client_id.parse().unwrap(), "hi").await.unwrap().seq
    };
    for number in 2..=5 {
        assert_eq!(say(&connection, &number.to_string()).await, number);
    }
    let data = node.stop().await;

    // A node cuts when it starts.
    let node = Node::over(data, BEGINNING + 2 * DAY, keep_a_day).await;
    until_kept_from(&node.store, 6).await;
    for (held, expected) in
        [(4, RoomResumed::Reload { reload: Reload::Trimmed }), (5, RoomResumed::Span { from: 5, to: 5 })]
    {
        let (connection, _, mut inbox) = node.connect(back(&ana, held)).await;
        let (missed, resumed) = until_resumed(&mut inbox).await;
        assert_eq!((missed, &resumed.rooms["hall"]), (vec![], &expected));
        connection.close();
    }
    let (connection, _, mut inbox) = node.connect(back(&ana, 0)).await;
    until_resumed(&mut inbox).await;
    assert_eq!(say(&connection, "5").await, 5, "what was acknowledged is so still");
    assert_eq!(say(&connection, "6").await, 6);
    let live = timeout(PATIENCE, inbox.next()).await.unwrap().unwrap();
    assert!(matches!(live, Incoming::Event(event) if event.seq() == 6), "it is fed from here");
    node.stop().await;
}
