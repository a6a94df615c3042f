//! Where the data is kept and how safely.

use super::{ConfigError, within};
use plaza_store::StoreOptions;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// The database, in the data folder.
const DATABASE: &str = "plaza.db";

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The folder of this node's data.
    pub data: PathBuf,
    /// What an acknowledgement is worth.
    pub durability: Durability,
    /// Most bytes that the database file may have; 0: as many as the disk has room for.
    pub max_bytes: u64,
    /// How long the check for damage may take at start, in milliseconds; 0: only what takes no time is checked.
    pub check_ms: u64,
}

impl Store {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("store.check_ms", self.check_ms, 0, 3_600_000)?;
        if self.max_bytes != 0 {
            within("store.max_bytes", self.max_bytes, 1 << 20, 1 << 46)?;
        }
        Ok(())
    }

    /// The database file.
    pub fn file(&self) -> PathBuf {
        self.data.join(DATABASE)
    }

    /// As the store is opened. `new_epoch` is random, and becomes the epoch of a store that is made.
    pub fn options(&self, new_epoch: [u8; 16]) -> StoreOptions {
        let mut options = StoreOptions::new(self.file(), new_epoch);
        options.durability = match self.durability {
            Durability::Full => plaza_store::Durability::Full,
            Durability::None => plaza_store::Durability::None,
        };
        options.max_bytes = (self.max_bytes != 0).then_some(self.max_bytes);
        options.check = Duration::from_millis(self.check_ms);
        options
    }
}

/// What an acknowledgement is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Committed and synced to the disk: it survives a power cut.
    Full,
    /// Never synced: for tests and throw-away data.
    None,
}
