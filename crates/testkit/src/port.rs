//! Ports for servers in tests.

use std::net::{Ipv4Addr, TcpListener};

/// A TCP port of 127.0.0.1 that nobody listens on now.
///
/// It lies below the range from which Linux takes ports for outgoing connections (32768 and up), so that while a
/// server is down no reconnecting client is given its port, nor connects to itself.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(12_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
