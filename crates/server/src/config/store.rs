//! Where the data is kept and how safely.

use serde::Deserialize;
use std::path::PathBuf;

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The folder of this node's data.
    pub data: PathBuf,
    /// What an acknowledgement is worth.
    pub durability: Durability,
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
