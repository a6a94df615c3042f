//! Putting a backup in the place of the data.
//!
//! The backup is copied beside the data, checked whole and given a new epoch; only then, in one rename, does it become
//! what the next start uses. The write-ahead log of the data before would be read into it as if it were its own, so that
//! goes first. A process that ends anywhere in between leaves either the old data or something that the next start
//! completes.

use crate::{
    Migration, StoreError, check,
    lock::{self, DataLock, beside, sync_folder, unwritable},
    sqlite,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::Path,
};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its size.
    pub bytes: u64,
    /// Its new epoch: positions of before mean nothing any more.
    pub epoch: String,
}

/// The copy while it is made and checked.
const COPYING: &str = ".restoring";
/// The copy when it is to be used; [`complete`] does so.
const DONE: &str = ".restored";

/// Makes `backup` the data `into`. Where there is data it is replaced only with `force`, and lost then. No server may
/// have that data open.
///
/// # Errors
/// [`StoreError::Missing`] for a backup that is not there, [`StoreError::BadBackup`] for one that is not whole,
/// [`StoreError::MigrationUnknown`] for one of a newer Plaza, [`StoreError::Locked`] while a server runs,
/// [`StoreError::Occupied`] where there is data, and whatever reading or writing fails with. The data is as before then.
pub async fn restore(
    backup: &Path,
    into: &Path,
    force: bool,
    migrations: &[Migration],
    new_epoch: [u8; 16],
) -> Result<Restored, StoreError> {
    let bad = |reason: &str| StoreError::BadBackup {
        place: backup.display().to_string(),
        reason: reason.to_owned(),
    };
    if backup.metadata().map_or(0, |file| file.len()) == 0 {
        return Err(StoreError::Missing { place: backup.display().to_string() });
    }
    if beside(backup, "-wal").metadata().is_ok_and(|log| log.len() > 0) {
        return Err(bad("it has a write-ahead log beside it, so it is no backup but a database in use"));
    }
    let into = lock::folder(into)?;
    let lock = DataLock::take(&into)?;
    complete(&into)?;
    if !force && into.metadata().is_ok_and(|file| file.len() > 0) {
        return Err(StoreError::Occupied { place: into.display().to_string() });
    }
    let copy = beside(&into, COPYING);
    let made = async {
        let bytes = copy_file(backup, &copy)?;
        let checked = check::whole(&copy, migrations, check::Depth::Everything).await;
        checked.map_err(|error| match error {
            StoreError::Corrupt { reason, .. } => bad(&reason),
            other => other,
        })?;
        let epoch = crate::hex(new_epoch);
        if !sqlite::change_epoch(&copy, &epoch).await? {
            return Err(bad("it is no store of Plaza's"));
        }
        let synced = File::open(&copy).and_then(|file| file.sync_all());
        synced.map_err(|error| unwritable(&copy, &error))?;
        Ok(Restored { bytes, epoch })
    };
    let made = made.await.map_err(|error| error.at(&into.display().to_string()));
    if made.is_err() {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(beside(&copy, suffix));
        }
    }
    let restored = made?;
    let done = beside(&into, DONE);
    fs::rename(&copy, &done).map_err(|error| unwritable(&done, &error))?;
    sync_folder(&into)?;
    complete(&into)?;
    lock.mark_used()?;
    Ok(restored)
}

/// Puts in place what a restore has made ready, and does nothing where there is nothing of the kind.
pub(crate) fn complete(path: &Path) -> Result<(), StoreError> {
    let done = beside(path, DONE);
    if !done.exists() {
        return Ok(());
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let old = beside(path, suffix);
        match fs::remove_file(&old) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(&old, &error)),
            _ => {}
        }
    }
    // On the disk before the rename is: else the old log could be there beside the new data.
    sync_folder(path)?;
    fs::rename(&done, path).map_err(|error| unwritable(path, &error))?;
    sync_folder(path)
}

/// Copies into a new file that nobody else can read.
fn copy_file(from: &Path, to: &Path) -> Result<u64, StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(to, suffix));
    }
    let mut source = File::open(from).map_err(|error| unwritable(from, &error))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut target = options.open(to).map_err(|error| unwritable(to, &error))?;
    io::copy(&mut source, &mut target).map_err(|error| unwritable(to, &error))
}
