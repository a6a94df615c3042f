//! What is told beside the log: to whom, how often, and not to one who has no room for it.

use super::*;
use plaza_protocol::TypingEvent;
use tokio::time::advance;

fn typing(name: &str) -> TypingEvent {
    TypingEvent { room_id: lobby(), user: user(name), for_ms: 6_000 }
}

impl Bench {
    /// Waits until everything asked of the feed before has been done.
    async fn done(&self) {
        self.feed.watch(ConnectionId(u64::MAX), Vec::new()).await;
    }

    async fn read(&self, name: &str, seq: Seq) {
        let event = ReadEvent { room_id: lobby(), seq };
        self.feed.read(user(name).id, event, None, true).await;
    }
}

impl Seen {
    /// Everything since this was asked last, but `resumed`.
    fn mentioned(&self) -> Vec<String> {
        let items = std::mem::take(&mut *self.items.lock().unwrap());
        let told = items.iter().filter_map(|item| match item {
            Item::Typing(event) => Some(format!("{} types", event.user.name)),
            Item::Receipts(receipts) => Some(format!("{:?}", receipts.read)),
            Item::Read(read) => Some(format!("read {}", read.seq)),
            _ => None,
        });
        told.collect()
    }
}

#[tokio::test(start_paused = true)]
async fn writing_is_told_to_the_others_once_in_two_seconds() {
    let bench = Bench::new();
    let (ana, own) = (bench.come_in("ana", 0).await, bench.come_in("ana", 0).await);
    let (ben, cem) = (bench.come_in("ben", 0).await, bench.come_in("cem", 0).await);
    // Cem has room for events, and not for more.
    cem.free.store(SPARE - 1, Ordering::Relaxed);
    for _ in 0..3 {
        bench.feed.typing(typing("ana")).await;
    }
    bench.done().await;
    assert_eq!(ben.mentioned(), ["ana types"]);
    for nobody in [&ana, &own, &cem] {
        assert_eq!(nobody.mentioned(), Vec::<String>::new());
    }
    cem.free.store(SPARE, Ordering::Relaxed);
    advance(Duration::from_secs(2)).await;
    bench.feed.typing(typing("ana")).await;
    bench.done().await;
    assert_eq!((ben.mentioned(), cem.mentioned()), (vec!["ana types".into()], vec!["ana types".into()]));
}

#[tokio::test(start_paused = true)]
async fn reading_is_told_to_a_room_once_a_second_and_to_ones_own_at_once() {
    let bench = Bench::new();
    let (ana, own) = (bench.come_in("ana", 0).await, bench.come_in("ben", 0).await);
    for seq in 1..=5 {
        bench.read("ben", seq).await;
        bench.read("cem", seq).await;
    }
    bench.done().await;
    assert_eq!(ana.mentioned(), [r#"{"u_ben": 1}"#], "the first is told at once");
    assert_eq!(own.mentioned(), ["read 1", "read 2", "read 3", "read 4", "read 5"]);
    advance(Duration::from_millis(999)).await;
    bench.done().await;
    assert_eq!(ana.mentioned(), Vec::<String>::new());
    advance(Duration::from_millis(2)).await;
    bench.done().await;
    assert_eq!(ana.mentioned(), [r#"{"u_ben": 5, "u_cem": 5}"#], "and the rest together");
    advance(Duration::from_secs(9)).await;
    bench.done().await;
    assert_eq!(ana.mentioned(), Vec::<String>::new(), "nothing is said when nobody reads");
}

#[tokio::test(start_paused = true)]
async fn one_who_has_left_is_told_of_no_more() {
    let bench = Bench::new();
    let ana = bench.come_in("ana", 0).await;
    bench.read("ben", 1).await;
    bench.read("ben", 2).await;
    bench.done().await;
    bench.tell(bench.append(|seq| Arc::new(Event::MemberRemoved(change(seq, "ben"))))).await;
    bench.heard().await;
    advance(Duration::from_secs(2)).await;
    bench.done().await;
    assert_eq!(ana.mentioned(), [r#"{"u_ben": 1}"#]);
}
