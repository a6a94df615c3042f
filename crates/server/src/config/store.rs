//! Where the data is kept and how safely.

use super::{ConfigError, within};
use plaza_protocol::Secret;
use plaza_store::{Place, ServerUrl, StoreOptions};
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// The database, in the data folder.
const DATABASE: &str = "plaza.db";
/// Connections to a server that write; the store has so many.
const WRITERS: u32 = 4;

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The folder of this node's data.
    pub data: PathBuf,
    /// A PostgreSQL server. Empty: a file in the folder.
    pub url: Secret,
    /// A file that holds the URL.
    pub url_file: PathBuf,
    /// Most connections to the server.
    pub connections: u32,
    /// What an acknowledgement is worth.
    pub durability: Durability,
    /// Most bytes that the database file may have; 0: as many as the disk has room for.
    pub max_bytes: u64,
    /// How long the check for damage may take at start, in milliseconds; 0: only what takes no time is checked.
    pub check_ms: u64,
}

impl Store {
    /// Takes the URL from its file where one is named.
    pub(super) fn read_url(&mut self) -> Result<(), ConfigError> {
        if self.url_file.as_os_str().is_empty() {
            return Ok(());
        }
        if !self.url.is_empty() {
            return Err(ConfigError::Bounds("set store.url or store.url_file, not both".into()));
        }
        let text = std::fs::read_to_string(&self.url_file)
            .map_err(|why| ConfigError::Unreadable { path: self.url_file.clone(), why })?;
        self.url = Secret::new(text.trim_end_matches(['\r', '\n']));
        if !self.url.is_empty() {
            return Ok(());
        }
        Err(ConfigError::Bounds(format!("{} is empty; it must hold store.url", self.url_file.display())))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("store.check_ms", self.check_ms, 0, 3_600_000)?;
        within("store.connections", self.connections.into(), u64::from(WRITERS) + 1, 200)?;
        if self.max_bytes != 0 {
            within("store.max_bytes", self.max_bytes, 1 << 20, 1 << 46)?;
        }
        self.server().map(drop)
    }

    /// The server, if the data is in one.
    ///
    /// # Errors
    /// What is wrong with its URL; never the URL itself.
    pub fn server(&self) -> Result<Option<ServerUrl>, ConfigError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let url = self.url.expose().parse().map_err(|why| ConfigError::Bounds(format!("store.url {why}")))?;
        Ok(Some(url))
    }

    /// The database file, where there is no server.
    pub fn file(&self) -> PathBuf {
        self.data.join(DATABASE)
    }

    /// Where the data is.
    ///
    /// # Errors
    /// As [`Store::server`].
    pub fn place(&self) -> Result<Place, ConfigError> {
        Ok(self.server()?.map_or_else(|| Place::File(self.file()), Place::Server))
    }

    /// As the store is opened. `new_epoch` is random, and becomes the epoch of a store that is made.
    ///
    /// # Errors
    /// As [`Store::server`].
    pub fn options(&self, new_epoch: [u8; 16]) -> Result<StoreOptions, ConfigError> {
        let mut options = StoreOptions::at(self.place()?, new_epoch);
        if let Place::Server(_) = options.place {
            options.readers = self.connections.saturating_sub(WRITERS).max(1);
        }
        options.durability = match self.durability {
            Durability::Full => plaza_store::Durability::Full,
            Durability::None => plaza_store::Durability::None,
        };
        options.max_bytes = (self.max_bytes != 0).then_some(self.max_bytes);
        options.check = Duration::from_millis(self.check_ms);
        Ok(options)
    }
}

/// A URL as it may be shown.
pub(super) fn shown(url: &str) -> String {
    url.parse::<ServerUrl>().map_or_else(|_| "(set, not shown)".to_owned(), |url| format!("\"{url}\""))
}

/// Whether somebody who reads a URL reads a password. What is no URL may be one.
pub(super) fn has_password(url: &str) -> bool {
    !url.is_empty() && url.parse::<ServerUrl>().map_or(true, |url| url.has_password())
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
