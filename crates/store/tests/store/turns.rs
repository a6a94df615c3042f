//! Whose turn it is to write: a batch waits for one of the others at most, and whose time has run out does not write.

use crate::support::{open, path, write};
use plaza_store::{Batch, Queue, QueueOptions, Store, StoreError, Subject, WriteTx, group_commit};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::{JoinHandle, JoinSet, yield_now},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// Answers each job with how many others had written when its turn came.
#[derive(Default)]
struct Turn {
    written: Arc<AtomicUsize>,
}

impl Batch for Turn {
    type Job = i64;
    type Answer = Result<usize, String>;
    type Effect = ();

    async fn subjects(&mut self, _: &Store, _: Vec<&i64>) -> Result<Vec<Subject>, StoreError> {
        Ok(Vec::new())
    }

    async fn run(&mut self, _: &mut WriteTx, jobs: Vec<i64>) -> Result<(Vec<Self::Answer>, ()), StoreError> {
        let before = self.written.load(Ordering::SeqCst);
        Ok((jobs.into_iter().map(|_| Ok(before)).collect(), ()))
    }

    fn failed(&self, error: &StoreError) -> Self::Answer {
        Err(error.to_string())
    }

    async fn committed(&mut self, (): ()) {}
}

fn start(store: &Store, turn: Turn) -> (Queue<Turn>, JoinHandle<()>) {
    let options = QueueOptions { capacity: 100, max_batch: 8, apart: Duration::ZERO };
    let (queue, task) = group_commit(store.clone(), turn, options, CancellationToken::new());
    (queue, tokio::spawn(task))
}

#[tokio::test]
async fn however_many_ask_for_the_writer_a_batch_waits_for_one_of_them() {
    const MANY: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&path(&folder)).await.unwrap();
    let (asking, written) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (queue, _task) = start(&store, Turn { written: Arc::clone(&written) });
    let blocked = store.write().await.unwrap();
    let mut writers = JoinSet::new();
    for id in 0..MANY {
        let (store, asking, written) = (store.clone(), Arc::clone(&asking), Arc::clone(&written));
        writers.spawn(async move {
            asking.fetch_add(1, Ordering::SeqCst);
            write(&store, id as i64, 10).await.unwrap();
            written.fetch_add(1, Ordering::SeqCst);
        });
    }
    // One thread runs them all: each has asked for the writer before another goes on.
    while asking.load(Ordering::SeqCst) < MANY {
        yield_now().await;
    }
    let answer = queue.push(1).unwrap();
    for _ in 0..10 {
        yield_now().await;
    }
    drop(blocked);
    let before = answer.await.unwrap().unwrap();
    assert!(before <= 2, "{before} of {MANY} went before the batch");
    timeout(Duration::from_secs(60), writers.join_all()).await.unwrap();
    assert_eq!(written.load(Ordering::SeqCst), MANY, "and none is forgotten");
}

#[tokio::test]
async fn what_expires_while_its_batch_waits_for_the_writer_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&path(&folder)).await.unwrap();
    let (queue, _task) = start(&store, Turn::default());
    let blocked = store.write().await.unwrap();
    let soon = Instant::now() + Duration::from_millis(100);
    let late = queue.push_by(1, Some(soon)).unwrap();
    let patient = queue.push(2).unwrap();
    sleep_until(soon + Duration::from_millis(1)).await;
    drop(blocked);
    assert!(late.await.unwrap().unwrap_err().contains("ran out"));
    assert!(patient.await.unwrap().is_ok());

    // Where it is all of the batch, the writer is free again at once.
    let blocked = store.write().await.unwrap();
    let soon = Instant::now() + Duration::from_millis(50);
    let late = queue.push_by(3, Some(soon)).unwrap();
    sleep_until(soon + Duration::from_millis(1)).await;
    drop(blocked);
    assert!(late.await.unwrap().is_err());
    timeout(Duration::from_secs(20), store.write()).await.unwrap().unwrap();
}
