//! Group commit: many jobs, one transaction, one wait for the disk.
//!
//! Jobs wait in a bounded queue. A task takes all that wait, up to a limit, runs one transaction for them,
//! commits, and only then answers. While it commits, the next jobs gather, and where they come fast a batch waits for more
//! of them (`gather`); so the batch grows with the load, and a single job waits for nobody.

use crate::{Dialect, Histogram, Store, StoreError, Subject, WriteTx, gather::Gathering};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What is done with a batch of jobs.
pub trait Batch: Send + 'static {
    /// One caller's wish.
    type Job: Send + Sync + 'static;
    /// What that caller is told.
    type Answer: Send + 'static;
    /// What the whole batch did, for after the answers.
    type Effect: Send + 'static;

    /// What the jobs are about, where other nodes write too: what they look at to decide and must not be changed
    /// meanwhile, and what they change. Asked before the transaction begins, and not where this node alone writes.
    fn subjects(
        &mut self,
        store: &Store,
        jobs: Vec<&Self::Job>,
    ) -> impl Future<Output = Result<Vec<Subject>, StoreError>> + Send;

    /// Runs the jobs inside the transaction, in their order, and says one answer for each. A job that is
    /// refused has an answer too; an `Err` undoes the whole batch.
    fn run(
        &mut self,
        tx: &mut WriteTx,
        jobs: Vec<Self::Job>,
    ) -> impl Future<Output = Result<(Vec<Self::Answer>, Self::Effect), StoreError>> + Send;

    /// The answer for each job of a batch that could not be committed: nothing of it is in the store.
    fn failed(&self, error: &StoreError) -> Self::Answer;

    /// Called after the commit and after the answers were given, in the order of the commits. The next batch
    /// waits until it is done.
    fn committed(&mut self, effect: Self::Effect) -> impl Future<Output = ()> + Send;
}

/// Bounds of a queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueOptions {
    /// Most jobs that may wait; at least 1.
    pub capacity: usize,
    /// Most jobs in a transaction; at least 1.
    pub max_batch: usize,
    /// How far apart transactions begin at most where jobs come so fast that more of them then share one; to the
    /// millisecond. Zero: each begins as soon as the one before it is done.
    pub apart: Duration,
}

/// Why a job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// As many wait as may.
    Full,
    /// The queue has ended.
    Ended,
}

struct Entry<B: Batch> {
    job: B::Job,
    answer: oneshot::Sender<B::Answer>,
    queued: Instant,
    deadline: Option<Instant>,
}

impl<B: Batch> Entry<B> {
    fn has_expired(&mut self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// What a queue has done so far, for the operator.
#[derive(Debug)]
pub struct QueueStats {
    /// How long the job that waited longest of each batch waited for its turn, in microseconds.
    pub waited: Histogram,
    /// How long each transaction took that was committed, its wait for the disk included, in microseconds.
    pub took: Histogram,
    /// How many jobs each of them had.
    pub sizes: Histogram,
    failed: AtomicU64,
}

impl Default for QueueStats {
    fn default() -> Self {
        Self {
            waited: Histogram::new(Histogram::MICROS),
            took: Histogram::new(Histogram::MICROS),
            sizes: Histogram::new(Histogram::SIZES),
            failed: AtomicU64::new(0),
        }
    }
}

impl QueueStats {
    /// Transactions that failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn ended(&self, began: Instant, queued: Option<Instant>, jobs: usize, failed: bool) {
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.took.add_duration(began.elapsed());
        self.sizes.add(jobs as u64);
        if let Some(queued) = queued {
            self.waited.add_duration(began - queued);
        }
    }
}

/// Where jobs are put in. Cheap to clone.
pub struct Queue<B: Batch> {
    entries: mpsc::Sender<Entry<B>>,
    stats: Arc<QueueStats>,
}

impl<B: Batch> Clone for Queue<B> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), stats: Arc::clone(&self.stats) }
    }
}

impl<B: Batch> std::fmt::Debug for Queue<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("free", &self.entries.capacity()).finish_non_exhaustive()
    }
}

impl<B: Batch> Queue<B> {
    /// Puts a job in, behind all that were put in before, without waiting. The receiver gets the answer after
    /// the commit; an error there means that the task ended without running the job.
    ///
    /// # Errors
    /// [`Refused`], at once.
    pub fn push(&self, job: B::Job) -> Result<oneshot::Receiver<B::Answer>, Refused> {
        self.push_by(job, None)
    }

    /// The same; a job whose turn comes only at its deadline or later is not run, and answered as one that failed with
    /// [`StoreError::Expired`].
    ///
    /// # Errors
    /// [`Refused`], at once.
    pub fn push_by(
        &self,
        job: B::Job,
        deadline: Option<Instant>,
    ) -> Result<oneshot::Receiver<B::Answer>, Refused> {
        let (answer, receiver) = oneshot::channel();
        let entry = Entry { job, answer, queued: Instant::now(), deadline };
        self.entries.try_send(entry).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Ended,
        })?;
        Ok(receiver)
    }

    /// What it has done so far.
    pub fn stats(&self) -> &Arc<QueueStats> {
        &self.stats
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.entries.max_capacity() - self.entries.capacity()
    }
}

/// A queue and the task that empties it; the caller spawns the task. After `shutdown` nothing more is taken,
/// what waits is still run and answered, and the task ends. It also ends with the last [`Queue`].
pub fn group_commit<B: Batch>(
    store: Store,
    mut batch: B,
    options: QueueOptions,
    shutdown: CancellationToken,
) -> (Queue<B>, impl Future<Output = ()> + Send) {
    let (entries, mut waiting) = mpsc::channel::<Entry<B>>(options.capacity.max(1));
    let max_batch = options.max_batch.max(1);
    let stats = Arc::<QueueStats>::default();
    let told = Arc::clone(&stats);
    let task = async move {
        let mut taken = Vec::new();
        let mut gathering = Gathering::new(options.apart, max_batch);
        let mut ending = false;
        loop {
            let count = tokio::select! {
                biased;
                () = shutdown.cancelled(), if !ending => {
                    ending = true;
                    waiting.close();
                    continue;
                }
                count = waiting.recv_many(&mut taken, max_batch) => count,
            };
            if count == 0 {
                break;
            }
            let latest = taken.iter().filter_map(|entry| entry.deadline).min();
            gathering.gather(&mut waiting, &mut taken, latest).await;
            let began = Instant::now();
            refuse_expired(&batch, &mut taken);
            if taken.is_empty() {
                continue;
            }
            let tx = begin(&store, &mut batch, &taken).await;
            // Others may have had the writer for long.
            refuse_expired(&batch, &mut taken);
            if taken.is_empty() {
                continue;
            }
            let (count, queued) = (taken.len(), taken.first().map(|entry: &Entry<B>| entry.queued));
            let (jobs, callers): (Vec<_>, Vec<_>) =
                taken.drain(..).map(|entry| (entry.job, entry.answer)).unzip();
            let committed = store.bounded(commit(tx, &mut batch, jobs)).await;
            told.ended(began, queued, count, committed.is_err());
            settle(&store, &mut batch, committed, callers).await;
        }
    };
    (Queue { entries, stats }, task)
}

/// Answers the callers, and then says what was committed.
async fn settle<B: Batch>(
    store: &Store,
    batch: &mut B,
    committed: Result<(Vec<B::Answer>, B::Effect), StoreError>,
    callers: Vec<oneshot::Sender<B::Answer>>,
) {
    match committed {
        Ok((answers, effect)) => {
            for (caller, answer) in callers.into_iter().zip(answers) {
                // A caller that has gone away does not want to know.
                let _ = caller.send(answer);
            }
            batch.committed(effect).await;
        }
        Err(error) => {
            if !store.failed(&error) {
                let jobs = callers.len();
                tracing::error!(%error, jobs, "A transaction failed; nothing of it was kept");
            }
            for caller in callers {
                let _ = caller.send(batch.failed(&error));
            }
        }
    }
}

/// Answers those whose time has run out, and takes them out.
fn refuse_expired<B: Batch>(batch: &B, taken: &mut Vec<Entry<B>>) {
    let now = Instant::now();
    for late in taken.extract_if(.., |entry| entry.has_expired(now)) {
        let _ = late.answer.send(batch.failed(&StoreError::Expired));
    }
}

/// The transaction for these jobs.
async fn begin<B: Batch>(store: &Store, batch: &mut B, taken: &[Entry<B>]) -> Result<WriteTx, StoreError> {
    let subjects = match store.dialect() {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres => batch.subjects(store, taken.iter().map(|entry| &entry.job).collect()).await?,
    };
    store.write_batch(&subjects).await
}

async fn commit<B: Batch>(
    tx: Result<WriteTx, StoreError>,
    batch: &mut B,
    jobs: Vec<B::Job>,
) -> Result<(Vec<B::Answer>, B::Effect), StoreError> {
    let (wanted, mut tx) = (jobs.len(), tx?);
    let done = batch.run(&mut tx, jobs).await?;
    // Else somebody would be given another one's answer.
    if done.0.len() != wanted {
        return Err(StoreError::Unpaired { jobs: wanted, answers: done.0.len() });
    }
    tx.commit().await?;
    Ok(done)
}
