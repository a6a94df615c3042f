//! Moving a chat from a file to a server: all of it, once, and on from there.

use crate::world::*;
use plaza_chat::{Chat, MIGRATIONS, Settings, SystemRandom, TABLES, Tasks};
use plaza_protocol::{Credentials, Event, History, MarkRead, RoomId, RoomKind, User};
use plaza_store::{Durability, Moved, Moving, Place, Store, StoreError, StoreOptions, move_store};
use plaza_testkit::Postgres;
use sqlx::{AnyConnection, Connection as _, Row as _};
use std::{cell::Cell, sync::Arc};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

fn file(folder: &TempDir) -> StoreOptions {
    let place = Place::File(folder.path().join("plaza.db"));
    StoreOptions { durability: Durability::None, ..StoreOptions::at(place, [7; 16]) }
}

fn server(server: &Postgres) -> StoreOptions {
    let place = Place::Server(server.url().parse().unwrap());
    StoreOptions { durability: Durability::None, ..StoreOptions::at(place, [9; 16]) }
}

async fn chat(options: StoreOptions) -> (Chat, Store, Tasks, CancellationToken) {
    let store = Store::open(options, MIGRATIONS).await.unwrap();
    let shutdown = CancellationToken::new();
    let tasks = Tasks::new(shutdown.clone());
    let clock = Arc::new(plaza_chat::SystemClock);
    let settings = Settings::default();
    let started =
        Chat::start(store.clone(), clock, Arc::new(SystemRandom), settings, shutdown.clone(), &tasks).await;
    let (chat, mut committed): (_, mpsc::Receiver<_>) = started.unwrap();
    tasks.spawn("listening", async move { while committed.recv().await.is_some() {} });
    (chat, store, tasks, shutdown)
}

async fn stop((_, store, tasks, shutdown): (Chat, Store, Tasks, CancellationToken)) {
    shutdown.cancel();
    tasks.finish().await.unwrap();
    store.close().await;
}

async fn moved(
    folder: &TempDir,
    to: &Postgres,
    progress: impl FnMut(Moving<'_>),
) -> Result<Moved, StoreError> {
    move_store(file(folder), &to.url().parse().unwrap(), MIGRATIONS, TABLES, progress).await
}

async fn history(chat: &Chat, user: &User, room: &RoomId) -> Vec<Event> {
    let page = History { room_id: room.clone(), before: None, after: Some(0), limit: Some(200) };
    chat.history(&user.id, page).await.unwrap().events
}

/// Some of everything, and 4,500 messages.
async fn filled(folder: &TempDir) -> (User, User, RoomId) {
    let node = chat(file(folder)).await;
    let there = &node.0;
    let credentials = |name: &str| Credentials { name: name.into(), password: "correct horse".into() };
    let ana = there.register(credentials("Änä"), "a browser").await.unwrap().user;
    let ben = there.new_guest("ben").await.unwrap().0.user;
    there.create_room(&ana, create("Plaza \u{1F600}", RoomKind::Public, Some("hall"))).await.unwrap();
    let hall = id("hall");
    there.join_room(&ben, join("hall")).await.unwrap();
    let pending: Vec<_> = (0..4_500)
        .map(|n| {
            let text = format!("text {n} \u{0} \"\\ \u{2028}");
            there.send_message(&ana, message(&hall, &n.to_string(), &text))
        })
        .collect();
    for sent in pending {
        sent.await.unwrap();
    }
    there.mark_read(&ben.id, MarkRead { room_id: hall.clone(), seq: 20 }).await.unwrap();
    stop(node).await;
    (ana, ben, hall)
}

#[tokio::test]
async fn a_move_that_was_interrupted_goes_on_and_all_is_as_it_was() {
    let (folder, to) = (tempfile::tempdir().unwrap(), Postgres::start().await.unwrap());
    let (ana, ben, hall) = filled(&folder).await;
    let node = chat(file(&folder)).await;
    let (epoch, before) = (node.0.epoch().to_owned(), history(&node.0, &ana, &hall).await);
    let listed = node.0.list_rooms(&ben.id).await.unwrap();
    let in_use = moved(&folder, &to, |_| {}).await.unwrap_err();
    assert!(matches!(in_use, StoreError::Locked { .. }), "{in_use:?}");
    stop(node).await;

    // It ends where it stands, as if it were killed: half of the rows are there.
    let (seen, half) = (Cell::new(0), tokio::sync::Notify::new());
    tokio::select! {
        done = moved(&folder, &to, |at| {
            seen.set(at.rows);
            if at.rows > at.of / 2 {
                half.notify_one();
            }
        }) => panic!("it was to be interrupted: {done:?}"),
        () = half.notified() => {}
    }
    let early = Store::open(server(&to), MIGRATIONS).await.unwrap_err();
    assert!(matches!(&early, StoreError::Unfit { reason, .. } if reason.contains("move-store")), "{early}");

    let least = Cell::new(u64::MAX);
    let done = moved(&folder, &to, |at| {
        if at.table == "events" && !at.comparing {
            least.set(least.get().min(at.rows));
        }
    });
    let done = done.await.unwrap();
    assert!(least.get() >= seen.get(), "it went on at {} and had {}", least.get(), seen.get());
    let rows = |table: &str| done.tables.iter().find(|(name, ..)| name == table).unwrap().1;
    assert_eq!((rows("events"), rows("users"), rows("members"), rows("sessions")), (4_502, 2, 2, 1));
    assert_eq!(done.epoch, epoch);

    let node = chat(server(&to)).await;
    assert_eq!(node.0.epoch(), epoch, "to clients nothing has happened");
    assert_eq!(history(&node.0, &ana, &hall).await, before);
    assert_eq!(node.0.list_rooms(&ben.id).await.unwrap(), listed);
    let credentials = Credentials { name: "änä".into(), password: "correct horse".into() };
    assert_eq!(node.0.login(credentials, "").await.unwrap().user, ana);
    let again = message(&hall, "7", "text 7 \u{0} \"\\ \u{2028}");
    assert_eq!(node.0.send_message(&ana, again).await.unwrap().seq, 10);
    assert_eq!(node.0.send_message(&ana, message(&hall, "new", "hi")).await.unwrap().seq, 4_503);
    stop(node).await;

    let occupied = moved(&folder, &to, |_| {}).await.unwrap_err();
    assert!(
        matches!(&occupied, StoreError::Unfit { reason, .. } if reason.contains("already")),
        "{occupied}"
    );
}

#[tokio::test]
async fn what_was_changed_since_the_move_began_is_noticed() {
    let (folder, to) = (tempfile::tempdir().unwrap(), Postgres::start().await.unwrap());
    filled(&folder).await;
    let half = tokio::sync::Notify::new();
    tokio::select! {
        _ = moved(&folder, &to, |at| if at.table == "events" && at.rows > 3_000 { half.notify_one() }) => panic!(),
        () = half.notified() => {}
    }
    let store = Store::open(file(&folder), MIGRATIONS).await.unwrap();
    let mut tx = store.write().await.unwrap();
    sqlx::query("UPDATE events SET body = '{\"text\":\"other\"}' WHERE seq = 5")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    let refused = moved(&folder, &to, |_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("table events has other rows"), "{refused}");
    let early = Store::open(server(&to), MIGRATIONS).await.unwrap_err();
    assert!(matches!(early, StoreError::Unfit { .. }), "and nobody serves it: {early}");
}

#[tokio::test]
async fn every_table_is_moved() {
    let to = Postgres::start().await.unwrap();
    Store::open(server(&to), MIGRATIONS).await.unwrap().close().await;
    let mut connection = AnyConnection::connect(&to.url()).await.unwrap();
    let all = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let all = sqlx::query(all).fetch_all(&mut connection).await.unwrap();
    let mut all: Vec<String> = all.iter().map(|row| row.get(0)).collect();
    // The last two are of nodes that run: who moves a store has stopped them.
    let kept = ["store", "plaza_migrations", "nodes", "online"];
    all.retain(|table| !kept.contains(&table.as_str()));
    all.sort();
    let mut moved = TABLES.to_vec();
    moved.sort_unstable();
    assert_eq!(all, moved);
}
