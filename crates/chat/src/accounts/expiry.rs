//! Forgetting what has expired: refresh tokens and links that would be refused anyway, and sessions that none is left of.
//!
//! A used refresh token stays until it expires, so that it is known when it comes back. Guests stay,
//! expired or not, as long as something refers to them (see `retention`). Their names go when somebody claims them.

use crate::Clock;
use plaza_store::{Store, StoreError, WriteTx};
use std::{sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often it is looked for, beside at the start.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Most rows in one transaction: others wait for the writer no longer than for a batch of messages.
const MAX_ROWS: i64 = 1_000;
/// A session is kept for longer than its refresh tokens, by as much as the longest access token holds.
const SESSION_KEPT_MILLIS: i64 = 24 * 60 * 60 * 1_000;

const TOKENS: &str = "DELETE FROM refresh_tokens WHERE token_hash IN
    (SELECT token_hash FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)";
const SESSIONS: &str =
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2)";

const RESET_LINKS: &str = "DELETE FROM reset_links WHERE token_hash IN
    (SELECT token_hash FROM reset_links WHERE expires_at < $1 LIMIT $2)";

/// The task: at once, and then every hour until `shutdown`.
pub(crate) async fn forget(store: Store, clock: Arc<dyn Clock>, shutdown: CancellationToken) {
    let mut hourly = interval(EVERY);
    hourly.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(hourly.tick()).await.is_some() {
        match all(&store, clock.now(), &shutdown).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "Expired sessions, refresh tokens and links were removed"),
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "Expired sessions were not removed; the next try is in an hour");
            }
        }
    }
}

/// Everything that has expired by now, a bounded transaction after the other.
async fn all(store: &Store, now: i64, shutdown: &CancellationToken) -> Result<u64, StoreError> {
    let mut removed = 0;
    for (statement, before) in [(TOKENS, now), (RESET_LINKS, now), (SESSIONS, now - SESSION_KEPT_MILLIS)] {
        loop {
            let mut tx = store.write().await?;
            let rows = some(&mut tx, statement, before).await?;
            tx.commit().await?;
            removed += rows;
            if rows < MAX_ROWS as u64 || shutdown.is_cancelled() {
                break;
            }
        }
    }
    Ok(removed)
}

async fn some(tx: &mut WriteTx, statement: &'static str, before: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(statement).bind(before).bind(MAX_ROWS).execute(&mut **tx).await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_store::{Durability, StoreOptions};
    use sqlx::{AssertSqlSafe, Row};

    #[tokio::test]
    async fn what_has_expired_is_found_by_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            durability: Durability::None,
            ..StoreOptions::new(folder.path().join("plan.db"), [7; 16])
        };
        let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
        for (statement, index) in [
            (TOKENS, "refresh_tokens_by_expiry"),
            (RESET_LINKS, "reset_links_by_expiry"),
            (SESSIONS, "sessions_by_expiry"),
        ] {
            let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let mut reader = store.read().await.unwrap();
            let plan = sqlx::query(explained).bind(0_i64).bind(1_i64).fetch_all(&mut *reader).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            assert!(steps.iter().all(|step| !step.starts_with("SCAN")), "{steps:?}");
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        }
    }
}
