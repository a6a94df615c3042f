//! Whether, and with what certificate, this node speaks HTTPS.

use super::{ConfigError, within};
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// `[server.tls]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those between it and its authority, as PEM. Empty, as the key: HTTP.
    pub cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// How often it is looked whether the files have changed, in milliseconds.
    pub reload_ms: u64,
    /// How long a client may take for the handshake, in milliseconds.
    pub handshake_timeout_ms: u64,
}

impl Tls {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("server.tls.reload_ms", self.reload_ms, 100, 3_600_000)?;
        within("server.tls.handshake_timeout_ms", self.handshake_timeout_ms, 100, 600_000)?;
        let (set, missing) = match (self.cert.as_os_str().is_empty(), self.key.as_os_str().is_empty()) {
            (true, false) => ("key", "cert"),
            (false, true) => ("cert", "key"),
            (true, true) | (false, false) => return Ok(()),
        };
        Err(ConfigError::Bounds(format!(
            "server.tls.{set} is set and server.tls.{missing} is not: HTTPS takes both, HTTP neither"
        )))
    }

    /// Whether this node speaks HTTPS.
    pub fn is_on(&self) -> bool {
        !self.cert.as_os_str().is_empty()
    }

    /// How often it is looked whether the files have changed.
    pub fn reload(&self) -> Duration {
        Duration::from_millis(self.reload_ms)
    }

    /// How long a client may take for the handshake.
    pub fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }
}
