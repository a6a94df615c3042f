//! Three real nodes on one PostgreSQL and one Redis, behind one door, each part of which can be killed.

use crate::{Balancer, Plaza, Postgres, Redis, Setup, load::Target, program::DEADLINE};
use plaza_client::{Address, Rest};
use std::time::Duration;
use tokio::time::sleep;

/// How long Redis stands still.
const STILL: Duration = Duration::from_secs(3);

/// Several nodes that are one to their clients.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Plaza>,
    redis: Redis,
    postgres: Postgres,
    door: Balancer,
    /// How often something was done to it.
    faults: usize,
    /// What is down.
    down: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Node(usize),
    Redis,
    RedisStandsStill,
    Postgres,
}

impl Cluster {
    /// Starts so many nodes, each with this setup, and waits until they are healthy.
    ///
    /// # Errors
    /// When a part of it cannot be started.
    pub async fn start(nodes: usize, setup: Setup) -> anyhow::Result<Self> {
        let (postgres, redis) = (Postgres::start().await?, Redis::new().await?);
        let setup = setup
            .env("PLAZA_STORE__URL", &postgres.url())
            .env("PLAZA_BUS__KIND", "redis")
            .env("PLAZA_BUS__URLS", &redis.url());
        let mut all = Vec::new();
        for _ in 0..nodes {
            all.push(setup.clone().start().await?);
        }
        let door = Balancer::before(all.iter().map(Plaza::port).collect()).await?;
        Ok(Self { nodes: all, redis, postgres, door, faults: 0, down: None })
    }

    /// What is next: nodes most often, since they have the clients.
    fn next(&self) -> Part {
        match self.faults % 6 {
            1 => Part::Redis,
            3 => Part::RedisStandsStill,
            5 => Part::Postgres,
            turn => Part::Node(turn / 2 % self.nodes.len()),
        }
    }
}

impl Target for Cluster {
    fn address(&self) -> anyhow::Result<Address> {
        Ok(format!("127.0.0.1:{}", self.door.port()).parse()?)
    }

    fn rest(&self) -> anyhow::Result<Rest> {
        Ok(Rest::new(self.address()?, DEADLINE)?)
    }

    async fn kill(&mut self) -> anyhow::Result<(String, String)> {
        let part = self.next();
        self.faults += 1;
        self.down = Some(part);
        let log = match part {
            Part::Node(node) => self.nodes[node].kill().await?,
            Part::Redis => {
                self.redis.kill().await?;
                String::new()
            }
            Part::RedisStandsStill => {
                self.redis.pause().await?;
                // So long it says nothing: that is the fault.
                sleep(STILL).await;
                String::new()
            }
            Part::Postgres => {
                self.postgres.kill().await?;
                String::new()
            }
        };
        Ok((format!("{part:?}"), log))
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        match self.down.take() {
            Some(Part::Node(node)) => self.nodes[node].start().await,
            Some(Part::Redis) => self.redis.start().await,
            Some(Part::RedisStandsStill) => self.redis.resume().await,
            Some(Part::Postgres) => self.postgres.start_again().await,
            None => Ok(()),
        }
    }

    fn log(&mut self) -> anyhow::Result<String> {
        Ok(String::new())
    }
}
