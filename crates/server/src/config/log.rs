//! What is logged.

use super::ConfigError;
use serde::Deserialize;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level, or levels by module: `info,plaza_chat=debug`.
    pub level: String,
    /// How an entry looks.
    pub format: LogFormat,
}

/// How an entry of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: a time, a level, a sentence, and fields behind it.
    Human,
    /// For programs: one JSON object a line.
    Json,
}

impl Log {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.filter().map(drop)
    }

    /// The level as a filter.
    pub fn filter(&self) -> Result<EnvFilter, ConfigError> {
        let refused = |why: &dyn std::fmt::Display| {
            ConfigError::Bounds(format!("log.level is {:?}, which is no level: {why}", self.level))
        };
        // Alone, any word would be a module whose every entry is logged, and nobody else's.
        let mut alone = self.level.split(',').map(str::trim).filter(|part| !part.contains(['=', '[']));
        if let Some(word) = alone.find(|part| part.parse::<LevelFilter>().is_err()) {
            return Err(refused(&format!(
                "{word:?} must be error, warn, info, debug or trace, or MODULE=LEVEL"
            )));
        }
        EnvFilter::builder().parse(&self.level).map_err(|why| refused(&why))
    }
}
