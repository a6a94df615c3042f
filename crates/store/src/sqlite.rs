//! What is SQLite's alone: how its file is opened and made durable, how transactions begin, its error codes.

use crate::{Durability, StoreError, error::Trouble};
use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Row,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use std::{path::Path, str::FromStr, time::Duration};

/// Takes the write lock at once: no transaction finds out half way that another was faster.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// In WAL mode the first statement fixes what the transaction sees.
pub(crate) const BEGIN_SNAPSHOT: &str = "BEGIN";

/// How long a reader waits for a connection.
const READ_PATIENCE: Duration = Duration::from_secs(10);
/// How long a writer waits for its turn.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// The pool of the one connection that writes.
pub(crate) async fn writer(path: &Path, durability: Durability) -> Result<AnyPool, StoreError> {
    let options = location(path)?;
    // A pool tries again and again to connect, and then says only that it took too long. So the file is opened
    // once without one: what is wrong with it shows at start, and by its name.
    let mut first = options.connect().await?;
    prepare(&mut first, durability, Role::Writer).await?;
    first.close().await?;
    let pool = pool(durability, Role::Writer).max_connections(1).acquire_timeout(WRITE_PATIENCE);
    Ok(pool.connect_with(options).await?)
}

/// The pool of those that read.
pub(crate) async fn readers(path: &Path, durability: Durability, count: u32) -> Result<AnyPool, StoreError> {
    let pool = pool(durability, Role::Reader).max_connections(count).acquire_timeout(READ_PATIENCE);
    Ok(pool.connect_with(location(path)?).await?)
}

/// Puts the write-ahead log into the main file and empties it.
pub(crate) async fn checkpoint(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(connection).await?;
    Ok(())
}

/// What an error code means. The codes are SQLite's extended ones, whose low byte is the primary one:
/// <https://www.sqlite.org/rescode.html>.
pub(crate) fn trouble(code: &str) -> Option<Trouble> {
    let code: u32 = code.parse().ok()?;
    match code & 0xff {
        5 | 6 => Some(Trouble::Locked),
        3 | 8 | 10 | 14 => Some(Trouble::Unwritable),
        11 | 26 => Some(Trouble::Corrupt),
        13 => Some(Trouble::Full),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
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
    let Some(text) = path.to_str() else {
        let reason = "its path is not UTF-8".to_owned();
        return Err(StoreError::Unwritable { place: path.display().to_string(), reason });
    };
    let mut url = String::from("sqlite://");
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.push_str("?mode=rw");
    Ok(AnyConnectOptions::from_str(&url)?.disable_statement_logging())
}

async fn prepare(connection: &mut AnyConnection, durability: Durability, role: Role) -> sqlx::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::None => "OFF",
    };
    let mut settings = vec![
        "PRAGMA busy_timeout = 5000".to_owned(),
        "PRAGMA foreign_keys = ON".to_owned(),
        format!("PRAGMA synchronous = {synchronous}"),
        // On macOS an ordinary sync does not reach the disk; elsewhere these two say nothing.
        "PRAGMA fullfsync = ON".to_owned(),
        "PRAGMA checkpoint_fullfsync = ON".to_owned(),
    ];
    match role {
        Role::Writer => {
            settings.push("PRAGMA cache_size = -16384".to_owned());
            settings.push("PRAGMA journal_size_limit = 67108864".to_owned());
            let mode: String =
                sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await?.try_get(0)?;
            if mode != "wal" {
                return Err(sqlx::Error::Configuration(
                    format!("this disk does not bear a write-ahead log (SQLite answers {mode:?})").into(),
                ));
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
