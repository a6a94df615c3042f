//! Token buckets in bounded memory: arithmetic alone, time comes in.
//!
//! A bucket is one number, the moment at which it will be full again (the "generic cell rate algorithm"): a try costs
//! one interval of it, and is refused when that would reach further ahead than the burst allows. A bucket whose moment
//! has passed is full and equal to none at all, so forgetting the one not used for longest loses least.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// How often something may be tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// Tries in a row, at least 1.
    pub(super) burst: u32,
    /// Tries that come back a minute, at least 1.
    pub(super) per_minute: u32,
}

/// One minute in microseconds, the unit of everything here.
const MINUTE: u64 = 60_000_000;

impl Rate {
    fn interval(self) -> u64 {
        MINUTE / u64::from(self.per_minute.max(1))
    }

    fn reach(self) -> u64 {
        self.interval() * u64::from(self.burst.max(1))
    }
}

/// The buckets of one kind, at most `capacity` of them.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    capacity: usize,
    by_key: HashMap<K, Bucket>,
    /// Keys by when they were last used: stamps are unique and ascend.
    by_use: BTreeMap<u64, K>,
    next_stamp: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    full_at: u64,
    stamp: u64,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { capacity, by_key: HashMap::new(), by_use: BTreeMap::new(), next_stamp: 0 }
    }

    /// How long to wait until one more try is within the rate: 0 for now. Microseconds, as `now`.
    pub(super) fn wait(&self, key: &K, rate: Rate, now: u64) -> u64 {
        let full_at = self.by_key.get(key).map_or(now, |bucket| bucket.full_at.max(now));
        (full_at + rate.interval()).saturating_sub(now + rate.reach())
    }

    /// Counts one try.
    pub(super) fn take(&mut self, key: &K, rate: Rate, now: u64) {
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        let known = self.by_key.get_mut(key);
        if let Some(bucket) = known {
            self.by_use.remove(&bucket.stamp);
            *bucket = Bucket { full_at: bucket.full_at.max(now) + rate.interval(), stamp };
        } else {
            if self.by_key.len() >= self.capacity
                && let Some((_, oldest)) = self.by_use.pop_first()
            {
                self.by_key.remove(&oldest);
            }
            self.by_key.insert(key.clone(), Bucket { full_at: now + rate.interval(), stamp });
        }
        self.by_use.insert(stamp, key.clone());
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        assert_eq!(self.by_key.len(), self.by_use.len());
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per_minute: 60 };
    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_burst_then_one_an_interval() {
        let mut buckets = Buckets::new(10);
        for _ in 0..3 {
            assert_eq!(buckets.wait(&"a", RATE, 0), 0);
            buckets.take(&"a", RATE, 0);
        }
        assert_eq!(buckets.wait(&"a", RATE, 0), SECOND);
        assert_eq!(buckets.wait(&"a", RATE, SECOND / 4), SECOND * 3 / 4);
        assert_eq!(buckets.wait(&"a", RATE, SECOND), 0);
        buckets.take(&"a", RATE, SECOND);
        assert_eq!(buckets.wait(&"a", RATE, SECOND), SECOND);
        assert_eq!(buckets.wait(&"b", RATE, SECOND), 0, "another key has a bucket of its own");
    }

    #[test]
    fn rest_gives_the_burst_back_and_no_more() {
        let mut buckets = Buckets::new(10);
        buckets.take(&"a", RATE, 0);
        for _ in 0..3 {
            assert_eq!(buckets.wait(&"a", RATE, 3_600 * SECOND), 0);
            buckets.take(&"a", RATE, 3_600 * SECOND);
        }
        assert_ne!(buckets.wait(&"a", RATE, 3_600 * SECOND), 0);
    }

    #[test]
    fn at_most_capacity_and_the_longest_unused_goes() {
        let mut buckets = Buckets::new(2);
        for key in ["a", "b", "a", "c"] {
            buckets.take(&key, RATE, 0);
        }
        assert_eq!(buckets.len(), 2);
        buckets.take(&"a", RATE, 0);
        assert_ne!(buckets.wait(&"a", RATE, 0), 0, "a was used after b and is remembered");
        buckets.take(&"d", RATE, 0);
        assert_eq!(buckets.len(), 2);
    }
}
