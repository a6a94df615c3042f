//! The feed over a log in memory and a bus that loses, repeats and reorders.

mod coming_in;
mod cut;
mod mentioned;
mod sending;

use super::*;
use plaza_protocol::{Code, Content, MemberChange, Message as ChatMessage, TextBody, Timestamp, User};
use proptest::prelude::*;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{error::Elapsed, timeout},
};
use tokio_util::sync::CancellationToken;

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
struct Seen {
    items: Mutex<Vec<Item>>,
    more: Notify,
    /// How many more items it has room for.
    free: AtomicUsize,
    closed: AtomicBool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            items: Mutex::default(),
            more: Notify::new(),
            free: AtomicUsize::new(usize::MAX),
            closed: AtomicBool::new(false),
        }
    }
}

impl Subscriber for Seen {
    type Frame = Item;
    fn encode(item: &Item) -> Item {
        item.clone()
    }
    fn cost(_: &Item) -> usize {
        1
    }
    fn send(&self, frame: &Item) {
        self.items.lock().unwrap().push(frame.clone());
        self.more.notify_one();
    }
    fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.more.notify_one();
    }
}

impl Seen {
    /// The positions seen, in the order they came; 0 stands for `resumed`.
    fn seqs(&self) -> Vec<Seq> {
        let seq = |item: &Item| match item {
            Item::Event(event) => event.seq(),
            _ => 0,
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
    /// How many of its oldest events the log can serve no more.
    cut: Arc<AtomicUsize>,
    /// Whether the log cannot be read now.
    away: Arc<AtomicBool>,
    bus: mpsc::Sender<Committed>,
    feed: Feed<Seen>,
}

impl Bench {
    fn new() -> Self {
        let log = Arc::new(Mutex::new(Vec::<Arc<Event>>::new()));
        let (bus, committed) = mpsc::channel(64);
        let cut = Arc::new(AtomicUsize::new(0));
        let away = Arc::new(AtomicBool::new(false));
        let (read, gone, refuses) = (Arc::clone(&log), Arc::clone(&cut), Arc::clone(&away));
        let range: Range = Arc::new(move |_, after| {
            if refuses.load(Ordering::Relaxed) {
                return Box::pin(async { Err(Error::new(Code::Unavailable, "The log is away.")) });
            }
            let after = (after as usize).max(gone.load(Ordering::Relaxed));
            let page = read.lock().unwrap().iter().skip(after).take(3).cloned().collect();
            Box::pin(async move { Ok(page) })
        });
        let tasks = Tasks::new(CancellationToken::new());
        let stats = FeedStats::new(Arc::new(crate::SystemClock));
        Self { log, cut, away, bus, feed: Feed::over(range, None, stats, committed, &tasks) }
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
