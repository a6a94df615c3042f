//! A second process on the data that a node is using, such as one that makes an account.
//!
//! SQLite lets processes write in turns, each transaction whole. What forbids a second *node* is what a node takes for
//! granted: that it alone gives out positions, and that it tells its clients of all that is stored. So the second
//! process must write only what a node looks up at every use, and never a room's log. It takes no lock, and so keeps
//! no node from starting or stopping; it lays out nothing, and refuses data that is laid out otherwise than it knows;
//! and it leaves the write-ahead log to the node. A transaction of its holds the node's writer up for as long as it
//! lasts: it should be a short one.

use crate::{
    Inner, Migration, Store, StoreError, StoreOptions, health::Watch, lock, log_size::LogSize, migrate,
    sqlite,
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
        match Self::open(options.clone(), migrations).await {
            Err(StoreError::Locked { .. }) => {}
            opened => return opened,
        }
        let path = lock::folder(&options.path)?;
        let place = path.display().to_string();
        let (writer, readers, epoch) =
            connect(&path, &options, migrations).await.map_err(|error| error.at(&place))?;
        let (watch, log_size) = (Arc::new(Watch::new(place)), LogSize::of(&path));
        let singly = Mutex::default();
        Ok(Self { inner: Arc::new(Inner { readers, writer, epoch, watch, log_size, singly, lock: None }) })
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
