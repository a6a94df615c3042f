//! What a bus is told: what carries it, and its bounds.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use crate::{BusError, Endpoint, LocalBus};

/// What a bus is told.
#[derive(Debug, Clone)]
pub struct BusOptions {
    /// What carries the messages.
    pub link: Link,
    /// Most bytes that may wait to be published, for each server.
    pub most_outgoing_bytes: usize,
    /// Most bytes that may wait to be received; also the largest message that is taken.
    pub most_incoming_bytes: usize,
    /// How long a channel stays subscribed after its last [`Subscription`](crate::Subscription) was dropped.
    pub linger: Duration,
}

/// What carries the messages.
#[derive(Debug, Clone)]
pub enum Link {
    /// Nothing but memory: the nodes of one process that share this.
    Local(LocalBus),
    /// Redis, or what speaks its protocol.
    Redis(RedisOptions),
}

impl BusOptions {
    /// The usual bounds over this link: 16 MiB to publish, 64 MiB to receive, 2 s of linger.
    pub fn new(link: Link) -> Self {
        Self {
            link,
            most_outgoing_bytes: 16 << 20,
            most_incoming_bytes: 64 << 20,
            linger: Duration::from_secs(2),
        }
    }
}

/// How Redis is used.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Which servers, and how they share the work.
    pub layout: Layout,
    /// Which kind of pub/sub. All nodes must use the same.
    pub mode: PubSub,
    /// Connections that publish, for each server: 1 or more. Channels are spread over them.
    pub connections: usize,
    /// Whether the servers also keep copies, for [`Bus::cache`](crate::Bus::cache).
    pub cache: bool,
    /// Whether a server on another machine may go without a password.
    pub allow_no_password: bool,
    /// A PEM file of authorities that `rediss://` trusts; without it, those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long things may take.
    pub timing: Timing,
}

impl RedisOptions {
    /// The usual: sharded pub/sub, one connection a server, passwords required.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            mode: PubSub::Sharded,
            connections: 1,
            cache: false,
            allow_no_password: false,
            ca_file: None,
            timing: Timing::default(),
        }
    }

    /// Whether this can work, as far as it can be told without asking a server. A start does this first.
    pub fn check(&self) -> Result<(), BusError> {
        let endpoints = self.layout.endpoints();
        if endpoints.is_empty() {
            return Err(BusError::NoServers);
        }
        let mut names = HashSet::new();
        for endpoint in endpoints {
            endpoint.check_password(self.allow_no_password)?;
            if !names.insert(endpoint.to_string()) {
                return Err(BusError::Twice(endpoint.to_string()));
            }
            if matches!(self.layout, Layout::Cluster(_)) && endpoint.unix_path().is_some() {
                let why = "the servers of a cluster are reached by TCP, not by a unix socket";
                return Err(BusError::Url(why.to_owned()));
            }
        }
        if let Layout::Shards(shards) = &self.layout {
            let mut names = HashSet::new();
            if let Some(shard) = shards.iter().find(|shard| !names.insert(&shard.name)) {
                return Err(BusError::Twice(shard.name.clone()));
            }
        }
        Ok(())
    }

    /// In words, for the log.
    pub(crate) fn describe(&self) -> String {
        let mode = match self.mode {
            PubSub::Sharded => "sharded",
            PubSub::Classic => "classic",
        };
        let layout = match &self.layout {
            Layout::One(_) => "one server".to_owned(),
            Layout::Cluster(_) => "a cluster".to_owned(),
            Layout::Shards(shards) => {
                let pairs = shards.iter().filter(|shard| shard.second.is_some()).count();
                format!("{} shards, {pairs} of them pairs", shards.len())
            }
        };
        format!("{layout}, {mode} pub/sub")
    }
}

/// Which servers, and how they share the work.
#[derive(Debug, Clone)]
pub enum Layout {
    /// One server carries everything.
    One(Endpoint),
    /// A Redis Cluster, and some of its servers to ask for the others.
    Cluster(Vec<Endpoint>),
    /// Several servers that know nothing of each other; a channel's name says which of them carries it.
    Shards(Vec<Shard>),
}

impl Layout {
    /// All servers that are named.
    pub(crate) fn endpoints(&self) -> Vec<&Endpoint> {
        match self {
            Self::One(endpoint) => vec![endpoint],
            Self::Cluster(seeds) => seeds.iter().collect(),
            Self::Shards(shards) => {
                shards.iter().flat_map(|shard| std::iter::once(&shard.first).chain(&shard.second)).collect()
            }
        }
    }
}

/// One of several independent servers, or a pair of them: everything is published to both and heard from one, so that
/// either may die.
///
/// A pair works as long as one of its servers does. So where only some nodes reach one of them, a node that hears from
/// that one misses what they say, and is not told before they reach it again: then they are (`Restored`, going out).
/// Who needs to know earlier compares positions now and then.
#[derive(Debug, Clone)]
pub struct Shard {
    /// What its part of the channels is computed from: the same on all nodes, another for each shard. The order
    /// of the shards does not matter.
    pub name: String,
    /// The server.
    pub first: Endpoint,
    /// The other of a pair.
    pub second: Option<Endpoint>,
}

impl Shard {
    /// A shard that is named by its first server's address.
    pub fn new(first: Endpoint, second: Option<Endpoint>) -> Self {
        Self { name: first.to_string(), first, second }
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        std::iter::once(&self.first).chain(&self.second).cloned().collect()
    }
}

/// The two kinds of pub/sub, which do not hear each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PubSub {
    /// `SSUBSCRIBE` and `SPUBLISH`: in a cluster a message stays with the server that has its slot. Redis 7.0 or newer.
    Sharded,
    /// `SUBSCRIBE` and `PUBLISH`: in a cluster each message goes to every server of it.
    Classic,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Connecting, TLS and password included.
    pub connect: Duration,
    /// A server that has not answered for so long is given up; it is asked four times as often.
    pub silence: Duration,
    /// The bound of the first wait before connecting anew; it doubles, and the wait is random below it.
    pub backoff_least: Duration,
    /// The largest bound.
    pub backoff_most: Duration,
    /// How often subscriptions, and a cluster's map, are compared with what the server knows.
    pub reconcile: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            silence: Duration::from_secs(2),
            backoff_least: Duration::from_millis(50),
            backoff_most: Duration::from_secs(2),
            reconcile: Duration::from_secs(10),
        }
    }
}

impl Timing {
    /// How often a server is asked for a sign of life.
    pub(crate) fn heartbeat(&self) -> Duration {
        (self.silence / 4).max(Duration::from_millis(1))
    }
}
