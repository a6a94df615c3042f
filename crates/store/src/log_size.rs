//! How long the write-ahead log gets.
//!
//! SQLite puts it into the database as it goes and begins it anew when nobody reads from it. Where somebody always does,
//! reads that overlap being enough, it never begins anew and grows for ever, by all that is written. So past a bound the
//! next writer waits for those who read now: while it does, new ones read from the database alone.

use crate::sqlite;
use sqlx::AnyPool;
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// From how many bytes on it is begun anew. SQLite begins it anew by itself, where it can, at half of that.
const BOUND: u64 = 32 << 20;

/// The length of the log, as far as anybody cares.
#[derive(Debug)]
pub(crate) struct LogSize {
    log: PathBuf,
    /// Nothing is done before it has so many bytes.
    bound: AtomicU64,
}

impl LogSize {
    pub(crate) fn of(database: &Path) -> Self {
        Self { log: crate::lock::beside(database, "-wal"), bound: AtomicU64::new(BOUND) }
    }

    /// Has the log begun anew if it is too long. Readers that take long, such as a backup, are not waited for: then it
    /// grows by as much again before the next try.
    pub(crate) async fn keep_short(&self, writer: &AnyPool) {
        if !self.is_too_long() {
            return;
        }
        let Ok(mut connection) = writer.acquire().await else { return };
        // Somebody else may have done it meanwhile, or tried.
        if !self.is_too_long() {
            return;
        }
        let begun = sqlite::begin_log_anew(&mut connection).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "The write-ahead log cannot be put into the database");
            false
        });
        self.bound.store(if begun { BOUND } else { self.bytes() + BOUND }, Ordering::Relaxed);
    }

    fn is_too_long(&self) -> bool {
        self.bytes() >= self.bound.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> u64 {
        self.log.metadata().map_or(0, |log| log.len())
    }
}
