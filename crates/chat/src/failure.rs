//! Why something was not done: refused by a rule, which is the user's business, or by the store, which is the
//! operator's. `?` takes both, and only the door to the outside tells them apart.

use plaza_protocol::Error;
use plaza_store::StoreError;

/// Refused by a rule or failed by the store.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A rule says no; nothing was written for it.
    Refused(Error),
    /// The store could not; its transaction is undone.
    Store(StoreError),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Store(error) => crate::unavailable(error),
        }
    }
}
