//! What is done to a cluster, by kind, and in which order: by lot, each kind as often as any other, some of them at
//! once.

use rand::{RngExt as _, rngs::StdRng, seq::SliceRandom as _};
use std::fmt;

/// How probable it is that another fault comes with one.
const TOGETHER: f64 = 0.4;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL for a node.
    NodeKilled,
    /// SIGKILL for nginx and its workers.
    NginxKilled,
    /// SIGKILL for a worker of nginx, which starts another.
    WorkerKilled,
    /// SIGKILL for PostgreSQL.
    PostgresKilled,
    /// PostgreSQL is told to stop at once, and started again.
    PostgresRestarted,
    /// SIGKILL for the one Redis.
    RedisKilled,
    /// SIGSTOP for a Redis server.
    RedisPaused,
    /// Slots of rooms move from one master to another.
    SlotsMoved,
    /// SIGKILL for a master, in whose place comes its replica.
    MasterKilled,
    /// A replica takes its master's place in agreement with it.
    MasterReplaced,
    /// SIGKILL for one of each pair.
    OneOfEachPairKilled,
    /// What passes between two of them is disturbed.
    Link(Leg, Harm),
}

/// Between whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    /// nginx, for the clients, and a node.
    Clients,
    /// A node and Redis.
    Redis,
    /// A node and PostgreSQL.
    Postgres,
}

/// What becomes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Connections are closed, and new ones at once.
    Cut,
    /// Everything takes longer.
    Slow,
    /// Nothing passes, and nobody is told.
    Swallowed,
}

/// Of which only one thing is the matter at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nodes,
    Clients,
    Redis,
    Postgres,
}

impl Fault {
    /// What can happen whatever carries between the nodes.
    pub(super) const ANYWHERE: [Self; 15] = [
        Self::NodeKilled,
        Self::NginxKilled,
        Self::WorkerKilled,
        Self::PostgresKilled,
        Self::PostgresRestarted,
        Self::RedisPaused,
        Self::Link(Leg::Clients, Harm::Cut),
        Self::Link(Leg::Clients, Harm::Slow),
        Self::Link(Leg::Clients, Harm::Swallowed),
        Self::Link(Leg::Redis, Harm::Cut),
        Self::Link(Leg::Redis, Harm::Slow),
        Self::Link(Leg::Redis, Harm::Swallowed),
        Self::Link(Leg::Postgres, Harm::Cut),
        Self::Link(Leg::Postgres, Harm::Slow),
        Self::Link(Leg::Postgres, Harm::Swallowed),
    ];

    fn part(self) -> Part {
        match self {
            Self::NodeKilled => Part::Nodes,
            Self::NginxKilled | Self::WorkerKilled | Self::Link(Leg::Clients, _) => Part::Clients,
            Self::PostgresKilled | Self::PostgresRestarted | Self::Link(Leg::Postgres, _) => Part::Postgres,
            Self::RedisKilled
            | Self::RedisPaused
            | Self::SlotsMoved
            | Self::MasterKilled
            | Self::MasterReplaced
            | Self::OneOfEachPairKilled
            | Self::Link(Leg::Redis, _) => Part::Redis,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeKilled => "node killed",
            Self::NginxKilled => "nginx killed",
            Self::WorkerKilled => "worker of nginx killed",
            Self::PostgresKilled => "PostgreSQL killed",
            Self::PostgresRestarted => "PostgreSQL restarted",
            Self::RedisKilled => "Redis killed",
            Self::RedisPaused => "Redis paused",
            Self::SlotsMoved => "slots moved",
            Self::MasterKilled => "master killed and failed over",
            Self::MasterReplaced => "master replaced by its replica",
            Self::OneOfEachPairKilled => "one of each pair killed",
            Self::Link(leg, harm) => {
                let between = match leg {
                    Leg::Clients => "nginx to node",
                    Leg::Redis => "node to Redis",
                    Leg::Postgres => "node to PostgreSQL",
                };
                let done = match harm {
                    Harm::Cut => "cut",
                    Harm::Slow => "slow",
                    Harm::Swallowed => "swallowed",
                };
                return write!(f, "{between} {done}");
            }
        })
    }
}

/// All of these kinds, so many times each, in the order in which they are to happen: alone, or with
/// others at once that befall other parts.
pub(super) fn plan(kinds: &[Fault], rounds: usize, rng: &mut StdRng) -> Vec<Vec<Fault>> {
    let mut steps: Vec<Vec<Fault>> = Vec::new();
    for _ in 0..rounds {
        let mut deck = kinds.to_vec();
        deck.shuffle(rng);
        while let Some(first) = deck.pop() {
            let mut step = vec![first];
            while rng.random_bool(TOGETHER)
                && let Some(at) = deck.iter().position(|next| step.iter().all(|it| it.part() != next.part()))
            {
                step.push(deck.remove(at));
            }
            steps.push(step);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn a_plan_holds_each_kind_as_often_as_wished_and_nothing_twice_at_once() {
        for seed in 0..100 {
            let steps = plan(&Fault::ANYWHERE, 2, &mut StdRng::seed_from_u64(seed));
            for fault in &Fault::ANYWHERE {
                assert_eq!(steps.iter().flatten().filter(|other| *other == fault).count(), 2);
            }
            assert!(steps.iter().any(|step| step.len() > 1));
            for step in &steps {
                let parts: Vec<_> = step.iter().map(|fault| fault.part()).collect();
                let twice = (1..parts.len()).any(|at| parts[..at].contains(&parts[at]));
                assert!(!twice, "{step:?}");
            }
        }
    }
}
