//! What names look like, kept beside them so that a new one that looks the same is refused.
//!
//! A look is computed, not SQL: who was there before is filled in at the start, and all are filled in again when the
//! rule or Unicode's tables have changed, since looks of two versions cannot be compared. Two names of before that look
//! the same both stay: who has a name keeps it.

use crate::names;
use plaza_store::{Store, StoreError, WriteTx};
use sqlx::Row;

/// Most rows in one transaction.
const AT_ONCE: i64 = 1_000;

/// Two ranges, since an index knows no other way to say "not equal".
const UNKNOWN: &str = "
    SELECT id, name, CASE WHEN name_key IS NULL THEN 0 ELSE 1 END FROM users WHERE look_version < $1 OR look_version > $1 LIMIT $2";

/// Makes the looks of all names known. Once they are, this is one look into an index.
pub(super) async fn fill_in(store: &Store) -> Result<(), StoreError> {
    let mut filled = 0;
    loop {
        let mut tx = store.write().await?;
        let rows = some(&mut tx).await?;
        tx.commit().await?;
        filled += rows;
        if (rows as i64) < AT_ONCE {
            break;
        }
    }
    if filled > 0 {
        tracing::info!(names = filled, "It was written down what names look like");
    }
    Ok(())
}

async fn some(tx: &mut WriteTx) -> Result<usize, StoreError> {
    let version = names::look_version();
    let rows = sqlx::query(UNKNOWN).bind(version).bind(AT_ONCE).fetch_all(&mut **tx).await?;
    for row in &rows {
        let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let named = row.try_get::<i64, _>(2)? != 0;
        sqlx::query("UPDATE users SET look = $2, look_version = $3 WHERE id = $1")
            .bind(id)
            .bind(named.then(|| names::look(&name)))
            .bind(version)
            .execute(&mut **tx)
            .await?;
    }
    Ok(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::people::HOLDERS;
    use plaza_store::{Durability, StoreOptions};
    use sqlx::AssertSqlSafe;

    #[tokio::test]
    async fn looks_are_found_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            durability: Durability::None,
            ..StoreOptions::new(folder.path().join("plan.db"), [7; 16])
        };
        let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
        for statement in [UNKNOWN, HOLDERS] {
            let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let mut reader = store.read().await.unwrap();
            let plan =
                sqlx::query(explained).bind("a").bind(1_i64).bind("a").fetch_all(&mut *reader).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:?}");
            assert!(steps.iter().any(|step| step.contains("users_by_look")), "{steps:?}");
        }
    }
}
