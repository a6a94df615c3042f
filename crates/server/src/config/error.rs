//! Why a configuration is refused: each is one sentence that names the source and the key.

use figment::error::{Actual, Kind};
use std::path::PathBuf;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word on it.
        why: std::io::Error,
    },
    /// A file that is not TOML.
    #[error("{origin}, line {line}: {why}")]
    Syntax {
        /// Which file.
        origin: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// A key that nobody reads.
    #[error("{origin}: unknown key {key}{}", hint(.nearest.as_deref()))]
    Unknown {
        /// Which source.
        origin: String,
        /// As it was written.
        key: String,
        /// A known key that looks like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type.
    #[error("{origin}: {key} {why}")]
    Value {
        /// Which source.
        origin: String,
        /// The key.
        key: String,
        /// What it must be.
        why: String,
    },
    /// Values that are out of bounds or do not go together.
    #[error("{0}")]
    Bounds(String),
}

/// Edits between two keys above which one is no likely misspelling of the other.
const MAX_EDITS: usize = 4;

impl ConfigError {
    /// [`ConfigError::Unknown`] with the nearest of `known`; `show` writes a key as its source does.
    pub(super) fn unknown(origin: &str, key: &str, known: &[String], show: &dyn Fn(&str) -> String) -> Self {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let nearest = known
            .iter()
            .map(|candidate| (strsim::damerau_levenshtein(key, candidate), candidate))
            .filter(|(edits, candidate)| *edits <= MAX_EDITS || last(candidate) == last(key))
            .min();
        Self::Unknown {
            origin: origin.to_owned(),
            key: show(key),
            nearest: nearest.map(|(_, candidate)| show(candidate)),
        }
    }

    /// From what the typed reading found: an unknown choice, a malformed address.
    pub(super) fn from_figment(error: &figment::Error) -> Self {
        let origin = error.metadata.as_ref().map_or("configuration", |metadata| &metadata.name).to_owned();
        let key = error.path.join(".");
        let why = match &error.kind {
            Kind::UnknownVariant(found, known) => {
                let known: Vec<_> = known.iter().map(|word| format!("{word:?}")).collect();
                format!("must be {}, not {found:?}", known.join(" or "))
            }
            Kind::InvalidValue(Actual::Signed(_) | Actual::Unsigned(_), _) => {
                "is a number out of all bounds".to_owned()
            }
            // It is read by the standard library, which says only that it is none.
            _ if key.ends_with(".listen") => {
                "must be an address and a port, such as \"127.0.0.1:3000\"".to_owned()
            }
            other => format!("is refused: {other}"),
        };
        Self::Value { origin, key, why }
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}
