//! Plaza's database: opening it, migrations, transactions, group commit.
//!
//! The crate knows SQL and nothing of chat. What a table means stands beside the rules that use it. Statements
//! are written once, with `$1` placeholders, and run through sqlx's `Any` driver; what only one database
//! understands stands in that database's own file (here: `sqlite`).
//!
//! What [`Durability::Full`] promises: when a commit has answered, the operating system was told to put it on
//! the disk and has said that it is there.

mod error;
mod group_commit;
mod histogram;
mod lock;
mod migrate;
mod sqlite;

pub use error::StoreError;
pub use group_commit::{Batch, Queue, QueueOptions, QueueStats, Refused, group_commit};
pub use histogram::{Counts, Histogram};
pub use migrate::Migration;

use lock::DataLock;
use sqlx::{Any, AnyPool, Row, pool::PoolConnection};
use std::{path::PathBuf, sync::Arc};

/// A transaction that may write: there is one at a time, in the order they were asked for. Dropped without
/// `commit()`, it leaves nothing behind.
pub type WriteTx = sqlx::Transaction<'static, Any>;
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
    /// Random: what the epoch becomes of a store that is not there yet. Of one that is, it changes nothing.
    pub new_epoch: [u8; 16],
}

impl StoreOptions {
    /// Full durability and four readers.
    pub fn new(path: impl Into<PathBuf>, new_epoch: [u8; 16]) -> Self {
        Self { path: path.into(), durability: Durability::Full, readers: 4, new_epoch }
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
    lock: DataLock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, makes it if there is none, and brings it up to the newest of `migrations`.
    ///
    /// # Errors
    /// Every [`StoreError`] but `Closed`; its text is a sentence for the operator.
    pub async fn open(options: StoreOptions, migrations: &[Migration]) -> Result<Self, StoreError> {
        let path = lock::prepare(&options.path)?;
        let place = path.display().to_string();
        let lock = DataLock::take(&path)?;
        let opened = async {
            let writer = sqlite::writer(&path, options.durability).await?;
            migrate::run(&writer, migrations).await?;
            let epoch = epoch(&writer, options.new_epoch).await?;
            let readers = sqlite::readers(&path, options.durability, options.readers.clamp(1, 64)).await?;
            Ok((writer, readers, epoch))
        };
        let (writer, readers, epoch) = opened.await.map_err(|error: StoreError| error.at(&place))?;
        Ok(Self { inner: Arc::new(Inner { readers, writer, epoch, lock }) })
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

    /// The one writing transaction, as soon as those who asked before are done.
    ///
    /// # Errors
    /// `Exhausted` when it did not become free within thirty seconds, `Closed` after [`Store::close`].
    pub async fn write(&self) -> Result<WriteTx, StoreError> {
        Ok(self.inner.writer.begin_with(sqlite::BEGIN_WRITE).await?)
    }

    /// Waits for who is reading or writing, puts everything into the one main file, and lets go of the data, so
    /// that another process may have it. Whoever comes later is answered `Closed`.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        if let Ok(mut connection) = self.inner.writer.acquire().await
            && let Err(error) = sqlite::checkpoint(&mut connection).await
        {
            tracing::warn!(%error, "The data was not put into one file; the next start does it");
        }
        self.inner.writer.close().await;
        self.inner.lock.release();
    }
}

/// The store's epoch, made when it is asked for the first time.
async fn epoch(writer: &AnyPool, new: [u8; 16]) -> Result<String, StoreError> {
    let mut tx = writer.begin_with(sqlite::BEGIN_WRITE).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS store (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        .execute(&mut *tx)
        .await?;
    let fresh: String = new.iter().map(|byte| format!("{byte:02x}")).collect();
    sqlx::query("INSERT INTO store (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO NOTHING")
        .bind(fresh)
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query("SELECT value FROM store WHERE name = 'epoch'").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.try_get(0)?)
}
