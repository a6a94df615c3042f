//! Programs that write into rooms.

use super::{ConfigError, metrics::address_or_none, within};
use plaza_protocol::{RoomId, Secret};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{net::SocketAddr, path::PathBuf};

/// `[webhooks]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether they are answered.
    pub enabled: bool,
    /// Where they alone are answered; `None`: where clients are.
    #[serde(deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
    /// Whether a program on this machine needs no key.
    pub keyless_on_loopback: bool,
    /// An Official Account of Zalo's.
    pub zalo: Zalo,
}

/// `[webhooks.zalo]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zalo {
    /// The application's id there. Empty: off.
    pub app_id: String,
    /// Where its messages come in.
    #[serde(deserialize_with = "room_or_none")]
    pub room: Option<RoomId>,
    /// Signs what Zalo sends.
    pub secret_key: Secret,
    /// A file that holds it.
    pub secret_key_file: PathBuf,
    /// For answers. Empty: none are sent.
    pub access_token: Secret,
    /// A file that holds it, read anew for each answer.
    pub access_token_file: PathBuf,
    /// Where Zalo takes answers.
    pub api_url: String,
    /// How long one answer may take, in milliseconds.
    pub timeout_ms: u64,
}

fn room_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RoomId>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(D::Error::custom)
}

impl Webhooks {
    /// Takes the secret from its file where one is named.
    pub(super) fn read_secret(&mut self) -> Result<(), ConfigError> {
        let zalo = &mut self.zalo;
        if zalo.secret_key_file.as_os_str().is_empty() {
            return Ok(());
        }
        if !zalo.secret_key.is_empty() {
            let both = "set webhooks.zalo.secret_key or webhooks.zalo.secret_key_file, not both";
            return Err(ConfigError::Bounds(both.into()));
        }
        let text = std::fs::read_to_string(&zalo.secret_key_file)
            .map_err(|why| ConfigError::Unreadable { path: zalo.secret_key_file.clone(), why })?;
        zalo.secret_key = Secret::new(text.trim_end_matches(['\r', '\n']));
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let zalo = &self.zalo;
        within("webhooks.zalo.timeout_ms", zalo.timeout_ms, 100, 60_000)?;
        if !zalo.is_on() {
            return Ok(());
        }
        let refused = |why: &str| Err(ConfigError::Bounds(why.into()));
        if zalo.room.is_none() || zalo.secret_key.is_empty() {
            return refused("webhooks.zalo.app_id is set: then room and secret_key must be set too");
        }
        if !zalo.access_token.is_empty() && !zalo.access_token_file.as_os_str().is_empty() {
            return refused("set webhooks.zalo.access_token or webhooks.zalo.access_token_file, not both");
        }
        let local = zalo.api_url.starts_with("http://127.0.0.1:");
        if !zalo.api_url.starts_with("https://") && !local {
            return refused(
                "webhooks.zalo.api_url must begin with https://, since the access token goes there",
            );
        }
        Ok(())
    }
}

impl Zalo {
    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        !self.app_id.is_empty()
    }
}
