//! What carries between the nodes of a cluster, of real Redis servers, with a proxy on each way to one.

use super::fault::Fault;
use crate::{Proxy, Redis, RedisCluster};
use anyhow::{Context as _, bail};
use rand::{RngExt as _, rngs::StdRng};

/// Shards of [`Topology::Pairs`].
const PAIRS: usize = 2;

/// Which Redis servers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    OneRedis,
    /// A Redis Cluster of three masters with a replica each.
    RedisCluster,
    /// Two shards, each of which is a pair of servers.
    Pairs,
}

impl Topology {
    /// Every kind of fault that there can be.
    pub fn faults(self) -> Vec<Fault> {
        let own: &[Fault] = match self {
            Self::OneRedis => &[Fault::RedisKilled],
            Self::RedisCluster => &[Fault::SlotsMoved, Fault::MasterKilled, Fault::MasterReplaced],
            Self::Pairs => &[Fault::OneOfEachPairKilled],
        };
        Fault::ANYWHERE.iter().chain(own).copied().collect()
    }
}

/// The servers, and the ways to them.
#[derive(Debug)]
pub(super) struct Bus {
    servers: Servers,
    /// With one server a way for each node. With several one to each server, since all nodes must know it by the same name.
    pub(super) links: Vec<Proxy>,
}

#[derive(Debug)]
enum Servers {
    One(Box<Redis>),
    Cluster(RedisCluster),
    /// First one of each shard, then the others in the same order.
    Pairs(Vec<Redis>),
}

impl Bus {
    pub(super) async fn start(topology: Topology, nodes: usize) -> anyhow::Result<Self> {
        let mut links = Vec::new();
        let servers = match topology {
            Topology::OneRedis => {
                let redis = Redis::new().await?;
                for _ in 0..nodes {
                    links.push(Proxy::before(redis.port()).await?);
                }
                Servers::One(Box::new(redis))
            }
            Topology::RedisCluster => {
                let (cluster, proxies) = RedisCluster::behind_proxies().await?;
                links = proxies;
                Servers::Cluster(cluster)
            }
            Topology::Pairs => {
                let mut servers = Vec::new();
                for _ in 0..2 * PAIRS {
                    let redis = Redis::new().await?;
                    links.push(Proxy::before(redis.port()).await?);
                    servers.push(redis);
                }
                Servers::Pairs(servers)
            }
        };
        Ok(Self { servers, links })
    }

    /// What a node is told of it.
    pub(super) fn settings(&self, node: usize) -> Vec<(&'static str, String)> {
        let urls = |links: &[Proxy]| {
            let urls = links.iter().map(|link| format!("redis://127.0.0.1:{}", link.port()));
            urls.collect::<Vec<_>>().join(",")
        };
        let (kind, of, pairs) = match &self.servers {
            Servers::One(_) => ("redis", &self.links[node..=node], ""),
            Servers::Cluster(_) => ("cluster", &self.links[..], ""),
            Servers::Pairs(_) => ("shards", &self.links[..PAIRS], "pairs"),
        };
        let mut settings = vec![("PLAZA_BUS__KIND", kind.to_owned()), ("PLAZA_BUS__URLS", urls(of))];
        if !pairs.is_empty() {
            settings.push(("PLAZA_BUS__PAIRS", urls(&self.links[PAIRS..])));
        }
        settings
    }

    /// Does it, and says to which servers, for [`Bus::mend`]. `channels` are such as the nodes use.
    pub(super) async fn harm(
        &mut self,
        fault: Fault,
        channels: &[String],
        rng: &mut StdRng,
    ) -> anyhow::Result<Vec<usize>> {
        let chosen = match (&mut self.servers, fault) {
            (_, Fault::RedisPaused) => vec![rng.random_range(0..self.servers().len())],
            (Servers::One(_), Fault::RedisKilled) => vec![0],
            (Servers::Pairs(_), Fault::OneOfEachPairKilled) => {
                (0..PAIRS).map(|shard| shard + if rng.random() { PAIRS } else { 0 }).collect()
            }
            (Servers::Cluster(cluster), _) => return replace(cluster, fault, channels, rng).await,
            _ => bail!("{fault} is not for this topology"),
        };
        for server in &chosen {
            let redis = &mut self.servers_mut()[*server];
            if fault == Fault::RedisPaused { redis.pause().await? } else { redis.kill().await? }
        }
        Ok(chosen)
    }

    /// Undoes it.
    pub(super) async fn mend(&mut self, fault: Fault, servers: &[usize]) -> anyhow::Result<()> {
        for server in servers {
            let redis = &mut self.servers_mut()[*server];
            if fault == Fault::RedisPaused { redis.resume().await? } else { redis.start().await? }
        }
        if let Servers::Cluster(cluster) = &self.servers {
            cluster.wait_until_settled().await?;
        }
        Ok(())
    }

    fn servers(&self) -> &[Redis] {
        match &self.servers {
            Servers::One(redis) => std::slice::from_ref(redis),
            Servers::Cluster(cluster) => &cluster.servers,
            Servers::Pairs(servers) => servers,
        }
    }

    fn servers_mut(&mut self) -> &mut [Redis] {
        match &mut self.servers {
            Servers::One(redis) => std::slice::from_mut(redis),
            Servers::Cluster(cluster) => &mut cluster.servers,
            Servers::Pairs(servers) => servers,
        }
    }
}

/// Has slots of a Redis Cluster go elsewhere, and says which servers were killed for it.
async fn replace(
    cluster: &mut RedisCluster,
    fault: Fault,
    channels: &[String],
    rng: &mut StdRng,
) -> anyhow::Result<Vec<usize>> {
    // Links between them may have been disturbed a moment ago.
    cluster.wait_until_settled().await?;
    let any = rng.random_range(0..channels.len());
    let owner = cluster.owner(&channels[any]).await?;
    match fault {
        Fault::SlotsMoved => {
            for channel in channels.iter().cycle().skip(any).take(channels.len().div_ceil(2)) {
                let owner = cluster.owner(channel).await?;
                let others: Vec<_> = cluster.masters().await?.into_iter().filter(|it| *it != owner).collect();
                let to = *others.get(rng.random_range(0..others.len().max(1))).context("one master alone")?;
                cluster.move_slot(channel, to).await?;
            }
            Ok(Vec::new())
        }
        Fault::MasterReplaced => {
            cluster.promote(cluster.other_of(owner)).await?;
            Ok(Vec::new())
        }
        Fault::MasterKilled => {
            cluster.servers[owner].kill().await?;
            cluster.wait_until_master(cluster.other_of(owner)).await?;
            Ok(vec![owner])
        }
        _ => bail!("{fault} is not for a Redis Cluster"),
    }
}
