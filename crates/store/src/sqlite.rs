//! What is SQLite's alone: how its file is opened and made durable, how transactions begin, its error codes.

use crate::{Durability, StoreError, check::Depth, error::Trouble};
use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use std::{
    path::Path,
    str::FromStr,
    time::{Duration, Instant},
};

/// Takes the write lock at once: no transaction finds out half way that another was faster.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// In WAL mode the first statement fixes what the transaction sees.
pub(crate) const BEGIN_SNAPSHOT: &str = "BEGIN";

/// Where what a statement changes is kept until it is done, for it to be undone alone: in a file, that would be written
/// at every batch.
const TEMPORARY_IN_MEMORY: &str = "PRAGMA temp_store = MEMORY";
const TEMPORARY_IN_FILES: &str = "PRAGMA temp_store = FILE";

/// How long a reader waits for a connection.
const READ_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection waits for another one's lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a writer waits for its turn.
pub(crate) const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// The pool of the one connection that writes.
pub(crate) async fn writer(
    path: &Path,
    durability: Durability,
    max_bytes: Option<u64>,
) -> Result<AnyPool, StoreError> {
    let options = location(path)?;
    // A pool tries again and again to connect, and then says only that it took too long. So the file is opened
    // once without one: what is wrong with it shows at start, and by its name.
    let mut first = options.connect().await?;
    let role = Role::Writer { max_bytes };
    prepare(&mut first, durability, role).await?;
    first.close().await?;
    let pool = pool(durability, role).max_connections(1).acquire_timeout(WRITE_PATIENCE);
    Ok(pool.connect_with(options).await?)
}

/// The pool of those that read.
pub(crate) async fn readers(path: &Path, durability: Durability, count: u32) -> Result<AnyPool, StoreError> {
    let pool = pool(durability, Role::Reader).max_connections(count).acquire_timeout(READ_PATIENCE);
    Ok(pool.connect_with(location(path)?).await?)
}

/// A connection that cannot write, for looking at a database before it is used and for copying it while it is. It
/// leaves the write-ahead log as it is.
pub(crate) async fn open_to_look(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    Ok(options.busy_timeout(PATIENCE).connect().await?)
}

/// Closes it, so that nothing of it is left when this returns.
pub(crate) async fn close(connection: SqliteConnection) -> Result<(), StoreError> {
    Ok(connection.close().await?)
}

/// What is wrong with the first thing that does not hold. What is not read in the time for it counts as sound.
pub(crate) async fn find_damage(
    connection: &mut SqliteConnection,
    depth: Depth,
) -> Result<Option<String>, StoreError> {
    /// `SQLITE_INTERRUPT`
    const INTERRUPTED: &str = "9";
    /// Steps, about as many pages, between two looks at the time: a fraction of a millisecond.
    const STEPS: i32 = 50;
    let check = match depth {
        Depth::Pages { within } => {
            if let Some(within) = within {
                let began = Instant::now();
                connection.lock_handle().await?.set_progress_handler(STEPS, move || began.elapsed() < within);
            }
            "PRAGMA quick_check(1)"
        }
        Depth::Everything => "PRAGMA integrity_check(1)",
    };
    let checked = sqlx::query(check).fetch_one(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    match checked {
        Ok(row) => {
            let said: String = row.try_get(0)?;
            Ok((said != "ok").then(|| said.replace('\n', " ")))
        }
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(INTERRUPTED) => {
            tracing::info!(
                "The data is too large to be checked whole in the time for it; what was read is sound"
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// About how many bytes a compact copy has.
pub(crate) async fn bytes_in_use(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let mut numbers = [0_i64; 3];
    for (number, pragma) in numbers.iter_mut().zip(["page_count", "freelist_count", "page_size"]) {
        let asked = AssertSqlSafe(format!("PRAGMA {pragma}"));
        *number = sqlx::query(asked).fetch_one(&mut *connection).await?.try_get(0)?;
    }
    let [pages, free, size] = numbers;
    Ok((pages - free).unsigned_abs() * size.unsigned_abs())
}

/// Copies all of one moment into an empty file.
pub(crate) async fn copy_into(connection: &mut SqliteConnection, to: &Path) -> Result<(), StoreError> {
    sqlx::query("VACUUM INTO $1").bind(utf8(to)?).execute(connection).await?;
    Ok(())
}

/// Gives a database that nobody else has open another epoch, and leaves one file. `false`: it has none to change.
pub(crate) async fn change_epoch(path: &Path, epoch: &str) -> Result<bool, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.disable_statement_logging().connect().await?;
    let changed = sqlx::query("UPDATE store SET value = $1 WHERE name = 'epoch'").bind(epoch);
    let changed = changed.execute(&mut connection).await?.rows_affected();
    connection.close().await?;
    Ok(changed == 1)
}

/// Puts the write-ahead log into the main file and empties it.
pub(crate) async fn checkpoint(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(connection).await?;
    Ok(())
}

/// Puts the write-ahead log into the main file and has the next transaction begin it anew, waiting for who reads from it,
/// but not for long. Whether it was done.
pub(crate) async fn begin_log_anew(connection: &mut AnyConnection) -> sqlx::Result<bool> {
    set_patience(connection, Duration::from_millis(250)).await?;
    let done = sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_one(&mut *connection).await;
    set_patience(connection, PATIENCE).await?;
    Ok(done?.try_get::<i64, _>(0)? == 0)
}

/// Has what is temporary, such as what is sorted, lie in files while the tables are laid out, for it may be as large as they
/// are; and then no longer.
pub(crate) async fn lay_out_with_files(connection: &mut AnyConnection, files: bool) -> sqlx::Result<()> {
    let setting = if files { TEMPORARY_IN_FILES } else { TEMPORARY_IN_MEMORY };
    sqlx::raw_sql(setting).execute(connection).await?;
    Ok(())
}

/// How long a connection waits for another one's lock.
async fn set_patience(connection: &mut AnyConnection, patience: Duration) -> sqlx::Result<()> {
    let setting = format!("PRAGMA busy_timeout = {}", patience.as_millis());
    sqlx::raw_sql(AssertSqlSafe(setting)).execute(connection).await?;
    Ok(())
}

/// What an error code means. The codes are SQLite's extended ones, whose low byte is the primary one:
/// <https://www.sqlite.org/rescode.html>.
pub(crate) fn trouble(code: &str) -> Option<Trouble> {
    /// `SQLITE_IOERR_CORRUPTFS`: the file system says that the file is damaged.
    const CORRUPT_FILE_SYSTEM: u32 = 10 | (33 << 8);
    let code: u32 = code.parse().ok()?;
    match code & 0xff {
        _ if code == CORRUPT_FILE_SYSTEM => Some(Trouble::Corrupt),
        5 | 6 => Some(Trouble::Locked),
        3 | 8 | 10 | 14 => Some(Trouble::Unwritable),
        11 | 26 => Some(Trouble::Corrupt),
        13 => Some(Trouble::Full),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer { max_bytes: Option<u64> },
    Reader,
}

fn pool(durability: Durability, role: Role) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| Box::pin(prepare(connection, durability, role)))
        .after_release(|connection, _| Box::pin(is_clean(connection)))
}

/// The file as sqlx wants it named.
fn location(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    sqlx::any::install_default_drivers();
    let mut url = String::from("sqlite://");
    for byte in utf8(path)?.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.push_str("?mode=rw");
    Ok(AnyConnectOptions::from_str(&url)?.disable_statement_logging())
}

fn utf8(path: &Path) -> Result<&str, StoreError> {
    path.to_str().ok_or_else(|| StoreError::Unwritable {
        place: path.display().to_string(),
        reason: "its path is not UTF-8".to_owned(),
    })
}

async fn prepare(connection: &mut AnyConnection, durability: Durability, role: Role) -> sqlx::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::None => "OFF",
    };
    let mut settings = vec![
        format!("PRAGMA busy_timeout = {}", PATIENCE.as_millis()),
        "PRAGMA foreign_keys = ON".to_owned(),
        format!("PRAGMA synchronous = {synchronous}"),
        // On macOS an ordinary sync does not reach the disk; elsewhere these two say nothing.
        "PRAGMA fullfsync = ON".to_owned(),
        "PRAGMA checkpoint_fullfsync = ON".to_owned(),
    ];
    match role {
        Role::Writer { max_bytes } => {
            // Before there is anything in it. A message changes a few bytes in each of two or three pages, and these are
            // written whole.
            sqlx::raw_sql("PRAGMA page_size = 2048").execute(&mut *connection).await?;
            settings.push("PRAGMA cache_size = -16384".to_owned());
            settings.push(TEMPORARY_IN_MEMORY.to_owned());
            // A page that many transactions change is put into the database once for all that the log has of it.
            settings.push("PRAGMA wal_autocheckpoint = 8192".to_owned());
            // What the write-ahead log may keep when it begins anew.
            settings.push("PRAGMA journal_size_limit = 16777216".to_owned());
            let mode: String =
                sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await?.try_get(0)?;
            if mode != "wal" {
                return Err(sqlx::Error::Configuration(
                    format!("this disk does not bear a write-ahead log (SQLite answers {mode:?})").into(),
                ));
            }
            if let Some(bytes) = max_bytes {
                let page: i64 =
                    sqlx::query("PRAGMA page_size").fetch_one(&mut *connection).await?.try_get(0)?;
                settings
                    .push(format!("PRAGMA max_page_count = {}", (bytes / page.unsigned_abs().max(1)).max(1)));
            }
        }
        Role::Reader => settings.push("PRAGMA query_only = ON".to_owned()),
    }
    for setting in settings {
        sqlx::raw_sql(AssertSqlSafe(setting)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether a connection that comes back may be used again. On a full disk SQLite may roll a transaction back by
/// itself; the driver's own rollback then fails, and it would count one open transaction for ever and begin
/// none any more.
async fn is_clean(connection: &mut AnyConnection) -> sqlx::Result<bool> {
    if connection.is_in_transaction() {
        // The rollback of a dropped transaction may still be under way; the ping queues behind it.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}
