//! Whose turn it is to write: a batch waits for one of the others at most, and whose time has run out does not write.

use crate::support::{open, path, write};
use plaza_store::{Batch, Queue, QueueOptions, Store, StoreError, WriteTx, group_commit};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// Answers each job with itself.
struct Echo;

impl Batch for Echo {
    type Job = i64;
    type Answer = Result<i64, String>;
    type Effect = ();

    async fn run(&mut self, _: &mut WriteTx, jobs: Vec<i64>) -> Result<(Vec<Self::Answer>, ()), StoreError> {
        Ok((jobs.into_iter().map(Ok).collect(), ()))
    }

    fn failed(&self, error: &StoreError) -> Self::Answer {
        Err(error.to_string())
    }

    async fn committed(&mut self, (): ()) {}
}

fn start(store: &Store) -> (Queue<Echo>, JoinHandle<()>) {
    let options = QueueOptions { capacity: 100, max_batch: 8 };
    let (queue, task) = group_commit(store.clone(), Echo, options, CancellationToken::new());
    (queue, tokio::spawn(task))
}

#[tokio::test]
async fn however_many_ask_for_the_writer_a_batch_waits_for_one_of_them() {
    const MANY: i64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&path(&folder)).await.unwrap();
    let (queue, _task) = start(&store);
    let blocked = store.write().await.unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for id in 0..MANY {
        let (store, written) = (store.clone(), Arc::clone(&written));
        writers.spawn(async move {
            write(&store, id, 10).await.unwrap();
            written.fetch_add(1, Ordering::SeqCst);
        });
    }
    // All of them ask before the batch does.
    sleep(Duration::from_millis(50)).await;
    let answer = queue.push(1).unwrap();
    sleep(Duration::from_millis(50)).await;
    drop(blocked);
    assert_eq!(answer.await.unwrap(), Ok(1));
    let before = written.load(Ordering::SeqCst);
    assert!(before < 20, "{before} of {MANY} went before the batch");
    timeout(Duration::from_secs(60), writers.join_all()).await.unwrap();
    assert_eq!(written.load(Ordering::SeqCst), MANY as usize, "and none is forgotten");
}

#[tokio::test]
async fn what_expires_while_its_batch_waits_for_the_writer_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&path(&folder)).await.unwrap();
    let (queue, _task) = start(&store);
    let blocked = store.write().await.unwrap();
    let soon = Instant::now() + Duration::from_millis(100);
    let late = queue.push_by(1, Some(soon)).unwrap();
    let patient = queue.push(2).unwrap();
    sleep_until(soon + Duration::from_millis(1)).await;
    drop(blocked);
    assert!(late.await.unwrap().unwrap_err().contains("ran out"));
    assert_eq!(patient.await.unwrap(), Ok(2));

    // Where it is all of the batch, the writer is free again at once.
    let blocked = store.write().await.unwrap();
    let soon = Instant::now() + Duration::from_millis(50);
    let late = queue.push_by(3, Some(soon)).unwrap();
    sleep_until(soon + Duration::from_millis(1)).await;
    drop(blocked);
    assert!(late.await.unwrap().is_err());
    timeout(Duration::from_secs(20), store.write()).await.unwrap().unwrap();
}
