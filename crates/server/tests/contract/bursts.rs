//! Much at once, within what is allowed: nobody who reads is cut off for it.

use plaza_client::Incoming;
use plaza_protocol::{Event, History};
use plaza_testkit::{Guest, Plaza, Setup, guest::room};
use tokio::task::JoinSet;

/// Small enough that an answer or a burst that did not wait would not fit.
async fn with_small_outboxes() -> Plaza {
    Setup::default().env("PLAZA_SOCKET__OUTBOX_BYTES", "262144").start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_one_member_reaches_all_the_others() {
    const BURST: usize = 256;
    let plaza = with_small_outboxes().await;
    let mut members = Vec::new();
    for number in 0..10 {
        let mut guest = Guest::connect(&plaza, &format!("guest-{number}")).await;
        guest.until_resumed().await;
        guest.connection.join_room(&room("busy")).await.unwrap();
        members.push(guest);
    }
    let mut sending = JoinSet::new();
    for number in 0..BURST {
        let (connection, text) = (members[0].connection.clone(), "x".repeat(8_000));
        let client_id = format!("c{number}").parse().unwrap();
        sending.spawn(async move { connection.send_message(&room("busy"), &client_id, &text).await });
    }
    for sent in sending.join_all().await {
        sent.unwrap();
    }
    for member in &mut members {
        let (mut seen, mut last) = (0, None);
        while seen < BURST {
            let Incoming::Event(event) = member.next().await else { continue };
            assert!(last.is_none_or(|last| event.seq() == last + 1), "{} after {last:?}", event.seq());
            last = Some(event.seq());
            seen += usize::from(matches!(event, Event::Message(_)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_answers_at_once_all_arrive() {
    let plaza = with_small_outboxes().await;
    let ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room("long")).await.unwrap();
    for number in 0..100 {
        ana.say(&room("long"), &format!("c{number}"), &"x".repeat(8_000)).await;
    }
    let reader = Guest::connect(&plaza, "Ben").await;
    reader.connection.join_room(&room("long")).await.unwrap();
    let mut asking = JoinSet::new();
    for _ in 0..64 {
        let connection = reader.connection.clone();
        let request =
            History { room_id: room("long"), before: None, after: None, limit: Some(History::MAX_LIMIT) };
        asking.spawn(async move { connection.history(&request).await });
    }
    for page in asking.join_all().await {
        let page = page.unwrap();
        assert!(page.more && !page.events.is_empty());
    }
}
