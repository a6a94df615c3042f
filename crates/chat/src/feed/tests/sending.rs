//! What sending costs, and whom it is for.

use super::*;

#[tokio::test]
async fn a_large_commit_gives_way_to_those_who_write() {
    struct Outbox {
        waiting: AtomicUsize,
        most: AtomicUsize,
        more: Notify,
    }
    impl Subscriber for Outbox {
        type Frame = ();
        fn encode(_: &Item) {}
        fn cost((): &()) -> usize {
            32 * 1024
        }
        fn send(&self, (): &()) {
            let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(waiting, Ordering::Relaxed);
            self.more.notify_one();
        }
        fn free(&self) -> usize {
            usize::MAX
        }
        fn close(&self) {}
    }
    let (bus, committed) = mpsc::channel(1);
    let range: Range = Arc::new(|_, _| Box::pin(async { Ok(Vec::new()) }));
    let feed: Feed<Outbox> = Feed::over(
        range,
        None,
        FeedStats::new(Arc::new(crate::SystemClock)),
        committed,
        &Tasks::new(CancellationToken::new()),
    );
    let outbox =
        Arc::new(Outbox { waiting: AtomicUsize::new(0), most: AtomicUsize::new(0), more: Notify::new() });
    let connection = feed.connect(user("ana").id, Arc::clone(&outbox)).await.unwrap();
    feed.watch(connection, vec![]).await;
    assert_eq!(feed.go_live(connection, vec![]).await, Live::Yes);
    let added = Arc::new(Event::MemberAdded(change(1, "ana")));
    bus.send(Committed { events: std::iter::once(added).chain((2..=512).map(message)).collect() })
        .await
        .unwrap();
    let written = async {
        let mut written = 0;
        while written < 513 {
            outbox.more.notified().await;
            written += outbox.waiting.swap(0, Ordering::Relaxed);
        }
    };
    timeout(Duration::from_secs(10), written).await.unwrap();
    assert!(outbox.most.load(Ordering::Relaxed) <= 4, "{:?} events in one go", outbox.most);
}

#[tokio::test]
async fn an_event_is_encoded_once_however_many_get_it() {
    /// Its frames are the same allocation exactly when they come of one encoding.
    #[derive(Default)]
    struct Shared(Mutex<Vec<Arc<Item>>>, Notify);
    impl Subscriber for Shared {
        type Frame = Arc<Item>;
        fn encode(item: &Item) -> Arc<Item> {
            Arc::new(item.clone())
        }
        fn cost(_: &Arc<Item>) -> usize {
            1
        }
        fn send(&self, frame: &Arc<Item>) {
            self.0.lock().unwrap().push(Arc::clone(frame));
            self.1.notify_one();
        }
        fn free(&self) -> usize {
            usize::MAX
        }
        fn close(&self) {}
    }
    let (bus, committed) = mpsc::channel(1);
    let range: Range = Arc::new(|_, _| Box::pin(async { Ok(Vec::new()) }));
    let feed: Feed<Shared> = Feed::over(
        range,
        None,
        FeedStats::new(Arc::new(crate::SystemClock)),
        committed,
        &Tasks::new(CancellationToken::new()),
    );
    let views = [Arc::new(Shared::default()), Arc::new(Shared::default())];
    for view in &views {
        let connection = feed.connect(user("ana").id, Arc::clone(view)).await.unwrap();
        feed.watch(connection, vec![]).await;
        assert_eq!(feed.go_live(connection, vec![]).await, Live::Yes);
    }
    bus.send(Committed { events: vec![Arc::new(Event::MemberAdded(change(1, "ana")))] }).await.unwrap();
    let mut frames = Vec::new();
    for view in &views {
        let second = async {
            while view.0.lock().unwrap().len() < 2 {
                view.1.notified().await;
            }
        };
        timeout(Duration::from_secs(10), second).await.unwrap();
        frames.push(Arc::clone(&view.0.lock().unwrap()[1]));
    }
    assert!(Arc::ptr_eq(&frames[0], &frames[1]));
}

#[tokio::test]
async fn read_positions_go_to_ones_other_connections() {
    let bench = Bench::new();
    let (one, other) = (bench.come_in("ana", 0).await, bench.come_in("ana", 0).await);
    let stranger = bench.come_in("bo", 0).await;
    let read = ReadEvent { room_id: lobby(), seq: 0 };
    bench.feed.read(user("ana").id, read, Some(ConnectionId(0)), false).await;
    other.until(|seqs| seqs.len() == 2).await.unwrap();
    assert_eq!((one.seqs().len(), stranger.seqs().len()), (1, 1));
}
