//! A second process on the data that a node is using: seen here as a second store.

use crate::support::*;
use plaza_store::{Migration, Store, StoreError};

const MORE: &[Migration] = &[NOTES[0], Migration::new(2, "tags", "CREATE TABLE tags (name TEXT);")];

async fn alongside(folder: &tempfile::TempDir, migrations: &[Migration]) -> Result<Store, StoreError> {
    Store::open_alongside(options(&path(folder)), migrations).await
}

#[tokio::test]
async fn two_write_in_turns_and_the_node_keeps_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(&path(&folder)).await.unwrap();
    let second = alongside(&folder, NOTES).await.unwrap();
    assert_eq!(second.epoch(), node.epoch());
    tokio::join!(note(&node, 0..100), note(&second, 1_000..1_100));
    let all: Vec<i64> = (0..100).chain(1_000..1_100).collect();
    assert_eq!((&ids(&node).await, &ids(&second).await), (&all, &all));

    second.close().await;
    assert!(matches!(second.write().await, Err(StoreError::Closed)));
    let log = folder.path().join("plaza.db-wal");
    assert!(log.metadata().unwrap().len() > 0, "the write-ahead log is the node's");
    assert!(matches!(open(&path(&folder)).await, Err(StoreError::Locked { .. })));
    note(&node, [2_000]).await;
    node.close().await;
    let again = open(&path(&folder)).await.unwrap();
    assert_eq!(ids(&again).await.len(), 201);
    again.close().await;
}

#[tokio::test]
async fn where_there_is_no_node_it_has_the_data_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let alone = alongside(&folder, NOTES).await.unwrap();
    note(&alone, [1]).await;
    assert!(matches!(open(&path(&folder)).await, Err(StoreError::Locked { .. })));
    alone.close().await;
    assert_eq!(ids(&open(&path(&folder)).await.unwrap()).await, [1]);
}

#[tokio::test]
async fn data_that_the_node_laid_out_otherwise_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(&path(&folder)).await.unwrap();
    let newer = alongside(&folder, MORE).await;
    assert!(matches!(newer, Err(StoreError::MigrationMissing { version: 2 })), "{newer:?}");
    node.close().await;
    let node = Store::open(options(&path(&folder)), MORE).await.unwrap();
    let older = alongside(&folder, NOTES).await;
    assert!(matches!(older, Err(StoreError::MigrationUnknown { version: 2 })), "{older:?}");
    node.close().await;
}
