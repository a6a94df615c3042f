//! The tables' layout on a server that nodes of two versions may use at the same time: expand, and later contract.
//!
//! A step that adds leaves nodes of the version before at work: they pass over what they do not know. A step that takes
//! something away says from which version on nodes do without it ([`Migration::usable_from`]), and that is written down
//! with it: a node that is older than that refuses to start, and any other one starts, newer layout or not.

use super::Server;
use crate::{Migration, StoreError, Subject, migrate};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection as _, Row as _, Transaction};

/// Under this name a store that is being moved into says whose epoch it will have.
pub(crate) const MOVING: &str = "moving_from";

/// How a store stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The steps that were applied, and what they were made of.
    applied: Vec<(i64, Vec<u8>)>,
    /// The oldest version that may use it; 0 where there is none yet.
    usable_from: i64,
    pub(crate) epoch: Option<String>,
    /// See [`MOVING`].
    pub(crate) moving_from: Option<String>,
}

impl Layout {
    /// Whether there is one at all.
    pub(crate) fn is_there(&self) -> bool {
        !self.applied.is_empty()
    }

    /// The steps that it lacks.
    pub(crate) fn missing<'a>(
        &'a self,
        migrations: &'a [Migration],
    ) -> impl Iterator<Item = &'a Migration> + 'a {
        let applied = |version| self.applied.iter().any(|(applied, _)| *applied == version);
        migrations.iter().filter(move |step| step.postgres.is_some() && !applied(step.version))
    }

    /// Refuses what another program, or a Plaza that is too far from this one, has laid out.
    fn check(&self, migrations: &[Migration]) -> Result<(), StoreError> {
        let newest = migrations.iter().map(|step| step.version).max().unwrap_or(0);
        for (version, checksum) in &self.applied {
            let known = migrations.iter().find(|step| step.version == *version);
            match known.and_then(|step| step.postgres.map(|sql| migrate::checksum(step, sql))) {
                Some(known) if known == *checksum => {}
                Some(_) => return Err(StoreError::MigrationChanged { version: *version }),
                None if *version > newest && self.usable_from <= newest => {}
                None => return Err(StoreError::MigrationUnknown { version: *version }),
            }
        }
        Ok(())
    }
}

/// What was applied. Nothing is written.
pub(crate) async fn read(
    connection: &mut AnyConnection,
    migrations: &[Migration],
) -> Result<Layout, StoreError> {
    const TABLES: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE tablename = 'plaza_migrations')
        FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
    let row = sqlx::query(TABLES).fetch_one(&mut *connection).await?;
    match (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?) {
        (0, _) => return Ok(Layout::default()),
        (_, 0) => {
            return Err(StoreError::Unfit {
                place: crate::error::SERVER.to_owned(),
                reason: "it has another program's tables; give Plaza a database, or a schema, of its own"
                    .to_owned(),
            });
        }
        _ => {}
    }
    let rows = sqlx::query("SELECT version, checksum FROM plaza_migrations ORDER BY version");
    let mut layout = Layout::default();
    for row in rows.fetch_all(&mut *connection).await? {
        layout.applied.push((row.try_get(0)?, row.try_get(1)?));
    }
    let noted = "SELECT name, value FROM store WHERE name IN ('epoch', 'usable_from', 'moving_from')";
    for row in sqlx::query(noted).fetch_all(&mut *connection).await? {
        let value: String = row.try_get(1)?;
        match row.try_get::<&str, _>(0)? {
            "epoch" => layout.epoch = Some(value),
            MOVING => layout.moving_from = Some(value),
            _ => layout.usable_from = value.parse().unwrap_or(i64::MAX),
        }
    }
    layout.check(migrations)?;
    Ok(layout)
}

/// Applies what is missing, all in one transaction, while any other node that wants to waits; and gives the store its
/// epoch, if it has none. The epoch.
pub(crate) async fn lay_out(
    server: &mut Server,
    migrations: &[Migration],
    new_epoch: [u8; 16],
) -> Result<String, StoreError> {
    let layout = read(&mut server.connection, migrations).await?;
    if layout.moving_from.is_some() {
        return Err(StoreError::Unfit {
            place: crate::error::SERVER.to_owned(),
            reason: "a store is being moved into it; when nobody is at it, plaza move-store goes on"
                .to_owned(),
        });
    }
    if let (Some(epoch), None) = (&layout.epoch, layout.missing(migrations).next()) {
        return Ok(epoch.clone());
    }
    let mut tx = lay_out_for(server, migrations, &crate::hex(new_epoch)).await?;
    let row = sqlx::query("SELECT value FROM store WHERE name = 'epoch'").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.try_get(0)?)
}

/// The same, in a transaction that the caller commits.
pub(crate) async fn lay_out_for<'a>(
    server: &'a mut Server,
    migrations: &[Migration],
    new_epoch: &str,
) -> Result<Transaction<'a, Any>, StoreError> {
    // One waits for who lays it out as long as that takes; but for the tables, which nodes are using, only so long as
    // they can do without.
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
         SELECT pg_advisory_xact_lock({}); SET LOCAL lock_timeout = '5s'; SET LOCAL client_min_messages = warning",
        Subject::LAYOUT.within(&server.schema)
    );
    let mut tx = server.connection.begin_with(AssertSqlSafe(begin)).await?;
    let layout = read(&mut tx, migrations).await?;
    for statement in [
        "CREATE TABLE IF NOT EXISTS plaza_migrations (
            version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL,
            applied_at TIMESTAMPTZ NOT NULL DEFAULT now())",
        "CREATE TABLE IF NOT EXISTS store (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    ] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    let mut usable_from = layout.usable_from;
    for step in layout.missing(migrations) {
        apply(&mut tx, step).await?;
        usable_from = usable_from.max(step.usable_from);
    }
    sqlx::query(
        "INSERT INTO store (name, value) VALUES ('usable_from', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(usable_from.to_string())
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO store (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO NOTHING")
        .bind(new_epoch)
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

async fn apply(tx: &mut AnyConnection, step: &Migration) -> Result<(), StoreError> {
    let Some(sql) = step.postgres else { return Ok(()) };
    let version = step.version;
    sqlx::raw_sql(sql).execute(&mut *tx).await.map_err(|error| match StoreError::from(error) {
        StoreError::Other(error) => StoreError::MigrationFailed { version, reason: error.to_string() },
        known => known,
    })?;
    sqlx::query("INSERT INTO plaza_migrations (version, name, checksum) VALUES ($1, $2, $3)")
        .bind(version)
        .bind(step.name)
        .bind(migrate::checksum(step, sql))
        .execute(tx)
        .await?;
    tracing::info!(version, name = step.name, "The data was laid out anew");
    Ok(())
}
