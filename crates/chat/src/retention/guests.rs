//! Guests that have expired and that nothing refers to: no room has them as members or keeps them out, nobody has them
//! on a list. What they wrote says by itself who wrote it.

use crate::{failure::Outcome, log::about_user};
use plaza_store::Store;
use sqlx::Row;

/// Most guests in one transaction.
const AT_ONCE: i64 = 200;

/// Where a walk through the guests stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    seen_at: i64,
    id: String,
}

impl Default for Place {
    fn default() -> Self {
        Self { seen_at: i64::MIN, id: String::new() }
    }
}

/// Guests to forget.
pub(super) struct Page {
    pub(super) ids: Vec<String>,
    pub(super) last: Place,
}

/// What is true of a guest that nothing refers to.
macro_rules! unmeant {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " AND NOT EXISTS (SELECT 1 FROM members WHERE members.user_id = users.id)
              AND NOT EXISTS (SELECT 1 FROM bans WHERE bans.user_id = users.id)
              AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.blocked_id = users.id) ",
            $after
        )
    };
}

pub(super) const UNMEANT: &str = unmeant!(
    "SELECT users.id, users.seen_at FROM users
     WHERE users.guest = 1 AND users.seen_at <= $1 AND (users.seen_at, users.id) > ($2, $3)",
    "ORDER BY users.seen_at, users.id LIMIT $4"
);
pub(super) const BLOCKS: &str = "DELETE FROM blocks WHERE user_id = $1";
pub(super) const FORGET: &str =
    unmeant!("DELETE FROM users WHERE users.id = $1 AND users.guest = 1 AND users.seen_at <= $2", "");

/// Guests behind a place that were not seen since a moment and that nothing refers to; `None`: there are no more.
pub(super) async fn unmeant(store: &Store, since: i64, after: &Place) -> Outcome<Option<Page>> {
    let mut reader = store.read().await?;
    let asked = sqlx::query(UNMEANT).bind(since).bind(after.seen_at).bind(after.id.as_str()).bind(AT_ONCE);
    let rows = asked.fetch_all(&mut *reader).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let last = Place { seen_at: last.try_get(1)?, id: last.try_get(0)? };
    let ids: sqlx::Result<_> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(Some(Page { ids: ids?, last }))
}

/// Forgets them, if what was true of them still is.
pub(super) async fn forget(store: &Store, ids: &[String], since: i64) -> Outcome<u64> {
    // Another node may be about to take one of them into a room.
    let subjects: Vec<_> = ids.iter().map(|id| about_user(id)).collect();
    let mut tx = store.write_about(&subjects).await?;
    let mut forgotten = 0;
    for id in ids {
        let gone = sqlx::query(FORGET).bind(id.as_str()).bind(since).execute(&mut *tx).await?;
        if gone.rows_affected() > 0 {
            forgotten += 1;
            sqlx::query(BLOCKS).bind(id.as_str()).execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    Ok(forgotten)
}
