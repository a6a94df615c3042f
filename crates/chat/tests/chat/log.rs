//! The log under load, under retries, under failures, and across restarts.

use crate::world::*;
use plaza_chat::Settings;
use plaza_protocol::{Code, Error, Event, LeaveRoom, RoomId, SentMessage, User};
use plaza_store::Subject;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// Sends `count` messages to each room, many in flight, and gives the acks in the order of the calls.
async fn flood(
    chat: plaza_chat::Chat,
    user: User,
    rooms: Vec<RoomId>,
    count: usize,
) -> Vec<(RoomId, String, SentMessage)> {
    let mut pending = Vec::new();
    for n in 0..count {
        for room in &rooms {
            let client_id = format!("c{n}");
            let text = format!("{} {n}", user.name);
            pending.push((
                room.clone(),
                client_id.clone(),
                chat.send_message(&user, message(room, &client_id, &text)),
            ));
        }
        tokio::task::yield_now().await;
    }
    let mut acks = Vec::new();
    for (room, client_id, pending) in pending {
        acks.push((room, client_id, pending.await.unwrap()));
    }
    acks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_senders_with_raced_retries_make_one_order_without_holes() {
    const SENDERS: usize = 12;
    const COUNT: usize = 25;
    let world = World::with(Settings { log_queue: 100_000, ..Settings::default() }).await;
    let rooms: Vec<RoomId> = (0..6).map(|n| id(&format!("room{n}"))).collect();
    let mut tasks = JoinSet::new();
    for n in 0..SENDERS {
        let user = world.user(&format!("User{n}")).await;
        for room in &rooms {
            world.join(&user, room.as_str()).await;
        }
        // The same person twice at once: every message is raced by its own retry.
        tasks.spawn(flood(world.chat.clone(), user.clone(), rooms.clone(), COUNT));
        tasks.spawn(flood(world.chat.clone(), user, rooms.clone(), COUNT));
    }
    let acks: Vec<_> = tasks.join_all().await;

    let mut logs: HashMap<RoomId, Vec<Arc<Event>>> = HashMap::new();
    for room in &rooms {
        let log = world.log(room).await;
        assert_eq!(log.len(), SENDERS + SENDERS * COUNT, "each message once");
        logs.insert(room.clone(), log);
    }
    for acks in &acks {
        let mut last: HashMap<&RoomId, u64> = HashMap::new();
        for (room, client_id, ack) in acks {
            let Event::Message(stored) = &*logs[room][ack.seq as usize - 1] else { panic!("not a message") };
            assert_eq!(
                (stored.id.as_str(), stored.client_id.as_str()),
                (ack.id.as_str(), client_id.as_str())
            );
            assert_eq!(stored.at, ack.at);
            let before = last.insert(room, ack.seq).unwrap_or(0);
            assert!(ack.seq > before, "the order of the calls is the order of the log");
        }
    }
    let (_folder, published) = world.stop().await;
    for room in &rooms {
        assert_eq!(published[room.as_str()], logs[room], "published once, in order");
    }
}

#[tokio::test]
async fn a_retry_gets_the_first_ack_again() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let room = world.group(&[&ben, &ana]).await;
    let send = |user: &User, client_id: &str, text: &str| {
        world.chat.send_message(user, message(&room, client_id, text))
    };
    // All four stand in one batch.
    let (first, again, other, bens) =
        (send(&ana, "1", "hi"), send(&ana, "1", "hi"), send(&ana, "1", "ho"), send(&ben, "1", "ho"));
    let first = first.await.unwrap();
    assert_eq!(again.await.unwrap(), first);
    assert_eq!(code(other.await), Code::Conflict);
    assert_eq!(bens.await.unwrap().seq, first.seq + 1, "another sender's clientId is another message");
    // And in later ones.
    assert_eq!(send(&ana, "1", "hi").await.unwrap(), first);
    assert_eq!(code(send(&ana, "1", "ho").await), Code::Conflict);
    assert_eq!(world.log(&room).await.len(), 4);

    // The message is there, so its sender may know it after leaving; nothing else is said.
    world.chat.leave_room(&ana, LeaveRoom { room_id: room.clone() }).await.unwrap();
    assert_eq!(send(&ana, "1", "hi").await.unwrap(), first);
    assert_eq!(send(&ana, "1", "ho").await, Err(Error::no_such_room()));
    assert_eq!(send(&ana, "2", "hi").await, Err(Error::no_such_room()));
}

#[tokio::test]
async fn commands_take_effect_in_the_order_of_the_calls() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let hall = id("hall");
    let leave = || LeaveRoom { room_id: hall.clone() };
    let too_early = world.chat.send_message(&ana, message(&hall, "0", "too early"));
    let bens = world.chat.join_room(&ben, join("hall"));
    let first = world.chat.send_message(&ben, message(&hall, "1", "first"));
    let joined = world.chat.join_room(&ana, join("hall"));
    let second = world.chat.send_message(&ana, message(&hall, "1", "second"));
    let left = world.chat.leave_room(&ana, leave());
    let too_late = world.chat.send_message(&ana, message(&hall, "2", "too late"));
    let third = world.chat.send_message(&ben, message(&hall, "2", "third"));
    assert_eq!(too_early.await, Err(Error::no_such_room()));
    assert_eq!(bens.await.unwrap().seq, 1);
    assert_eq!(first.await.unwrap().seq, 2);
    assert_eq!(joined.await.unwrap().seq, 3);
    assert_eq!(second.await.unwrap().seq, 4);
    assert_eq!(left.await.unwrap().seq, 5);
    assert_eq!(too_late.await, Err(Error::no_such_room()));
    assert_eq!(third.await.unwrap().seq, 6);
    let (_folder, published) = world.stop().await;
    let names: Vec<_> = published["hall"].iter().map(|event| event.name()).collect();
    assert_eq!(names, ["member:added", "message", "member:added", "message", "member:removed", "message"]);
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_committed_all_the_same() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    drop(world.chat.send_message(&ana, message(&id("hall"), "1", "hi")));
    let next = world.chat.send_message(&ana, message(&id("hall"), "2", "ho")).await.unwrap();
    assert_eq!(next.seq, 3);
}

#[tokio::test]
async fn a_full_queue_says_busy_at_once() {
    let world = World::with(Settings { log_queue: 4, log_batch: 2, ..Settings::default() }).await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    // The room, where several nodes write; where one does, the writer.
    let blocked = world.store.write_about(&[Subject::of("room", "hall")]).await.unwrap();
    let mut pending = Vec::new();
    let mut refused = Vec::new();
    for n in 0..20 {
        let mut sent = world.chat.send_message(&ana, message(&id("hall"), &n.to_string(), "hi"));
        match timeout(Duration::from_millis(1), &mut sent).await {
            Ok(answer) => refused.push(answer.unwrap_err()),
            Err(_) => pending.push(sent),
        }
    }
    // Four wait, and up to two are with the task.
    assert!((4..=6).contains(&pending.len()), "{}", pending.len());
    assert!(
        refused
            .iter()
            .all(|error| { error.code == Code::Busy && error.retryable && error.retry_after_ms.is_some() })
    );
    drop(blocked);
    for sent in pending {
        sent.await.unwrap();
    }
}

#[tokio::test]
async fn acks_do_not_wait_for_who_listens() {
    let settings = Settings { commit_queue: 1, ..Settings::default() };
    let (world, mut committed) = World::unheard(settings, tempfile::tempdir().unwrap()).await;
    let ana = world.user("Ana").await;
    // The first commit fills the channel, and the second is answered before it waits for room there.
    world.join(&ana, "hall").await;
    world.chat.send_message(&ana, message(&id("hall"), "1", "hi")).await.unwrap();
    let waits = world.chat.send_message(&ana, message(&id("hall"), "2", "ho"));
    for seq in 1..=3 {
        let events = committed.recv().await.unwrap().events;
        assert_eq!(events[0].seq(), seq);
    }
    waits.await.unwrap();
}

#[tokio::test]
async fn a_store_that_fails_is_not_acknowledged_and_may_be_tried_again() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    world.store.close().await;
    let error = world.chat.send_message(&ana, message(&id("hall"), "1", "hi")).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::Unavailable, true));
    assert_eq!(code(world.chat.list_rooms(&ana.id).await), Code::Unavailable);
}

#[tokio::test]
async fn stopping_commits_what_waits_and_takes_nothing_more() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    let pending: Vec<_> = (0..1_500)
        .map(|n| world.chat.send_message(&ana, message(&id("hall"), &n.to_string(), "hi")))
        .collect();
    world.shutdown.cancel();
    for (n, sent) in pending.into_iter().enumerate() {
        assert_eq!(sent.await.unwrap().seq, n as u64 + 2);
    }
    let late = world.chat.send_message(&ana, message(&id("hall"), "late", "hi")).await.unwrap_err();
    assert_eq!((late.code, late.retryable), (Code::Unavailable, true));
    let (_folder, published) = world.stop().await;
    assert_eq!(published["hall"].len(), 1_501);
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_crash() {
    if on_a_server() {
        return;
    }
    let (world, committed) = World::unheard(Settings::default(), tempfile::tempdir().unwrap()).await;
    drop(committed);
    let (identity, token) = world.chat.new_guest("Ana").await.unwrap();
    let (ana, hall) = (identity.user.clone(), id("hall"));
    world.join(&ana, "hall").await;
    let mut acks = Vec::new();
    for n in 0..50 {
        let text = format!("text {n} \u{0}\u{1F600} \"\\ \u{2028}");
        acks.push(world.chat.send_message(&ana, message(&hall, &n.to_string(), &text)).await.unwrap());
    }
    let (epoch, before) = (world.chat.epoch().to_owned(), world.log(&hall).await);

    // What the disk has at this moment, while the first store still has its files open, is what a kill leaves.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(world.folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let (after, _committed) = World::unheard(Settings::default(), copy).await;
    assert_eq!(after.chat.epoch(), epoch);
    assert_eq!(after.log(&hall).await, before);
    assert_eq!(after.chat.authenticate(&token).await.unwrap(), identity);
    let text = "text 7 \u{0}\u{1F600} \"\\ \u{2028}";
    assert_eq!(after.chat.send_message(&ana, message(&hall, "7", text)).await.unwrap(), acks[7]);
    assert_eq!(after.chat.send_message(&ana, message(&hall, "new", "hi")).await.unwrap().seq, 52);
}

/// Prints how many messages a second the log takes: `cargo test --release -p plaza-chat -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn throughput() {
    use plaza_store::{Durability, Store, StoreOptions};
    for in_flight in [1, 16, 64, 256, 1_024] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let options = StoreOptions { durability: Durability::Full, ..options(&folder).await };
        let store = Store::open(options, plaza_chat::MIGRATIONS).await.unwrap();
        let shutdown = tokio_util::sync::CancellationToken::new();
        let tasks = plaza_chat::Tasks::new(shutdown.clone());
        let (clock, random) = (Arc::new(plaza_chat::SystemClock), Arc::new(plaza_chat::SystemRandom));
        let (chat, mut committed) =
            plaza_chat::Chat::start(store, clock, random, Settings::default(), shutdown, &tasks)
                .await
                .unwrap();
        tasks.spawn("listening", async move { while committed.recv().await.is_some() {} });
        let ana = chat.new_guest("Ana").await.unwrap().0.user;
        for room in 0..50 {
            chat.join_room(&ana, join(&format!("room{room}"))).await.unwrap();
        }
        let (text, began) = ("x".repeat(200), std::time::Instant::now());
        let count = if in_flight == 1 { 4_000 } else { 40_000 };
        let mut waiting = std::collections::VecDeque::new();
        for n in 0..count {
            let request = message(&id(&format!("room{}", n % 50)), &n.to_string(), &text);
            waiting.push_back(chat.send_message(&ana, request));
            if waiting.len() == in_flight {
                waiting.pop_front().unwrap().await.unwrap();
            }
        }
        for sent in waiting {
            sent.await.unwrap();
        }
        let rate = f64::from(count) / began.elapsed().as_secs_f64();
        println!("{in_flight:>5} in flight: {rate:>8.0} messages a second");
    }
}
