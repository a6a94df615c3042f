//! Looking at a database before anything is written to it: is it one, is it Plaza's, is it of a layout that is known
//! here, and is it whole.
//!
//! The headers, the write-ahead log and the layout are always looked at, which takes milliseconds. Reading every page
//! takes about two seconds for each gigabyte that is in memory already, and as long as the disk takes for one that is
//! not: so that has a deadline.

use crate::{
    Migration, StoreError,
    lock::{DataLock, beside},
    migrate, sqlite,
    wal::{self, Found},
};
use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read as _},
    path::Path,
    time::Duration,
};

/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Refuses what must not be opened, and writes nothing. A file that is missing, or that a first start left empty, is
/// fine.
pub(crate) async fn before_use(
    path: &Path,
    lock: &DataLock,
    migrations: &[Migration],
    deadline: Duration,
) -> Result<(), StoreError> {
    let length = match path.metadata() {
        Ok(file) if file.is_dir() => return Ok(()),
        Ok(file) => file.len(),
        Err(_) => return Ok(()),
    };
    if length == 0 {
        return if lock.is_used() { Err(corrupt(path, "the file is empty")) } else { Ok(()) };
    }
    whole(path, migrations, Depth::Pages { within: Some(deadline) }).await
}

/// How much is looked at beside headers, write-ahead log and layout.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Depth {
    /// Every page, or as many as can be read in that time.
    Pages { within: Option<Duration> },
    /// Every page, and that indexes and tables say the same.
    Everything,
}

/// Refuses a database that is damaged, another program's or of an unknown layout.
pub(crate) async fn whole(path: &Path, migrations: &[Migration], depth: Depth) -> Result<(), StoreError> {
    let place = path.display().to_string();
    files(path).map_err(|error| error.at(&place))?;
    let checked = async {
        let mut connection = sqlite::open_to_look(path).await?;
        migrate::check(&mut connection, migrations).await?;
        let found = match depth {
            Depth::Pages { within: Some(Duration::ZERO) } => None,
            depth => sqlite::find_damage(&mut connection, depth).await?,
        };
        sqlite::close(connection).await?;
        Ok(found)
    };
    match checked.await.map_err(|error: StoreError| error.at(&place))? {
        Some(damage) => Err(corrupt(path, &damage)),
        None => Ok(()),
    }
}

/// The two files as they lie there.
fn files(path: &Path) -> Result<(), StoreError> {
    let unreadable = |error: std::io::Error| StoreError::Unwritable {
        place: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut magic = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    match read {
        Ok(()) if magic == *MAGIC => {}
        Ok(()) => return Err(corrupt(path, "it does not begin as a database does")),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Err(corrupt(path, "it does not begin as a database does"));
        }
        Err(error) => return Err(unreadable(error)),
    }
    match File::open(beside(path, "-wal")) {
        Ok(log) => match wal::inspect(BufReader::with_capacity(1 << 20, log)).map_err(unreadable)? {
            Found::Sound => Ok(()),
            Found::Damaged(why) => Err(corrupt(path, why)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unreadable(error)),
    }
}

fn corrupt(path: &Path, reason: &str) -> StoreError {
    StoreError::Corrupt { place: path.display().to_string(), reason: reason.to_owned() }
}
