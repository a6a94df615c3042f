//! How often values of which size came: cheap to add to, from any task, and to be read now and then.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Counts of values by bounds that are known from the start.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a [`Histogram`] held when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Up to which value, this one included, and how many, those of the bounds before not included.
    pub buckets: Vec<(u64, u64)>,
    /// How many were above the last bound.
    pub above: u64,
    /// All values together.
    pub sum: u64,
}

impl Histogram {
    /// Bounds for durations in microseconds, from a tenth of a millisecond to ten seconds.
    pub const MICROS: &[u64] = &[
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        2_500_000, 5_000_000, 10_000_000,
    ];
    /// Bounds for numbers of things done at once.
    pub const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096];

    /// With no values yet. `bounds` ascend.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Adds a value.
    pub fn add(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Adds a duration, in microseconds.
    pub fn add_duration(&self, duration: Duration) {
        self.add(duration.as_micros().try_into().unwrap_or(u64::MAX));
    }

    /// What came so far. A value that comes meanwhile may be in its count and not yet in the sum.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let buckets = self.bounds.iter().copied().zip(self.counts.iter().map(read)).collect();
        Counts { buckets, above: self.counts.last().map_or(0, read), sum: read(&self.sum) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_up_to_its_bound() {
        let histogram = Histogram::new(&[1, 10]);
        [0, 1, 2, 10, 11, 1_000].into_iter().for_each(|value| histogram.add(value));
        let counts = Counts { buckets: vec![(1, 2), (10, 2)], above: 2, sum: 1_024 };
        assert_eq!(histogram.counts(), counts);
    }

    #[test]
    fn durations_are_microseconds() {
        let histogram = Histogram::new(Histogram::MICROS);
        histogram.add_duration(Duration::from_millis(2));
        assert_eq!(histogram.counts().sum, 2_000);
        assert!(histogram.counts().buckets.contains(&(2_500, 1)));
    }
}
