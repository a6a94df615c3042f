//! Moving a store from a SQLite file to a PostgreSQL server.
//!
//! Table by table, in pages by the tables' keys. Each page and how far it reaches are one transaction of the server's, so
//! a move that was killed goes on where it was. The server's store says of itself that it is being moved into, and no
//! node starts on it, until everything was read back from it and found to be what the file has. The epoch is the file's:
//! to clients nothing has happened.

mod page;

use crate::{
    Durability, Home, Migration, Place, ServerUrl, Store, StoreError, StoreOptions, Subject,
    postgres::{self, MOVING, Server},
};
use page::Table;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moving<'a> {
    /// Which table.
    pub table: &'a str,
    /// Rows of all tables that are done.
    pub rows: u64,
    /// Rows that there are.
    pub of: u64,
    /// Whether they are being compared; before that they are copied.
    pub comparing: bool,
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Each table, how many rows it has, and a checksum over all of them.
    pub tables: Vec<(String, u64, u64)>,
    /// The epoch, which is as before.
    pub epoch: String,
}

/// Moves the file's store to the server, or goes on with a move that was interrupted. `tables` are all that there are,
/// those that others refer to first. The file stays as it is.
///
/// # Errors
/// [`StoreError::Locked`] while a node has the file, [`StoreError::Missing`] where there is none, [`StoreError::Unfit`]
/// where the server has data already or what it has in the end is not what the file has, and whatever reading or writing
/// fails with. It can be called again.
pub async fn move_store(
    file: StoreOptions,
    to: &ServerUrl,
    migrations: &[Migration],
    tables: &[&str],
    mut progress: impl FnMut(Moving<'_>),
) -> Result<Moved, StoreError> {
    match &file.place {
        Place::File(path) if path.metadata().map_or(0, |file| file.len()) > 0 => {}
        Place::File(path) => return Err(StoreError::Missing { place: path.display().to_string() }),
        Place::Server(url) => {
            let reason = "only a SQLite file can be moved from; use pg_dump and pg_restore".to_owned();
            return Err(StoreError::Unfit { place: url.to_string(), reason });
        }
    }
    let from = Store::open(file, migrations).await?;
    let moved = into(&from, to, migrations, tables, &mut progress).await;
    from.close().await;
    moved.map_err(|error| error.at(&to.to_string()))
}

async fn into(
    from: &Store,
    to: &ServerUrl,
    migrations: &[Migration],
    names: &[&str],
    progress: &mut impl FnMut(Moving<'_>),
) -> Result<Moved, StoreError> {
    debug_assert!(matches!(from.inner.home, Home::File(_)), "a file is moved");
    let mut server = Server::reach(to, Durability::Full).await?;
    begin(&mut server, migrations, from.epoch()).await?;
    let mut source = from.snapshot().await?;
    let (mut tables, mut of) = (Vec::new(), 0);
    for name in names {
        let table = Table::of(&mut server.connection, name).await?;
        of += table.count(&mut source).await?;
        tables.push(table);
    }
    let mut rows = 0;
    for table in &tables {
        let (mut last, done) = reached(&mut server.connection, table.name()).await?;
        rows += done;
        loop {
            progress(Moving { table: table.name(), rows, of, comparing: false });
            let page = table.page(&mut source, last.as_deref()).await?;
            let Some(end) = table.last(&page) else { break };
            put(&mut server, table, &page, last.as_deref(), &end).await?;
            rows += page.len() as u64;
            last = Some(end);
        }
    }
    let mut moved = Moved { tables: Vec::new(), epoch: from.epoch().to_owned() };
    rows = 0;
    for table in &tables {
        let compared = compare(&mut server.connection, &mut source, table, |count| {
            progress(Moving { table: table.name(), rows: rows + count, of, comparing: true });
        });
        let (count, checksum) = compared.await?;
        rows += count;
        moved.tables.push((table.name().to_owned(), count, checksum));
    }
    finish(&mut server.connection).await?;
    server.connection.close().await?;
    Ok(moved)
}

/// Lays out an empty server and says whose data comes; or sees that it is the same one's that was coming.
async fn begin(server: &mut Server, migrations: &[Migration], epoch: &str) -> Result<(), StoreError> {
    let found = postgres::read(&mut server.connection, migrations).await?;
    match &found.moving_from {
        Some(other) if other == epoch => return Ok(()),
        Some(_) => return Err(unfit("another store is being moved into it; empty it first")),
        None if found.is_there() => return Err(unfit("it has data already; give the store an empty one")),
        None => {}
    }
    let mut tx = postgres::lay_out_for(server, migrations, epoch).await?;
    sqlx::query("INSERT INTO store (name, value) VALUES ($1, $2)")
        .bind(MOVING)
        .bind(epoch)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "CREATE TABLE plaza_moving (name TEXT NOT NULL PRIMARY KEY, reached TEXT NOT NULL, rows BIGINT NOT NULL)",
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// The key of the last row that is there, and how many are.
async fn reached(connection: &mut AnyConnection, table: &str) -> Result<(Option<String>, u64), StoreError> {
    let row = sqlx::query("SELECT reached, rows FROM plaza_moving WHERE name = $1")
        .bind(table)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok((None, 0)) };
    Ok((Some(row.try_get(0)?), row.try_get::<i64, _>(1)?.unsigned_abs()))
}

/// A page, and that it is there.
async fn put(
    server: &mut Server,
    table: &Table,
    page: &[page::Cells],
    last: Option<&str>,
    end: &str,
) -> Result<(), StoreError> {
    let begin = postgres::begin_write(&server.schema, &[Subject::WRITER]);
    let mut tx = server.connection.begin_with(AssertSqlSafe(begin)).await?;
    if reached(&mut tx, table.name()).await?.0.as_deref() != last {
        return Err(unfit("somebody else is moving a store into it"));
    }
    table.insert(&mut tx, page).await?;
    sqlx::query(
        "INSERT INTO plaza_moving (name, reached, rows) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET reached = excluded.reached, rows = plaza_moving.rows + excluded.rows",
    )
    .bind(table.name())
    .bind(end)
    .bind(page.len() as i64)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Reads a table on both sides: how many rows it has, and their checksum.
async fn compare(
    there: &mut AnyConnection,
    here: &mut AnyConnection,
    table: &Table,
    mut progress: impl FnMut(u64),
) -> Result<(u64, u64), StoreError> {
    let (mut last, mut count, mut checksum) = (None::<String>, 0, page::Checksum::default());
    loop {
        let page = table.page(here, last.as_deref()).await?;
        if page != table.page(there, last.as_deref()).await? {
            let name = table.name();
            return Err(StoreError::Unfit {
                place: crate::error::SERVER.to_owned(),
                reason: format!(
                    "table {name} has other rows than the file, which may have been used since the move began; \
                     empty it and move again"
                ),
            });
        }
        let Some(end) = table.last(&page) else { return Ok((count, checksum.value())) };
        count += page.len() as u64;
        page.iter().for_each(|row| checksum.add(row));
        progress(count);
        last = Some(end);
    }
}

/// From now on nodes may use it.
async fn finish(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mut tx = connection.begin().await?;
    sqlx::query("DELETE FROM store WHERE name = $1").bind(MOVING).execute(&mut *tx).await?;
    sqlx::query("DROP TABLE plaza_moving").execute(&mut *tx).await?;
    tx.commit().await?;
    // So that the first plans are made for what is there.
    sqlx::query("ANALYZE").execute(connection).await?;
    Ok(())
}

fn unfit(reason: &str) -> StoreError {
    StoreError::Unfit { place: crate::error::SERVER.to_owned(), reason: reason.to_owned() }
}
