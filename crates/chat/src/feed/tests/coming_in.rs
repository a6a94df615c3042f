//! Coming in, and memberships that change: nothing is missed, nothing comes twice.

use super::*;

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
async fn one_without_room_for_what_is_kept_looks_again() {
    let bench = Bench::new();
    let _first = bench.come_in("first", 0).await;
    let seen = Arc::new(Seen::default());
    let connection = bench.feed.connect(user("full").id, Arc::clone(&seen)).await.unwrap();
    bench.feed.watch(connection, vec![lobby()]).await;
    for _ in 0..3 {
        let event = bench.append(message);
        bench.tell(event).await;
    }
    bench.heard().await;
    let caught = || {
        let resumed = RoomResumed::Span { from: 0, to: 0 };
        vec![Caught { name: lobby().into(), position: Some((lobby(), 0)), resumed }]
    };
    seen.free.store(2, Ordering::Relaxed);
    assert_eq!(bench.feed.go_live(connection, caught()).await, Live::LookAgain);
    assert!(seen.seqs().is_empty());
    seen.free.store(3, Ordering::Relaxed);
    assert_eq!(bench.feed.go_live(connection, caught()).await, Live::Yes);
    assert_eq!(seen.seqs(), [1, 2, 3, 0]);
}

#[tokio::test]
async fn one_comes_in_also_while_a_gap_cannot_be_closed() {
    let bench = Bench::new();
    let told = bench.come_in("told", 0).await;
    let before = Arc::new(Seen::default());
    let connection = bench.feed.connect(user("before").id, Arc::clone(&before)).await.unwrap();
    bench.feed.watch(connection, vec![lobby()]).await;
    bench.away.store(true, Ordering::Relaxed);
    for is_told in [true, false, true] {
        let event = bench.append(message);
        if is_told {
            bench.tell(event).await;
        }
    }
    bench.heard().await;
    // One has read less of the log than was passed on here, and one more.
    let resumed = RoomResumed::Span { from: 0, to: 0 };
    let caught = Caught { name: lobby().into(), position: Some((lobby(), 0)), resumed };
    assert_eq!(bench.feed.go_live(connection, vec![caught]).await, Live::Yes);
    let coming = timeout(Duration::from_secs(10), bench.come_in("after", 0));
    let after = coming.await.expect("it comes in");
    bench.away.store(false, Ordering::Relaxed);
    let event = bench.append(message);
    bench.tell(event).await;
    for seen in [told, before, after] {
        assert!(seen.until(|seqs| whole(seqs, 4)).await.is_ok(), "{:?}", seen.seqs());
    }
}
