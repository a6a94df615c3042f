//! A real Redis Cluster of three masters with a replica each, whose slots move and whose masters fail.

use anyhow::{Context as _, bail};
use redis::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

use crate::{Proxy, Redis, RedisSetup, port::free_ports, program::DEADLINE};

/// Masters, and as many replicas.
const MASTERS: usize = 3;
/// Slots of a cluster.
const SLOTS: usize = 16_384;
/// After so many milliseconds without an answer a server is taken for dead.
const NODE_TIMEOUT: &str = "1000";
const LOOK: Duration = Duration::from_millis(20);

/// Six servers: masters 0 to 2, their replicas 3 to 5.
#[derive(Debug)]
pub struct RedisCluster {
    /// The servers.
    pub servers: Vec<Redis>,
    /// Where each says that it is: its own port, or that of a proxy before it.
    announced: Vec<u16>,
    ids: Vec<String>,
}

impl RedisCluster {
    /// Starts all and waits until each of them calls the cluster whole.
    pub async fn start() -> anyhow::Result<Self> {
        let (ports, gossip) = Self::ports();
        Self::start_at(&ports, &gossip, &ports).await
    }

    /// The same, with a proxy before each server, by which all who ask the cluster are told to reach it.
    pub async fn behind_proxies() -> anyhow::Result<(Self, Vec<Proxy>)> {
        let (ports, gossip) = Self::ports();
        let mut proxies = Vec::new();
        for port in &ports {
            proxies.push(Proxy::before(*port).await?);
        }
        let announced: Vec<_> = proxies.iter().map(Proxy::port).collect();
        Ok((Self::start_at(&ports, &gossip, &announced).await?, proxies))
    }

    /// For clients, and for what the servers tell each other.
    fn ports() -> (Vec<u16>, Vec<u16>) {
        let mut ports = free_ports(4 * MASTERS);
        let gossip = ports.split_off(2 * MASTERS);
        (ports, gossip)
    }

    async fn start_at(ports: &[u16], gossip_ports: &[u16], announced: &[u16]) -> anyhow::Result<Self> {
        let mut servers = Vec::new();
        for ((port, announced), gossip) in ports.iter().zip(announced).zip(gossip_ports) {
            let setup = RedisSetup::default()
                .port(*port)
                .setting("--cluster-announce-port", &announced.to_string())
                .setting("--cluster-enabled", "yes")
                .setting("--cluster-port", &gossip.to_string())
                .setting("--cluster-node-timeout", NODE_TIMEOUT)
                .setting("--cluster-replica-validity-factor", "0")
                .setting("--repl-diskless-sync-delay", "0")
                .setting("--repl-ping-replica-period", "1");
            servers.push(setup.start().await?);
        }
        let mut ids = Vec::new();
        for (index, server) in servers.iter().enumerate() {
            ids.push(server.text(&["CLUSTER", "MYID"]).await?);
            server.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).await?;
        }
        let cluster = Self { servers, announced: announced.to_vec(), ids };
        cluster.give_slots().await?;
        cluster.meet(gossip_ports).await?;
        for replica in MASTERS..2 * MASTERS {
            cluster.servers[replica].ask(&["CLUSTER", "REPLICATE", &cluster.ids[replica - MASTERS]]).await?;
        }
        cluster.wait_until_settled().await?;
        Ok(cluster)
    }

    async fn give_slots(&self) -> anyhow::Result<()> {
        for master in 0..MASTERS {
            let (first, end) = (master * SLOTS / MASTERS, (master + 1) * SLOTS / MASTERS);
            self.servers[master]
                .ask(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()])
                .await?;
        }
        Ok(())
    }

    async fn meet(&self, gossip_ports: &[u16]) -> anyhow::Result<()> {
        for (server, gossip) in self.servers.iter().zip(gossip_ports).skip(1) {
            let (port, gossip) = (server.port().to_string(), gossip.to_string());
            self.servers[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &gossip]).await?;
        }
        let known = format!("cluster_known_nodes:{}", self.servers.len());
        for server in &self.servers {
            server.ask_until(&["CLUSTER", "INFO"], |answer| has(answer, &known)).await?;
        }
        Ok(())
    }

    /// Waits until all servers that answer say that the cluster serves every slot.
    pub async fn wait_until_whole(&self) -> anyhow::Result<()> {
        for server in &self.servers {
            if server.ask(&["PING"]).await.is_ok() {
                server.ask_until(&["CLUSTER", "INFO"], |answer| has(answer, "cluster_state:ok")).await?;
            }
        }
        Ok(())
    }

    /// Waits until any master, of servers that are all there, may be replaced.
    pub async fn wait_until_settled(&self) -> anyhow::Result<()> {
        for server in &self.servers {
            let ready = |answer: &Value| has(answer, "role:master") || has(answer, "master_link_status:up");
            server.ask_until(&["INFO", "replication"], ready).await?;
        }
        self.wait_until_whole().await?;
        self.wait_for_replicas().await
    }

    /// Waits until all servers know of all replicas whose they are: before, none is voted for.
    async fn wait_for_replicas(&self) -> anyhow::Result<()> {
        for server in &self.servers {
            let all = |answer: &Value| {
                let Value::Array(ranges) = answer else { return false };
                ranges.iter().all(|range| matches!(range, Value::Array(parts) if parts.len() == 4))
            };
            server.ask_until(&["CLUSTER", "SLOTS"], all).await?;
        }
        Ok(())
    }

    /// The servers that are masters now.
    pub async fn masters(&self) -> anyhow::Result<Vec<usize>> {
        let mut masters = Vec::new();
        for (index, server) in self.servers.iter().enumerate() {
            if has(&server.ask(&["INFO", "replication"]).await?, "role:master") {
                masters.push(index);
            }
        }
        Ok(masters)
    }

    /// The other of two that stand for the same slots, one as master and one as its replica.
    pub fn other_of(&self, server: usize) -> usize {
        (server + MASTERS) % (2 * MASTERS)
    }

    /// Waits until this replica is in its master's place.
    pub async fn wait_until_master(&self, replica: usize) -> anyhow::Result<()> {
        self.servers[replica]
            .ask_until(&["INFO", "replication"], |answer| has(answer, "role:master"))
            .await?;
        Ok(())
    }

    /// Which server has the slot of a channel, as soon as all that answer agree.
    pub async fn owner(&self, channel: &str) -> anyhow::Result<usize> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut owners = Vec::new();
            for server in &self.servers {
                owners.extend(self.owner_by(server, channel).await.ok());
            }
            owners.dedup();
            if let [owner] = owners.as_slice() {
                return Ok(*owner);
            }
            if Instant::now() > deadline {
                bail!("{channel} is said to be with {owners:?}");
            }
            sleep(LOOK).await;
        }
    }

    async fn owner_by(&self, server: &Redis, channel: &str) -> anyhow::Result<usize> {
        let slot = slot_of(server, channel).await?;
        let ranges: Vec<(usize, usize, Vec<Value>)> = {
            let Value::Array(rows) = server.ask(&["CLUSTER", "SLOTS"]).await? else { bail!("no slots") };
            let read = |row: Value| {
                let Value::Array(mut row) = row else { bail!("no row") };
                let Value::Array(master) = row.swap_remove(2) else { bail!("no master") };
                let bound =
                    |value: &Value| Ok::<_, anyhow::Error>(redis::from_redis_value::<usize>(value.clone())?);
                Ok((bound(&row[0])?, bound(&row[1])?, master))
            };
            rows.into_iter().map(read).collect::<anyhow::Result<_>>()?
        };
        let (.., master) = ranges
            .into_iter()
            .find(|(first, last, _)| (first..=last).contains(&&slot))
            .context("not served")?;
        let port: u16 = redis::from_redis_value(master.into_iter().nth(1).context("no port")?)?;
        self.announced.iter().position(|announced| *announced == port).context("a strange server")
    }

    /// Moves the slot of a channel, which must hold no keys, to another master, and waits until all know.
    pub async fn move_slot(&self, channel: &str, to: usize) -> anyhow::Result<()> {
        let from = self.owner(channel).await?;
        let slot = slot_of(&self.servers[from], channel).await?.to_string();
        let (source, target) = (&self.servers[from], &self.servers[to]);
        target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.ids[from]]).await?;
        source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.ids[to]]).await?;
        for server in [target, source] {
            server.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &self.ids[to]]).await?;
        }
        match self.owner(channel).await? {
            owner if owner == to => Ok(()),
            owner => bail!("{channel} went to {owner}, not to {to}"),
        }
    }

    /// Makes a replica the master of its slots, in agreement with the old one.
    pub async fn promote(&self, replica: usize) -> anyhow::Result<()> {
        self.servers[replica].ask(&["CLUSTER", "FAILOVER"]).await?;
        self.wait_until_master(replica).await
    }
}

async fn slot_of(server: &Redis, channel: &str) -> anyhow::Result<usize> {
    Ok(redis::from_redis_value(server.ask(&["CLUSTER", "KEYSLOT", channel]).await?)?)
}

/// Whether an answer is a text that contains this.
fn has(answer: &Value, part: &str) -> bool {
    redis::from_redis_value::<String>(answer.clone()).is_ok_and(|text| text.lines().any(|line| line == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slot_moves_and_a_master_is_replaced() {
        let mut cluster = RedisCluster::start().await.unwrap();
        let before = cluster.owner("room:1").await.unwrap();
        let other = (before + 1) % MASTERS;
        cluster.move_slot("room:1", other).await.unwrap();
        assert_eq!(cluster.owner("room:1").await.unwrap(), other);
        cluster.servers[other].kill().await.unwrap();
        cluster.wait_until_master(cluster.other_of(other)).await.unwrap();
        cluster.servers[other].start().await.unwrap();
        cluster.wait_until_settled().await.unwrap();
        assert!(!cluster.masters().await.unwrap().contains(&other));
    }
}
