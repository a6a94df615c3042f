//! Where a server is: one URL gives both the WebSocket's and the REST interface's address.

use reqwest::Url;
use std::{fmt, str::FromStr};

/// A server's address, from `http://host:port`, `ws://host:port` or `host:port`, with a path in front of Plaza's
/// own if it is mounted below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
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
    /// `https` or `wss`.
    #[error(
        "{0:?} asks for TLS, which this client is built without: use http:// (for instance through a tunnel)"
    )]
    Tls(String),
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let malformed = || InvalidAddress::Malformed(text.to_owned());
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|_| malformed())?;
        match url.scheme() {
            "http" | "ws" => {}
            "https" | "wss" => return Err(InvalidAddress::Tls(text.to_owned())),
            _ => return Err(malformed()),
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(malformed)?.to_owned();
        // The url crate knows that ws and http mean port 80.
        let port = url.port_or_known_default().ok_or_else(malformed)?;
        Ok(Self { host, port, base: url.path().trim_end_matches('/').to_owned() })
    }
}

impl Address {
    /// `host:port`, as a resolver takes it; an IPv6 host stands in brackets.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The WebSocket's URL.
    pub fn socket_url(&self) -> String {
        format!("ws://{}{}/socket.io/?EIO=4&transport=websocket", self.authority(), self.base)
    }

    /// A URL below the server's root; `path` starts with a slash.
    pub fn http_url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.authority(), self.base)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.base)
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
            ("ws://[::1]:9/chat/", "ws://[::1]:9/chat/socket.io/", "http://[::1]:9/chat/health"),
        ] {
            let address: Address = text.parse().unwrap();
            assert!(address.socket_url().starts_with(socket), "{}", address.socket_url());
            assert_eq!(address.http_url("/health"), http);
        }
    }

    #[test]
    fn tls_and_nonsense_are_refused_by_name() {
        assert!(matches!("https://a".parse::<Address>(), Err(InvalidAddress::Tls(_))));
        for bad in ["", "http://", "ftp://a", "a b"] {
            assert!(matches!(bad.parse::<Address>(), Err(InvalidAddress::Malformed(_))), "{bad}");
        }
    }
}
