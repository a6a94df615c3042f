//! What a server may be told. Every value has Node's default where Node has the value.

use crate::{engine::Cookie, random::Random};
use std::{sync::Arc, time::Duration};

/// Settings of a server. Durations and bounds hold for every session alike.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the server answers, with a slash at both ends. `/socket.io/`
    pub path: String,
    /// How often the server pings. 25 s
    pub ping_interval: Duration,
    /// How long it waits for the pong, and how long a stalled connection is borne. 20 s
    pub ping_timeout: Duration,
    /// How long a client may take from the WebSocket's handshake to the end of the upgrade. 10 s
    pub upgrade_timeout: Duration,
    /// Most bytes of one message, and of one polling request. 1,000,000
    pub max_payload: usize,
    /// How long a client may stay without a namespace. 45 s
    pub connect_timeout: Duration,
    /// Most bytes that wait for one client that takes nothing, each frame counted 64 bytes longer than it is; a client
    /// past it is disconnected as a slow consumer. One that takes what it is given, but has not had its turn since a
    /// burst came, may be four times as much behind. 1 MiB
    pub outbox_bytes: usize,
    /// Most bytes that wait for all clients together, counted as for one: a broadcast counts for each who has yet to
    /// get it. Past it the server is [`overloaded`](crate::SocketIo::overloaded): it refuses new clients with 503 and
    /// `Retry-After`, and those who are there notice nothing. 256 MiB
    pub total_outbox_bytes: usize,
    /// Most clients at once, in a namespace or not; more are refused with 503 and `Retry-After`. 1,000,000
    pub max_clients: usize,
    /// Most handlers of one client at work at once; while they are, nothing more is read from it, neither events
    /// nor the acknowledgements it owes. 256
    pub in_flight: usize,
    /// Most binary attachments of one packet, each of which may be as long as a message; they may take as long to come
    /// as a silent client is borne. 10
    pub max_attachments: usize,
    /// Most namespaces one client may hold at once. 16
    pub max_namespaces: usize,
    /// Most namespaces made on demand at once; a client that asks for one more is refused. 10,000
    pub max_dynamic_namespaces: usize,
    /// Which encodings of packets clients may have. The default one
    pub parsers: Parsers,
    /// A cookie with the sid, for proxies that know nodes by it. None
    pub cookie: Option<Cookie>,
    /// Whether WebSockets whose clients offer it are compressed, message by message (RFC 7692, without context
    /// takeover): fewer bytes for more work. No
    pub compression: Option<Compression>,
    /// Whether, and how far, clients whose connections broke off are recovered. Not
    pub recovery: Option<Recovery>,
    /// Which web pages may talk to this server. Its own only
    pub origins: Origins,
    /// Stands in front of every Engine.IO sid, so that a proxy can tell nodes apart; `[A-Za-z0-9_-]`. Empty
    pub sid_prefix: String,
    /// Whether long-polling is offered. Yes
    pub polling: bool,
    /// What ids are made of. The thread's CSPRNG
    pub random: Random,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            max_payload: 1_000_000,
            connect_timeout: Duration::from_secs(45),
            outbox_bytes: 1024 * 1024,
            total_outbox_bytes: 256 * 1024 * 1024,
            max_clients: 1_000_000,
            in_flight: 256,
            max_attachments: 10,
            max_namespaces: 16,
            max_dynamic_namespaces: 10_000,
            parsers: Parsers::default(),
            recovery: None,
            cookie: None,
            compression: None,
            origins: Origins::Same,
            sid_prefix: String::new(),
            polling: true,
            random: Random::default(),
        }
    }
}

/// Connection state recovery: a client whose connection broke off gets back its socket's id, rooms and data, and the
/// events it missed. It is for events that ask for no acknowledgement. With it, every such event has one argument more,
/// its position, at the end; the events of a namespace are sent one after the other; and what is kept dies with the
/// process. Bounds hold for each namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// How long a client may be away. 2 minutes
    pub window: Duration,
    /// Most bytes of events that are kept, counted as in an outbox, and 192 more for each event and 32 and its name for
    /// each room it was for; once a client speaks MessagePack or has its connection compressed, up to as many more for
    /// either. A client that missed one that is cut comes back as a new one, and so does one that missed more than half an
    /// outbox holds. What is too old to be of use is let go of, also where nothing else happens. 8 MiB
    pub bytes: usize,
    /// Most clients that are kept while they are away, each with its rooms and the application's data; the one who has been
    /// away longest makes way. 10,000
    pub sockets: usize,
    /// Whether a client that is recovered is spared the middleware. Node's default is yes; but who was let in may since
    /// have been barred. No
    pub skip_middleware: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(120),
            bytes: 8 * 1024 * 1024,
            sockets: 10_000,
            skip_middleware: false,
        }
    }
}

/// Which encodings of Socket.IO packets a server understands: Socket.IO calls what reads and writes one a parser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Parsers {
    /// The default one: JSON, with bytes in messages of their own behind it.
    #[default]
    Json,
    /// That of `socket.io-msgpack-parser`, which is smaller where there are many numbers or small bytes.
    Msgpack,
    /// Either: each client is answered as its first packet was written, which is a text or bytes.
    Both,
}

/// How messages are compressed. A message to many is compressed once, at zlib's lowest level; no connection holds anything
/// for it while idle. Inflating costs a client nothing and the server up to [`Config::max_payload`] bytes of work for some
/// thousandth of them: where strangers connect, weigh that against the bytes that are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// Smallest packet to compress, in bytes. What a client compresses is taken at any size, and may not exceed
    /// [`Config::max_payload`] when it is whole again. 1,024
    pub threshold: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self { threshold: 1_024 }
    }
}

/// Which pages may talk to the server. A request without an `Origin` comes from no page and is let through.
#[derive(Debug, Clone)]
pub enum Origins {
    /// Pages whose origin's host and port are those of the request's `Host`.
    Same,
    /// Those and these, each as a browser writes it: `https://example.org`.
    List(Arc<[String]>),
    /// All pages. Without credentials (cookies), since any page could use them.
    Any,
}

impl Origins {
    /// Whether a page of this origin may talk to a server that was asked for as `host`.
    pub fn allow(&self, origin: &str, host: Option<&str>) -> bool {
        let same = || match (origin.split_once("://"), host) {
            (Some((_, authority)), Some(host)) => authority.eq_ignore_ascii_case(host),
            _ => false,
        };
        match self {
            Self::Any => true,
            Self::Same => same(),
            Self::List(list) => list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) || same(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Origins;

    #[test]
    fn same_means_host_and_port() {
        assert!(Origins::Same.allow("http://localhost:3000", Some("localhost:3000")));
        assert!(!Origins::Same.allow("http://localhost:3001", Some("localhost:3000")));
        assert!(!Origins::Same.allow("null", Some("localhost:3000")));
        assert!(!Origins::Same.allow("http://evil.example", None));
    }

    #[test]
    fn a_list_adds_to_the_same() {
        let origins = Origins::List(["https://app.example".to_owned()].into());
        assert!(origins.allow("https://app.example", Some("api.example")));
        assert!(origins.allow("https://api.example", Some("api.example")));
        assert!(!origins.allow("https://app.example.evil", Some("api.example")));
    }
}
