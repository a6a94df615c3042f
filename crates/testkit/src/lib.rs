//! What Plaza's tests stand on: real processes that can be killed, load that notes everything it saw, and the
//! auditor that checks the promise against it.
//!
//! [`program`] runs and captures any program, [`plaza`] runs the real `plaza serve`, [`guest`] is one
//! connection looked at event by event, [`load`] sends from many
//! clients while the server is killed, [`cluster`] is several of them, [`deployment`] those of `scripts/cluster`, [`redis`], [`redis_cluster`] and [`mod@postgres`] run
//! real servers, [`door`] is a real nginx before nodes, [`proxy`] cuts, delays and swallows what passes between two processes, [`mod@audit`] judges what they noted, and [`trace`] reads a
//! system call trace to see that a message was synced before it was acknowledged.

pub mod audit;
pub mod cluster;
pub mod deployment;
pub mod door;
pub mod guest;
pub mod load;
pub mod log;
pub mod plaza;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod redis;
pub mod redis_cluster;
pub mod trace;

mod port;

pub use audit::{Record, Violation, audit};
pub use cluster::Cluster;
pub use deployment::Deployment;
pub use door::Door;
pub use guest::Guest;
pub use plaza::{Plaza, Setup};
pub use port::free_port;
pub use postgres::Postgres;
pub use program::Program;
pub use proxy::Proxy;
pub use redis::{Redis, RedisSetup};
pub use redis_cluster::RedisCluster;
