//! When a node stops by itself: a report is kept, somebody is told, and the next start takes its time.
//!
//! A panic in a task that the node lives by ends the node in good order, and its report says where. A process that was
//! killed cannot report anything; its next start finds that it ended without a word, and reports that. Reports hold no
//! text of a client's and no secret: of a panic's message only what stands in the code, since what is put into it at
//! run time may be anything.

mod alive;
mod panics;
mod report;
mod tell;

pub use panics::Panics;
pub use report::{Report, Reports};

pub(crate) use alive::Alive;

use crate::config::Config;
use plaza_chat::{Clock, Random};
use plaza_protocol::Timestamp;
use std::{sync::Arc, time::Duration};
use tell::Teller;

/// Reports within this time count as one spell of failing.
const SPELL_MS: i64 = 10 * 60 * 1_000;
/// As many of them before the next start waits.
const BORNE: usize = 2;
/// The longest that it waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Keeps reports and tells of them. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

struct Inner {
    node: String,
    began: i64,
    clock: Arc<dyn Clock>,
    panics: Arc<Panics>,
    reports: Reports,
    teller: Teller,
}

impl Alerts {
    /// For the node of this configuration, which begins now.
    pub fn new(config: &Config, clock: Arc<dyn Clock>, random: Arc<dyn Random>, panics: Arc<Panics>) -> Self {
        let reports = Reports::new(config.store.data.join("crashes"), config.alerts.reports);
        let teller = Teller::new(config.alerts.clone(), random);
        let (node, began) = (config.server.node.clone(), clock.now());
        Self { inner: Arc::new(Inner { node, began, clock, panics, reports, teller }) }
    }

    /// How long the next start is to wait, after what the reports of the last ten minutes say: nothing after two, then a
    /// second, and twice as long after each more, up to a minute.
    pub fn wait_before_start(&self) -> Duration {
        let since = self.inner.began - SPELL_MS;
        wait_after(self.inner.reports.newer_than(Timestamp::from_millis(since)))
    }

    pub(crate) fn this_process(&self) -> alive::Before {
        let Inner { node, began, .. } = &*self.inner;
        alive::Before { node: node.clone(), began_at: Timestamp::from_millis(*began) }
    }

    /// The node stops by itself, for this reason: keeps a report, and tells of it.
    pub async fn stopped(&self, reason: &str) {
        self.report("node.crashed", reason, self.inner.panics.all()).await;
    }

    /// The process before ended without a word: reports that.
    pub(crate) async fn found_dead(&self, before: &alive::Before) {
        let reason = format!(
            "The process before, which began at {} as node {}, has ended without a word: it was killed, ran out of memory, \
             or its machine stopped",
            before.began_at, before.node
        );
        self.report("node.died", &reason, Vec::new()).await;
    }

    async fn report(&self, kind: &'static str, reason: &str, panics: Vec<panics::Panic>) {
        let Inner { node, began, clock, reports, teller, .. } = &*self.inner;
        let report = Report::new(kind, clock.now(), node, *began, reason, panics);
        match reports.keep(&report) {
            Ok(file) => tracing::warn!(file = %file.display(), "A report is kept"),
            Err(error) => tracing::error!(%error, "The report cannot be kept: {}", report.in_a_line()),
        }
        teller.tell(&report).await;
    }
}

fn wait_after(reports: usize) -> Duration {
    match reports.checked_sub(BORNE) {
        None | Some(0) => Duration::ZERO,
        Some(more) => {
            let seconds = 1_u64.checked_shl(u32::try_from(more - 1).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
            Duration::from_secs(seconds).min(LONGEST_WAIT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_fails_again_and_again_waits_longer_and_longer() {
        let waits: Vec<u64> = (0..12).map(|reports| wait_after(reports).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(wait_after(usize::MAX), LONGEST_WAIT);
    }
}
