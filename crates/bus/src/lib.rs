//! How Plaza's nodes tell each other things: bytes on named channels.
//!
//! [`Bus`] is one node's end. [`Bus::publish`] hands bytes over and never waits; [`Bus::subscribe`] says what this
//! node wants to hear, for as long as the [`Subscription`] is held; what comes in arrives at the one
//! [`Receiver`] that [`Bus::start`] returned. What carries the bytes, configuration alone decides ([`Link`]).
//!
//! **The bus is a courier.** It may lose, repeat and reorder, and it says when it may have lost something:
//! [`Incoming::Interrupted`], and [`Incoming::Restored`] once everything is in force again. Whoever must be
//! sure compares positions then. A channel's messages reach whoever is subscribed, the node that published them included.
//!
//! **Bounded.** What waits to be published and what waits to be received are bounded in bytes. What does not fit is
//! dropped, counted, and told as an interruption.

pub mod adapter;
mod bus;
mod cache;
mod channel;
mod counters;
mod inbox;
mod local;
mod options;
mod redis;
mod topics;
pub mod wire;

pub use bus::{Bus, BusError, ServerState};
pub use cache::{Cache, CacheAway};
pub use channel::{Channel, ChannelError, MAX_CHANNEL_BYTES};
pub use counters::BusStats;
pub use inbox::{Direction, Incoming, Receiver};
pub use local::LocalBus;
pub use options::{BusOptions, Layout, Link, PubSub, RedisOptions, Shard, Timing};
pub use redis::Endpoint;
pub use topics::Subscription;
