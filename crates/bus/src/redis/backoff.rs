//! How long to wait before the next try.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::time::Duration;

/// Doubling bounds, and a random time below them (full jitter): nodes that lost a server together come back one by one.
#[derive(Debug)]
pub(crate) struct Backoff {
    least: Duration,
    most: Duration,
    bound: Duration,
    random: StdRng,
}

impl Backoff {
    pub(crate) fn new(least: Duration, most: Duration) -> Self {
        Self { least, most, bound: least, random: StdRng::from_rng(&mut rand::rng()) }
    }

    /// The time to wait now; the bound of the next is twice this one's.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.random.random_range(Duration::ZERO..=self.bound);
        self.bound = (self.bound * 2).min(self.most);
        wait
    }

    /// It went well: the next wait is short again.
    pub(crate) fn reset(&mut self) {
        self.bound = self.least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew() {
        let (least, most) = (Duration::from_millis(50), Duration::from_secs(2));
        let mut backoff = Backoff::new(least, most);
        let mut bound = least;
        for _ in 0..20 {
            assert!(backoff.next() <= bound);
            bound = (bound * 2).min(most);
        }
        backoff.reset();
        assert!(backoff.next() <= least);
    }
}
