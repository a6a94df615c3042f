//! One process a data folder: a lock file beside the database, held for as long as the store is open.
//!
//! SQLite would let two processes write in turns. Plaza must not: each would think that it alone gives out
//! positions and would never tell its clients what the other one stored. The operating system drops the lock
//! when the process ends, however it ends.

use crate::StoreError;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// The lock on a database file.
pub(crate) struct DataLock {
    file: File,
}

impl DataLock {
    /// Takes it, or says who has it.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let file = open_private(Path::new(&beside)).map_err(|error| unwritable(path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { place: path.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(unwritable(path, &error)),
        }
    }

    /// Lets go of it.
    pub(crate) fn release(&self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "The lock on the data stays until the process ends");
        }
    }
}

/// Makes the folder and an empty database file where they are missing, readable by nobody else, since secrets
/// will stand in it. SQLite gives the files beside it the same mode.
pub(crate) fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let path = std::path::absolute(path).map_err(|error| unwritable(path, &error))?;
    if let Some(folder) = path.parent() {
        make_private_folder(folder).map_err(|error| unwritable(folder, &error))?;
    }
    open_private(&path).map_err(|error| unwritable(&path, &error))?;
    Ok(path)
}

fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unwritable { place: path.display().to_string(), reason: error.to_string() }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes the folder, and has the disk know each one that is new: otherwise a power cut soon after the first
/// start could take the way to the data with it. SQLite does the same for its files inside.
fn make_private_folder(path: &Path) -> io::Result<()> {
    let new: Vec<_> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    for above in new.into_iter().filter_map(Path::parent) {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}
