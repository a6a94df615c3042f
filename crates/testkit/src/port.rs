//! Ports for servers in tests.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

/// Below those from which Linux takes ports for outgoing connections (32768 and up), so that while a server is down no
/// reconnecting client is given its port, nor connects to itself.
const PORTS: Range<u16> = 12_000..32_000;

/// A TCP port of 127.0.0.1 that nobody listens on now.
pub fn free_port() -> u16 {
    listener().0
}

/// So many of them, each another one.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    // All are listened on until the last is found.
    let found: Vec<_> = (0..count).map(|_| listener()).collect();
    found.into_iter().map(|(port, _)| port).collect()
}

fn listener() -> (u16, TcpListener) {
    loop {
        let port = rand::random_range(PORTS);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return (port, listener);
        }
    }
}
