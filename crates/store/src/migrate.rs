//! Migrations: forward only, each in a transaction of its own, recorded with a checksum.

use crate::StoreError;
use sqlx::{
    AnyPool, SqlSafeStr,
    migrate::{MigrationType, Migrator},
};

/// One step of the tables' layout. Once released it never changes: a change is a new step.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// 1 and up, without a hole.
    pub version: i64,
    /// What it does, in a few words.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// Applies what is missing.
pub(crate) async fn run(writer: &AnyPool, migrations: &[Migration]) -> Result<(), StoreError> {
    let steps = migrations.iter().map(|step| {
        let sql = step.sql.into_sql_str();
        sqlx::migrate::Migration::new(step.version, step.name.into(), MigrationType::Simple, sql, false)
    });
    let migrator = Migrator::with_migrations(steps.collect());
    let mut connection = writer.acquire().await?;
    Ok(migrator.run_direct(None, &mut *connection, false).await?)
}
