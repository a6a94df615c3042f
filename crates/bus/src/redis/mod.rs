//! The bus over Redis: one server, several (shards), pairs of them, or a Redis Cluster.
//!
//! Publishing and listening are apart. [`publisher`] has a connection or more a server, and pipelines; [`session`]
//! is the one connection a server on which this node listens. [`desk`] knows what a shard is to be asked for and
//! what of it is in force. A [`keeper`] keeps copies, where that is wanted. A cluster is one shard whose [`cluster`] map says which server has which channel.

mod backoff;
mod census;
mod cluster;
mod desk;
mod dial;
mod endpoint;
mod hints;
mod keeper;
mod outbox;
mod probe;
mod publisher;
mod resp;
mod session;
mod shared;
mod slot;
mod start;
mod states;
mod subscriber;
mod verbs;

pub use endpoint::Endpoint;
pub(crate) use start::{Started, start};

use bytes::Bytes;
use std::sync::Arc;

use crate::{channel::Channel, topics::Confirmed};
use census::Census;
use cluster::Cluster;
use desk::{Desk, ServerId};
use keeper::Keeper;
use outbox::{Message, Outbox};

/// A node's end of a bus over Redis.
#[derive(Debug)]
pub(crate) struct RedisLink {
    shards: Vec<Shard>,
    weights: Vec<u64>,
    census: Census,
    /// Copies are kept.
    pub(crate) has_cache: bool,
}

/// What carries a part of the channels.
#[derive(Debug)]
enum Shard {
    /// A server, or a pair of which each carries everything.
    Fixed {
        desk: Arc<Desk>,
        server: ServerId,
        servers: Vec<Vec<Arc<Outbox>>>,
        endpoints: Vec<Endpoint>,
        keepers: Vec<Arc<Keeper>>,
    },
    /// All of them, by slots.
    Cluster(Arc<Cluster>),
}

impl RedisLink {
    pub(crate) fn shard_of(&self, channel: &Channel) -> usize {
        if self.weights.len() < 2 { 0 } else { slot::rendezvous(&self.weights, channel.as_str()) }
    }

    pub(crate) fn publish(&self, channel: &Channel, payload: Bytes) {
        match &self.shards[self.shard_of(channel)] {
            Shard::Fixed { servers, .. } => {
                for lanes in servers {
                    lanes[slot::lane(lanes.len(), channel.as_str())]
                        .push(Message::new(channel, payload.clone()));
                }
            }
            Shard::Cluster(cluster) => cluster.publish(Message::new(channel, payload)),
        }
    }

    /// How many nodes hear a channel; `None` where that cannot be known.
    pub(crate) async fn subscribers(&self, channel: &Channel) -> Option<usize> {
        let endpoints = match &self.shards[self.shard_of(channel)] {
            Shard::Fixed { endpoints, .. } => endpoints.clone(),
            Shard::Cluster(cluster) => cluster.endpoints_of(channel),
        };
        if endpoints.is_empty() { None } else { self.census.count(&endpoints, channel).await }
    }

    /// Who keeps the copies of a name, as its channel is carried: none, one, or both of a pair.
    pub(crate) fn keepers<T>(&self, name: &Channel, then: impl FnOnce(&[Arc<Keeper>]) -> T) -> T {
        match &self.shards[self.shard_of(name)] {
            Shard::Fixed { keepers, .. } => then(keepers),
            Shard::Cluster(cluster) => then(cluster.keeper_of(name).as_slice()),
        }
    }

    pub(crate) fn want(&self, channel: &Channel, confirmed: &Arc<Confirmed>) {
        match &self.shards[self.shard_of(channel)] {
            Shard::Fixed { desk, server, .. } => desk.want(channel, confirmed, Some(*server)),
            Shard::Cluster(cluster) => cluster.want(channel, confirmed),
        }
    }

    pub(crate) fn unwant(&self, channel: &Channel) {
        match &self.shards[self.shard_of(channel)] {
            Shard::Fixed { desk, .. } => desk.unwant(channel),
            Shard::Cluster(cluster) => cluster.unwant(channel),
        }
    }
}
