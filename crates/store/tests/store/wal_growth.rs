//! The write-ahead log stays short, also where somebody always reads.

use crate::support::*;
use sqlx::Row;
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
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let walk = "SELECT COUNT(*) FROM notes WHERE id < 2000 AND text LIKE '%y%'";
                while !done.load(Ordering::Relaxed) {
                    let mut snapshot = store.snapshot().await.unwrap();
                    let none = sqlx::query(walk).fetch_one(&mut *snapshot).await.unwrap();
                    assert_eq!(none.get::<i64, _>(0), 0);
                }
            })
        })
        .collect();
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
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(longest > 8 * MIB, "the readers did not overlap: {longest}");
    assert!(longest < 80 * MIB, "it grew to {} MiB", longest / MIB);
}
