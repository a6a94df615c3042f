//! Who is told when a node has stopped by itself.

use super::{ConfigError, within};
use plaza_protocol::Secret;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// `[alerts]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Where the report is posted; empty: nowhere.
    pub url: String,
    /// Signs what is posted, as Standard Webhooks has it: `whsec_` and base64. Empty: it is not signed.
    pub secret: Secret,
    /// A file that holds the secret.
    pub secret_file: PathBuf,
    /// A program and its arguments, which gets the report on stdin; empty: none.
    pub command: Vec<String>,
    /// How long either may take, in milliseconds.
    pub timeout_ms: u64,
    /// Reports that are kept with the data.
    pub reports: usize,
}

impl Alerts {
    pub(super) fn read_secret(&mut self) -> Result<(), ConfigError> {
        super::auth::read_secret_file("alerts.secret", &mut self.secret, &self.secret_file)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("alerts.timeout_ms", self.timeout_ms, 100, 60_000)?;
        within("alerts.reports", self.reports as u64, 1, 1_000)?;
        let https = self.url.strip_prefix("https://").or_else(|| self.url.strip_prefix("http://"));
        if !self.url.is_empty() && https.is_none_or(str::is_empty) {
            return Err(ConfigError::Bounds(
                "alerts.url must be an address such as \"https://alerts.example.org/plaza\"".into(),
            ));
        }
        if !self.secret.is_empty() && standardwebhooks::Webhook::new(self.secret.expose()).is_err() {
            return Err(ConfigError::Bounds("alerts.secret must be \"whsec_\" and base64".into()));
        }
        if self.command.first().is_some_and(String::is_empty) {
            return Err(ConfigError::Bounds("alerts.command must begin with a program".into()));
        }
        Ok(())
    }

    /// How long telling somebody may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}
