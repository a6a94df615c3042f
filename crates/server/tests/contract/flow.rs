//! Order without waiting, and what becomes of those who cannot keep up.

use plaza_client::{Closed, Incoming, Options};
use plaza_protocol::Event;
use plaza_testkit::{
    Guest, Plaza, Setup,
    guest::{room, within},
};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_is_sent_away_and_resumes_and_nobody_else_notices() {
    let plaza = Setup::default().env("PLAZA_SOCKET__OUTBOX_BYTES", "65536").start().await.unwrap();
    let lazy = Options { event_queue: 4, receive_buffer_bytes: Some(4096), ..Options::default() };
    let mut slow = Guest::connect_with(&plaza, "Slow", &lazy).await;
    slow.until_resumed().await;
    slow.connection.join_room(&room("general")).await.unwrap();
    let first = slow.next_event().await.seq();

    let mut ana = Guest::connect(&plaza, "Ana").await;
    let mut ben = Guest::connect(&plaza, "Ben").await;
    for guest in [&mut ana, &mut ben] {
        guest.until_resumed().await;
        guest.connection.join_room(&room("general")).await.unwrap();
        guest.until(|incoming| matches!(incoming, Incoming::Event(_))).await;
    }
    ana.next_event().await;
    // Far more than the kernel's buffers and the outbox hold.
    let text = "x".repeat(8_000);
    for number in 0..900 {
        let sent = ana.say(&room("general"), &format!("c{number}"), &text).await;
        for guest in [&mut ana, &mut ben] {
            assert_eq!(guest.next_event().await.seq(), sent.seq);
        }
    }
    // Only now does it read on, finds a piece without a hole, and the end.
    let mut held = first;
    let closed = loop {
        match within(slow.inbox.next()).await {
            Ok(Incoming::Event(event)) => {
                assert_eq!(event.seq(), held + 1);
                held += 1;
            }
            Ok(other) => panic!("{other:?}"),
            Err(closed) => break closed,
        }
    };
    assert!(matches!(closed, Closed::Transport | Closed::Lost(_) | Closed::ByServer), "{closed:?}");
    assert!(held < 903, "it was never too slow");
    let mut back = Guest::resume(&plaza, &slow.token, &slow.epoch, &[("general", held)]).await;
    let (missed, _) = back.until_resumed().await;
    assert_eq!(missed.first().map(Event::seq), Some(held + 1));
    assert_eq!(missed.last().map(Event::seq), Some(903));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_may_stall_for_longer_than_an_answer() {
    let patience = Duration::from_millis(100);
    let setup = Setup::default().env("PLAZA_SERVER__WRITE_TIMEOUT_MS", &patience.as_millis().to_string());
    let plaza = setup.start().await.unwrap();
    let unread = Options {
        event_queue: 1,
        receive_buffer_bytes: Some(4096),
        max_segment_bytes: Some(1_400),
        ..Options::default()
    };
    let mut stalled = Guest::connect_with(&plaza, "Stalled", &unread).await;
    stalled.until_resumed().await;
    stalled.connection.join_room(&room("general")).await.unwrap();
    let ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room("general")).await.unwrap();
    let began = Instant::now();
    let text = "x".repeat(8_000);
    let mut last = 0;
    for number in 0..110 {
        last = ana.say(&room("general"), &format!("c{number}"), &text).await.seq;
    }
    while began.elapsed() < 5 * patience {
        last = ana.say(&room("general"), &format!("at {:?}", began.elapsed()), "x").await.seq;
    }
    stalled.until(|incoming| matches!(incoming, Incoming::Event(event) if event.seq() == last)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sends_in_flight_keep_their_order_and_hold_nobody_up() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut ana = Guest::connect(&plaza, "Ana").await;
    ana.until_resumed().await;
    ana.connection.join_room(&room("general")).await.unwrap();
    ana.next_event().await;
    let mut sends = tokio::task::JoinSet::new();
    let (sender, order) = (ana.connection.clone(), std::sync::Arc::new(tokio::sync::Mutex::new(())));
    for number in 0..2_000u32 {
        // The first poll of each send happens under a lock that is passed on in order.
        let turn = std::sync::Arc::clone(&order).lock_owned().await;
        let connection = sender.clone();
        let (started, begun) = tokio::sync::oneshot::channel();
        sends.spawn(async move {
            let client_id = format!("c{number}").parse().unwrap();
            let mut send =
                Box::pin(async { connection.send_message(&room("general"), &client_id, "x").await });
            let first = std::future::poll_fn(|cx| std::task::Poll::Ready(send.as_mut().poll(cx))).await;
            drop(turn);
            let _ = started.send(());
            match first {
                std::task::Poll::Ready(done) => done.unwrap().seq,
                std::task::Poll::Pending => send.await.unwrap().seq,
            }
        });
        begun.await.unwrap();
    }
    for number in 0..2_000u64 {
        let Event::Message(message) = ana.next_event().await else { panic!() };
        assert_eq!((message.seq, message.client_id.as_str()), (number + 2, format!("c{number}").as_str()));
    }
    assert_eq!(sends.join_all().await.len(), 2_000);
}
