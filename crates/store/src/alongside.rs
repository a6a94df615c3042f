//! A second process on the data that a node is using, such as one that makes an account.
//!
//! SQLite lets processes write in turns, each transaction whole. What forbids a second *node* is what a node takes for
//! granted: that it alone gives out positions, and that it tells its clients of all that is stored. So the second
//! process must write only what a node looks up at every use, and never a room's log. It takes no lock, and so keeps
//! no node from starting or stopping; it lays out nothing, and refuses data that is laid out otherwise than it knows;
//! and it leaves the write-ahead log to the node. A transaction of its holds the node's writer up for as long as it
//! lasts: it should be a short one.
//!
//! A database server takes any number of processes. All that is different there is that the tables are left as the
//! nodes use them.

use crate::{
    Inner, LocalFile, Migration, Place, Store, StoreError, StoreOptions, health::Watch, lock,
    log_size::LogSize, migrate, postgres, sqlite,
};
use sqlx::{AnyPool, Row};
use std::{path::Path, sync::Arc};
use tokio::sync::Mutex;

impl Store {
    /// As [`Store::open`], but where a node has the data open, it is opened beside it. Then nothing is made, changed
    /// or checked for damage, and [`Store::close`] leaves everything to the node. Only for what a node keeps no copy of.
    ///
    /// # Errors
    /// As [`Store::open`], but for [`StoreError::Locked`]; and [`StoreError::MigrationMissing`] where the node is of an
    /// older Plaza.
    pub async fn open_alongside(options: StoreOptions, migrations: &[Migration]) -> Result<Self, StoreError> {
        let path = match &options.place {
            Place::File(path) => path.clone(),
            Place::Server(url) => return Self::open_server(url, &options, migrations, Some(leave)).await,
        };
        match Self::open(options.clone(), migrations).await {
            Err(StoreError::Locked { .. }) => {}
            opened => return opened,
        }
        let path = lock::folder(&path)?;
        let place = path.display().to_string();
        let (writer, readers, epoch) =
            connect(&path, &options, migrations).await.map_err(|error| error.at(&place))?;
        let watch = Arc::new(Watch::new(place));
        let file = LocalFile { log_size: LogSize::of(&path), lock: None };
        let (singly, home) = (Mutex::default(), crate::Home::File(file));
        Ok(Self { inner: Arc::new(Inner { readers, writer, epoch, watch, singly, home }) })
    }
}

/// Refuses tables that nodes of an older Plaza use, instead of changing them.
fn leave(layout: &postgres::Layout, migrations: &[Migration]) -> Result<(), StoreError> {
    match layout.missing(migrations).next() {
        Some(step) if layout.is_there() => Err(StoreError::MigrationMissing { version: step.version }),
        _ => Ok(()),
    }
}

async fn connect(
    path: &Path,
    options: &StoreOptions,
    migrations: &[Migration],
) -> Result<(AnyPool, AnyPool, String), StoreError> {
    let mut connection = sqlite::open_to_look(path).await?;
    migrate::check_all(&mut connection, migrations).await?;
    sqlite::close(connection).await?;
    let writer = sqlite::writer(path, options.durability, options.max_bytes).await?;
    let readers = sqlite::readers(path, options.durability, options.readers.clamp(1, 64)).await?;
    let mut connection = readers.acquire().await?;
    let epoch =
        sqlx::query("SELECT value FROM store WHERE name = 'epoch'").fetch_one(&mut *connection).await?;
    Ok((writer, readers.clone(), epoch.try_get(0)?))
}
