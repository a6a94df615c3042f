//! Heartbeats and bounds of Socket.IO connections.

use super::{ConfigError, within};
use crate::gateway::ArrivalSettings;
use plaza_protocol::RequestOptions;
use serde::Deserialize;
use std::time::Duration;

/// `[socket]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// Most clients at once.
    pub max_clients: usize,
    /// Most clients that are brought in at the same time.
    pub arrivals: usize,
    /// Most that wait for that.
    pub arrivals_line: usize,
    /// How long each may wait, in milliseconds.
    pub arrivals_wait_ms: u64,
    /// How often a client is pinged, in milliseconds.
    pub ping_interval_ms: u64,
    /// How long its pong may take, and how long it may stall, in milliseconds.
    pub ping_timeout_ms: u64,
    /// How long a WebSocket may take to complete an upgrade, in milliseconds.
    pub upgrade_timeout_ms: u64,
    /// How long a client may stay without a namespace, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Most bytes of one message.
    pub max_payload_bytes: usize,
    /// Most bytes that wait for one client.
    pub outbox_bytes: usize,
    /// Most bytes that wait for all clients together.
    pub total_outbox_bytes: usize,
    /// How long a request may wait before it is carried out, in milliseconds, where it does not say so itself.
    pub request_deadline_ms: u64,
    /// Most requests of one client at work at once.
    pub in_flight: usize,
    /// Whether long-polling is offered beside WebSocket.
    pub polling: bool,
}

impl Socket {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("socket.max_clients", self.max_clients as u64, 1, 10_000_000)?;
        within("socket.arrivals", self.arrivals as u64, 1, 10_000)?;
        within("socket.arrivals_line", self.arrivals_line as u64, 1, 1_000_000)?;
        within("socket.arrivals_wait_ms", self.arrivals_wait_ms, 100, 30_000)?;
        within("socket.ping_interval_ms", self.ping_interval_ms, 100, 3_600_000)?;
        within("socket.ping_timeout_ms", self.ping_timeout_ms, 100, 3_600_000)?;
        within("socket.upgrade_timeout_ms", self.upgrade_timeout_ms, 100, 3_600_000)?;
        within("socket.connect_timeout_ms", self.connect_timeout_ms, 100, 3_600_000)?;
        within("socket.max_payload_bytes", self.max_payload_bytes as u64, 16_384, 100_000_000)?;
        within("socket.outbox_bytes", self.outbox_bytes as u64, 65_536, 1_073_741_824)?;
        let total = self.total_outbox_bytes as u64;
        within("socket.total_outbox_bytes", total, 1_048_576, 1_099_511_627_776)?;
        within(
            "socket.request_deadline_ms",
            self.request_deadline_ms,
            1,
            RequestOptions::MAX_TIMEOUT_MS.into(),
        )?;
        within("socket.in_flight", self.in_flight as u64, 1, 65_536)
    }

    /// How clients are let in.
    pub fn arrivals(&self) -> ArrivalSettings {
        ArrivalSettings {
            at_once: self.arrivals,
            line: self.arrivals_line,
            patience: Duration::from_millis(self.arrivals_wait_ms),
        }
    }

    /// How long a request may wait, where it does not say so itself.
    pub fn request_deadline(&self) -> Duration {
        Duration::from_millis(self.request_deadline_ms)
    }

    /// As the Socket.IO server takes them; `node` stands before each session's id, so that a proxy can tell nodes
    /// apart, and `origins` may talk to this server beside its own pages.
    pub fn settings(&self, node: &str, origins: &[String]) -> plaza_socketio::Config {
        plaza_socketio::Config {
            max_clients: self.max_clients,
            ping_interval: Duration::from_millis(self.ping_interval_ms),
            ping_timeout: Duration::from_millis(self.ping_timeout_ms),
            upgrade_timeout: Duration::from_millis(self.upgrade_timeout_ms),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            max_payload: self.max_payload_bytes,
            outbox_bytes: self.outbox_bytes,
            total_outbox_bytes: self.total_outbox_bytes,
            in_flight: self.in_flight,
            polling: self.polling,
            sid_prefix: format!("{node}_"),
            origins: match origins {
                [] => plaza_socketio::Origins::Same,
                list => plaza_socketio::Origins::List(list.to_vec().into()),
            },
            ..plaza_socketio::Config::default()
        }
    }
}
