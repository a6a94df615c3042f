//! A Rust client for Plaza: the console, the load generator and the tests talk to the server with it.
//!
//! Four layers, one file each, and each usable without the ones above it:
//! [`engine`] is Engine.IO v4 over WebSocket (frames, heartbeats, noticing a dead server), [`socket`] is
//! Socket.IO v5 (CONNECT, events, acknowledgements), [`plaza`] gives both Plaza's types, and [`reconnect`] keeps
//! a connection alive across lost servers and resumes by position. [`rest`] speaks to `/api/v1`.
//!
//! Plain `http://` and `ws://` only: this client is built without TLS, and says so when given `https://`.
//! Text only: a binary attachment from the server closes the connection with a reason.

pub mod address;
pub mod engine;
pub mod held;
pub mod packet;
pub mod plaza;
pub mod reconnect;
pub mod rest;
pub mod socket;
mod tls;

mod backoff;
mod error;
mod watched;

pub use address::Address;
pub use backoff::Backoff;
pub use error::{Closed, ConnectError, RequestError};
pub use plaza::{Connection, Inbox, Incoming};
pub use plaza_protocol::Request;
pub use reconnect::{Client, Identity, Sight, Update, Updates, Witness};
pub use rest::Rest;
pub use tls::{https, plain_http};

use std::time::Duration;

/// What a connection may use and how long it waits. Every queue is bounded; one that is full stops reading from
/// the server, which is how a slow consumer looks to it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest time from opening the TCP connection to the first event. Longer than a node lets a client wait for its turn
    /// to come in (`socket.arrivals_wait_ms`), or it would lose its place there each time.
    pub connect_timeout: Duration,
    /// Longest wait for the answer to one request.
    pub request_timeout: Duration,
    /// Events read ahead of the one who takes them. While it is full nothing is read, acknowledgements and
    /// heartbeats included.
    pub event_queue: usize,
    /// Requests sent and not answered yet; more of them wait for their turn.
    pub max_in_flight: usize,
    /// Largest message taken from the server, in bytes.
    pub max_message_bytes: usize,
    /// The kernel's receive buffer, in bytes; the system's default if absent. A small one makes a client that
    /// does not read felt sooner.
    pub receive_buffer_bytes: Option<u32>,
    /// Most bytes of one TCP segment; as the route allows if absent. On loopback that is 64 KiB, and the other
    /// side's kernel then keeps megabytes for a client that does not read; with 1,400, as on Ethernet, it keeps a
    /// tenth of it.
    pub max_segment_bytes: Option<u32>,
    /// How long to wait between attempts to connect.
    pub backoff: Backoff,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(10),
            event_queue: 256,
            max_in_flight: 256,
            max_message_bytes: 16 << 20,
            receive_buffer_bytes: None,
            max_segment_bytes: None,
            backoff: Backoff::default(),
        }
    }
}
