//! A store of notes, as large as a test wants it.

use plaza_store::{Durability, Migration, Store, StoreError, StoreOptions};
use sqlx::Row;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub(crate) const NOTES: &[Migration] =
    &[Migration::new(1, "notes", "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT);")];
pub(crate) const EPOCH: [u8; 16] = [0x0f; 16];
pub(crate) const NEW_EPOCH: [u8; 16] = [0xe0; 16];

pub(crate) fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("plaza.db")
}

pub(crate) fn options(path: &Path) -> StoreOptions {
    StoreOptions { durability: Durability::None, ..StoreOptions::new(path, EPOCH) }
}

pub(crate) async fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(options(path), NOTES).await
}

/// Writes these notes, one transaction each.
pub(crate) async fn note(store: &Store, ids: impl IntoIterator<Item = i64>) {
    for id in ids {
        write(store, id, 100).await.unwrap();
    }
}

pub(crate) async fn write(store: &Store, id: i64, bytes: usize) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    let text = "x".repeat(bytes);
    let put = sqlx::query("INSERT INTO notes (id, text) VALUES ($1, $2)").bind(id).bind(text);
    if let Err(error) = put.execute(&mut *tx).await {
        let error = error.into();
        store.failed(&error);
        return Err(error);
    }
    tx.commit().await
}

pub(crate) async fn ids(store: &Store) -> Vec<i64> {
    let mut reader = store.read().await.unwrap();
    let rows = sqlx::query("SELECT id FROM notes ORDER BY id").fetch_all(&mut *reader).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Every file of a folder with what is in it, but for what SQLite keeps in memory and the lock.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let bytes = fs::read(file.path()).unwrap();
        if !name.ends_with("-shm") && !name.ends_with(".lock") && !bytes.is_empty() {
            files.insert(name, bytes);
        }
    }
    files
}

/// Copies a store that is open, as a crash would leave it.
pub(crate) fn crash(from: &Path, to: &Path) {
    for suffix in ["", "-wal", ".lock"] {
        let beside = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        fs::copy(beside(from), beside(to)).unwrap();
    }
}
