//! No room: writes are refused, reads go on, and when there is room again nothing has to be repaired.

use crate::support::*;
use plaza_store::{Health, Store, StoreError, StoreOptions};
use sqlx::Row;
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn a_store_that_has_all_it_may_have_refuses_writes_and_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let bounded = |bytes| StoreOptions { max_bytes: Some(bytes), ..options(&path) };
    let store = Store::open(bounded(400_000), NOTES).await.unwrap();
    let mut kept = Vec::new();
    for id in 0.. {
        match write(&store, id, 4_000).await {
            Ok(()) => kept.push(id),
            Err(error) => {
                assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
                break;
            }
        }
    }
    assert!(kept.len() > 50, "{}", kept.len());
    assert_eq!(store.health(), Health::Full);
    assert!(matches!(store.can_write().await, Err(StoreError::Full { .. })), "it tried");
    assert_eq!(ids(&store).await, kept);

    // Room comes from what is deleted; the store finds out by itself.
    let mut tx = store.write().await.unwrap();
    sqlx::query("DELETE FROM notes WHERE id < 50").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.health(), Health::Writable);
    write(&store, 1_000, 4_000).await.unwrap();
    store.close().await;

    // And from a larger bound.
    let store = Store::open(bounded(4_000_000), NOTES).await.unwrap();
    note(&store, 2_000..2_100).await;
    assert_eq!(ids(&store).await.len(), kept.len() - 50 + 101);
    store.close().await;
}

#[tokio::test]
async fn a_store_that_nobody_writes_to_notices_that_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let bounded = StoreOptions { max_bytes: Some(400_000), ..options(&path) };
    let store = Store::open(bounded, NOTES).await.unwrap();
    assert!(matches!(write(&store, 0, 1_000_000).await, Err(StoreError::Full { .. })));
    assert_eq!(store.health(), Health::Full);
    // There is room for less than that.
    let tried = async {
        while store.can_write().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), tried).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let left: i64 = sqlx::query("SELECT COUNT(*) FROM store WHERE name = 'attempt'")
        .fetch_one(&mut *reader)
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn many_refusals_are_one_line_in_the_log() {
    use tracing::{Level, subscriber::DefaultGuard};
    #[derive(Default)]
    struct Lines(std::sync::Mutex<Vec<(Level, String)>>);
    struct Told(Arc<Lines>);
    impl tracing::Subscriber for Told {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target().starts_with("plaza_store")
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
            tracing::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let mut text = String::new();
            event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                text.push_str(&format!("{value:?} "));
            });
            self.0.0.lock().unwrap().push((*event.metadata().level(), text));
        }
        fn enter(&self, _: &tracing::Id) {}
        fn exit(&self, _: &tracing::Id) {}
    }
    let lines = Arc::new(Lines::default());
    let _guard: DefaultGuard = tracing::subscriber::set_default(Told(lines.clone()));

    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let store =
        Store::open(StoreOptions { max_bytes: Some(400_000), ..options(&path) }, NOTES).await.unwrap();
    for id in 0..20 {
        write(&store, id, 1_000_000).await.unwrap_err();
    }
    note(&store, 0..3).await;
    let lines: Vec<_> =
        lines.0.lock().unwrap().drain(..).filter(|(level, _)| *level <= Level::INFO).collect();
    let texts: Vec<_> = lines.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("is full") && texts[0].contains("plaza.db"), "{texts:?}");
    assert!(texts[1].contains("takes writes again"), "{texts:?}");
}
