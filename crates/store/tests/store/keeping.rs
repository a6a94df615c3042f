//! What keeps, what is refused, and what many jobs in one transaction do.

use plaza_store::{
    Batch, Durability, Migration, Queue, QueueOptions, ReadTx, Refused, Store, StoreError, StoreOptions,
    Subject, WriteTx, group_commit,
};
use sqlx::{AssertSqlSafe, Row};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::Mutex, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

const NOTES: Migration = Migration::new(1, "notes", "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT);");
const TAGS: Migration =
    Migration::new(2, "tags", "CREATE TABLE tags (name TEXT); INSERT INTO tags (name) VALUES ('first');");

const EPOCH: [u8; 16] = [0x0f; 16];

fn options(folder: &TempDir) -> StoreOptions {
    StoreOptions { durability: Durability::None, ..StoreOptions::new(file(folder), EPOCH) }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("a folder?#%/plaza.db")
}

async fn opened(folder: &TempDir) -> Store {
    Store::open(options(folder), &[NOTES]).await.unwrap()
}

async fn count(store: &Store) -> i64 {
    let mut reader = store.read().await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM notes").fetch_one(&mut *reader).await.unwrap().get(0)
}

async fn note(tx: &mut WriteTx, id: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO notes (id, text) VALUES ($1, 'x')").bind(id).execute(&mut **tx).await?;
    Ok(())
}

#[tokio::test]
async fn what_was_committed_is_there_again_under_the_same_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let epoch = store.epoch().to_owned();
    assert_eq!(epoch, "0f".repeat(16), "made of what was given");
    let mut tx = store.write().await.unwrap();
    note(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    let mut dropped = store.write().await.unwrap();
    note(&mut dropped, 2).await.unwrap();
    drop(dropped);
    store.close().await;
    assert!(matches!(store.read().await, Err(StoreError::Closed)));
    assert!(matches!(store.write().await, Err(StoreError::Closed)));
    let beside = file(&folder).with_file_name("plaza.db-wal");
    assert!(fs::metadata(beside).map_or(0, |file| file.len()) == 0, "everything is in the one file");

    let again = StoreOptions { new_epoch: [0; 16], ..options(&folder) };
    let store = Store::open(again, &[NOTES]).await.unwrap();
    assert_eq!((store.epoch(), count(&store).await), (epoch.as_str(), 1));
}

#[tokio::test]
async fn full_durability_and_wal_are_what_the_connections_have() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { durability: Durability::Full, ..options(&folder) };
    let store = Store::open(options, &[NOTES]).await.unwrap();
    let mut tx = store.write().await.unwrap();
    for (pragma, expected) in [("synchronous", "2"), ("journal_mode", "wal"), ("foreign_keys", "1")] {
        let asked = AssertSqlSafe(format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"));
        let value: String = sqlx::query(asked).fetch_one(&mut *tx).await.unwrap().get(0);
        assert_eq!(value, expected, "{pragma}");
    }
    let mut reader = store.read().await.unwrap();
    assert!(sqlx::query("DELETE FROM notes").execute(&mut *reader).await.is_err(), "readers only read");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _store = opened(&folder).await;
    let path = file(&folder);
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
    }
}

#[tokio::test]
async fn a_second_plaza_on_the_same_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let error = Store::open(options(&folder), &[NOTES]).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains("in use by another plaza") && text.contains("plaza.db"), "{text}");
    store.close().await;
    opened(&folder).await;
}

#[tokio::test]
async fn a_path_that_cannot_be_written_and_a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x".repeat(10_000)).unwrap();
    let under = Store::open(StoreOptions::new(file.join("plaza.db"), EPOCH), &[NOTES]).await.unwrap_err();
    assert!(matches!(under, StoreError::Unwritable { .. }), "{under:?}");
    let is = Store::open(StoreOptions::new(&file, EPOCH), &[NOTES]).await.unwrap_err();
    assert!(matches!(is, StoreError::Corrupt { .. }), "{is:?}");
    assert!(is.to_string().contains(file.to_str().unwrap()), "{is}");
    let folder_itself = Store::open(StoreOptions::new(folder.path(), EPOCH), &[NOTES]).await.unwrap_err();
    assert!(matches!(folder_itself, StoreError::Unwritable { .. }), "{folder_itself:?}");
}

#[tokio::test]
async fn migrations_go_forward_once_and_are_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    opened(&folder).await.close().await;
    let reopen = async |migrations: &[Migration]| Store::open(options(&folder), migrations).await;
    for _ in 0..2 {
        let store = reopen(&[NOTES, TAGS]).await.unwrap();
        let mut reader = store.read().await.unwrap();
        let tags = sqlx::query("SELECT COUNT(*) FROM tags").fetch_one(&mut *reader).await.unwrap();
        assert_eq!(tags.get::<i64, _>(0), 1, "applied once");
        drop(reader);
        store.close().await;
    }
    let newer = reopen(&[NOTES]).await.unwrap_err();
    assert!(matches!(newer, StoreError::MigrationUnknown { version: 2 }), "{newer:?}");
    assert!(newer.to_string().contains("newer Plaza"), "{newer}");
    let changed = Migration { sql: "CREATE TABLE notes (id BIGINT);", ..NOTES };
    let changed = reopen(&[changed, TAGS]).await.unwrap_err();
    assert!(matches!(changed, StoreError::MigrationChanged { version: 1 }), "{changed:?}");

    let broken = Migration::new(3, "broken", "CREATE TABLE half (id BIGINT); CREATE TABLE notes (x);");
    let failed = reopen(&[NOTES, TAGS, broken]).await.unwrap_err();
    assert!(matches!(failed, StoreError::MigrationFailed { version: 3, .. }), "{failed:?}");
    let store = reopen(&[NOTES, TAGS]).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let half = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = 'half'");
    assert!(half.fetch_optional(&mut *reader).await.unwrap().is_none(), "nothing of it was kept");
}

#[tokio::test]
async fn a_snapshot_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let mut snapshot = store.snapshot().await.unwrap();
    let counted = async |tx: &mut ReadTx| -> i64 {
        sqlx::query("SELECT COUNT(*) FROM notes").fetch_one(&mut **tx).await.unwrap().get(0)
    };
    assert_eq!(counted(&mut snapshot).await, 0);
    let mut tx = store.write().await.unwrap();
    note(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counted(&mut snapshot).await, 0);
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn there_is_one_writer_at_a_time_and_they_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let first = store.write().await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for n in 0..5 {
        let mut asked = Box::pin({
            let (store, order) = (store.clone(), order.clone());
            async move {
                let tx = store.write().await.unwrap();
                order.lock().await.push(n);
                tx.commit().await.unwrap();
            }
        });
        // Polled once here, so that it stands in line before the next one.
        assert!(timeout(Duration::ZERO, &mut asked).await.is_err());
        tasks.spawn(asked);
    }
    drop(first);
    tasks.join_all().await;
    assert_eq!(*order.lock().await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_transaction_that_the_database_undid_by_itself_leaves_a_writer_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let mut tx = store.write().await.unwrap();
    note(&mut tx, 1).await.unwrap();
    // As SQLite does on a full disk; the driver still counts a transaction.
    sqlx::raw_sql("ROLLBACK").execute(&mut *tx).await.unwrap();
    drop(tx);
    let mut tx = store.write().await.unwrap();
    note(&mut tx, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&store).await, 1);
}

/// Notes by number. Below zero is refused by a rule; `FILL` runs the disk full; `FAIL` fails.
struct Notes {
    batches: Arc<Mutex<Vec<usize>>>,
    effects: Arc<Mutex<Vec<i64>>>,
}

const FILL: i64 = 1_000_000;
const FAIL: i64 = 2_000_000;
/// Left without an answer.
const MUTE: i64 = 3_000_000;

impl Batch for Notes {
    type Job = i64;
    type Answer = Result<i64, String>;
    type Effect = Vec<i64>;

    async fn subjects(&mut self, _: &Store, _: Vec<&i64>) -> Result<Vec<Subject>, StoreError> {
        Ok(Vec::new())
    }

    async fn run(
        &mut self,
        tx: &mut WriteTx,
        jobs: Vec<i64>,
    ) -> Result<(Vec<Self::Answer>, Vec<i64>), StoreError> {
        self.batches.lock().await.push(jobs.len());
        let mut answers = Vec::new();
        for id in &jobs {
            if *id == FILL {
                sqlx::raw_sql("PRAGMA max_page_count = 20").execute(&mut **tx).await?;
                let big = "x".repeat(1_000_000);
                sqlx::query("INSERT INTO notes VALUES (7, $1)").bind(big).execute(&mut **tx).await?;
            } else if *id == FAIL {
                sqlx::query("INSERT INTO nowhere VALUES (1)").execute(&mut **tx).await?;
            } else if *id >= 0 {
                note(tx, *id).await?;
            }
            if *id == MUTE {
                continue;
            }
            answers.push(if *id < 0 { Err("refused".to_owned()) } else { Ok(*id) });
        }
        Ok((answers, jobs))
    }

    fn failed(&self, error: &StoreError) -> Self::Answer {
        Err(error.to_string())
    }

    async fn committed(&mut self, effect: Vec<i64>) {
        self.effects.lock().await.extend(effect);
    }
}

struct Running {
    queue: Queue<Notes>,
    task: tokio::task::JoinHandle<()>,
    shutdown: CancellationToken,
    batches: Arc<Mutex<Vec<usize>>>,
    effects: Arc<Mutex<Vec<i64>>>,
}

fn start(store: &Store, capacity: usize, max_batch: usize) -> Running {
    let (batches, effects) = (Arc::default(), Arc::default());
    let notes = Notes { batches: Arc::clone(&batches), effects: Arc::clone(&effects) };
    let shutdown = CancellationToken::new();
    let options = QueueOptions { capacity, max_batch, apart: Duration::ZERO };
    let (queue, task) = group_commit(store.clone(), notes, options, shutdown.clone());
    Running { queue, task: tokio::spawn(task), shutdown, batches, effects }
}

#[tokio::test]
async fn what_waits_shares_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let running = start(&store, 100, 8);
    // While the writer is taken, one batch is with the task and the others gather.
    let blocked = store.write().await.unwrap();
    let answers: Vec<_> = (0..20).map(|id| running.queue.push(id).unwrap()).collect();
    let refused = running.queue.push(-1).unwrap();
    tokio::task::yield_now().await;
    drop(blocked);
    for (id, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), Ok(id as i64));
    }
    assert_eq!(refused.await.unwrap(), Err("refused".to_owned()));
    assert_eq!(count(&store).await, 20);
    running.shutdown.cancel();
    running.task.await.unwrap();
    assert_eq!(*running.batches.lock().await, [8, 8, 5]);
    let stats = running.queue.stats();
    let sizes: Vec<_> = stats.sizes.counts().buckets.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!((sizes, stats.sizes.counts().sum), (vec![(8, 3)], 21));
    assert!(stats.took.counts().sum > 0 && stats.waited.counts().sum > 0, "{stats:?}");
    assert_eq!(*running.effects.lock().await, (0..20).chain([-1]).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_that_fails_is_answered_so_and_the_next_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let running = start(&store, 100, 8);
    let all = [(FAIL, "The store failed"), (FILL, "is full"), (MUTE, "1 answers to 2 requests")];
    for (bad, sentence) in all {
        let (good, bad) = (running.queue.push(1).unwrap(), running.queue.push(bad).unwrap());
        for answer in [good, bad] {
            let answer = answer.await.unwrap().unwrap_err();
            assert!(answer.contains(sentence), "{answer}");
        }
        assert_eq!(count(&store).await, 0, "nothing of it was kept");
    }
    assert_eq!(running.queue.push(2).unwrap().await.unwrap(), Ok(2));
    assert_eq!(running.queue.stats().failed(), 3);
    assert_eq!(count(&store).await, 1);
    assert_eq!(*running.effects.lock().await, [2]);
}

#[tokio::test]
async fn a_job_whose_time_has_run_out_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let running = start(&store, 100, 8);
    let now = tokio::time::Instant::now();
    let push = |id, deadline| running.queue.push_by(id, deadline).unwrap();
    let blocked = store.write().await.unwrap();
    // One is with the task already, and the others wait behind it.
    let first = push(1, None);
    tokio::task::yield_now().await;
    let (late, in_time, any) =
        (push(2, Some(now)), push(3, Some(now + Duration::from_secs(600))), push(4, None));
    drop(blocked);
    for (id, answer) in [(1, first), (3, in_time), (4, any)] {
        assert_eq!(answer.await.unwrap(), Ok(id));
    }
    assert!(late.await.unwrap().unwrap_err().contains("ran out"));
    assert_eq!(count(&store).await, 3);
    assert_eq!(*running.batches.lock().await, [1, 2]);
}

#[tokio::test]
async fn the_queue_is_bounded_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let running = start(&store, 2, 1);
    let blocked = store.write().await.unwrap();
    let mut answers = Vec::new();
    let refused = loop {
        match running.queue.push(answers.len() as i64) {
            Ok(answer) => answers.push(answer),
            Err(refused) => break refused,
        }
        tokio::task::yield_now().await;
        assert!(answers.len() <= 3, "two wait and one is with the task");
    };
    assert_eq!(refused, Refused::Full);
    running.shutdown.cancel();
    drop(blocked);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    running.task.await.unwrap();
    assert!(matches!(running.queue.push(9), Err(Refused::Ended)));

    let Running { queue, task, .. } = start(&store, 2, 1);
    drop(queue);
    task.await.unwrap();
}

#[tokio::test]
async fn what_is_on_the_disk_before_a_clean_end_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let mut tx = store.write().await.unwrap();
    note(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    let from = file(&folder);
    let copy = tempfile::tempdir().unwrap();
    let to = file(&copy);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    for name in ["plaza.db", "plaza.db-wal"] {
        copy_file(&from.with_file_name(name), &to.with_file_name(name));
    }
    let other = opened(&copy).await;
    assert_eq!((other.epoch(), count(&other).await), (store.epoch(), 1));
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
}
