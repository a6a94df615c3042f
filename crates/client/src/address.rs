//! Where a server is: one URL gives both the WebSocket's and the REST interface's address.

use reqwest::Url;
use std::{fmt, str::FromStr};

/// A server's address, from `http://host:port`, `https://…`, `ws://…`, `wss://…` or `host:port`, with a path in front
/// of Plaza's own if it is mounted below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    tls: bool,
    host: String,
    port: u16,
    /// Empty, or `/` and more, without a slash at its end.
    base: String,
}

/// Why a string is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Not a URL at all.
    #[error("{0:?} is not an address such as http://127.0.0.1:3000")]
    Malformed(String),
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let malformed = || InvalidAddress::Malformed(text.to_owned());
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|_| malformed())?;
        let tls = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(malformed()),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(malformed)?.to_owned();
        // The url crate knows that ws and http mean port 80, wss and https port 443.
        let port = url.port_or_known_default().ok_or_else(malformed)?;
        Ok(Self { tls, host, port, base: url.path().trim_end_matches('/').to_owned() })
    }
}

impl Address {
    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The name that the server's certificate must bear.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// `host:port`, as a resolver takes it; an IPv6 host stands in brackets.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The WebSocket's URL.
    pub fn socket_url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}/socket.io/?EIO=4&transport=websocket", self.authority(), self.base)
    }

    /// A URL below the server's root; `path` starts with a slash.
    pub fn http_url(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_gives_both_urls() {
        for (text, socket, http) in [
            ("127.0.0.1:3000", "ws://127.0.0.1:3000/socket.io/", "http://127.0.0.1:3000/health"),
            ("http://plaza.example/", "ws://plaza.example:80/socket.io/", "http://plaza.example:80/health"),
            (
                "https://plaza.example",
                "wss://plaza.example:443/socket.io/",
                "https://plaza.example:443/health",
            ),
            ("ws://[::1]:9/chat/", "ws://[::1]:9/chat/socket.io/", "http://[::1]:9/chat/health"),
        ] {
            let address: Address = text.parse().unwrap();
            assert!(address.socket_url().starts_with(socket), "{}", address.socket_url());
            assert_eq!(address.http_url("/health"), http);
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for bad in ["", "http://", "ftp://a", "a b"] {
            assert!(matches!(bad.parse::<Address>(), Err(InvalidAddress::Malformed(_))), "{bad}");
        }
    }
}
