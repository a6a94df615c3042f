//! Copies that may be lost, on the servers that carry the bus.
//!
//! A cache is no courier and no truth: what was put in may be gone, old, or not ours. Whoever reads must be able to
//! tell by the bytes alone whether they are right, and must have another place to read from. In return nobody waits:
//! putting in never does, and reading gives up after a few milliseconds, and for a while after that at once.

use bytes::Bytes;
use std::{sync::Arc, time::Duration};

use crate::{Channel, redis::RedisLink};

/// Numbered copies under names. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache(Arc<RedisLink>);

/// The cache did not answer: its server is away, too slow, or asked too much. Another place knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cache does not answer")]
pub struct CacheAway;

impl Cache {
    /// `None` where the link was not told to have one.
    pub(crate) fn of(link: &Arc<RedisLink>) -> Option<Self> {
        link.has_cache.then(|| Self(Arc::clone(link)))
    }

    /// Keeps a copy under a number of this name, instead of what was there, until `expiry` is over. Never waits: what
    /// finds no room or no server is dropped and counted ([`BusStats::cache_dropped`](crate::BusStats)). A name is with
    /// the server that carries the channel of that name, with both of a pair.
    pub fn put(&self, name: &Channel, number: u64, copy: &[u8], expiry: Duration) {
        self.0.keepers(name, |keepers| {
            for keeper in keepers {
                keeper.put(name, number, copy, expiry);
            }
        });
    }

    /// What is under these numbers of a name, in their order, in one round trip; at most `most` bytes of each.
    ///
    /// # Errors
    /// [`CacheAway`], within some milliseconds.
    pub async fn get(
        &self,
        name: &Channel,
        numbers: impl ExactSizeIterator<Item = u64> + Send,
        most: usize,
    ) -> Result<Vec<Option<Bytes>>, CacheAway> {
        // Either of a pair has everything that it was there for.
        let able = self.0.keepers(name, |keepers| keepers.iter().find(|keeper| keeper.is_able()).cloned());
        able.ok_or(CacheAway)?.get(name, numbers, most).await
    }
}
