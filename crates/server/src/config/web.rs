//! Whether the browser client is served.

use serde::Deserialize;

/// `[web]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Whether this node serves the browser client that was built into it.
    pub enabled: bool,
}
