//! How long to wait before trying again: exponential with full jitter, so that a thousand clients which lost
//! their server together do not come back together.

use rand::{Rng, RngExt as _};
use std::time::Duration;

/// Waits that grow: the n-th is drawn evenly from zero to `base * 2^n`, at most `cap`.
///
/// Full jitter, after "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempt: u32,
}

impl Default for Backoff {
    /// Half a second at first, 10 s at most.
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(10))
    }
}

impl Backoff {
    /// With the first wait's bound and the bound of all.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, attempt: 0 }
    }

    /// The next wait. `at_least` is what the server asked for; the jitter comes on top of it, or all those who
    /// were told the same would come at once.
    pub fn next(&mut self, at_least: Option<Duration>, rng: &mut impl Rng) -> Duration {
        let bound =
            self.base.saturating_mul(1u32.checked_shl(self.attempt).unwrap_or(u32::MAX)).min(self.cap);
        self.attempt = self.attempt.saturating_add(1);
        at_least.unwrap_or_default() + bound.mul_f64(rng.random::<f64>())
    }

    /// Something worked: start from the shortest wait again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn waits_grow_to_the_cap_and_start_over() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for n in 0..40 {
            let bound = Duration::from_millis(100 * 2u64.pow(n.min(10))).min(Duration::from_secs(1));
            assert!(backoff.next(None, &mut rng) <= bound);
        }
        backoff.reset();
        assert!(backoff.next(None, &mut rng) <= Duration::from_millis(100));
    }

    #[test]
    fn the_server_wish_is_a_floor_and_jitter_spreads() {
        let mut rng = StdRng::seed_from_u64(2);
        let mut backoff = Backoff::default();
        let hint = Duration::from_secs(3);
        let waits: Vec<_> = (0..8).map(|_| backoff.next(Some(hint), &mut rng)).collect();
        assert!(waits.iter().all(|wait| *wait >= hint));
        assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
