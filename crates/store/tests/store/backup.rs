//! Backups of a store in use, and stores made of backups.

use crate::support::*;
use plaza_store::{Migration, StoreError, back_up, restore};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

async fn backed_up(from: &Path, to: &Path) -> Result<u64, StoreError> {
    back_up(from, to, NOTES, |_| {}).await
}

async fn restored(backup: &Path, into: &Path, force: bool) -> Result<String, StoreError> {
    Ok(restore(backup, into, force, NOTES, NEW_EPOCH).await?.epoch)
}

#[tokio::test]
async fn a_backup_is_of_one_moment_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (path(&folder), folder.path().join("copy.db"));
    let store = open(&path).await.unwrap();
    note(&store, 0..1_000).await;
    let writer = store.clone();
    let writing = tokio::spawn(async move { note(&writer, 1_000..1_500).await });
    let mut seen = Vec::new();
    let bytes = back_up(&path, &copy, NOTES, |progress| seen.push(progress)).await.unwrap();
    writing.await.unwrap();
    assert_eq!(bytes, copy.metadata().unwrap().len());
    assert_eq!(seen.last().map(|progress| (progress.bytes, progress.of)), Some((bytes, bytes)));
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join("copy.db.part").exists());

    let into = folder.path().join("other/plaza.db");
    restored(&copy, &into, false).await.unwrap();
    let there = ids(&open(&into).await.unwrap()).await;
    assert!(there.len() >= 1_000 && there.iter().copied().eq(0..there.len() as i64), "{}", there.len());
    assert_eq!(ids(&store).await.len(), 1_500);
}

#[tokio::test]
async fn a_restored_store_has_another_epoch_and_nothing_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (path(&folder), folder.path().join("copy.db"));
    let store = open(&path).await.unwrap();
    note(&store, 0..10).await;
    backed_up(&path, &copy).await.unwrap();
    note(&store, 10..20).await;

    let error = restored(&copy, &path, true).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    // As a crash leaves it: what is committed stands in the log beside it.
    let crashed = folder.path().join("crashed.db");
    crash(&path, &crashed);
    let error = restored(&copy, &crashed, false).await.unwrap_err();
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(restored(&copy, &crashed, true).await.unwrap(), "e0".repeat(16));
    let again = open(&crashed).await.unwrap();
    assert_eq!((again.epoch(), ids(&again).await), ("e0".repeat(16).as_str(), (0..10).collect()));
    assert_ne!(again.epoch(), store.epoch());
    note(&again, 100..110).await;
    again.close().await;
    assert_eq!(ids(&open(&crashed).await.unwrap()).await.len(), 20);
    let left: Vec<_> = files(folder.path()).into_keys().filter(|name| name.contains("restor")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(crashed.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_restore_that_was_interrupted_leaves_the_old_data_or_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (path(&folder), folder.path().join("copy.db"));
    let store = open(&path).await.unwrap();
    note(&store, 0..5).await;
    backed_up(&path, &copy).await.unwrap();
    note(&store, 5..10).await;
    let crashed = folder.path().join("crashed.db");
    crash(&path, &crashed);

    // In the middle of copying.
    fs::write(folder.path().join("crashed.db.restoring"), "half").unwrap();
    let after = folder.path().join("after.db");
    crash(&crashed, &after);
    assert_eq!(ids(&open(&after).await.unwrap()).await.len(), 10);
    // Between the decision and the last rename: the old log lies beside what is new.
    fs::copy(&copy, folder.path().join("crashed.db.restored")).unwrap();
    assert_eq!(ids(&open(&crashed).await.unwrap()).await.len(), 5);
    restored(&copy, &folder.path().join("third.db"), false).await.unwrap();
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_bad_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (path(&folder), folder.path().join("copy.db"));
    let missing = backed_up(&path, &copy).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing:?}");
    let store = open(&path).await.unwrap();
    note(&store, 0..2_000).await;
    fs::write(&copy, "mine").unwrap();
    let exists = backed_up(&path, &copy).await.unwrap_err();
    assert!(exists.to_string().contains("exists already"), "{exists}");
    assert_eq!(fs::read(&copy).unwrap(), b"mine");
    let nowhere = backed_up(&path, &folder.path().join("nowhere/copy.db")).await.unwrap_err();
    assert!(matches!(nowhere, StoreError::Unwritable { .. }), "{nowhere:?}");
    fs::remove_file(&copy).unwrap();
    // What an earlier try left does not stand in the way.
    fs::write(folder.path().join("copy.db.part"), "half".repeat(10_000)).unwrap();
    backed_up(&path, &copy).await.unwrap();
    let whole = fs::read(&copy).unwrap();

    let into = folder.path().join("into.db");
    let refused = async |says: &str| {
        let error = restored(&copy, &into, true).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!into.exists() && !folder.path().join("into.db.restoring").exists());
    };
    let mut damaged = whole.clone();
    damaged[100_000..104_000].fill(0xa5);
    for (bytes, says) in [
        (damaged, "cannot be restored"),
        (whole[..whole.len() / 2].to_vec(), "cannot be restored"),
        (b"nonsense".repeat(1_000), "cannot be restored"),
        (Vec::new(), "no data"),
    ] {
        fs::write(&copy, bytes).unwrap();
        refused(says).await;
    }
    fs::write(&copy, &whole).unwrap();
    fs::write(folder.path().join("copy.db-wal"), "something").unwrap();
    refused("write-ahead log").await;
    fs::remove_file(folder.path().join("copy.db-wal")).unwrap();
    let newer = [NOTES[0], Migration::new(2, "more", "CREATE TABLE more (id BIGINT);")];
    let later = folder.path().join("later.db");
    plaza_store::Store::open(options(&later), &newer).await.unwrap().close().await;
    fs::copy(&later, &copy).unwrap();
    refused("newer Plaza").await;
}
