//! All that is random comes in as an argument: the same bytes make the same ids, tokens and salts.

use crate::{accounts::credentials, world::*};
use plaza_chat::Settings;
use plaza_protocol::RoomKind;
use sqlx::{AssertSqlSafe, Row};
use std::{collections::BTreeSet, sync::Arc};

/// Where random columns stand.
const COLUMNS: &[(&str, &[&str])] = &[
    ("users", &["id", "token_hash", "password_hash"]),
    ("sessions", &["id"]),
    ("refresh_tokens", &["token_hash"]),
    ("secrets", &["value"]),
    ("rooms", &["id"]),
    ("events", &["id"]),
];

/// Everything random in a store after one of each thing that draws from it.
async fn drawn(seed: u64) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let (world, _committed) = World::random(Settings::default(), folder, Arc::new(Seeded::new(seed))).await;
    let chat = &world.chat;
    let tokens = chat.register(credentials("Ben", "correct horse"), "").await.unwrap();
    chat.login(credentials("Ben", "correct horse"), "").await.unwrap();
    chat.refresh(&tokens.refresh_token).await.unwrap();
    // The 22nd Ana is given a number at random.
    let mut ana = world.user("Ana").await;
    for _ in 0..21 {
        ana = world.user("Ana").await;
    }
    let group = chat.create_room(&ana, create("Group", RoomKind::Group, None)).await.unwrap();
    chat.send_message(&ana, message(&group.room.id, "1", "hi")).await.unwrap();

    let mut drawn = BTreeSet::from([ana.name]);
    let mut reader = world.store.read().await.unwrap();
    for (table, columns) in COLUMNS {
        for column in *columns {
            let statement = format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL");
            let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut *reader).await.unwrap();
            assert!(!rows.is_empty(), "{table}.{column}");
            drawn.extend(rows.iter().map(|row| row.get::<String, _>(0)));
        }
    }
    drawn
}

#[tokio::test]
async fn the_same_bytes_make_the_same_world() {
    let (one, same, other) = (drawn(1).await, drawn(1).await, drawn(2).await);
    assert_eq!(one, same);
    assert!(one.is_disjoint(&other));
}
