//! What an adapter is told.

use crate::wire::{Format, Limits};
use plaza_socketio::Random;
use std::time::Duration;

/// Settings of a [`ClusterAdapter`](super::ClusterAdapter). All nodes that share rooms have the same format and prefix.
#[derive(Debug, Clone)]
pub struct AdapterOptions {
    /// Which of Node's adapters is spoken with. The sharded one
    pub format: Format,
    /// How all channels' names begin; Node's `channelPrefix` or `key`. `socket.io`
    pub prefix: String,
    /// How much is borne of what other nodes say.
    pub limits: Limits,
    /// How long the other nodes may take to tell of their sockets, and servers to answer; they are answered within it
    /// too. 5 s
    pub answers_within: Duration,
    /// Most questions of other nodes that wait for somebody's answer here; more are answered with nothing. 1,024
    pub most_answers: usize,
    /// Most bytes of acknowledgements that are kept for one question of this node's. 64 MiB
    pub most_answer_bytes: usize,
    /// Nodes tell each other that they are there, every 5 s: where the server refuses to count who is subscribed. All of
    /// them, and no Node.js servers, which count. Where the refusal is found at the start ([`Bus::counts`](crate::Bus::counts))
    /// it is done anyway. The classic format has none. No
    pub heartbeats: bool,
    /// What ids are made of. The thread's CSPRNG
    pub random: Random,
}

impl Default for AdapterOptions {
    fn default() -> Self {
        Self {
            format: Format::default(),
            prefix: "socket.io".to_owned(),
            limits: Limits::default(),
            answers_within: Duration::from_secs(5),
            most_answers: 1_024,
            most_answer_bytes: 64 << 20,
            heartbeats: false,
            random: Random::default(),
        }
    }
}

impl AdapterOptions {
    /// An id of the kind that nodes have in this format.
    pub(super) fn uid(&self) -> String {
        match self.format {
            Format::Sharded | Format::ShardedPrivate => self.request_id(),
            Format::Classic => {
                const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
                let mut bytes = [0; 6];
                self.random.fill(&mut bytes);
                bytes.map(|byte| char::from(SIGNS[usize::from(byte % 64)])).iter().collect()
            }
        }
    }

    /// 64 bits as 16 hexadecimal digits.
    pub(super) fn request_id(&self) -> String {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        format!("{:016x}", u64::from_be_bytes(bytes))
    }
}
