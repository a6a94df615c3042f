//! Pages of a table, alike in both databases: what its columns are is asked of PostgreSQL, and there are but two types.

use crate::StoreError;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _, any::AnyRow};
use std::fmt::Write as _;

/// Most rows of a page.
const ROWS: i64 = 1_000;

/// A row, in the order of its table's columns.
pub(super) type Cells = Vec<Value>;

/// A table and how it is read and written.
pub(super) struct Table {
    name: String,
    columns: Vec<Column>,
    /// Which columns are its key, in the key's order.
    key: Vec<usize>,
}

struct Column {
    name: String,
    number: bool,
}

impl Table {
    /// As the server knows it.
    pub(super) async fn of(connection: &mut AnyConnection, name: &str) -> Result<Self, StoreError> {
        const COLUMNS: &str = "
            SELECT attname::text, atttypid = 'bigint'::regtype, COALESCE(array_position(indkey::int2[], attnum), -1)
            FROM pg_attribute JOIN pg_index ON indrelid = attrelid AND indisprimary
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
        let rows = sqlx::query(COLUMNS).bind(name).fetch_all(connection).await?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            columns.push(Column { name: row.try_get(0)?, number: row.try_get(1)? });
            if let place @ 0.. = row.try_get::<i32, _>(2)? {
                key.push((place, at));
            }
        }
        key.sort_unstable();
        let key: Vec<_> = key.into_iter().map(|(_, at)| at).collect();
        if key.is_empty() {
            return Err(super::unfit(&format!("it has no table {name} with a key")));
        }
        Ok(Self { name: name.to_owned(), columns, key })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn count(&self, connection: &mut AnyConnection) -> Result<u64, StoreError> {
        let counted = AssertSqlSafe(format!("SELECT COUNT(*) FROM {}", self.name));
        let row = sqlx::query(counted).fetch_one(connection).await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }

    /// The rows behind a key, in the order of their keys.
    pub(super) async fn page(
        &self,
        connection: &mut AnyConnection,
        after: Option<&str>,
    ) -> Result<Vec<Cells>, StoreError> {
        let (columns, key) = (self.names(0..self.columns.len()), self.names(self.key.iter().copied()));
        let mut text = format!("SELECT {columns} FROM {}", self.name);
        let behind: Vec<Value> = match after {
            None => Vec::new(),
            Some(after) => serde_json::from_str(after).map_err(unreadable)?,
        };
        if !behind.is_empty() {
            let places: Vec<_> = (1..=behind.len()).map(|place| format!("${place}")).collect();
            let _ = write!(text, " WHERE ({key}) > ({})", places.join(", "));
        }
        let _ = write!(text, " ORDER BY {key} LIMIT {ROWS}");
        let mut asked = sqlx::query(AssertSqlSafe(text));
        for value in behind {
            asked = match value {
                Value::Number(number) => asked.bind(number.as_i64()),
                Value::String(text) => asked.bind(Some(text)),
                _ => return Err(unreadable("a key that is neither text nor a number")),
            };
        }
        let rows = asked.fetch_all(connection).await?;
        Ok(rows.iter().map(|row| self.cells(row)).collect::<sqlx::Result<_>>()?)
    }

    /// The key of the last row, to go on behind it.
    pub(super) fn last(&self, page: &[Cells]) -> Option<String> {
        let key: Vec<_> = page.last().map(|last| self.key.iter().map(|at| last[*at].clone()).collect())?;
        Some(Value::Array(key).to_string())
    }

    pub(super) async fn insert(&self, tx: &mut AnyConnection, page: &[Cells]) -> Result<(), StoreError> {
        let cells = self.columns.iter().enumerate().map(|(at, column)| {
            let cast = if column.number { "::bigint" } else { "" };
            format!("(value ->> {at}){cast}")
        });
        let cells: Vec<_> = cells.collect();
        let text = format!(
            "INSERT INTO {} ({}) SELECT {} FROM jsonb_array_elements($1::jsonb)",
            self.name,
            self.names(0..self.columns.len()),
            cells.join(", ")
        );
        let page = serde_json::to_string(page).map_err(unreadable)?;
        sqlx::query(AssertSqlSafe(text)).bind(page).execute(tx).await?;
        Ok(())
    }

    fn cells(&self, row: &AnyRow) -> sqlx::Result<Cells> {
        let cells = self.columns.iter().enumerate().map(|(at, column)| {
            Ok(if column.number {
                row.try_get::<Option<i64>, _>(at)?.map_or(Value::Null, Value::from)
            } else {
                row.try_get::<Option<String>, _>(at)?.map_or(Value::Null, Value::from)
            })
        });
        cells.collect()
    }

    fn names(&self, which: impl Iterator<Item = usize>) -> String {
        which.map(|at| self.columns[at].name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Other(sqlx::Error::Decode(error.into()))
}

/// Over rows, in their order: FNV-1a of their JSON.
pub(super) struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(crate::subject::START)
    }
}

impl Checksum {
    pub(super) fn add(&mut self, row: &Cells) {
        for cell in row {
            self.0 = crate::subject::mix(crate::subject::mix(self.0, &cell.to_string()), "\n");
        }
    }

    pub(super) fn value(&self) -> u64 {
        self.0
    }
}
