//! The one writing transaction, and trying whether there can be one.

use crate::{Dialect, Store, StoreError, health::Watch};
use sqlx::{Any, AnyConnection};
use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

/// A transaction that may write. In a file there is one at a time, in the order they were asked for; with a server, one
/// of those that have a [`Subject`](crate::Subject) in common. Dropped without [`WriteTx::commit`], it leaves nothing
/// behind.
pub struct WriteTx {
    tx: sqlx::Transaction<'static, Any>,
    watch: Arc<Watch>,
}

impl std::fmt::Debug for WriteTx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteTx").finish_non_exhaustive()
    }
}

impl WriteTx {
    pub(crate) fn new(tx: sqlx::Transaction<'static, Any>, watch: Arc<Watch>) -> Self {
        Self { tx, watch }
    }

    /// Puts it on the disk.
    ///
    /// # Errors
    /// When that cannot be done; then nothing of it is kept, but for [`StoreError::Uncertain`], where nobody knows.
    pub async fn commit(self) -> Result<(), StoreError> {
        let committed = self.tx.commit().await.map_err(|error| StoreError::from(error).of_commit());
        match &committed {
            Ok(()) => self.watch.committed(),
            Err(error) => _ = self.watch.failed(error),
        }
        committed
    }
}

impl Deref for WriteTx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.tx
    }
}

impl DerefMut for WriteTx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.tx
    }
}

/// Writes something that needs room, commits it, and takes it out again.
pub(crate) async fn attempt(store: &Store) -> Result<(), StoreError> {
    /// More than a page of every size, so that it cannot be put into the rest of one.
    const BYTES: usize = 128 * 1024;
    /// To see that a server is there takes less.
    const FEW: usize = 1;
    const PUT: &str = "INSERT INTO store (name, value) VALUES ('attempt', $1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    const TAKE: &str = "DELETE FROM store WHERE name = 'attempt'";
    let tried = async {
        let mut tx = store.write().await?;
        let bytes = if store.dialect() == Dialect::Sqlite { BYTES } else { FEW };
        sqlx::query(PUT).bind("x".repeat(bytes)).execute(&mut *tx).await?;
        tx.commit().await?;
        let mut tx = store.write().await?;
        sqlx::query(TAKE).execute(&mut *tx).await?;
        tx.commit().await
    };
    tried.await.inspect_err(|error: &StoreError| _ = store.failed(error))
}
