//! Which database it is, for who has words for each.

use sqlx::AnyConnection;

/// The databases that a store can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A file of this process.
    Sqlite,
    /// A server that other nodes use too.
    Postgres,
}

impl Dialect {
    /// The one that a connection speaks.
    pub fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "PostgreSQL" => Self::Postgres,
            _ => Self::Sqlite,
        }
    }
}
