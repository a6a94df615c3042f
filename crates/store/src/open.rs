//! Opening a store: looking at what is there, laying it out, and the connections to it.

use crate::{
    Durability, Home, Inner, LocalFile, Migration, Place, ServerUrl, Store, StoreError, StoreOptions, check,
    health::Watch,
    lock::{self, DataLock},
    log_size::LogSize,
    migrate,
    postgres::{self, Layout},
    restore, sqlite,
};
use sqlx::{AnyPool, Connection as _, Row as _};
use std::{path::Path, sync::Arc};
use tokio::sync::Mutex;

/// A step of the layout that a store lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Which one.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
}

/// Refuses to lay out what should be left as it is.
pub(crate) type Refuse = fn(&Layout, &[Migration]) -> Result<(), StoreError>;

impl Store {
    /// Opens the database, makes it if there is none, and brings it up to the newest of `migrations`. What is damaged,
    /// another program's or laid out by a Plaza that is too much newer is refused before anything is written to it. With
    /// a file, how deep it looks is bounded by [`StoreOptions::check`], and a [`restore()`](crate::restore()) that was
    /// interrupted is completed. With a server, several nodes may do so at once.
    ///
    /// # Errors
    /// A [`StoreError`] whose text is a sentence for the operator.
    pub async fn open(options: StoreOptions, migrations: &[Migration]) -> Result<Self, StoreError> {
        match &options.place {
            Place::File(path) => Self::open_file(path, &options, migrations).await,
            Place::Server(url) => Self::open_server(url, &options, migrations, None).await,
        }
    }

    /// The steps that a store lacks; [`Store::open`] would apply them. Nothing is written.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn pending(place: &Place, migrations: &[Migration]) -> Result<Vec<Pending>, StoreError> {
        let pending = |step: &Migration| Pending { version: step.version, name: step.name };
        let looked = async {
            let url = match place {
                Place::File(path) => return migrate::missing(path, migrations).await,
                Place::Server(url) => url,
            };
            let mut server = postgres::Server::reach(url, Durability::Full).await?;
            let layout = postgres::read(&mut server.connection, migrations).await?;
            server.connection.close().await?;
            Ok(layout.missing(migrations).map(pending).collect())
        };
        looked.await.map_err(|error: StoreError| error.at(&place.to_string()))
    }

    async fn open_file(
        path: &Path,
        options: &StoreOptions,
        migrations: &[Migration],
    ) -> Result<Self, StoreError> {
        let path = lock::folder(path)?;
        let place = path.display().to_string();
        let lock = DataLock::take(&path)?;
        let opened = async {
            restore::complete(&path)?;
            check::before_use(&path, &lock, migrations, options.check).await?;
            lock::create_private(&path)?;
            let writer = sqlite::writer(&path, options.durability, options.max_bytes).await?;
            migrate::run(&writer, migrations).await?;
            let epoch = epoch(&writer, options.new_epoch).await?;
            lock.mark_used()?;
            let readers = sqlite::readers(&path, options.durability, options.readers.clamp(1, 64)).await?;
            Ok((writer, readers, epoch))
        };
        let (writer, readers, epoch) = opened.await.map_err(|error: StoreError| error.at(&place))?;
        let watch = Arc::new(Watch::new(place));
        let home = Home::File(LocalFile { log_size: LogSize::of(&path), lock: Some(lock) });
        Ok(Self { inner: Arc::new(Inner { readers, writer, epoch, watch, singly: Mutex::default(), home }) })
    }

    pub(crate) async fn open_server(
        url: &ServerUrl,
        options: &StoreOptions,
        migrations: &[Migration],
        refuse: Option<Refuse>,
    ) -> Result<Self, StoreError> {
        let place = url.to_string();
        let opened = async {
            let mut server = postgres::Server::reach(url, options.durability).await?;
            if let Some(refuse) = refuse {
                let layout = postgres::read(&mut server.connection, migrations).await?;
                refuse(&layout, migrations)?;
            }
            let epoch = postgres::lay_out(&mut server, migrations, options.new_epoch).await?;
            let writer = server.writers(postgres::WRITERS).await?;
            let batches = server.writers(postgres::BATCHES).await?;
            let readers = server.readers(options.readers.clamp(1, 64)).await?;
            server.connection.close().await?;
            Ok((writer, batches, readers, epoch, server.schema))
        };
        let (writer, batches, readers, epoch, schema) =
            opened.await.map_err(|error: StoreError| error.at(&place))?;
        let (watch, home) = (Arc::new(Watch::new(place)), Home::Server { schema, batches });
        Ok(Self { inner: Arc::new(Inner { readers, writer, epoch, watch, singly: Mutex::default(), home }) })
    }
}

/// The store's epoch, made when it is asked for the first time.
async fn epoch(writer: &AnyPool, new: [u8; 16]) -> Result<String, StoreError> {
    let mut tx = writer.begin_with(sqlite::BEGIN_WRITE).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS store (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        .execute(&mut *tx)
        .await?;
    let fresh = crate::hex(new);
    sqlx::query("INSERT INTO store (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO NOTHING")
        .bind(fresh)
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query("SELECT value FROM store WHERE name = 'epoch'").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.try_get(0)?)
}

/// Gives a server's store another epoch, as is right after a backup was put back: clients then know that positions they
/// hold mean nothing. Nodes that run do not notice. `epoch` is random; the new one, written.
///
/// # Errors
/// As [`Store::open`]; and [`StoreError::Missing`] where there is no store.
pub async fn new_epoch(
    url: &ServerUrl,
    migrations: &[Migration],
    epoch: [u8; 16],
) -> Result<String, StoreError> {
    let epoch = crate::hex(epoch);
    let changed = async {
        let mut server = postgres::Server::reach(url, Durability::Full).await?;
        if !postgres::read(&mut server.connection, migrations).await?.is_there() {
            return Err(StoreError::Missing { place: url.to_string() });
        }
        let change = sqlx::query("UPDATE store SET value = $1 WHERE name = 'epoch'").bind(epoch.as_str());
        change.execute(&mut server.connection).await?;
        Ok(server.connection.close().await?)
    };
    changed.await.map_err(|error: StoreError| error.at(&url.to_string()))?;
    Ok(epoch)
}
