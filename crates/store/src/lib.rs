//! Plaza's database: opening it, migrations, transactions, group commit.
//!
//! The crate knows SQL and nothing of chat. What a table means stands beside the rules that use it. Statements
//! are written once, with `$1` placeholders, and run through sqlx's `Any` driver; what only one database
//! understands stands in that database's own file (here: `sqlite`).
//!
//! What [`Durability::Full`] promises: when a commit has answered, the operating system was told to put it on
//! the disk and has said that it is there.

mod alongside;
mod backup;
mod check;
mod error;
mod group_commit;
mod health;
mod histogram;
mod lock;
mod log_size;
mod migrate;
mod restore;
mod sqlite;
mod wal;
mod write;

pub use backup::{Progress, back_up};
pub use error::StoreError;
pub use group_commit::{Batch, Queue, QueueOptions, QueueStats, Refused, group_commit};
pub use health::Health;
pub use histogram::{Counts, Histogram};
pub use migrate::Migration;
pub use restore::{Restored, restore};
pub use write::WriteTx;

use health::Watch;
use lock::DataLock;
use log_size::LogSize;
use sqlx::{Any, AnyPool, Row, pool::PoolConnection};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::timeout};

/// A transaction that only reads, all of it from one moment.
pub type ReadTx = sqlx::Transaction<'static, Any>;
/// A connection for single reading statements.
pub type Reader = PoolConnection<Any>;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// For the disk. An acknowledged commit survives a power cut.
    #[default]
    Full,
    /// For nothing: a power cut may lose commits that were acknowledged, and the file with them. For data that
    /// may be thrown away, such as a test's.
    None,
}

/// Where the data is and how it is kept.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The database file. Its folder is made if it is missing; a lock file stands beside it.
    pub path: PathBuf,
    /// What a commit waits for.
    pub durability: Durability,
    /// How many connections read at the same time, 1 to 64.
    pub readers: u32,
    /// Most bytes that the database file may have; further writes are refused as [`StoreError::Full`]. `None`: as many
    /// as the disk has room for.
    pub max_bytes: Option<u64>,
    /// How long the check for damage may take when the store is opened; what it has not read by then is not checked.
    /// Zero: only the headers, the write-ahead log and the layout are looked at.
    pub check: Duration,
    /// Random: what the epoch becomes of a store that is not there yet. Of one that is, it changes nothing.
    pub new_epoch: [u8; 16],
}

impl StoreOptions {
    /// Full durability, four readers, no bound on the size, and three seconds for the check.
    pub fn new(path: impl Into<PathBuf>, new_epoch: [u8; 16]) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Full,
            readers: 4,
            max_bytes: None,
            check: Duration::from_secs(3),
            new_epoch,
        }
    }
}

/// The database: some connections that read, one that writes. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: AnyPool,
    writer: AnyPool,
    epoch: String,
    watch: Arc<Watch>,
    log_size: LogSize,
    /// Whoever waits for the writer and is no batch: one of them at a time stands in the writer's line.
    singly: Mutex<()>,
    /// None beside a node that has it.
    lock: Option<DataLock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, makes it if there is none, and brings it up to the newest of `migrations`. What is damaged,
    /// another program's or laid out by a newer Plaza is refused before anything is written to it; how deep it looks
    /// is bounded by [`StoreOptions::check`]. A [`restore()`] that was interrupted is completed.
    ///
    /// # Errors
    /// A [`StoreError`] whose text is a sentence for the operator.
    pub async fn open(options: StoreOptions, migrations: &[Migration]) -> Result<Self, StoreError> {
        let path = lock::folder(&options.path)?;
        let place = path.display().to_string();
        let lock = DataLock::take(&path)?;
        let opened = async {
            restore::complete(&path)?;
            check::before_use(&path, &lock, migrations, options.check).await?;
            lock::create_private(&path)?;
            let writer = sqlite::writer(&path, options.durability, options.max_bytes).await?;
            migrate::run(&writer, migrations).await?;
            let epoch = epoch(&writer, options.new_epoch).await?;
            lock.mark_used()?;
            let readers = sqlite::readers(&path, options.durability, options.readers.clamp(1, 64)).await?;
            Ok((writer, readers, epoch))
        };
        let (writer, readers, epoch) = opened.await.map_err(|error: StoreError| error.at(&place))?;
        let (watch, log_size) = (Arc::new(Watch::new(place)), LogSize::of(&path));
        let (singly, lock) = (Mutex::default(), Some(lock));
        Ok(Self { inner: Arc::new(Inner { readers, writer, epoch, watch, log_size, singly, lock }) })
    }

    /// Made at random with the store: positions of another epoch mean nothing here.
    pub fn epoch(&self) -> &str {
        &self.inner.epoch
    }

    /// A connection for single reading statements; each of them sees what is committed when it starts.
    ///
    /// # Errors
    /// `Exhausted` when none became free within ten seconds, `Closed` after [`Store::close`].
    pub async fn read(&self) -> Result<Reader, StoreError> {
        Ok(self.inner.readers.acquire().await?)
    }

    /// A transaction whose statements all see the same moment. It needs no commit.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn snapshot(&self) -> Result<ReadTx, StoreError> {
        Ok(self.inner.readers.begin_with(sqlite::BEGIN_SNAPSHOT).await?)
    }

    /// The one writing transaction, as soon as those who asked before are done. However many ask, a batch of
    /// [`group_commit()`] lets no more than one of them go first: so nobody makes messages wait by asking often.
    ///
    /// # Errors
    /// `Exhausted` when it did not become free within thirty seconds, `Closed` after [`Store::close`], `Corrupt` once
    /// damage was met.
    pub async fn write(&self) -> Result<WriteTx, StoreError> {
        let first = timeout(sqlite::WRITE_PATIENCE, self.inner.singly.lock());
        let _first = first.await.map_err(|_| StoreError::Exhausted)?;
        self.write_batch().await
    }

    /// The same, in the writer's line at once.
    pub(crate) async fn write_batch(&self) -> Result<WriteTx, StoreError> {
        self.inner.watch.check()?;
        self.inner.log_size.keep_short(&self.inner.writer).await;
        let begun = self.inner.writer.begin_with(sqlite::BEGIN_WRITE).await.map_err(StoreError::from);
        let tx = begun.inspect_err(|error| _ = self.inner.watch.failed(error))?;
        Ok(WriteTx::new(tx, Arc::clone(&self.inner.watch)))
    }

    /// What is known of whether the store takes writes, without trying.
    pub fn health(&self) -> Health {
        self.inner.watch.health()
    }

    /// Whether the store takes writes now. Where one failed lately, this tries, at most once a second however often it
    /// is asked: so a node that nobody asks to write notices that there is room again.
    ///
    /// # Errors
    /// Why not; its text is a sentence for the operator.
    pub async fn can_write(&self) -> Result<(), StoreError> {
        const EVERY: Duration = Duration::from_secs(1);
        if matches!(self.health(), Health::Full | Health::Unwritable) && self.inner.watch.may_try(EVERY) {
            write::attempt(self).await?;
        }
        self.inner.watch.standing()
    }

    /// Tells the store how something that was asked of it failed, where the caller saw it first: a statement that met
    /// damage, or found no room. `true`: the store has said it in the log, once for all of a spell.
    pub fn failed(&self, error: &StoreError) -> bool {
        self.inner.watch.failed(error)
    }

    /// Waits for who is reading or writing, puts everything into the one main file, and lets go of the data, so
    /// that another process may have it. Whoever comes later is answered `Closed`.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        if self.inner.lock.is_some()
            && let Ok(mut connection) = self.inner.writer.acquire().await
            && let Err(error) = sqlite::checkpoint(&mut connection).await
        {
            tracing::warn!(%error, "The data was not put into one file; the next start does it");
        }
        self.inner.writer.close().await;
        if let Some(lock) = &self.inner.lock {
            lock.release();
        }
    }
}

/// The store's epoch, made when it is asked for the first time.
async fn epoch(writer: &AnyPool, new: [u8; 16]) -> Result<String, StoreError> {
    let mut tx = writer.begin_with(sqlite::BEGIN_WRITE).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS store (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        .execute(&mut *tx)
        .await?;
    let fresh = hex(new);
    sqlx::query("INSERT INTO store (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO NOTHING")
        .bind(fresh)
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query("SELECT value FROM store WHERE name = 'epoch'").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.try_get(0)?)
}

/// An epoch as it is written.
fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
