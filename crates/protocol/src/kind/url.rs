//! Addresses in messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An address that begins with `https://`, in at most 2,048 bytes: of the characters of RFC 3986 alone, with a host (a name or an
/// IPv4 address) and without a name or password before it. Others' programs put it into pages and terminals: nothing in it can end a
/// quotation there, or look like another host than it has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend(
    "format" = "uri",
    "maxLength" = 2048,
    "pattern" = r"^[Hh][Tt][Tt][Pp][Ss]://[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?$"
))]
pub struct HttpsUrl(String);

impl HttpsUrl {
    /// Most bytes.
    pub const MAX_BYTES: usize = 2048;

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it leads: its host, and its port if it names one.
    pub fn host(&self) -> &str {
        self.0.get(SCHEME.len()..).map_or("", |rest| rest.split(['/', '?', '#']).next().unwrap_or_default())
    }
}

const SCHEME: &str = "https://";

impl TryFrom<String> for HttpsUrl {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        const REFUSED: &str = "The address must begin with https://, name a host, have no user before it, and be at most 2048 characters of those that an address may have.";
        let secure = text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
        if !secure || text.len() > Self::MAX_BYTES || !text.bytes().all(allowed) {
            return Err(REFUSED);
        }
        let url = Self(text);
        if is_host(url.host()) { Ok(url) } else { Err(REFUSED) }
    }
}

/// A name or an IPv4 address, with a port or without.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    let is_port = |port: &str| {
        port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0') && port.parse::<u16>().is_ok()
    };
    name.split('.').all(label) && port.is_none_or(is_port)
}

impl From<HttpsUrl> for String {
    fn from(url: HttpsUrl) -> Self {
        url.0
    }
}

impl std::fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::HttpsUrl;

    #[test]
    fn only_https_with_a_host() {
        for (good, host) in [
            ("https://example.org/a.png", "example.org"),
            ("https://example.org", "example.org"),
            ("HTTPS://EXAMPLE.ORG:8443/a?b=c#d", "EXAMPLE.ORG:8443"),
            ("https://xn--bcher-kva.example/%20", "xn--bcher-kva.example"),
            ("https://192.0.2.7:65535/", "192.0.2.7:65535"),
            ("https://a/@b:c", "a"),
        ] {
            assert_eq!(HttpsUrl::try_from(good.to_owned()).map(|url| url.host().to_owned()), Ok(host.into()));
        }
        let long = format!("https://a/{}", "x".repeat(2039));
        for bad in [
            "",
            "https://",
            "https:///a",
            "http://a/",
            "javascript:alert(1)",
            "data:image/png;base64,a",
            "//a/b",
            "https:/a",
            "https://a b",
            "https://a/\n",
            "https://a/\"",
            "https://a/<b>",
            "https://a\\b",
            "https://ü.org",
            "https://user@a/",
            "https://user:pw@a/",
            "https://a:0/",
            "https://a:65536/",
            "https://a:x/",
            "https://a:+1/",
            "https://a..b/",
            "https://a./",
            "https://[::1]/",
            "https://a:01/",
            "https://?a",
            "https://a/\u{202e}",
            &long,
        ] {
            assert!(HttpsUrl::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
