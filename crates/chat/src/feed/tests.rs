//! The feed over a log in memory and a bus that loses, repeats and reorders.

use super::*;
use plaza_protocol::{Content, MemberChange, Message as ChatMessage, TextBody, Timestamp, User};
use proptest::prelude::*;
use std::{sync::Mutex, time::Duration};
use tokio::{
    sync::Notify,
    time::{error::Elapsed, timeout},
};

fn user(name: &str) -> User {
    User { id: format!("u_{name}").parse().unwrap(), name: name.into(), guest: false }
}

fn lobby() -> RoomId {
    "lobby".parse().unwrap()
}

fn message(seq: Seq) -> Arc<Event> {
    Arc::new(Event::Message(ChatMessage {
        room_id: lobby(),
        seq,
        id: format!("m_{seq}"),
        client_id: format!("c{seq}").parse().unwrap(),
        sender: user("writer"),
        content: Content::Text(TextBody { text: "hi".into() }),
        at: Timestamp::from_millis(0),
    }))
}

fn change(seq: Seq, name: &str) -> MemberChange {
    MemberChange { room_id: lobby(), seq, user: user(name), by: user(name), at: Timestamp::from_millis(0) }
}

/// A connection that writes down what it is sent.
#[derive(Default)]
struct Seen {
    items: Mutex<Vec<Item>>,
    more: Notify,
}

impl Subscriber for Seen {
    type Frame = Item;
    fn encode(item: &Item) -> Item {
        item.clone()
    }
    fn send(&self, frame: &Item) {
        self.items.lock().unwrap().push(frame.clone());
        self.more.notify_one();
    }
}

impl Seen {
    /// The positions seen, in the order they came; 0 stands for `resumed`.
    fn seqs(&self) -> Vec<Seq> {
        let seq = |item: &Item| match item {
            Item::Event(event) => event.seq(),
            Item::Read(_) | Item::Resumed(_) => 0,
        };
        self.items.lock().unwrap().iter().map(seq).collect()
    }

    async fn until(&self, met: impl Fn(&[Seq]) -> bool) -> Result<Vec<Seq>, Elapsed> {
        timeout(Duration::from_secs(10), async {
            loop {
                let more = self.more.notified();
                let seqs = self.seqs();
                if met(&seqs) {
                    return seqs;
                }
                more.await;
            }
        })
        .await
    }
}

/// A log in memory, and the feed over it.
struct Bench {
    log: Arc<Mutex<Vec<Arc<Event>>>>,
    bus: mpsc::Sender<Committed>,
    feed: Feed<Seen>,
}

impl Bench {
    fn new() -> Self {
        let log = Arc::new(Mutex::new(Vec::<Arc<Event>>::new()));
        let (bus, committed) = mpsc::channel(64);
        let read = Arc::clone(&log);
        let range: Range = Arc::new(move |_, after| {
            let page = read.lock().unwrap().iter().skip(after as usize).take(3).cloned().collect();
            Box::pin(async move { Ok(page) })
        });
        Self { log, bus, feed: Feed::over(range, committed, &TaskTracker::new()) }
    }

    fn append(&self, event: impl FnOnce(Seq) -> Arc<Event>) -> Arc<Event> {
        let mut log = self.log.lock().unwrap();
        let event = event(log.len() as Seq + 1);
        log.push(Arc::clone(&event));
        event
    }

    async fn tell(&self, event: Arc<Event>) {
        self.bus.send(Committed { events: vec![event] }).await.unwrap();
    }

    /// Waits until the feed has taken what it was told; what is asked afterwards is answered after it.
    async fn heard(&self) {
        while self.bus.capacity() < self.bus.max_capacity() {
            tokio::task::yield_now().await;
        }
    }

    /// Comes in as the gateway does, from a position.
    async fn come_in(&self, name: &str, from: Seq) -> Arc<Seen> {
        let seen = Arc::new(Seen::default());
        let connection = self.feed.connect(user(name).id, Arc::clone(&seen)).await.unwrap();
        let mut position = from;
        loop {
            self.feed.watch(connection, vec![lobby()]).await;
            let missed: Vec<_> = self.log.lock().unwrap().iter().skip(position as usize).cloned().collect();
            for event in missed {
                position = event.seq();
                seen.send(&Item::Event(event));
            }
            let resumed = RoomResumed::Span { from, to: position };
            let caught = Caught { name: lobby().into(), position: Some((lobby(), position)), resumed };
            match self.feed.go_live(connection, vec![caught]).await {
                Live::Yes => return seen,
                Live::LookAgain => tokio::task::yield_now().await,
                Live::Gone => panic!("the feed has ended"),
            }
        }
    }
}

/// What a view must be: 1, 2, 3 and so on up to `last`, with `resumed` somewhere and once.
fn whole(seqs: &[Seq], last: Seq) -> bool {
    let events: Vec<_> = seqs.iter().copied().filter(|seq| *seq > 0).collect();
    events == (1..=last).collect::<Vec<_>>() && seqs.len() == events.len() + 1
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Told,
    Lost,
    Twice,
    Late,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    use Fate::{Late, Lost, Told, Twice};
    prop::collection::vec(
        prop_oneof![4 => Just(Told), 1 => Just(Lost), 1 => Just(Twice), 1 => Just(Late)],
        1..120,
    )
}

fn run<F: Future<Output = ()>>(future: F) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future);
}

proptest! {
    // A view that never becomes whole takes its deadline, so there is no long search for a smaller one.
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_time: 30_000, ..ProptestConfig::default() })]
    #[test]
    fn every_view_is_the_one_order(fates in fates(), comes in 0..120usize) {
        run(async move {
            let bench = Bench::new();
            let first = bench.come_in("first", 0).await;
            let (mut late, mut second) = (Vec::new(), None);
            let last = fates.len() as Seq + 1;
            for (at, fate) in fates.into_iter().enumerate() {
                if at == comes {
                    second = Some(bench.come_in("second", 0).await);
                }
                let event = bench.append(message);
                match fate {
                    Fate::Told => bench.tell(event).await,
                    Fate::Lost => {}
                    Fate::Twice => {
                        bench.tell(Arc::clone(&event)).await;
                        bench.tell(event).await;
                    }
                    Fate::Late => late.push(event),
                }
                if at % 7 == 0 {
                    for event in late.drain(..) {
                        bench.tell(event).await;
                    }
                }
            }
            // The last one is told: a bus that loses it for good is for a position check to find out.
            let event = bench.append(message);
            bench.tell(event).await;
            for seen in [Some(first), second].into_iter().flatten() {
                if seen.until(|seqs| whole(seqs, last)).await.is_err() {
                    panic!("{:?} is not 1..={last}", seen.seqs());
                }
            }
        });
    }
}

#[tokio::test]
async fn coming_in_misses_nothing_while_others_write() {
    let bench = Arc::new(Bench::new());
    let _first = bench.come_in("first", 0).await;
    let writer = {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            for _ in 0..2_000 {
                let event = bench.append(message);
                bench.tell(event).await;
            }
        })
    };
    let mut views = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        views.push(bench.come_in(name, 0).await);
    }
    writer.await.unwrap();
    for view in views {
        view.until(|seqs| whole(seqs, 2_000)).await.expect("a view without gap or repeat");
    }
}

#[tokio::test]
async fn one_who_is_added_gets_that_event_first_and_his_removal_last() {
    let bench = Bench::new();
    let seen = Arc::new(Seen::default());
    let connection = bench.feed.connect(user("fedir").id, Arc::clone(&seen)).await.unwrap();
    bench.feed.watch(connection, vec![]).await;
    assert_eq!(bench.feed.go_live(connection, vec![]).await, Live::Yes);
    let events: [fn(Seq) -> Arc<Event>; 6] = [
        message,
        |seq| Arc::new(Event::MemberAdded(change(seq, "fedir"))),
        message,
        |seq| Arc::new(Event::MemberRemoved(change(seq, "fedir"))),
        message,
        |seq| Arc::new(Event::MemberAdded(change(seq, "fedir"))),
    ];
    for event in events {
        let event = bench.append(event);
        bench.tell(event).await;
    }
    assert_eq!(seen.until(|seqs| seqs.len() == 5).await.unwrap(), [0, 2, 3, 4, 6]);
}

#[tokio::test]
async fn memberships_that_change_while_coming_in_are_looked_at_again() {
    let bench = Bench::new();
    let seen = Arc::new(Seen::default());
    let connection = bench.feed.connect(user("fedir").id, Arc::clone(&seen)).await.unwrap();
    bench.feed.watch(connection, vec![]).await;
    let event = bench.append(|seq| Arc::new(Event::MemberAdded(change(seq, "fedir"))));
    bench.tell(event).await;
    bench.heard().await;
    assert_eq!(bench.feed.go_live(connection, vec![]).await, Live::LookAgain);
    assert!(seen.seqs().is_empty());
    bench.feed.watch(connection, vec![lobby()]).await;
    let resumed = RoomResumed::Span { from: 0, to: 1 };
    let caught = Caught { name: lobby().into(), position: Some((lobby(), 1)), resumed };
    assert_eq!(bench.feed.go_live(connection, vec![caught]).await, Live::Yes);
    let event = bench.append(message);
    bench.tell(event).await;
    assert_eq!(seen.until(|seqs| seqs.len() == 2).await.unwrap(), [0, 2]);
}

#[tokio::test]
async fn one_who_read_more_than_the_feed_was_told_gets_none_of_it_again() {
    let bench = Bench::new();
    let told = bench.come_in("told", 0).await;
    let events: Vec<_> = (0..3).map(|_| bench.append(message)).collect();
    let ahead = bench.come_in("ahead", 0).await;
    for event in events {
        bench.tell(event).await;
    }
    let event = bench.append(message);
    bench.tell(event).await;
    for seen in [told, ahead] {
        assert!(seen.until(|seqs| whole(seqs, 4)).await.is_ok(), "{:?}", seen.seqs());
    }
}

#[tokio::test]
async fn a_removal_from_before_one_came_in_does_not_end_what_he_gets() {
    let bench = Bench::new();
    let _told = bench.come_in("told", 0).await;
    let removed = bench.append(|seq| Arc::new(Event::MemberRemoved(change(seq, "fedir"))));
    let added = bench.append(|seq| Arc::new(Event::MemberAdded(change(seq, "fedir"))));
    let fedir = bench.come_in("fedir", 0).await;
    bench.tell(removed).await;
    bench.tell(added).await;
    let event = bench.append(message);
    bench.tell(event).await;
    assert!(fedir.until(|seqs| whole(seqs, 3)).await.is_ok(), "{:?}", fedir.seqs());
}

#[tokio::test]
async fn one_who_is_further_behind_than_what_is_kept_looks_again() {
    let bench = Bench::new();
    let _first = bench.come_in("first", 0).await;
    let seen = Arc::new(Seen::default());
    let connection = bench.feed.connect(user("slow").id, Arc::clone(&seen)).await.unwrap();
    bench.feed.watch(connection, vec![lobby()]).await;
    for _ in 0..=room::KEPT {
        let event = bench.append(message);
        bench.tell(event).await;
    }
    bench.heard().await;
    let caught = |position| {
        let resumed = RoomResumed::Span { from: 0, to: position };
        vec![Caught { name: lobby().into(), position: Some((lobby(), position)), resumed }]
    };
    assert_eq!(bench.feed.go_live(connection, caught(0)).await, Live::LookAgain);
    assert!(seen.seqs().is_empty());
    // The first of them is not kept; he who has it gets the others.
    assert_eq!(bench.feed.go_live(connection, caught(1)).await, Live::Yes);
    let kept: Vec<_> = (2..).take(room::KEPT).chain([0]).collect();
    assert_eq!(seen.seqs(), kept);
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
        fn send(&self, frame: &Arc<Item>) {
            self.0.lock().unwrap().push(Arc::clone(frame));
            self.1.notify_one();
        }
    }
    let (bus, committed) = mpsc::channel(1);
    let range: Range = Arc::new(|_, _| Box::pin(async { Ok(Vec::new()) }));
    let feed: Feed<Shared> = Feed::over(range, committed, &TaskTracker::new());
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
    bench.feed.read(user("ana").id, read, Some(ConnectionId(0))).await;
    other.until(|seqs| seqs.len() == 2).await.unwrap();
    assert_eq!((one.seqs().len(), stranger.seqs().len()), (1, 1));
}
