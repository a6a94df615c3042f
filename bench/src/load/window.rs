//! What is counted, and when: figures are of the time between two marks, after everything has warmed up.

use super::spec::{Latency, Process, ProcessUsage, Spec};
use crate::cpu::{self, Core, Usage};
use anyhow::Result;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// A minute: what takes longer is a minute.
const MOST_US: u64 = 60_000_000;

/// Times, in microseconds, to a part in a thousand.
pub(super) struct Times(Histogram<u64>);

impl Times {
    pub(super) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, MOST_US, 3).expect("bounds are in order"))
    }

    pub(super) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(MOST_US));
    }

    /// `None` where there are none.
    pub(super) fn latency(&self) -> Option<Latency> {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64;
        let latency = Latency { p50: at(0.5), p99: at(0.99), p999: at(0.999), most: self.0.max() as f64 };
        (!self.0.is_empty()).then_some(latency)
    }
}

/// What everything had used at one moment.
pub(super) struct Moment {
    pub(super) at: Instant,
    processes: Vec<Usage>,
    pub(super) load: Usage,
    pub(super) server_core: Core,
    pub(super) load_core: Core,
}

impl Moment {
    pub(super) fn now(spec: &Spec) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            processes: spec
                .processes
                .iter()
                .map(|process| cpu::process(process.pid))
                .collect::<Result<_>>()?,
            load: cpu::process(std::process::id())?,
            server_core: cpu::core(spec.server_core)?,
            load_core: cpu::core(spec.load_core)?,
        })
    }

    /// What each process has used since `before`.
    pub(super) fn used_since(&self, before: &Self, processes: &[Process]) -> Vec<ProcessUsage> {
        let used = self.processes.iter().zip(&before.processes).map(|(now, before)| *now - *before);
        let named = |(process, usage): (&Process, _)| ProcessUsage {
            name: process.name.clone(),
            server: process.server,
            usage,
        };
        processes.iter().zip(used).map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_definition() {
        let mut times = Times::new();
        assert_eq!(times.latency(), None);
        (1..=1000).for_each(|ms| times.record(Duration::from_millis(ms)));
        let latency = times.latency().expect("some");
        let near =
            |is: f64, should: f64| assert!((is - should).abs() <= should / 500.0, "{is} is not {should}");
        near(latency.p50, 500_000.0);
        near(latency.p99, 990_000.0);
        near(latency.p999, 999_000.0);
        near(latency.most, 1_000_000.0);
    }

    #[test]
    fn one_slow_of_a_hundred_is_above_the_99th() {
        let mut times = Times::new();
        (0..99).for_each(|_| times.record(Duration::from_millis(1)));
        times.record(Duration::from_secs(1000));
        let latency = times.latency().expect("some");
        assert!(latency.p99 < 1_010.0, "{latency:?}");
        assert!(latency.most >= 59_000_000.0, "{latency:?}");
    }
}
