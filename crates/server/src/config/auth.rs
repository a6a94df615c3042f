//! The secret that tokens are signed with.

use super::ConfigError;
use plaza_protocol::Secret;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Signs access tokens. Empty: one is made at the first start and kept with the data.
    pub secret: Secret,
    /// A file that holds the secret.
    pub secret_file: PathBuf,
}

/// Fewest bytes of a signing secret: as many as the hash that signs gives out (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;

impl Auth {
    /// Takes the secret from its file where one is named.
    pub(super) fn read_secret(&mut self) -> Result<(), ConfigError> {
        read_secret_file("auth.secret", &mut self.secret, &self.secret_file)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let bytes = self.secret.expose().len();
        if !self.secret.is_empty() && bytes < MIN_SECRET_BYTES {
            return Err(ConfigError::Bounds(format!(
                "auth.secret must have at least {MIN_SECRET_BYTES} bytes, not {bytes}"
            )));
        }
        Ok(())
    }
}

/// Takes a secret from its file where one is named.
pub(super) fn read_secret_file(key: &str, secret: &mut Secret, file: &Path) -> Result<(), ConfigError> {
    if file.as_os_str().is_empty() {
        return Ok(());
    }
    if !secret.is_empty() {
        return Err(ConfigError::Bounds(format!("set {key} or {key}_file, not both")));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|why| ConfigError::Unreadable { path: file.to_owned(), why })?;
    *secret = Secret::new(text.trim_end_matches(['\r', '\n']));
    if !secret.is_empty() {
        return Ok(());
    }
    Err(ConfigError::Bounds(format!("{} is empty; it must hold {key}", file.display())))
}
