//! The write-ahead log stays short, also where somebody always reads.

use crate::support::*;
use plaza_store::{ReadTx, Store};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_overlap_do_not_make_the_log_grow_for_ever() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let store = open(&path).await.unwrap();
    note(&store, 0..2_000).await;
    let done = Arc::new(AtomicBool::new(false));
    // There is never a moment without a snapshot: the next one is taken before the last one goes.
    let reading = tokio::spawn({
        let (store, done) = (store.clone(), Arc::clone(&done));
        async move {
            let mut held = snapshot(&store).await;
            while !done.load(Ordering::Relaxed) {
                let next = snapshot(&store).await;
                drop(std::mem::replace(&mut held, next));
            }
        }
    });
    let (mut written, mut longest) = (0, 0);
    for id in 10_000.. {
        const BYTES: usize = 64 * 1024;
        write(&store, id, BYTES).await.unwrap();
        written += BYTES as u64;
        longest = longest.max(folder.path().join("plaza.db-wal").metadata().unwrap().len());
        if written >= 120 * MIB {
            break;
        }
    }
    done.store(true, Ordering::Relaxed);
    reading.await.unwrap();
    assert!(longest < 80 * MIB, "it grew to {} MiB", longest / MIB);
}

async fn snapshot(store: &Store) -> ReadTx {
    let mut snapshot = store.snapshot().await.unwrap();
    sqlx::query("SELECT id FROM notes WHERE id = 1").fetch_one(&mut *snapshot).await.unwrap();
    snapshot
}
