//! How a node that is asked to stop lets go of its clients.

use super::{ConfigError, server::is_base_url, within};
use plaza_chat::Random;
use serde::Deserialize;
use std::time::Duration;

/// `[server.drain]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// How long it keeps its clients while nobody new is let in, in milliseconds.
    pub delay_ms: u64,
    /// Over how long they are let go, in milliseconds; 0: all at once.
    pub spread_ms: u64,
    /// When each is told to come back at the earliest, in milliseconds; at the latest it is five times that.
    pub retry_after_ms: u64,
    /// Other nodes' addresses, one of which each client is told; empty where all come to the same.
    pub urls: Vec<String>,
}

impl Drain {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("server.drain.delay_ms", self.delay_ms, 0, 600_000)?;
        within("server.drain.spread_ms", self.spread_ms, 0, 600_000)?;
        within("server.drain.retry_after_ms", self.retry_after_ms, 0, 60_000)?;
        match self.urls.iter().find(|url| !is_base_url(url)) {
            None => Ok(()),
            Some(url) => Err(ConfigError::Bounds(format!(
                "server.drain.urls has {url:?}; write it like \"https://b.example.org\", without a slash at the end"
            ))),
        }
    }

    /// How long it keeps its clients while nobody new is let in.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// Over how long they are let go.
    pub fn spread(&self) -> Duration {
        Duration::from_millis(self.spread_ms)
    }

    /// When one who asks to be let in shall come again.
    pub fn retry_after(&self) -> Duration {
        Duration::from_millis(self.retry_after_ms)
    }

    /// When one client is told to come back, in milliseconds: spread, so that they do not all come at once.
    pub(crate) fn retry_of_one(&self, random: &dyn Random) -> u64 {
        let least = as_u32(self.retry_after_ms);
        random.between(least, least.saturating_mul(5).saturating_add(1)).into()
    }

    /// Where one client is told to come back to; `None`: where it came before.
    pub(crate) fn url_of_one(&self, random: &dyn Random) -> Option<String> {
        match as_u32(self.urls.len() as u64) {
            0 => None,
            number => self.urls.get(random.between(0, number) as usize).cloned(),
        }
    }
}

/// What is in bounds fits.
fn as_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
