//! When a batch waits for more jobs before it begins.
//!
//! A commit costs about the same for one job as for ten. Where the disk is fast, a batch that takes what came during the
//! commit before it is small however many jobs come, and most of the work is commits. So where jobs come one upon the
//! other, batches begin no closer than so far apart. Whether that makes batches larger is tried now and then: where all who
//! would write wait for their answers first, nothing more comes, and waiting would only hold them up.

use std::time::Duration;
use tokio::{sync::mpsc::Receiver, time::Instant};

/// How long a moment is: the timer's own grain.
const MOMENT: Duration = Duration::from_millis(1);
/// So many batches that do not wait are compared with as many that do.
const TRIED: u32 = 4;
/// For so many batches holds what was found.
const HOLDS: u32 = 256;
/// It is worth it where batches are so many times as large.
const WORTH: usize = 2;

/// Decides it, batch by batch.
pub(crate) struct Gathering {
    /// How far apart batches begin.
    apart: Duration,
    most: usize,
    /// When the batch before began.
    began: Option<Instant>,
    stage: Stage,
    /// How many batches the stage still has.
    left: u32,
    /// Jobs in the batches that did not wait, and in those that did, since the comparison began.
    plain: usize,
    gathered: usize,
}

#[derive(Clone, Copy)]
enum Stage {
    Plain,
    Trying,
    Holding { is_worth: bool },
}

impl Gathering {
    /// Batches of at most `most` jobs.
    pub(crate) fn new(apart: Duration, most: usize) -> Self {
        Self { apart, most, began: None, stage: Stage::Plain, left: TRIED, plain: 0, gathered: 0 }
    }

    /// Takes more of those that `waiting` brings, where that is worth it; by `latest`, where one that is taken has a
    /// deadline.
    pub(crate) async fn gather<T>(
        &mut self,
        waiting: &mut Receiver<T>,
        taken: &mut Vec<T>,
        latest: Option<Instant>,
    ) {
        let until = self.until(taken.len(), Instant::now());
        if let Some(until) = until.filter(|_| self.waits()) {
            let until = latest.map_or(until, |latest| until.min(latest - 2 * MOMENT));
            while taken.len() < self.most && Instant::now() < until {
                tokio::time::sleep(MOMENT).await;
                let (had, most) = (taken.len(), self.most);
                taken.extend(std::iter::from_fn(|| waiting.try_recv().ok()).take(most - had));
                if taken.len() == had {
                    break;
                }
            }
        }
        self.began = Some(Instant::now());
        // Only batches of a busy time are compared.
        if until.is_some() || matches!(self.stage, Stage::Holding { .. }) {
            self.learn(taken.len());
        }
    }

    fn waits(&self) -> bool {
        matches!(self.stage, Stage::Trying | Stage::Holding { is_worth: true })
    }

    /// Until when it could be waited: where several wait already, and at least as many came as there were moments since
    /// the batch before began.
    fn until(&self, taken: usize, now: Instant) -> Option<Instant> {
        let since = now - self.began?;
        let moments = since.as_secs_f64() / MOMENT.as_secs_f64();
        let busy = since < self.apart && taken >= 2 && taken as f64 >= moments;
        busy.then(|| now + (self.apart - since))
    }

    /// A batch of so many jobs begins.
    fn learn(&mut self, jobs: usize) {
        match self.stage {
            Stage::Plain => self.plain += jobs,
            Stage::Trying => self.gathered += jobs,
            Stage::Holding { .. } => {}
        }
        self.left -= 1;
        if self.left > 0 {
            return;
        }
        (self.stage, self.left) = match self.stage {
            Stage::Plain => (Stage::Trying, TRIED),
            Stage::Trying => (Stage::Holding { is_worth: self.gathered >= WORTH * self.plain }, HOLDS),
            Stage::Holding { .. } => {
                (self.plain, self.gathered) = (0, 0);
                (Stage::Plain, TRIED)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// What a commit takes here.
    const COMMIT: Duration = Duration::from_micros(400);

    #[tokio::test(start_paused = true)]
    async fn where_they_come_all_the_time_batches_grow() {
        let (sender, mut waiting) = mpsc::channel(1_000);
        tokio::spawn(async move {
            let mut each = tokio::time::interval(MOMENT);
            for _ in 0..1_000 {
                each.tick().await;
                for job in 0..9 {
                    sender.send(job).await.unwrap();
                }
            }
        });
        let mut gathering = Gathering::new(8 * MOMENT, 64);
        let (mut batches, mut taken, began) = (0, Vec::new(), Instant::now());
        while waiting.recv_many(&mut taken, 64).await > 0 {
            gathering.gather(&mut waiting, &mut taken, None).await;
            assert!(taken.len() <= 64, "no more than a batch takes");
            batches += 1;
            taken.clear();
            tokio::time::sleep(COMMIT).await;
        }
        assert!((120..250).contains(&batches), "{batches} batches of 9,000 jobs in {:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_an_answer_before_writing_more_is_not_held_up() {
        let (sender, mut waiting) = mpsc::channel(100);
        let mut gathering = Gathering::new(8 * MOMENT, 64);
        let mut held_up = 0;
        (0..4).for_each(|job| sender.try_send(job).unwrap());
        for _ in 0..10 * HOLDS {
            let mut taken = Vec::new();
            waiting.recv_many(&mut taken, 64).await;
            let before = Instant::now();
            gathering.gather(&mut waiting, &mut taken, None).await;
            held_up += u32::from(before.elapsed() > Duration::ZERO);
            tokio::time::sleep(COMMIT).await;
            taken.into_iter().for_each(|job| sender.try_send(job).unwrap());
        }
        assert!((1..=11 * TRIED).contains(&held_up), "{held_up} batches");
    }

    #[tokio::test(start_paused = true)]
    async fn one_by_one_or_seldom_none_waits() {
        let (_sender, mut waiting) = mpsc::channel::<u32>(10);
        let mut gathering = Gathering::new(50 * MOMENT, 512);
        for (taken, after) in [(1, MOMENT / 4), (4, 5 * MOMENT), (400, 60 * MOMENT)] {
            (gathering.began, gathering.stage) = (Some(Instant::now()), Stage::Trying);
            tokio::time::sleep(after).await;
            let before = Instant::now();
            gathering.gather(&mut waiting, &mut vec![0; taken], None).await;
            assert_eq!(before.elapsed(), Duration::ZERO, "{taken} after {after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_not_waited_past_and_quiet_times_are_not_compared() {
        let (sender, mut waiting) = mpsc::channel::<u32>(100);
        let mut gathering = Gathering::new(50 * MOMENT, 512);
        // One at a time, and each alone.
        for _ in 0..20 {
            tokio::time::sleep(COMMIT).await;
            gathering.gather(&mut waiting, &mut vec![0], None).await;
        }
        assert!(matches!(gathering.stage, Stage::Plain) && gathering.plain == 0);

        (gathering.began, gathering.stage) = (Some(Instant::now()), Stage::Trying);
        tokio::spawn(async move {
            for job in 0..100 {
                tokio::time::sleep(MOMENT / 2).await;
                let _ = sender.send(job).await;
            }
        });
        let latest = Instant::now() + 10 * MOMENT;
        gathering.gather(&mut waiting, &mut vec![0; 60], Some(latest)).await;
        assert!(Instant::now() < latest, "what has little time left is not held up past it");
    }
}
