//! Plaza's database: opening it, migrations, transactions, group commit.
//!
//! The crate knows SQL and nothing of chat. What a table means stands beside the rules that use it. Statements
//! are written once, with `$1` placeholders, and run through sqlx's `Any` driver; what only one database
//! understands stands in that database's own file (here: `sqlite` and `postgres`). A store is a file of one process, or a
//! PostgreSQL server that several nodes use.
//!
//! What [`Durability::Full`] promises: when a commit has answered, the operating system was told to put it on
//! the disk and has said that it is there.

mod alongside;
mod backup;
mod check;
mod dialect;
mod error;
mod gather;
mod group_commit;
mod health;
mod histogram;
mod lock;
mod log_size;
mod migrate;
mod moving;
mod open;
mod postgres;
mod restore;
mod sqlite;
mod subject;
mod wal;
mod write;

pub use backup::{Progress, back_up};
pub use dialect::Dialect;
pub use error::StoreError;
pub use group_commit::{Batch, Queue, QueueOptions, QueueStats, Refused, group_commit};
pub use health::Health;
pub use histogram::{Counts, Histogram};
pub use migrate::Migration;
pub use moving::{Moved, Moving, move_store};
pub use open::{Pending, new_epoch};
pub use postgres::ServerUrl;
pub use restore::{Restored, restore};
pub use subject::Subject;
pub use write::WriteTx;

use health::Watch;
use lock::DataLock;
use log_size::LogSize;
use sqlx::{Any, AnyPool, AssertSqlSafe, Connection as _, pool::PoolConnection};
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

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A SQLite file. Its folder is made if it is missing; a lock file stands beside it.
    File(PathBuf),
    /// A PostgreSQL server, version 15 or later.
    Server(ServerUrl),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(url) => write!(f, "{url}"),
        }
    }
}

/// Where the data is and how it is kept.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where it is.
    pub place: Place,
    /// What a commit waits for.
    pub durability: Durability,
    /// How many connections read at the same time, 1 to 64.
    pub readers: u32,
    /// Of a file: most bytes that it may have; further writes are refused as [`StoreError::Full`]. `None`: as many
    /// as the disk has room for.
    pub max_bytes: Option<u64>,
    /// Of a file: how long the check for damage may take when the store is opened; what it has not read by then is not checked.
    /// Zero: only the headers, the write-ahead log and the layout are looked at.
    pub check: Duration,
    /// Random: what the epoch becomes of a store that is not there yet. Of one that is, it changes nothing.
    pub new_epoch: [u8; 16],
}

impl StoreOptions {
    /// Full durability, four readers, no bound on the size, and three seconds for the check.
    pub fn new(path: impl Into<PathBuf>, new_epoch: [u8; 16]) -> Self {
        Self::at(Place::File(path.into()), new_epoch)
    }

    /// The same, anywhere.
    pub fn at(place: Place, new_epoch: [u8; 16]) -> Self {
        Self {
            place,
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
    /// Whoever waits for the writer and is no batch: one of them at a time stands in the writer's line.
    singly: Mutex<()>,
    home: Home,
}

/// What there is beside the connections.
enum Home {
    File(LocalFile),
    Server {
        /// The schema that the tables are in.
        schema: String,
        /// Connections for batches, which must not wait until others have waited.
        batches: AnyPool,
    },
}

impl Home {
    /// How getting a connection failed. A server that is not there has it look as if all were in use.
    fn waited(&self, pool: &AnyPool, error: sqlx::Error) -> StoreError {
        match (self, StoreError::from(error)) {
            (Self::Server { .. }, StoreError::Exhausted) if pool.size() == 0 => StoreError::Unreachable {
                place: error::SERVER.to_owned(),
                reason: "no connection could be made".to_owned(),
            },
            (_, error) => error,
        }
    }
}

struct LocalFile {
    log_size: LogSize,
    /// None beside a node that has it.
    lock: Option<DataLock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

impl Store {
    /// Which database it is in.
    pub fn dialect(&self) -> Dialect {
        match self.inner.home {
            Home::File(_) => Dialect::Sqlite,
            Home::Server { .. } => Dialect::Postgres,
        }
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
        let Inner { readers, home, .. } = &*self.inner;
        readers.acquire().await.map_err(|error| home.waited(readers, error))
    }

    /// A transaction whose statements all see the same moment. It needs no commit.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn snapshot(&self) -> Result<ReadTx, StoreError> {
        let Inner { readers, home, .. } = &*self.inner;
        let begin = match home {
            Home::File(_) => sqlite::BEGIN_SNAPSHOT,
            Home::Server { .. } => postgres::BEGIN_SNAPSHOT,
        };
        readers.begin_with(begin).await.map_err(|error| home.waited(readers, error))
    }

    /// The one writing transaction that is no batch's, of all nodes, as soon as those who asked before are done. However
    /// many ask, a batch of [`group_commit()`] lets no more than one of them go first: so nobody makes messages wait by
    /// asking often.
    ///
    /// # Errors
    /// `Exhausted` when it did not become free within thirty seconds, `Contended` when other nodes had it for five,
    /// `Closed` after [`Store::close`], `Corrupt` once damage was met.
    pub async fn write(&self) -> Result<WriteTx, StoreError> {
        self.write_about(&[]).await
    }

    /// The same, for what batches change too: none that has one of these subjects is under way meanwhile.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_about(&self, subjects: &[Subject]) -> Result<WriteTx, StoreError> {
        let first = timeout(sqlite::WRITE_PATIENCE, self.inner.singly.lock());
        let _first = first.await.map_err(|_| StoreError::Exhausted)?;
        self.begin(&self.inner.writer, &[subjects, &[Subject::WRITER]].concat()).await
    }

    /// In the writer's line at once; where several nodes write, as soon as nobody else is about these subjects.
    pub(crate) async fn write_batch(&self, subjects: &[Subject]) -> Result<WriteTx, StoreError> {
        let pool = match &self.inner.home {
            Home::File(_) => &self.inner.writer,
            Home::Server { batches, .. } => batches,
        };
        self.begin(pool, subjects).await
    }

    async fn begin(&self, writer: &AnyPool, subjects: &[Subject]) -> Result<WriteTx, StoreError> {
        let Inner { watch, home, .. } = &*self.inner;
        watch.check()?;
        let begun = match home {
            Home::File(file) => {
                file.log_size.keep_short(writer).await;
                writer.begin_with(sqlite::BEGIN_WRITE).await
            }
            Home::Server { schema, .. } => {
                writer.begin_with(AssertSqlSafe(postgres::begin_write(schema, subjects))).await
            }
        };
        let tx =
            begun.map_err(|error| home.waited(writer, error)).inspect_err(|error| _ = watch.failed(error))?;
        Ok(WriteTx::new(tx, Arc::clone(watch)))
    }

    /// What a batch does, which a server that has vanished without a word must not hold up for as long as TCP waits. What
    /// it was about to commit then may be stored.
    pub(crate) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.inner.home {
            Home::File(_) => work.await,
            Home::Server { .. } => timeout(postgres::LONGEST, work).await.unwrap_or_else(|_| {
                Err(StoreError::Uncertain { reason: "it did not answer in time".to_owned() })
            }),
        }
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
        if let Home::Server { .. } = self.inner.home
            && matches!(self.health(), Health::Writable | Health::Unreachable)
            && self.inner.watch.may_try(EVERY)
        {
            self.is_there().await?;
        }
        if self.health().may_pass() && self.inner.watch.may_try(EVERY) {
            write::attempt(self).await?;
        }
        self.inner.watch.standing()
    }

    /// Whether the server answers: also where nobody has asked it for anything lately.
    async fn is_there(&self) -> Result<(), StoreError> {
        let Inner { writer, watch, home, .. } = &*self.inner;
        let asked = async {
            let mut connection = writer.acquire().await.map_err(|error| home.waited(writer, error))?;
            Ok(connection.ping().await?)
        };
        match asked.await {
            Ok(()) => watch.committed(),
            Err(error) if watch.failed(&error) => return Err(error),
            // All connections are in use: so there is one.
            Err(_) => {}
        }
        Ok(())
    }

    /// Tells the store how something that was asked of it failed, where the caller saw it first: a statement that met
    /// damage, or found no room. `true`: the store has said it in the log, once for all of a spell.
    pub fn failed(&self, error: &StoreError) -> bool {
        self.inner.watch.failed(error)
    }

    /// Waits for who is reading or writing, puts everything into the one main file, and lets go of the data, so
    /// that another process may have it. Whoever comes later is answered `Closed`.
    pub async fn close(&self) {
        let Inner { readers, writer, home, .. } = &*self.inner;
        readers.close().await;
        let lock = match home {
            Home::File(file) => file.lock.as_ref(),
            Home::Server { batches, .. } => {
                batches.close().await;
                None
            }
        };
        if lock.is_some()
            && let Ok(mut connection) = writer.acquire().await
            && let Err(error) = sqlite::checkpoint(&mut connection).await
        {
            tracing::warn!(%error, "The data was not put into one file; the next start does it");
        }
        writer.close().await;
        if let Some(lock) = lock {
            lock.release();
        }
    }
}

/// An epoch as it is written.
fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
