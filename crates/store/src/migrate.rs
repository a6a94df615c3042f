//! Migrations: forward only, each in a transaction of its own, recorded with a checksum.

use crate::{Pending, StoreError, sqlite};
use sqlx::{
    AnyPool, Row, SqlSafeStr, SqliteConnection,
    migrate::{MigrationType, Migrator},
};
use std::path::Path;

/// One step of the tables' layout. Once released it never changes: a change is a new step.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// 1 and up, without a hole.
    pub version: i64,
    /// What it does, in a few words.
    pub name: &'static str,
    /// Its statements, in SQLite's words.
    pub sql: &'static str,
    /// The same in PostgreSQL's. `None`: there the first step that has words brings what this one did.
    pub postgres: Option<&'static str>,
    /// The oldest version whose programs can use the layout that this step leaves. With PostgreSQL, where nodes of two
    /// versions may be at work, such a program starts although it does not know the step; a file's has to know it.
    pub usable_from: i64,
}

impl Migration {
    /// One of the same words in every database, that only programs which know it can use.
    pub const fn new(version: i64, name: &'static str, sql: &'static str) -> Self {
        Self { version, name, sql, postgres: Some(sql), usable_from: version }
    }

    /// The same, with other words for PostgreSQL, or none.
    #[must_use]
    pub const fn in_postgres(mut self, sql: Option<&'static str>) -> Self {
        self.postgres = sql;
        self
    }

    /// The same, but older programs can use what it leaves, from this version on: it only adds what they pass over.
    #[must_use]
    pub const fn usable_from(mut self, version: i64) -> Self {
        self.usable_from = version;
        self
    }
}

/// What is kept of a step, to know it again.
pub(crate) fn checksum(step: &Migration, sql: &'static str) -> Vec<u8> {
    known(step, sql).checksum.into_owned()
}

/// Applies what is missing.
pub(crate) async fn run(writer: &AnyPool, migrations: &[Migration]) -> Result<(), StoreError> {
    let mut connection = writer.acquire().await?;
    sqlite::lay_out_with_files(&mut connection, true).await?;
    let applied = migrator(migrations).run_direct(None, &mut *connection, false).await;
    sqlite::lay_out_with_files(&mut connection, false).await?;
    Ok(applied?)
}

/// The steps that a file lacks; all, where there is none.
pub(crate) async fn missing(path: &Path, migrations: &[Migration]) -> Result<Vec<Pending>, StoreError> {
    let mut applied = Vec::new();
    if path.metadata().is_ok_and(|file| file.len() > 0) {
        let mut connection = sqlite::open_to_look(path).await?;
        check(&mut connection, migrations).await?;
        let tables = "SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations'";
        if sqlx::query(tables).fetch_optional(&mut connection).await?.is_some() {
            let versions = sqlx::query("SELECT version FROM _sqlx_migrations").fetch_all(&mut connection);
            for row in versions.await? {
                applied.push(row.try_get::<i64, _>(0)?);
            }
        }
        sqlite::close(connection).await?;
    }
    let missing = migrations.iter().filter(|step| !applied.contains(&step.version));
    Ok(missing.map(|step| Pending { version: step.version, name: step.name }).collect())
}

/// Whether what was applied is known here, without applying anything: else the data is another program's or a newer
/// Plaza's. A database without any table is fine: a first start was interrupted.
pub(crate) async fn check(
    connection: &mut SqliteConnection,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    const TABLES: &str =
        "SELECT COUNT(*), COUNT(CASE WHEN name = '_sqlx_migrations' THEN 1 END) FROM sqlite_schema";
    let row = sqlx::query(TABLES).fetch_one(&mut *connection).await?;
    match (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?) {
        (0, _) => return Ok(()),
        (_, 0) => return Err(StoreError::foreign()),
        _ => {}
    }
    let known = migrator(migrations);
    let applied = sqlx::query("SELECT version, checksum FROM _sqlx_migrations ORDER BY version");
    for row in applied.fetch_all(connection).await? {
        let version = row.try_get(0)?;
        match known.iter().find(|step| step.version == version) {
            None => return Err(StoreError::MigrationUnknown { version }),
            Some(step) if *step.checksum != *row.try_get::<Vec<u8>, _>(1)? => {
                return Err(StoreError::MigrationChanged { version });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The same, and whether all that is known here was applied.
pub(crate) async fn check_all(
    connection: &mut SqliteConnection,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    check(connection, migrations).await?;
    let applied = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations");
    let newest: i64 = applied.fetch_one(connection).await?.try_get(0)?;
    match migrations.iter().map(|step| step.version).find(|version| *version > newest) {
        Some(version) => Err(StoreError::MigrationMissing { version }),
        None => Ok(()),
    }
}

fn migrator(migrations: &[Migration]) -> Migrator {
    Migrator::with_migrations(migrations.iter().map(|step| known(step, step.sql)).collect())
}

fn known(step: &Migration, sql: &'static str) -> sqlx::migrate::Migration {
    let sql = sql.into_sql_str();
    sqlx::migrate::Migration::new(step.version, step.name.into(), MigrationType::Simple, sql, false)
}
