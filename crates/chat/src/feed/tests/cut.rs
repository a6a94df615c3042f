//! Gaps that the log can close no more: who is fed is sent away to catch up, and others are fed as ever.

use super::*;

#[tokio::test]
async fn who_misses_what_retention_has_cut_is_closed_and_comes_back() {
    let bench = Bench::new();
    let first = bench.come_in("first", 0).await;
    bench.tell(bench.append(message)).await;
    first.until(|seqs| seqs == [0, 1]).await.unwrap();
    // Events 2 to 5 are lost on the way, and cut before they are missed.
    for _ in 2..=6 {
        bench.append(message);
    }
    bench.cut.store(5, Ordering::Relaxed);
    bench.tell(bench.append(message)).await;
    first.until(|_| first.closed.load(Ordering::Relaxed)).await.unwrap();
    assert_eq!(first.seqs(), [0, 1], "nothing comes behind a gap");

    // Back with another position, it is fed.
    let back = bench.come_in("first", 7).await;
    bench.tell(bench.append(message)).await;
    assert_eq!(back.until(|seqs| seqs.len() == 2).await.unwrap(), [0, 8]);
    assert!(!back.closed.load(Ordering::Relaxed));
    assert_eq!(first.seqs(), [0, 1]);
}

#[tokio::test]
async fn who_comes_in_meanwhile_misses_nothing() {
    let bench = Bench::new();
    let first = bench.come_in("first", 0).await;
    bench.tell(bench.append(message)).await;
    first.until(|seqs| seqs == [0, 1]).await.unwrap();
    let seen = Arc::new(Seen::default());
    let second = bench.feed.connect(user("second").id, Arc::clone(&seen)).await.unwrap();
    bench.feed.watch(second, vec![lobby()]).await;
    for _ in 2..=6 {
        bench.append(message);
    }
    bench.cut.store(5, Ordering::Relaxed);
    bench.tell(bench.append(message)).await;
    first.until(|_| first.closed.load(Ordering::Relaxed)).await.unwrap();
    // It has read up to 6 from the log; 7 was told before it goes live.
    let caught = |position| Caught {
        name: lobby().into(),
        position: Some((lobby(), position)),
        resumed: RoomResumed::Span { from: 6, to: position },
    };
    let live = bench.feed.go_live(second, vec![caught(6)]).await;
    assert_eq!(live, Live::Yes);
    bench.tell(bench.append(message)).await;
    assert_eq!(seen.until(|seqs| seqs.len() == 3).await.unwrap(), [0, 7, 8]);
}
