//! What carries what nodes tell each other.

use super::{ConfigError, within};
use crate::gateway::ClusterOptions;
use plaza_bus::{
    BusError, BusOptions, Endpoint, Layout, Link, LocalBus, PubSub, RedisOptions, Shard, Timing,
    adapter::AdapterOptions, wire::Format,
};
use plaza_protocol::Secret;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// Stands for a server that is not there. An empty text would be lost in an environment variable.
const NONE: &str = "-";

/// `[bus]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// What carries it.
    pub kind: BusKind,
    /// The Redis servers; they may hold passwords.
    pub urls: Vec<Secret>,
    /// The other of each pair, in the order of the URLs; `-` where there is none.
    pub pairs: Vec<Secret>,
    /// Which kind of pub/sub.
    pub mode: BusMode,
    /// The password of every URL that holds none.
    pub password: Secret,
    /// A file that holds that password.
    pub password_file: PathBuf,
    /// Authorities that `rediss://` trusts; empty: those of the system.
    pub ca_file: PathBuf,
    /// Whether a server on another machine may go without password.
    pub allow_no_password: bool,
    /// Whether nodes tell each other that they are there also where no server was found that refuses to count them.
    pub heartbeats: bool,
    /// Connections that publish, for each server.
    pub connections: usize,
    /// Whether the servers also keep copies of the newest events of busy rooms.
    pub cache: bool,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// After so many milliseconds without an answer a server is given up.
    pub silence_ms: u64,
    /// How long a channel stays subscribed when nobody needs it, in milliseconds.
    pub linger_ms: u64,
    /// Most bytes that wait to be published, for each server.
    pub most_outgoing_bytes: usize,
    /// Most bytes that wait to be read.
    pub most_incoming_bytes: usize,
}

/// What carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// Nothing but this process.
    Local,
    /// One Redis server.
    Redis,
    /// A Redis Cluster.
    Cluster,
    /// Several Redis servers that know nothing of each other.
    Shards,
}

/// Which kind of pub/sub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusMode {
    /// Redis 7.0 or newer.
    Sharded,
    /// Any Redis.
    Classic,
}

impl Bus {
    /// Takes the password from its file where one is named.
    pub(super) fn read_password(&mut self) -> Result<(), ConfigError> {
        if self.password_file.as_os_str().is_empty() {
            return Ok(());
        }
        if !self.password.is_empty() {
            return Err(ConfigError::Bounds("set bus.password or bus.password_file, not both".into()));
        }
        let text = std::fs::read_to_string(&self.password_file)
            .map_err(|why| ConfigError::Unreadable { path: self.password_file.clone(), why })?;
        self.password = Secret::new(text.trim_end_matches(['\r', '\n']));
        if !self.password.is_empty() {
            return Ok(());
        }
        let file = self.password_file.display();
        Err(ConfigError::Bounds(format!("{file} is empty; it must hold bus.password")))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("bus.connections", self.connections as u64, 1, 64)?;
        within("bus.connect_timeout_ms", self.connect_timeout_ms, 10, 60_000)?;
        within("bus.silence_ms", self.silence_ms, 100, 60_000)?;
        within("bus.linger_ms", self.linger_ms, 0, 600_000)?;
        within("bus.most_outgoing_bytes", self.most_outgoing_bytes as u64, 1 << 20, 1 << 32)?;
        within("bus.most_incoming_bytes", self.most_incoming_bytes as u64, 1 << 20, 1 << 32)?;
        if self.cache && self.kind == BusKind::Local {
            return Err(ConfigError::Bounds(
                "bus.cache keeps copies on Redis, and bus.kind \"local\" has none: set bus.kind, or bus.cache to false".into(),
            ));
        }
        match self.options()?.link {
            Link::Redis(redis) => redis.check().map_err(|why| refused("bus.urls", &why)),
            Link::Local(_) => Ok(()),
        }
    }

    /// How a node is one of several; `None`: it is alone, since its data is a file.
    ///
    /// # Errors
    /// Where a bus would reach nodes that have other data.
    pub(super) fn cluster(&self, on_server: bool) -> Result<Option<ClusterOptions>, ConfigError> {
        let alone = self.kind == BusKind::Local;
        if !on_server {
            return match alone {
                true => Ok(None),
                false => Err(ConfigError::Bounds(
                    "bus.kind is for several nodes, which need one database: set store.url to a PostgreSQL server"
                        .into(),
                )),
            };
        }
        let format = match self.mode {
            BusMode::Sharded => Format::Sharded,
            BusMode::Classic => Format::Classic,
        };
        let adapter = AdapterOptions { format, heartbeats: self.heartbeats, ..AdapterOptions::default() };
        Ok(Some(ClusterOptions { bus: self.options()?, adapter, alone }))
    }

    /// As the bus is started.
    pub fn options(&self) -> Result<BusOptions, ConfigError> {
        let mut options = BusOptions::new(match self.layout()? {
            None => Link::Local(LocalBus::new()),
            Some(layout) => Link::Redis(self.redis(layout)),
        });
        options.linger = Duration::from_millis(self.linger_ms);
        options.most_outgoing_bytes = self.most_outgoing_bytes;
        options.most_incoming_bytes = self.most_incoming_bytes;
        Ok(options)
    }

    fn redis(&self, layout: Layout) -> RedisOptions {
        RedisOptions {
            mode: match self.mode {
                BusMode::Sharded => PubSub::Sharded,
                BusMode::Classic => PubSub::Classic,
            },
            connections: self.connections,
            cache: self.cache,
            allow_no_password: self.allow_no_password,
            ca_file: (!self.ca_file.as_os_str().is_empty()).then(|| self.ca_file.clone()),
            timing: Timing {
                connect: Duration::from_millis(self.connect_timeout_ms),
                silence: Duration::from_millis(self.silence_ms),
                ..Timing::default()
            },
            ..RedisOptions::new(layout)
        }
    }

    /// Which servers; none for this process alone.
    fn layout(&self) -> Result<Option<Layout>, ConfigError> {
        let endpoints = self.endpoints("bus.urls", &self.urls)?;
        let wrong = |why: &str| Err(ConfigError::Bounds(why.to_owned()));
        if self.kind != BusKind::Shards && !self.pairs.is_empty() {
            return wrong("bus.pairs is for bus.kind \"shards\" alone");
        }
        match (self.kind, endpoints.as_slice()) {
            (BusKind::Local, []) => Ok(None),
            (BusKind::Local, _) => wrong("bus.urls names servers, and bus.kind \"local\" uses none"),
            (BusKind::Redis, [Some(one)]) => Ok(Some(Layout::One(one.clone()))),
            (BusKind::Redis, _) => wrong("bus.kind \"redis\" needs one server in bus.urls"),
            (BusKind::Cluster | BusKind::Shards, urls) if urls.is_empty() || urls.contains(&None) => {
                wrong("bus.urls must name servers")
            }
            (BusKind::Cluster, _) => Ok(Some(Layout::Cluster(endpoints.into_iter().flatten().collect()))),
            (BusKind::Shards, _) => {
                let pairs = self.endpoints("bus.pairs", &self.pairs)?;
                if !pairs.is_empty() && pairs.len() != endpoints.len() {
                    return wrong(
                        "bus.pairs must be empty, or as long as bus.urls (\"-\" where a server has no other)",
                    );
                }
                let others = pairs.into_iter().chain(std::iter::repeat(None));
                let shards = endpoints.into_iter().flatten().zip(others);
                Ok(Some(Layout::Shards(shards.map(|(first, second)| Shard::new(first, second)).collect())))
            }
        }
    }

    fn endpoints(&self, key: &str, urls: &[Secret]) -> Result<Vec<Option<Endpoint>>, ConfigError> {
        let read = |url: &Secret| {
            if url.expose() == NONE {
                return Ok(None);
            }
            let endpoint = Endpoint::parse(url.expose()).map_err(|why| refused(key, &why))?;
            Ok(Some(endpoint.or_password(Some(self.password.expose()))))
        };
        urls.iter().map(read).collect()
    }
}

fn refused(key: &str, why: &BusError) -> ConfigError {
    ConfigError::Bounds(format!("{key}: {why}"))
}
