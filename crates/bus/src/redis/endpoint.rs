//! One server: its address, and what it wants to hear before it serves.

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};
use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use crate::BusError;

/// A Redis server's address and credentials. Shown, it is the address alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) address: Address,
    pub(crate) tls: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

/// Where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Endpoint {
    /// Reads `redis://[user[:password]@]host[:port]`, `rediss://…` (TLS) or `unix:///path[?user=…&pass=…]`. A number of a
    /// database is refused: pub/sub knows none.
    pub fn parse(url: &str) -> Result<Self, BusError> {
        // The URL may hold a password, so no error repeats it.
        let (plain, tls) = match url.strip_prefix("rediss://") {
            Some(rest) => (format!("redis://{rest}"), true),
            None => (url.to_owned(), false),
        };
        if !["redis://", "unix:///"].iter().any(|scheme| plain.starts_with(scheme)) {
            return Err(BusError::Url("it must begin with redis://, rediss:// or unix:///".to_owned()));
        }
        if plain.contains('#') {
            return Err(BusError::Url("it must not contain # (in a password, write %23)".to_owned()));
        }
        let info = plain.into_connection_info().map_err(|error| BusError::Url(error.to_string()))?;
        let settings = info.redis_settings();
        if settings.db() != 0 {
            return Err(BusError::Url("it must name no database: pub/sub knows none".to_owned()));
        }
        let address = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Address::Tcp(host.clone(), *port),
            ConnectionAddr::Unix(path) => Address::Unix(path.clone()),
            _ => return Err(BusError::Url("this kind of address is not known".to_owned())),
        };
        let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let (username, password) = (owned(settings.username()), owned(settings.password()));
        Ok(Self { address, tls, username, password })
    }

    /// The same with this password, unless the URL holds one.
    #[must_use]
    pub fn or_password(mut self, password: Option<&str>) -> Self {
        if self.password.is_none() {
            self.password = password.filter(|text| !text.is_empty()).map(str::to_owned);
        }
        self
    }

    /// The server at another address of the same cluster.
    pub(crate) fn sibling(&self, host: String, port: u16) -> Self {
        Self { address: Address::Tcp(host, port), ..self.clone() }
    }

    /// Its host, if it has one.
    pub(crate) fn host(&self) -> Option<&str> {
        match &self.address {
            Address::Tcp(host, _) => Some(host),
            Address::Unix(_) => None,
        }
    }

    /// The path of its unix socket, if it has one.
    pub fn unix_path(&self) -> Option<&Path> {
        match &self.address {
            Address::Tcp(..) => None,
            Address::Unix(path) => Some(path),
        }
    }

    /// Whether only this machine reaches it, as far as its address tells.
    pub fn is_on_this_machine(&self) -> bool {
        match &self.address {
            Address::Unix(_) => true,
            Address::Tcp(host, _) => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// Refuses a server that anybody on the network may command.
    pub(crate) fn check_password(&self, allow_no_password: bool) -> Result<(), BusError> {
        if self.password.is_some() || allow_no_password || self.is_on_this_machine() {
            return Ok(());
        }
        Err(BusError::NoPassword(self.to_string()))
    }

    /// As the `redis` crate wants it.
    pub(crate) fn settings(&self) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        settings
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_never_shown() {
        let endpoint = Endpoint::parse("rediss://ann:p%23ss@cache.example:6380").unwrap();
        assert!(endpoint.tls);
        assert_eq!(endpoint.username.as_deref(), Some("ann"));
        assert_eq!(endpoint.password.as_deref(), Some("p#ss"));
        assert_eq!(format!("{endpoint} {endpoint:?}"), "cache.example:6380 Endpoint(cache.example:6380)");
        assert_eq!(Endpoint::parse("redis://[::1]").unwrap().to_string(), "[::1]:6379");
        let socket = Endpoint::parse("unix:///run/redis.sock").unwrap();
        assert_eq!(socket.unix_path(), Some(Path::new("/run/redis.sock")));
        for url in
            ["redis://a/1", "http://a", "redis://", "redis://u:secret@host:port", "rediss://a#insecure"]
        {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_server_without_password_is_refused_unless_it_is_here() {
        let refused = |url, allowed| Endpoint::parse(url).unwrap().check_password(allowed).is_err();
        for url in ["redis://10.0.0.1", "redis://cache", "redis://user@cache", "rediss://cache"] {
            assert!(refused(url, false), "{url}");
            assert!(!refused(url, true), "{url}");
        }
        for url in
            ["redis://127.0.0.1", "redis://localhost", "redis://[::1]", "unix:///a", "redis://:p@cache"]
        {
            assert!(!refused(url, false), "{url}");
        }
    }

    #[test]
    fn a_password_given_apart_stands_below_that_of_the_url() {
        let with = |url: &str| Endpoint::parse(url).unwrap().or_password(Some("apart")).password;
        assert_eq!(with("redis://a").as_deref(), Some("apart"));
        assert_eq!(with("redis://:here@a").as_deref(), Some("here"));
    }
}
