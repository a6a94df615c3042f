//! One process a data folder: a lock file beside the database, held for as long as the store is open.
//!
//! SQLite would let two processes write in turns. Plaza must not: each would think that it alone gives out
//! positions and would never tell its clients what the other one stored. What may be written beside a node all the same
//! is in `alongside`. The operating system drops the lock when the process ends, however it ends.

use crate::StoreError;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// The lock on a database file.
pub(crate) struct DataLock {
    file: File,
    path: PathBuf,
}

/// What stands in a lock file once there is a store beside it.
const MARK: &[u8] = b"There is a store of Plaza's beside this file.\n";

impl DataLock {
    /// Takes it, or says who has it.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        let file = open_private(&beside(path, ".lock")).map_err(|error| unwritable(path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path: path.to_owned() }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { place: path.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(unwritable(path, &error)),
        }
    }

    /// Whether a store was laid out here before.
    pub(crate) fn is_used(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.len() > 0)
    }

    /// Notes that a store is laid out here: should its file be found empty later, it was cut off.
    pub(crate) fn mark_used(&self) -> Result<(), StoreError> {
        if self.is_used() {
            return Ok(());
        }
        let noted = (&self.file).write_all(MARK).and_then(|()| self.file.sync_all());
        noted.map_err(|error| unwritable(&self.path, &error))
    }

    /// Lets go of it.
    pub(crate) fn release(&self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "The lock on the data stays until the process ends");
        }
    }
}

/// Makes the folder of a database file where it is missing, readable by nobody else, since secrets will stand in it.
/// The file's absolute path.
pub(crate) fn folder(path: &Path) -> Result<PathBuf, StoreError> {
    let path = std::path::absolute(path).map_err(|error| unwritable(path, &error))?;
    if let Some(folder) = path.parent() {
        make_private_folder(folder).map_err(|error| unwritable(folder, &error))?;
    }
    Ok(path)
}

/// Makes an empty database file where there is none, readable by nobody else. SQLite gives the files beside it the
/// same mode.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    open_private(path).map(|_| ()).map_err(|error| unwritable(path, &error))
}

/// A file beside another one, named after it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    PathBuf::from(beside)
}

/// Has the disk know which files are in the folder of this one.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| unwritable(folder, &error))?;
    }
    Ok(())
}

/// What a failure of the file system means for the operator.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    let place = path.display().to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { place },
        _ => StoreError::Unwritable { place, reason: error.to_string() },
    }
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
