//! When a batch waits for more jobs before it begins.
//!
//! A commit costs about the same for one job as for ten. Where the disk is fast, a batch that takes what came during the
//! commit before it is small however many jobs come, and most of the work is commits. So where jobs come one upon the
//! other, batches begin no closer than so far apart. It is given up as soon as a moment brings nothing: then all who would
//! write wait for their answers, and nothing more will come before they have them.

use std::time::Duration;
use tokio::{sync::mpsc::Receiver, time::Instant};

/// How long a moment is: the timer's own grain.
const MOMENT: Duration = Duration::from_millis(1);
/// After it was waited in vain, so many batches do not wait.
const REST: u32 = 32;

/// Decides it, batch by batch.
pub(crate) struct Gathering {
    /// How far apart batches begin.
    apart: Duration,
    most: usize,
    /// When the batch before began.
    began: Option<Instant>,
    rest: u32,
}

impl Gathering {
    /// Batches of at most `most` jobs.
    pub(crate) fn new(apart: Duration, most: usize) -> Self {
        Self { apart, most, began: None, rest: 0 }
    }

    /// Takes more of those that `waiting` brings, where that is worth it.
    pub(crate) async fn gather<T>(&mut self, waiting: &mut Receiver<T>, taken: &mut Vec<T>) {
        if let Some(until) = self.until(taken.len(), Instant::now()) {
            let before = taken.len();
            while taken.len() < self.most && Instant::now() < until {
                tokio::time::sleep(MOMENT).await;
                let (had, most) = (taken.len(), self.most);
                taken.extend(std::iter::from_fn(|| waiting.try_recv().ok()).take(most - had));
                if taken.len() == had {
                    break;
                }
            }
            if taken.len() == before {
                self.rest = REST;
            }
        }
        self.began = Some(Instant::now());
    }

    /// Until when to wait: where several wait already, and at least as many came as there were moments since the batch
    /// before began.
    fn until(&mut self, taken: usize, now: Instant) -> Option<Instant> {
        let since = now - self.began?;
        let moments = since.as_secs_f64() / MOMENT.as_secs_f64();
        if since >= self.apart || taken < 2 || (taken as f64) < moments {
            return None;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        Some(now + (self.apart - since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::{self, Sender};

    /// Sends as many in each of some moments, from now on.
    fn come(sender: Sender<u32>, each: u32, moments: u32) {
        tokio::spawn(async move {
            for number in 0..each * moments {
                if number % each == 0 {
                    tokio::time::sleep(MOMENT).await;
                }
                sender.send(number).await.unwrap();
            }
        });
    }

    #[tokio::test(start_paused = true)]
    async fn one_upon_the_other_they_are_gathered() {
        let (sender, mut waiting) = mpsc::channel(1_000);
        let mut gathering = Gathering::new(5 * MOMENT, 512);
        let (began, mut taken) = (Instant::now(), vec![0]);
        gathering.gather(&mut waiting, &mut taken).await;
        assert_eq!((taken.len(), began.elapsed()), (1, Duration::ZERO), "the first waits for nobody");
        come(sender, 3, 20);
        tokio::time::sleep(MOMENT / 2).await;
        let mut taken = vec![0, 1, 2];
        gathering.gather(&mut waiting, &mut taken).await;
        assert!((5 * MOMENT..=7 * MOMENT).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert!((12..=21).contains(&taken.len()), "{}", taken.len());
        let mut few = Gathering::new(5 * MOMENT, 7);
        few.began = Some(Instant::now());
        let mut taken = vec![0, 1];
        few.gather(&mut waiting, &mut taken).await;
        assert_eq!(taken.len(), 7, "no more than a batch takes");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_an_answer_before_writing_more_is_not_waited_for() {
        let (_sender, mut waiting) = mpsc::channel::<u32>(10);
        let mut gathering = Gathering::new(50 * MOMENT, 512);
        gathering.began = Some(Instant::now());
        let (began, mut waits) = (Instant::now(), 0);
        for _ in 0..=REST {
            let before = Instant::now();
            gathering.gather(&mut waiting, &mut vec![0, 1]).await;
            waits += u32::from(before.elapsed() > Duration::ZERO);
        }
        assert_eq!(waits, 1, "one in so many tries, for a moment");
        assert!(began.elapsed() <= 2 * MOMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn one_by_one_or_seldom_none_waits() {
        let (_sender, mut waiting) = mpsc::channel::<u32>(10);
        let mut gathering = Gathering::new(50 * MOMENT, 512);
        for (taken, after) in [(1, MOMENT / 4), (4, 5 * MOMENT), (400, 60 * MOMENT)] {
            gathering.began = Some(Instant::now());
            tokio::time::sleep(after).await;
            let before = Instant::now();
            gathering.gather(&mut waiting, &mut vec![0; taken]).await;
            assert_eq!(before.elapsed(), Duration::ZERO, "{taken} after {after:?}");
        }
    }
}
