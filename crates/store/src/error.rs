//! How the database fails: the few ways an operator can do something about, each as one sentence.

use sqlx::migrate::MigrateError;

/// Why the store cannot. Its text is one sentence for the operator; users are told less.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data.
    #[error("The data in {place} is in use by another plaza: stop that one, or choose another data folder.")]
    Locked {
        /// The file.
        place: String,
    },
    /// The file or its folder cannot be written, or not be made.
    #[error("The data in {place} cannot be written: {reason}.")]
    Unwritable {
        /// The file or folder.
        place: String,
        /// What the system says.
        reason: String,
    },
    /// The file is no database, or a damaged one.
    #[error(
        "The data in {place} is damaged or not Plaza's ({reason}): put a backup in its place with \
         `plaza restore FILE --force`."
    )]
    Corrupt {
        /// The file.
        place: String,
        /// What the database says.
        reason: String,
    },
    /// No room left, on the disk or within [`StoreOptions::max_bytes`](crate::StoreOptions::max_bytes).
    #[error(
        "The disk that holds {place} is full, or store.max_bytes is reached: nothing more can be stored until \
         there is room."
    )]
    Full {
        /// The file.
        place: String,
    },
    /// The database server is not there, or the connection to it broke. It is tried again by itself.
    #[error("The database at {place} cannot be reached: {reason}.")]
    Unreachable {
        /// Its address, without the password.
        place: String,
        /// What the system or the server says.
        reason: String,
    },
    /// The database server is not one that Plaza can use.
    #[error("The database at {place} cannot be used: {reason}.")]
    Unfit {
        /// Its address, without the password.
        place: String,
        /// Why not.
        reason: String,
    },
    /// Others had for too long what a transaction needed; nothing of it is kept. It may be tried again.
    #[error("The database is contended: {reason}.")]
    Contended {
        /// What the server says.
        reason: String,
    },
    /// The connection broke while a transaction was committed: nobody knows whether it is stored.
    #[error("The database was lost during a commit, which may be stored or not: {reason}.")]
    Uncertain {
        /// What the system or the server says.
        reason: String,
    },
    /// A migration that was applied is not the one known now.
    #[error(
        "The data was laid out by another build of Plaza (its migration {version} differs): use that build, \
         or put a backup of this one in its place with `plaza restore FILE --force`."
    )]
    MigrationChanged {
        /// Which one.
        version: i64,
    },
    /// The data is ahead of the program.
    #[error(
        "The data was laid out by a newer Plaza (migration {version} is unknown to this one): install that \
         version or a later one, or put an older backup in its place with `plaza restore FILE --force`."
    )]
    MigrationUnknown {
        /// Which one.
        version: i64,
    },
    /// The data is behind the program, and another process has it.
    #[error(
        "The data is in use by an older Plaza, which has not laid it out as this one does (migration {version}): use \
         the version that is running, or stop it first."
    )]
    MigrationMissing {
        /// The first that is missing.
        version: i64,
    },
    /// A migration failed; the data is as before it.
    #[error("Migration {version} of the data failed, and nothing of it was kept: {reason}.")]
    MigrationFailed {
        /// Which one.
        version: i64,
        /// What the database says.
        reason: String,
    },
    /// There is data already where other data was to be put.
    #[error(
        "There is data in {place} already: `--force` puts the backup in its place, and what is there now is lost."
    )]
    Occupied {
        /// The file.
        place: String,
    },
    /// A backup is never written over anything.
    #[error("{place} exists already: give the backup another name, or remove that file first.")]
    Exists {
        /// The file.
        place: String,
    },
    /// There is nothing to back up, or no backup to restore.
    #[error("There is no data in {place}.")]
    Missing {
        /// The file.
        place: String,
    },
    /// A backup that is no sound one; nothing was changed.
    #[error("{place} cannot be restored ({reason}), so nothing was changed: choose another backup.")]
    BadBackup {
        /// The file.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The time that a job was given ran out before its turn came: it was not run.
    #[error("The time of the request ran out before its turn came; nothing was done.")]
    Expired,
    /// Every connection stayed in use for as long as one may wait.
    #[error("The store is overloaded: no connection to it became free in time.")]
    Exhausted,
    /// It was closed.
    #[error("The store is closed.")]
    Closed,
    /// A batch did not say one answer for each of its jobs. A fault of Plaza's; nothing of the batch is kept.
    #[error(
        "The store gave {answers} answers to {jobs} requests, so it kept nothing: this is a fault of Plaza."
    )]
    Unpaired {
        /// How many jobs there were.
        jobs: usize,
        /// How many answers.
        answers: usize,
    },
    /// Anything else.
    #[error("The store failed: {0}.")]
    Other(sqlx::Error),
}

/// Where an error happened when the place is not known any nearer.
pub(crate) const SOMEWHERE: &str = "the data folder";
/// The same, of a server.
pub(crate) const SERVER: &str = "its server";

impl StoreError {
    /// A database, and not Plaza's.
    pub(crate) fn foreign() -> Self {
        Self::Corrupt { place: SOMEWHERE.to_owned(), reason: "it is another program's database".to_owned() }
    }

    /// The same error, naming the file.
    pub(crate) fn at(mut self, path: &str) -> Self {
        if let Self::Locked { place }
        | Self::Unwritable { place, .. }
        | Self::Corrupt { place, .. }
        | Self::Unreachable { place, .. }
        | Self::Unfit { place, .. }
        | Self::Full { place } = &mut self
            && (place == SOMEWHERE || place == SERVER)
        {
            path.clone_into(place);
        }
        self
    }

    /// The same, of a commit: where the connection broke, it may have been carried out.
    pub(crate) fn of_commit(self) -> Self {
        match self {
            Self::Unreachable { reason, .. } => Self::Uncertain { reason },
            other => other,
        }
    }

    /// Whether a unique index refused a row.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Other(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Exhausted,
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::Database(cause) => {
                let reason = cause.message().to_owned();
                let place = SOMEWHERE.to_owned();
                let trouble = match cause.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
                    Some(_) => crate::sqlite::trouble,
                    None => crate::postgres::trouble,
                };
                match cause.code().and_then(|code| trouble(&code)) {
                    Some(Trouble::Locked) => Self::Locked { place },
                    Some(Trouble::Unwritable) => Self::Unwritable { place, reason },
                    Some(Trouble::Corrupt) => Self::Corrupt { place, reason },
                    Some(Trouble::Full) => Self::Full { place },
                    Some(Trouble::Unreachable) => Self::Unreachable { place: SERVER.to_owned(), reason },
                    Some(Trouble::Contended) => Self::Contended { reason },
                    None => Self::Other(error),
                }
            }
            // Only a server can be spoken with wrongly, or not any more.
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Self::Unreachable { place: SERVER.to_owned(), reason: error.to_string() }
            }
            _ => Self::Other(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::MigrationUnknown { version },
            MigrateError::VersionMismatch(version) => Self::MigrationChanged { version },
            MigrateError::Execute(error) => error.into(),
            MigrateError::ExecuteMigration(error, version) => match Self::from(error) {
                Self::Other(error) => Self::MigrationFailed { version, reason: error.to_string() },
                known => known,
            },
            other => Self::Other(sqlx::Error::Migrate(Box::new(other))),
        }
    }
}

/// What a database's own error code means for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Locked,
    Unwritable,
    Corrupt,
    Full,
    Unreachable,
    Contended,
}
