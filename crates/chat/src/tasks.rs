//! The tasks that a node lives by: waited for when it stops, and missed when one of them ends before.
//!
//! Without its log, its read positions or its feed a node only looks alive: it takes connections and refuses every
//! request. So whoever runs it is told when a task has failed, and can end the node, which then comes up again whole.

use futures_util::FutureExt as _;
use std::{fmt, future::Future, panic::AssertUnwindSafe};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks that must not end before a stop. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    failed: watch::Sender<Option<Failed>>,
}

/// A task has ended that must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// What it did.
    pub task: &'static str,
    /// Whether it panicked; else it ended by itself before the stop.
    pub panicked: bool,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.panicked { "panicked" } else { "ended too early" };
        write!(f, "The task for {} {how}", self.task)
    }
}

impl std::error::Error for Failed {}

impl Tasks {
    /// None yet. Once `stop` is cancelled they may end.
    pub fn new(stop: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), stop, failed: watch::Sender::new(None) }
    }

    /// Starts a task. `name` says what it is for, as in "the log".
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, failed) = (self.stop.clone(), self.failed.clone());
        self.tracker.spawn(async move {
            // What it held is dropped with it and nobody looks at it again, so nothing half done is seen.
            let panicked = AssertUnwindSafe(task).catch_unwind().await.is_err();
            if panicked || !stop.is_cancelled() {
                failed.send_if_modified(|first| {
                    let is_first = first.is_none();
                    first.get_or_insert(Failed { task: name, panicked });
                    is_first
                });
            }
        });
    }

    /// Waits for the first that fails; for ever, if none does.
    pub async fn failed(&self) -> Failed {
        let mut failed = self.failed.subscribe();
        loop {
            if let Some(failed) = *failed.borrow_and_update() {
                return failed;
            }
            if failed.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Waits for the end of all.
    ///
    /// # Errors
    /// The first that failed, now or before.
    pub async fn finish(&self) -> Result<(), Failed> {
        self.tracker.close();
        self.tracker.wait().await;
        self.failed.borrow().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn tasks() -> (Tasks, CancellationToken) {
        let stop = CancellationToken::new();
        (Tasks::new(stop.clone()), stop)
    }

    #[tokio::test]
    async fn one_that_panics_or_ends_is_missed() {
        for panicked in [true, false] {
            let (tasks, stop) = tasks();
            tasks.spawn("waiting", stop.clone().cancelled_owned());
            tasks.spawn("this", async move { assert!(!panicked, "as planned") });
            let failed = timeout(PATIENCE, tasks.failed()).await.unwrap();
            assert_eq!(failed, Failed { task: "this", panicked });
            stop.cancel();
            assert_eq!(timeout(PATIENCE, tasks.finish()).await.unwrap(), Err(failed));
        }
    }

    #[tokio::test]
    async fn after_the_stop_they_end_and_must_not_panic() {
        for panics in [true, false] {
            let (tasks, stop) = tasks();
            let stopped = stop.clone();
            tasks.spawn("this", async move {
                stopped.cancelled().await;
                assert!(!panics, "as planned");
            });
            assert!(tasks.failed().now_or_never().is_none());
            stop.cancel();
            let finished = timeout(PATIENCE, tasks.finish()).await.unwrap();
            assert_eq!(finished.is_err(), panics);
        }
    }
}
