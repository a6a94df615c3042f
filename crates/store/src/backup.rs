//! A copy of the data of one moment, taken while a server writes to it.
//!
//! `VACUUM INTO` copies within one reading transaction: the server goes on writing, and what it writes meanwhile is not
//! in the copy. The write-ahead log keeps what the copy still has to read, so it grows by as much as is written in the
//! meantime. The copy is compact, and nothing that was deleted stands in it.

use crate::{
    Migration, StoreError, check,
    lock::{beside, sync_folder, unwritable},
    sqlite,
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::Path,
    time::Duration,
};

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes written.
    pub bytes: u64,
    /// Bytes that there will be, about.
    pub of: u64,
}

/// Copies the database `from` into a new file `to`, readable by nobody else, checks the copy, and has it on the disk
/// before it returns: its size in bytes. Until then the copy's name ends in `.part`; one that an earlier try left is
/// replaced. `progress` is called about twice a second.
///
/// # Errors
/// [`StoreError::Missing`] where there is no data, [`StoreError::Exists`] where there is a file `to`, and whatever
/// reading or writing fails with. Nothing is left behind then.
pub async fn back_up(
    from: &Path,
    to: &Path,
    migrations: &[Migration],
    mut progress: impl FnMut(Progress),
) -> Result<u64, StoreError> {
    if from.metadata().map_or(0, |file| file.len()) == 0 {
        return Err(StoreError::Missing { place: from.display().to_string() });
    }
    let to = std::path::absolute(to).map_err(|error| unwritable(to, &error))?;
    let exists = || StoreError::Exists { place: to.display().to_string() };
    if to.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let part = beside(&to, ".part");
    let file = empty(&part)?;
    let made = async {
        copy(from, &part, &mut progress).await?;
        file.sync_all().map_err(|error| unwritable(&part, &error))?;
        check::whole(&part, migrations, check::Depth::Pages { within: None }).await?;
        match fs::hard_link(&part, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists()),
            // A file system without links: then the name is taken as it is free now.
            Err(_) => return fs::rename(&part, &to).map_err(|error| unwritable(&to, &error)),
        }
        fs::remove_file(&part).map_err(|error| unwritable(&part, &error))
    };
    let made = made.await;
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made?;
    sync_folder(&to)?;
    Ok(file.metadata().map_or(0, |file| file.len()))
}

async fn copy(from: &Path, to: &Path, progress: &mut impl FnMut(Progress)) -> Result<(), StoreError> {
    const EVERY: Duration = Duration::from_millis(500);
    let place = |error: StoreError| match error {
        // It reads there and writes here.
        StoreError::Full { .. } | StoreError::Unwritable { .. } => error.at(&to.display().to_string()),
        other => other.at(&from.display().to_string()),
    };
    let mut connection = sqlite::open_to_look(from).await.map_err(place)?;
    let of = sqlite::bytes_in_use(&mut connection).await.map_err(place)?;
    let bytes = || to.metadata().map_or(0, |file| file.len());
    {
        let mut copying = std::pin::pin!(sqlite::copy_into(&mut connection, to));
        loop {
            match tokio::time::timeout(EVERY, &mut copying).await {
                Ok(copied) => break copied.map_err(place)?,
                Err(_) => progress(Progress { bytes: bytes().min(of), of }),
            }
        }
    }
    progress(Progress { bytes: bytes(), of: bytes() });
    sqlite::close(connection).await
}

/// A new file for nobody else, or the one that an earlier try left; never one that another backup writes to.
fn empty(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| unwritable(path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Exists { place: path.display().to_string() });
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(path, &error)),
    }
    file.set_len(0).map_err(|error| unwritable(path, &error))?;
    Ok(file)
}
