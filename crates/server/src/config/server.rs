//! Where a node listens, whom it believes, and how long it takes to stop.

use super::{ConfigError, Drain, Tls, within};
use crate::{client_addr::TrustedProxies, roles::Role};
use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// What this process does.
    pub roles: Vec<Role>,
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// This node's name; empty until start-up chooses one.
    pub node: String,
    /// Where people reach this Plaza, without a slash at its end; empty where nobody said.
    pub public_url: String,
    /// How long stopping may take once clients are told, in milliseconds.
    pub grace_ms: u64,
    /// How its clients are let go of before that.
    pub drain: Drain,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: TrustedProxies,
    /// Whose pages may talk to this server beside its own.
    pub allowed_origins: Vec<String>,
    /// Connections that speak HTTP at once; one that became a WebSocket no longer counts.
    pub max_http_connections: usize,
    /// As many of them may be of one address; proxies that are trusted and, where limits exempt it, loopback have no
    /// such bound.
    pub max_http_connections_per_address: usize,
    /// How long a client may take to send a request's head, and to rest between two requests, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a request under `/api` may take, its body included, in milliseconds.
    pub request_timeout_ms: u64,
    /// How long a client may take nothing of an answer, in milliseconds.
    pub write_timeout_ms: u64,
    /// Whether this node speaks HTTPS.
    pub tls: Tls,
}

/// Longest name of a node in bytes.
const MAX_NODE_BYTES: usize = 32;

impl Server {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("server.grace_ms", self.grace_ms, 0, 600_000)?;
        within("server.max_http_connections", self.max_http_connections as u64, 1, 1_000_000)?;
        let of_one = self.max_http_connections_per_address as u64;
        within("server.max_http_connections_per_address", of_one, 1, 1_000_000)?;
        within("server.header_timeout_ms", self.header_timeout_ms, 100, 600_000)?;
        within("server.request_timeout_ms", self.request_timeout_ms, 100, 600_000)?;
        within("server.write_timeout_ms", self.write_timeout_ms, 100, 600_000)?;
        if self.node.len() > MAX_NODE_BYTES
            || !self
                .node
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            let name = &self.node;
            return Err(ConfigError::Bounds(format!(
                "server.node must have at most {MAX_NODE_BYTES} of a-z 0-9 -, not {name:?}: a proxy tells nodes apart by it"
            )));
        }
        self.drain.check()?;
        self.tls.check()?;
        check_public_url(&self.public_url)?;
        self.allowed_origins.iter().try_for_each(|origin| check_origin(origin))
    }

    /// How long stopping may take once clients are told.
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }
}

/// An address that `/#…` can be put behind; or none.
fn check_public_url(url: &str) -> Result<(), ConfigError> {
    if url.is_empty() || is_base_url(url) {
        return Ok(());
    }
    Err(ConfigError::Bounds(format!(
        "server.public_url is {url:?}; write it like \"https://chat.example.org\", without a slash at the end"
    )))
}

/// Whether it is `http` or `https`, an authority and perhaps a path, without a slash at its end.
pub(super) fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"#?\"<>".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/') && rest.bytes().all(fits))
}

/// An origin as a browser writes it: scheme and authority, no path, no slash at the end.
fn check_origin(origin: &str) -> Result<(), ConfigError> {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match authority {
        Some(authority)
            if !authority.is_empty()
                && authority.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'*') =>
        {
            Ok(())
        }
        _ => Err(ConfigError::Bounds(format!(
            "server.allowed_origins has {origin:?}, which is no origin; write it like \"https://example.org\""
        ))),
    }
}
