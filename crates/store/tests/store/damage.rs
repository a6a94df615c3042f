//! Data that must not be opened: it is refused with a sentence, and nothing is written to it.

use crate::support::*;
use plaza_store::{Health, Migration, Store, StoreError, StoreOptions};
use std::{fs, path::Path, time::Duration};

/// It is refused, by this sentence, and every file is as it was.
async fn refused(path: &Path, migrations: &[Migration], says: &str) -> StoreError {
    let before = files(path.parent().unwrap());
    for _ in 0..2 {
        let error = Store::open(options(path), migrations).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says) && text.contains("plaza restore"), "{text}");
        assert!(text.contains("plaza.db") || !matches!(error, StoreError::Corrupt { .. }), "{text}");
        assert!(files(path.parent().unwrap()) == before, "something was written");
    }
    Store::open(options(path), migrations).await.unwrap_err()
}

/// A store of some size that was closed, and its bytes.
async fn closed(path: &Path) -> Vec<u8> {
    let store = open(path).await.unwrap();
    note(&store, 0..2_000).await;
    store.close().await;
    fs::read(path).unwrap()
}

#[tokio::test]
async fn what_is_no_database_or_an_empty_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    for nonsense in ["x", "this is not a database, and long enough to show it"] {
        fs::write(&path, nonsense.repeat(300)).unwrap();
        refused(&path, NOTES, "does not begin as a database").await;
    }
    fs::write(&path, "SQLite format 3\0 and then nothing of the kind".repeat(300)).unwrap();
    refused(&path, NOTES, "damaged").await;

    // An empty file is what a first start may leave, and nothing that a later one may find.
    fs::write(&path, "").unwrap();
    let store = open(&path).await.unwrap();
    store.close().await;
    fs::write(&path, "").unwrap();
    refused(&path, NOTES, "empty").await;
}

#[tokio::test]
async fn a_damaged_header_a_damaged_page_and_a_file_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let whole = closed(&path).await;
    assert!(whole.len() > 200_000, "{}", whole.len());
    let mut page = whole.clone();
    page[100_000..104_000].fill(0xa5);
    let mut header = whole.clone();
    header[16..100].fill(0xff);
    let cut = whole[..whole.len() / 2].to_vec();
    let torn = whole[..whole.len() - 1_000].to_vec();
    for damaged in [page, header, cut, torn] {
        fs::write(&path, damaged).unwrap();
        let error = refused(&path, NOTES, "damaged").await;
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    }
    fs::write(&path, whole).unwrap();
    assert_eq!(ids(&open(&path).await.unwrap()).await.len(), 2_000);
}

#[tokio::test]
async fn the_check_ends_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let store = open(&path).await.unwrap();
    let mut tx = store.write().await.unwrap();
    let many = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20000)
        INSERT INTO notes SELECT id, 'a note like many others, and as long as this' FROM n";
    sqlx::raw_sql(many).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    let mut damaged = fs::read(&path).unwrap();
    // A tree is read from its end.
    damaged[10 * 4_096..11 * 4_096].fill(0xa5);
    fs::write(&path, damaged).unwrap();
    for check in [Duration::ZERO, Duration::from_nanos(1)] {
        let store = Store::open(StoreOptions { check, ..options(&path) }, NOTES).await.unwrap();
        store.close().await;
    }
    refused(&path, NOTES, "damaged").await;
}

#[tokio::test]
async fn another_programs_database_and_one_of_a_newer_plaza() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    foreign(&path).await;
    refused(&path, NOTES, "another program's").await;

    fs::remove_file(&path).unwrap();
    let newer = [NOTES[0], Migration::new(2, "more", "CREATE TABLE more (id BIGINT);")];
    Store::open(options(&path), &newer).await.unwrap().close().await;
    let error = refused(&path, NOTES, "newer Plaza").await;
    assert!(matches!(error, StoreError::MigrationUnknown { version: 2 }), "{error:?}");
    let changed = [Migration { sql: "CREATE TABLE notes (id BIGINT);", ..NOTES[0] }];
    let error = refused(&path, &changed, "another build").await;
    assert!(matches!(error, StoreError::MigrationUnknown { .. } | StoreError::MigrationChanged { .. }));
}

async fn foreign(path: &Path) {
    use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE bookmarks (url TEXT)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A store that crashed with a write-ahead log of twenty transactions, one of them for each of these notes.
async fn crashed(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let running = folder.path().join("running.db");
    let store = open(&running).await.unwrap();
    store.close().await;
    let store = open(&running).await.unwrap();
    note(&store, 0..20).await;
    let path = path(folder);
    crash(&running, &path);
    store.close().await;
    for suffix in ["", ".lock"] {
        let _ = fs::remove_file(format!("{}{suffix}", running.display()));
    }
    path
}

#[tokio::test]
async fn a_write_ahead_log_that_lost_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = crashed(&folder).await;
    let log = folder.path().join("plaza.db-wal");
    let whole = fs::read(&log).unwrap();
    let frame = 24 + 4_096;
    assert!(whole.len() > 10 * frame);

    let mut garbage = whole.clone();
    garbage.fill(0x5a);
    let mut header = whole.clone();
    header[20] ^= 1;
    let mut middle = whole.clone();
    middle[32 + 3 * frame + 100] ^= 1;
    for damaged in [garbage, header, middle] {
        fs::write(&log, damaged).unwrap();
        refused(&path, NOTES, "write-ahead log").await;
    }

    // What a power cut may leave is taken: the last transaction was not acknowledged.
    for cut in [whole.len() - 10, whole.len() - frame, 32, 10, 0] {
        fs::write(&log, &whole[..cut]).unwrap();
        let copy = tempfile::tempdir().unwrap();
        for name in ["plaza.db", "plaza.db-wal"] {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let found = ids(&open(&copy.path().join("plaza.db")).await.unwrap()).await;
        assert!(found.iter().copied().eq(0..found.len() as i64), "{found:?}");
        assert!(cut < whole.len() - 2 * frame || found.len() >= 18, "{cut}: {found:?}");
    }
    fs::write(&log, whole).unwrap();
    assert_eq!(ids(&open(&path).await.unwrap()).await.len(), 20);
}

#[tokio::test]
async fn damage_that_is_met_later_ends_writing_and_not_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut damaged = closed(&path).await;
    // The newest rows, where the next one goes.
    let end = damaged.len();
    damaged[end - 8 * 4_096..].fill(0xa5);
    fs::write(&path, damaged).unwrap();
    let options = StoreOptions { check: Duration::ZERO, ..options(&path) };
    let store = Store::open(options, NOTES).await.unwrap();
    assert_eq!(store.health(), Health::Writable);
    for id in 2_000..2_003 {
        let error = write(&store, id, 100).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert_eq!(store.health(), Health::Damaged);
    }
    assert!(matches!(store.can_write().await, Err(StoreError::Corrupt { .. })));
    let mut reader = store.read().await.unwrap();
    sqlx::query("SELECT id FROM notes WHERE id = 1").fetch_one(&mut *reader).await.unwrap();
}
