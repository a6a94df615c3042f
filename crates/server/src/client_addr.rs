//! Whose request it is when proxies stand between: the address that limits count.
//!
//! A proxy appends the address it saw to `X-Forwarded-For`, so the list is believed from its right end for as long
//! as the addresses there are proxies we trust; the first other one is the client. What stands left of it was sent
//! by the client and proves nothing.

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use ipnet::IpNet;
use serde::Deserialize;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The address a request came from, as limits count it. Every request's extensions carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// Proxies whose word counts: addresses and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct TrustedProxies(Vec<IpNet>);

impl TryFrom<Vec<String>> for TrustedProxies {
    type Error = String;
    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let read = |text: &String| {
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| format!("{text:?} is neither an address nor a network such as \"10.0.0.0/8\""))
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    /// Whether this address is one of the proxies.
    pub fn contains(&self, addr: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&addr))
    }
}

/// Stands for "somebody behind a proxy that we were not told of".
pub const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The client's address from the connection's and `X-Forwarded-For`.
///
/// A request over loopback with `X-Forwarded-For` from an untrusted peer came through a proxy on this machine:
/// it gets [`UNKNOWN`], so that a proxy nobody configured does not free the whole world of its limits.
pub fn client_addr(peer: SocketAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let peer = peer.ip().to_canonical();
    if !trusted.contains(peer) {
        let forwarded = headers.contains_key("x-forwarded-for");
        return if peer.is_loopback() && forwarded { UNKNOWN } else { peer };
    }
    let mut client = peer;
    let lists = headers.get_all("x-forwarded-for").into_iter().collect::<Vec<_>>();
    let hops = lists.iter().rev().flat_map(|list| list.to_str().unwrap_or("?").rsplit(','));
    for hop in hops {
        let Some(addr) = parse_hop(hop.trim()) else {
            return if client.is_loopback() { UNKNOWN } else { client };
        };
        client = addr;
        if !trusted.contains(addr) {
            break;
        }
    }
    client
}

/// An address, with or without a port, as proxies write it.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let addr = text.parse::<IpAddr>().ok();
    let addr = addr.or_else(|| text.parse::<SocketAddr>().ok().map(|addr| addr.ip()));
    addr.or_else(|| bracketed?.parse().ok()).map(|addr| addr.to_canonical())
}

/// What [`layer`] needs.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    trusted: TrustedProxies,
    /// Whether the operator was told of a proxy that is not configured.
    told: AtomicBool,
}

impl Proxies {
    pub(crate) fn new(trusted: TrustedProxies) -> Self {
        Self { trusted, told: AtomicBool::new(false) }
    }
}

/// Puts [`ClientAddr`] into the request's extensions.
pub(crate) async fn layer(
    State(proxies): State<Arc<Proxies>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let addr = client_addr(peer, request.headers(), &proxies.trusted);
    if addr == UNKNOWN && !proxies.told.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            proxy = %peer.ip(),
            "Requests come through a proxy that server.trusted_proxies does not name: its clients share one limit"
        );
    }
    request.extensions_mut().insert(ClientAddr(addr));
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append("x-forwarded-for", list.parse().unwrap());
        }
        let trusted = trusted.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let trusted = TrustedProxies::try_from(trusted).unwrap();
        client_addr(SocketAddr::new(peer.parse().unwrap(), 9), &headers, &trusted).to_string()
    }

    #[test]
    fn without_trust_the_peer_counts() {
        assert_eq!(from("203.0.113.5", &[], &[]), "203.0.113.5");
        assert_eq!(from("203.0.113.5", &["127.0.0.1"], &[]), "203.0.113.5");
        assert_eq!(from("203.0.113.5", &["127.0.0.1"], &["10.0.0.0/8"]), "203.0.113.5");
        assert_eq!(from("127.0.0.1", &[], &[]), "127.0.0.1");
    }

    #[test]
    fn the_rightmost_untrusted_address_is_the_client() {
        let trusted = ["10.0.0.0/8", "192.0.2.1"];
        assert_eq!(from("10.0.0.1", &["198.51.100.7"], &trusted), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["127.0.0.1, 198.51.100.7, 192.0.2.1"], &trusted), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["127.0.0.1, 198.51.100.7", "10.9.9.9"], &trusted), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["10.0.0.2"], &trusted), "10.0.0.2");
    }

    #[test]
    fn a_word_that_is_no_address_ends_the_belief() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(from("10.0.0.1", &["198.51.100.7, unknown"], &trusted), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.7, \u{e9}, 10.0.0.3"], &trusted), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.7, ;, 10.0.0.3"], &trusted), "10.0.0.3");
        assert_eq!(from("127.0.0.1", &["unknown"], &["127.0.0.1"]), UNKNOWN.to_string());
    }

    #[test]
    fn addresses_are_read_however_proxies_write_them() {
        let trusted = ["::1", "127.0.0.1"];
        assert_eq!(from("::1", &["[2001:db8::7]:4711"], &trusted), "2001:db8::7");
        assert_eq!(from("::1", &["[2001:db8::7]"], &trusted), "2001:db8::7");
        assert_eq!(from("::ffff:127.0.0.1", &["198.51.100.7:80"], &trusted), "198.51.100.7");
        assert_eq!(from("::1", &["::ffff:198.51.100.7"], &trusted), "198.51.100.7");
    }

    #[test]
    fn an_unnamed_proxy_on_this_machine_makes_nobody_local() {
        assert_eq!(from("127.0.0.1", &["198.51.100.7"], &[]), UNKNOWN.to_string());
        assert_eq!(from("::1", &["127.0.0.1"], &[]), UNKNOWN.to_string());
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let read = |text: &str| TrustedProxies::try_from(vec![text.to_owned()]);
        assert!(read("10.0.0.0/8").is_ok() && read("::1").is_ok());
        assert!(read("nginx").unwrap_err().contains("nginx"));
    }
}
