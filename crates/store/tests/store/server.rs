//! A store on a real PostgreSQL server: how it is laid out while others use it, and what happens when the server is
//! not as it should be.

use plaza_store::{
    Batch, Durability, Health, Migration, Place, QueueOptions, Store, StoreError, StoreOptions, Subject,
    WriteTx, group_commit,
};
use plaza_testkit::Postgres;
use sqlx::{Connection as _, Row};
use std::{collections::BTreeSet, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);
const NOTES: Migration =
    Migration::new(1, "notes", "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT COLLATE \"C\")");
/// Adds what a program of before passes over.
const EXPAND: Migration =
    Migration::new(2, "colours", "ALTER TABLE notes ADD COLUMN colour TEXT").usable_from(1);
/// Takes away what a program of before needs.
const CONTRACT: Migration = Migration::new(3, "no text", "ALTER TABLE notes DROP COLUMN text").usable_from(2);

fn options(url: &str) -> StoreOptions {
    let place = Place::Server(url.parse().unwrap());
    StoreOptions { durability: Durability::None, readers: 2, ..StoreOptions::at(place, [0x0f; 16]) }
}

async fn opened(server: &Postgres) -> Store {
    Store::open(options(&server.url()), &[NOTES]).await.unwrap()
}

async fn note(tx: &mut WriteTx, id: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO notes (id, text) VALUES ($1, 'x')").bind(id).execute(&mut **tx).await?;
    Ok(())
}

async fn write(store: &Store, id: i64) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    note(&mut tx, id).await?;
    tx.commit().await
}

async fn count(store: &Store) -> Result<i64, StoreError> {
    let mut reader = store.read().await?;
    Ok(sqlx::query("SELECT COUNT(*) FROM notes").fetch_one(&mut *reader).await?.try_get(0)?)
}

/// Tries until it goes well.
async fn until_it_works<T>(mut attempt: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn nodes_that_start_at_once_lay_it_out_once() {
    let server = Postgres::start().await.unwrap();
    let mut starting = JoinSet::new();
    for number in 0..6 {
        let options = StoreOptions { new_epoch: [number; 16], ..options(&server.url()) };
        starting.spawn(async move { Store::open(options, &[NOTES]).await.unwrap() });
    }
    let stores = starting.join_all().await;
    assert!(stores.iter().all(|store| store.epoch() == stores[0].epoch()), "one epoch for all");
    for (id, store) in stores.iter().enumerate() {
        write(store, id as i64).await.unwrap();
    }
    assert_eq!(count(&stores[0]).await.unwrap(), 6);
    let pending = async |migrations: &[Migration]| {
        let place = Place::Server(server.url().parse().unwrap());
        let pending = Store::pending(&place, migrations).await.unwrap();
        pending.into_iter().map(|step| step.version).collect::<Vec<_>>()
    };
    assert!(pending(&[NOTES]).await.is_empty());
    assert_eq!(pending(&[NOTES, EXPAND, CONTRACT]).await, [2, 3]);
}

#[tokio::test]
async fn a_node_of_before_works_on_what_was_added_and_not_on_what_was_taken_away() {
    let server = Postgres::start().await.unwrap();
    let older = opened(&server).await;
    let newer = Store::open(options(&server.url()), &[NOTES, EXPAND]).await.unwrap();
    write(&older, 1).await.unwrap();
    write(&newer, 2).await.unwrap();
    older.close().await;
    let older = opened(&server).await;
    write(&older, 3).await.unwrap();
    assert_eq!((count(&older).await.unwrap(), older.epoch()), (3, newer.epoch()));

    Store::open(options(&server.url()), &[NOTES, EXPAND, CONTRACT]).await.unwrap().close().await;
    let refused = Store::open(options(&server.url()), &[NOTES]).await.unwrap_err();
    assert!(matches!(refused, StoreError::MigrationUnknown { version: 2 }), "{refused:?}");
    Store::open(options(&server.url()), &[NOTES, EXPAND]).await.unwrap();

    let other = Migration::new(1, "notes", "CREATE TABLE notes (id BIGINT)");
    let changed = Store::open(options(&server.url()), &[other, EXPAND]).await.unwrap_err();
    assert!(matches!(changed, StoreError::MigrationChanged { version: 1 }), "{changed:?}");
    let beside = Store::open_alongside(options(&server.url()), &[NOTES, EXPAND, CONTRACT, LATER]).await;
    assert!(matches!(beside, Err(StoreError::MigrationMissing { version: 4 })), "{beside:?}");
}

const LATER: Migration = Migration::new(4, "later", "CREATE TABLE later (id BIGINT)");

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind() {
    let server = Postgres::start().await.unwrap();
    let broken = Migration::new(2, "broken", "CREATE TABLE half (id BIGINT); CREATE TABLE notes (id BIGINT)");
    let failed = Store::open(options(&server.url()), &[NOTES, broken]).await.unwrap_err();
    assert!(matches!(failed, StoreError::MigrationFailed { version: 2, .. }), "{failed:?}");
    let store = opened(&server).await;
    let mut reader = store.read().await.unwrap();
    assert!(sqlx::query("SELECT 1 FROM half").fetch_optional(&mut *reader).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_in_a_sentence_without_the_password() {
    let server = Postgres::start().await.unwrap();
    for statement in [
        "CREATE DATABASE other",
        "CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'",
        "CREATE DATABASE standby",
        "ALTER DATABASE standby SET default_transaction_read_only = on",
    ] {
        server.run(statement).await.unwrap();
    }
    let at = |database: &str| server.url().replace("plaza@localhost/postgres", database);
    let url = at("plaza:s3cret@localhost/other");
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE of_another_program (id BIGINT)").execute(&mut connection).await.unwrap();
    for (url, part) in [
        (url, "another program's tables"),
        (at("plaza:s3cret@localhost/latin"), "its encoding is SQL_ASCII"),
        (at("plaza:s3cret@localhost/standby"), "it takes no writes"),
        (at("plaza:s3cret@localhost/nowhere"), "does not exist"),
        (at("nobody:s3cret@localhost/postgres"), "does not exist"),
        (format!("{}&options[search_path]=nowhere", server.url()), "search_path names does not exist"),
        ("postgres://plaza:s3cret@127.0.0.1:1/plaza".to_owned(), "cannot be reached"),
    ] {
        let error = Store::open(options(&url), &[NOTES]).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error} of {url}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn commits_wait_for_the_disk_also_where_the_server_would_not() {
    let server = Postgres::start().await.unwrap();
    server.run("ALTER DATABASE postgres SET synchronous_commit = off").await.unwrap();
    let full = StoreOptions { durability: Durability::Full, ..options(&server.url()) };
    let store = Store::open(full, &[NOTES]).await.unwrap();
    let mut tx = store.write().await.unwrap();
    let mut setting = async |name: &str| -> String {
        let asked = sqlx::query("SELECT current_setting($1)").bind(name).fetch_one(&mut *tx).await;
        asked.unwrap().get(0)
    };
    assert_eq!(setting("synchronous_commit").await, "on");
    assert_eq!(setting("jit").await, "off");
    assert_eq!(setting("lock_timeout").await, "5s");
    assert_eq!(setting("transaction_isolation").await, "read committed");
    let mut reader = store.read().await.unwrap();
    assert!(sqlx::query("DELETE FROM notes").execute(&mut *reader).await.is_err(), "readers only read");
}

#[tokio::test]
async fn a_snapshot_is_of_one_moment_and_writers_take_turns() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = (opened(&server).await, opened(&server).await);
    let mut snapshot = one.snapshot().await.unwrap();
    let counted = "SELECT COUNT(*) FROM notes";
    assert_eq!(sqlx::query(counted).fetch_one(&mut *snapshot).await.unwrap().get::<i64, _>(0), 0);
    let mut tx = one.write().await.unwrap();
    note(&mut tx, 1).await.unwrap();
    // Of another node, and it waits all the same; what is about something else does not.
    let mut waiting = Box::pin(other.write());
    assert!(timeout(Duration::from_millis(200), &mut waiting).await.is_err(), "there is one writer");
    tx.commit().await.unwrap();
    let mut tx = waiting.await.unwrap();
    assert_eq!(
        sqlx::query(counted).fetch_one(&mut *tx).await.unwrap().get::<i64, _>(0),
        1,
        "and it sees all"
    );
    assert_eq!(sqlx::query(counted).fetch_one(&mut *snapshot).await.unwrap().get::<i64, _>(0), 0);
}

#[tokio::test]
async fn too_many_at_once_are_answered_within_seconds() {
    let server = Postgres::start().await.unwrap();
    let store = opened(&server).await;
    let _readers = [store.read().await.unwrap(), store.read().await.unwrap()];
    let blocked = store.write().await.unwrap();
    let other = opened(&server).await;
    let began = Instant::now();
    let (read, write) = tokio::join!(store.read(), other.write());
    assert!(matches!(read, Err(StoreError::Exhausted)), "{read:?}");
    assert!(matches!(write, Err(StoreError::Contended { .. })), "{write:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(blocked);
    drop(other.write().await.unwrap());
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Postgres::start().await.unwrap();
    let store = opened(&server).await;
    let mut connections = BTreeSet::new();
    for id in 0..30 {
        write(&store, id).await.unwrap();
        let mut reader = store.read().await.unwrap();
        let row = sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut *reader).await.unwrap();
        connections.insert(row.try_get::<i32, _>(0).unwrap());
    }
    // Each costs the server a process, and both sides a password that takes thousands of rounds to check.
    assert!(connections.len() <= 2, "30 reads took {} connections", connections.len());
    store.close().await;
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_no_lock_behind() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = (opened(&server).await, opened(&server).await);
    let blocked = one.write().await.unwrap();
    for _ in 0..2 {
        assert!(timeout(Duration::from_millis(50), other.write()).await.is_err());
        drop(timeout(Duration::ZERO, other.snapshot()).await);
    }
    drop(blocked);
    for id in 0..4 {
        write(&one, id).await.unwrap();
    }
    assert_eq!(count(&other).await.unwrap(), 4, "and sees what is there now");
    write(&other, 5).await.unwrap();
}

/// Stores its numbers; each is about itself.
struct Numbers;

impl Batch for Numbers {
    type Job = i64;
    type Answer = Result<i64, String>;
    type Effect = ();

    async fn subjects(&mut self, _: &Store, jobs: Vec<&i64>) -> Result<Vec<Subject>, StoreError> {
        Ok(jobs.iter().map(|id| Subject::of("number", &id.to_string())).collect())
    }

    async fn run(&mut self, tx: &mut WriteTx, jobs: Vec<i64>) -> Result<(Vec<Self::Answer>, ()), StoreError> {
        let ids = jobs.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
        let stored =
            "INSERT INTO notes (id, text) SELECT value::bigint, 'x' FROM unnest(string_to_array($1, ' '))
            AS number (value) ON CONFLICT DO NOTHING";
        sqlx::query(stored).bind(ids).execute(&mut **tx).await?;
        Ok((jobs.into_iter().map(Ok).collect(), ()))
    }

    fn failed(&self, error: &StoreError) -> Self::Answer {
        Err(error.to_string())
    }

    async fn committed(&mut self, (): ()) {}
}

const KILL_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'plaza' AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_nothing_acknowledged_is_lost_and_it_comes_back() {
    let mut server = Postgres::start().await.unwrap();
    let full = StoreOptions { durability: Durability::Full, ..options(&server.url()) };
    let store = Store::open(full, &[NOTES]).await.unwrap();
    let options = QueueOptions { capacity: 10_000, max_batch: 8, apart: Duration::ZERO };
    let (queue, task) = group_commit(store.clone(), Numbers, options, CancellationToken::new());
    tokio::spawn(task);
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for round in 0..12 {
        let asked: Vec<_> =
            (0..100).map(|n| (round * 100 + n, queue.push(round * 100 + n).unwrap())).collect();
        match round {
            5 => {
                server.stop().await.unwrap();
                server.start_again().await.unwrap();
            }
            9 => {
                server.kill().await.unwrap();
                server.start_again().await.unwrap();
            }
            _ => server.run(KILL_ALL).await.unwrap(),
        }
        for (id, answer) in asked {
            match timeout(PATIENCE, answer).await.expect("answered in time").unwrap() {
                Ok(id) => acknowledged.push(id),
                Err(_) => {
                    // Done or not: it may be sent again, and is there once.
                    refused += 1;
                    let again =
                        async || queue.push(id).unwrap().await.unwrap().map_err(|_| StoreError::Exhausted);
                    acknowledged.push(until_it_works(again).await);
                }
            }
        }
    }
    assert!(refused > 0, "some of them met it");
    assert_eq!(acknowledged.len(), 1_200);
    assert_eq!(until_it_works(async || count(&store).await).await, 1_200);
}

#[tokio::test]
async fn a_server_that_is_away_is_told_and_noticed_when_it_is_back() {
    let mut server = Postgres::start().await.unwrap();
    let store = opened(&server).await;
    write(&store, 1).await.unwrap();
    assert!(store.can_write().await.is_ok());
    server.stop().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while store.can_write().await.is_ok() {
        assert!(Instant::now() < deadline, "it is noticed, though nobody writes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.health(), Health::Unreachable);
    let began = Instant::now();
    let (read, written) = (count(&store).await, write(&store, 2).await);
    assert!(matches!(read, Err(StoreError::Unreachable { .. })), "{read:?}");
    assert!(matches!(written, Err(StoreError::Unreachable { .. })), "{written:?}");
    assert!(began.elapsed() < Duration::from_secs(12), "and it is said soon");
    server.start_again().await.unwrap();
    until_it_works(async || store.can_write().await).await;
    assert_eq!(store.health(), Health::Writable);
    write(&store, 3).await.unwrap();
    assert_eq!(count(&store).await.unwrap(), 2);
}

#[tokio::test]
async fn a_commit_whose_connection_breaks_is_uncertain() {
    let server = Postgres::start().await.unwrap();
    let store = opened(&server).await;
    let mut tx = store.write().await.unwrap();
    note(&mut tx, 1).await.unwrap();
    server.run(KILL_ALL).await.unwrap();
    let committed = tx.commit().await;
    assert!(matches!(committed, Err(StoreError::Uncertain { .. })), "{committed:?}");
    until_it_works(async || write(&store, 2).await).await;
    assert_eq!(until_it_works(async || count(&store).await).await, 1);
}

#[tokio::test]
async fn the_epoch_changes_where_somebody_asks_for_it() {
    let server = Postgres::start().await.unwrap();
    let url = server.url().parse().unwrap();
    let missing = plaza_store::new_epoch(&url, &[NOTES], [1; 16]).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing:?}");
    let store = opened(&server).await;
    assert_eq!(store.epoch(), "0f".repeat(16));
    store.close().await;
    assert_eq!(plaza_store::new_epoch(&url, &[NOTES], [1; 16]).await.unwrap(), "01".repeat(16));
    assert_eq!(opened(&server).await.epoch(), "01".repeat(16));
}

#[tokio::test]
async fn a_large_batch_finds_room_for_its_locks() {
    const JOBS: i64 = 30_000;
    let mut server = Postgres::start().await.unwrap();
    // Some 5,000 for all, as a small server has.
    server.run("ALTER SYSTEM SET max_locks_per_transaction = 25").await.unwrap();
    server.stop().await.unwrap();
    server.start_again().await.unwrap();
    let store = opened(&server).await;
    let options = QueueOptions { capacity: JOBS as usize, max_batch: JOBS as usize, apart: Duration::ZERO };
    let (queue, task) = group_commit(store, Numbers, options, CancellationToken::new());
    let answers: Vec<_> = (0..JOBS).map(|n| queue.push(n).unwrap()).collect();
    tokio::spawn(task);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
}
