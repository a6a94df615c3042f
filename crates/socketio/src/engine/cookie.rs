//! The cookie that some proxies need to bring a client back to the node that has its session.

use http::HeaderValue;
use std::{fmt::Write as _, time::Duration};

/// A cookie that the answer to a polling handshake sets, with the Engine.IO sid as its value; WebSockets get none, as
/// Node's server gives them none. The sid is a secret: whoever has it can take a polling session over, so leave
/// `http_only` on, and turn `secure` on behind HTTPS. A [`sid_prefix`](crate::Config::sid_prefix) does the same without
/// a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// A token of RFC 6265. `io`
    pub name: String,
    /// Where the client sends it. `/`
    pub path: String,
    /// Hidden from scripts. Yes
    pub http_only: bool,
    /// Sent over HTTPS alone. No
    pub secure: bool,
    /// Whether other sites' requests bear it. `Lax`
    pub same_site: SameSite,
    /// How long the client keeps it, in whole seconds. As long as the browser runs
    pub max_age: Option<Duration>,
}

/// Which requests of other sites' pages bear a cookie (RFC 6265bis).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// None.
    Strict,
    /// Those that open a page.
    Lax,
    /// All; browsers then want it to be secure.
    None,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".to_owned(),
            path: "/".to_owned(),
            http_only: true,
            secure: false,
            same_site: SameSite::Lax,
            max_age: None,
        }
    }
}

impl Cookie {
    /// The header's value; `None` where its name or path cannot stand in a header.
    pub(super) fn header(&self, sid: &str) -> Option<HeaderValue> {
        let Self { name, path, http_only, secure, same_site, max_age } = self;
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) || path.contains(';') {
            return None;
        }
        let mut value = format!("{name}={sid}");
        if let Some(age) = max_age {
            // Writing to a String cannot fail.
            let _ = write!(value, "; Max-Age={}", age.as_secs());
        }
        let _ = write!(value, "; Path={path}");
        value.push_str(if *http_only { "; HttpOnly" } else { "" });
        value.push_str(if *secure { "; Secure" } else { "" });
        let _ = write!(value, "; SameSite={same_site:?}");
        HeaderValue::from_str(&value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_nodes_server_writes_it() {
        let cookie = Cookie::default();
        assert_eq!(cookie.header("s1").unwrap(), "io=s1; Path=/; HttpOnly; SameSite=Lax");
        let cookie = Cookie {
            name: "node".into(),
            path: "/chat".into(),
            http_only: false,
            secure: true,
            same_site: SameSite::None,
            max_age: Some(Duration::from_secs(60)),
        };
        assert_eq!(cookie.header("s1").unwrap(), "node=s1; Max-Age=60; Path=/chat; Secure; SameSite=None");
    }

    #[test]
    fn nothing_gets_into_the_header_that_is_not_a_name_or_a_path() {
        for (name, path) in
            [("", "/"), ("a b", "/"), ("a=b", "/"), ("io", "/; Domain=x"), ("io", "/\r\nx: y")]
        {
            assert_eq!(
                Cookie { name: name.into(), path: path.into(), ..Cookie::default() }.header("s"),
                None
            );
        }
    }
}
