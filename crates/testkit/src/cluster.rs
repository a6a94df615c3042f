//! Three real nodes that are one to their clients: on one PostgreSQL, with real Redis servers between them, behind a real
//! nginx, and with a proxy on each way from one to the other. Every part of it can be killed, and every way disturbed.

mod bus;
mod fault;

use crate::{
    Door, Plaza, Postgres, Proxy,
    load::{Load, Target},
    program::DEADLINE,
};
use anyhow::{Context as _, ensure};
use bus::Bus;
use plaza_client::{Address, Rest};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::Duration,
};
use tokio::time::{Instant, sleep};

pub use bus::Topology;
pub use fault::{Fault, Harm, Leg};

/// The nodes' names, by which nginx knows whose a session is.
const NODES: [&str; 3] = ["a", "b", "c"];
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How long faults last.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How often each kind comes.
    pub rounds: usize,
    /// Milliseconds that a fault lasts.
    pub lasts: Range<u64>,
    /// How long Redis stands still.
    pub still: Duration,
}

/// The nodes and all that is around them.
#[derive(Debug)]
pub struct Cluster {
    // In the order in which they are to end.
    door: Door,
    to_nodes: Vec<Proxy>,
    nodes: Vec<Plaza>,
    to_postgres: Vec<Proxy>,
    bus: Bus,
    postgres: Postgres,
    pace: Pace,
    /// Such as are used on the bus.
    channels: Vec<String>,
    /// What is still to be done to it.
    plan: VecDeque<Vec<Fault>>,
    /// What is the matter now, and with which of several.
    down: Vec<(Fault, Vec<usize>)>,
    /// How often what was done to it.
    done: BTreeMap<Fault, usize>,
    rng: StdRng,
}

impl Cluster {
    /// Starts all of it for this load, which is put on it for as long as it takes to see every fault.
    ///
    /// # Errors
    /// When a part of it cannot be started.
    pub async fn start(topology: Topology, pace: Pace, load: &mut Load) -> anyhow::Result<Self> {
        let mut rng = StdRng::seed_from_u64(load.seed);
        let plan = VecDeque::from(fault::plan(&topology.faults(), pace.rounds, &mut rng));
        // The last comes when everybody has sent what they had to send.
        load.kills = u32::try_from(plan.len())? - 1;
        let (postgres, bus) = (Postgres::on_tcp().await?, Bus::start(topology, NODES.len()).await?);
        let (mut nodes, mut to_nodes, mut to_postgres) = (Vec::new(), Vec::new(), Vec::new());
        for (number, name) in NODES.iter().enumerate() {
            let link = Proxy::before(postgres.port()?).await?;
            let setup = Load::setup()
                .env("PLAZA_SERVER__NODE", name)
                .env("PLAZA_SERVER__TRUSTED_PROXIES", "127.0.0.1")
                .env("PLAZA_STORE__URL", &Postgres::url_at(link.port()));
            let settings = bus.settings(number);
            let node =
                settings.iter().fold(setup, |setup, (name, value)| setup.env(name, value)).start().await?;
            to_nodes.push(Proxy::before(node.port()).await?);
            to_postgres.push(link);
            nodes.push(node);
        }
        let behind: Vec<_> = NODES.into_iter().zip(to_nodes.iter().map(Proxy::port)).collect();
        let door = Door::before(&behind).await?;
        // As the nodes name them in the sharded form.
        let channels = (0..load.rooms).map(|number| format!("socket.io#/#room-{number}#")).collect();
        Ok(Self {
            door,
            to_nodes,
            nodes,
            to_postgres,
            bus,
            postgres,
            pace,
            channels,
            plan,
            down: Vec::new(),
            done: BTreeMap::new(),
            rng,
        })
    }

    /// How often what was done to it and was felt.
    pub fn faults(&self) -> &BTreeMap<Fault, usize> {
        &self.done
    }

    /// Does it; with which of several, for [`Cluster::undo`].
    async fn inflict(&mut self, fault: Fault) -> anyhow::Result<Vec<usize>> {
        match fault {
            Fault::NodeKilled => {
                let node = self.rng.random_range(0..self.nodes.len());
                self.nodes[node].kill().await?;
                return Ok(vec![node]);
            }
            Fault::NginxKilled => self.door.kill().await?,
            Fault::WorkerKilled => self.door.kill_worker().await?,
            Fault::PostgresKilled => self.postgres.kill().await?,
            Fault::PostgresRestarted => self.postgres.stop().await?,
            Fault::Link(leg, harm) => return self.disturb(leg, harm).await,
            _ => return self.bus.harm(fault, &self.channels, &mut self.rng).await,
        }
        Ok(Vec::new())
    }

    /// Disturbs one of these links, or now and then all, until something has come of it.
    async fn disturb(&mut self, leg: Leg, harm: Harm) -> anyhow::Result<Vec<usize>> {
        let delay = Duration::from_millis(self.rng.random_range(20..400));
        let all = self.rng.random_ratio(1, 3);
        let lot: usize = self.rng.random_range(0..1_000);
        let links = self.links(leg);
        let used = || (0..links.len()).filter(|link| links[*link].open() > 0);
        until(|| used().next().is_some()).await.context("no link there is in use")?;
        let mut chosen: Vec<_> = used().collect();
        if !all {
            chosen = vec![chosen[lot % chosen.len()]];
        }
        let so_far = || chosen.iter().map(|link| links[*link].felt()).sum::<u64>();
        let before = so_far();
        for link in &chosen {
            match harm {
                Harm::Cut => links[*link].cut(),
                Harm::Slow => links[*link].delay(delay),
                Harm::Swallowed => links[*link].swallow(),
            }
        }
        until(|| so_far() > before).await.context("nothing has come of it")?;
        Ok(chosen)
    }

    async fn undo(&mut self, fault: Fault, chosen: &[usize]) -> anyhow::Result<()> {
        match fault {
            Fault::NodeKilled => {
                for node in chosen {
                    self.nodes[*node].start().await?;
                }
            }
            Fault::NginxKilled => self.door.start().await?,
            Fault::WorkerKilled => {}
            Fault::PostgresKilled | Fault::PostgresRestarted => self.postgres.start_again().await?,
            Fault::Link(leg, harm) => {
                // What was swallowed comes late, or never.
                let never = harm == Harm::Swallowed && self.rng.random();
                for link in chosen.iter().map(|link| &self.links(leg)[*link]) {
                    if never {
                        link.cut();
                        until(|| link.open() == 0).await.context("a connection is not cut")?;
                    }
                    link.pass();
                }
            }
            _ => self.bus.mend(fault, chosen).await?,
        }
        Ok(())
    }

    fn links(&self, leg: Leg) -> &[Proxy] {
        match leg {
            Leg::Clients => &self.to_nodes,
            Leg::Redis => &self.bus.links,
            Leg::Postgres => &self.to_postgres,
        }
    }

    /// How long the fault lasts that is on now.
    fn lasts(&mut self) -> Duration {
        let lasts = Duration::from_millis(self.rng.random_range(self.pace.lasts.clone()));
        let paused = self.down.iter().any(|(fault, _)| *fault == Fault::RedisPaused);
        if paused { self.pace.still } else { lasts }
    }
}

async fn until(so: impl Fn() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        ensure!(Instant::now() < deadline, "waited too long");
        sleep(LOOK).await;
    }
    Ok(())
}

impl Target for Cluster {
    fn address(&self) -> anyhow::Result<Address> {
        Ok(format!("127.0.0.1:{}", self.door.port()).parse()?)
    }

    fn rest(&self) -> anyhow::Result<Rest> {
        Ok(Rest::new(self.address()?, DEADLINE)?)
    }

    async fn harm(&mut self) -> anyhow::Result<(String, String)> {
        let faults = self.plan.pop_front().context("all is done to it that was planned")?;
        let names: Vec<_> = faults.iter().map(ToString::to_string).collect();
        for fault in faults {
            let chosen =
                self.inflict(fault).await.with_context(|| format!("{fault}, after {:?}", self.done))?;
            self.down.push((fault, chosen));
        }
        let lasts = self.lasts();
        sleep(lasts).await;
        Ok((names.join(", "), String::new()))
    }

    async fn mend(&mut self) -> anyhow::Result<()> {
        // A node starts where all that it needs is there.
        self.down.sort_by_key(|(fault, _)| *fault == Fault::NodeKilled);
        for (fault, chosen) in std::mem::take(&mut self.down) {
            self.undo(fault, &chosen).await.with_context(|| format!("after: {fault}"))?;
            *self.done.entry(fault).or_default() += 1;
        }
        Ok(())
    }

    fn log(&mut self) -> anyhow::Result<String> {
        Ok(String::new())
    }
}
