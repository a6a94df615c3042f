//! Whether the browser client is served, and where it finds its server.

use super::ConfigError;
use serde::Deserialize;

/// `[web]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Whether this node serves the browser client that was built into it.
    pub enabled: bool,
    /// Where that finds the API and the sockets: an origin. Empty: where the page came from.
    pub api_base_url: String,
}

impl Web {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let url = &self.api_base_url;
        let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        // It stands in a header of the page's.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        match authority {
            None if url.is_empty() => Ok(()),
            Some(authority) if !authority.is_empty() && authority.bytes().all(fits) => Ok(()),
            _ => Err(ConfigError::Bounds(format!(
                "web.api_base_url is {url:?}; write it like \"https://chat.example.org\", without a slash at the end"
            ))),
        }
    }
}
