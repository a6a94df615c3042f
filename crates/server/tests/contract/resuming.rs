//! Coming back: session, then what was missed, then what became of each room, then what is live.

use crate::seqs;
use plaza_client::Options;
use plaza_protocol::{Auth, Event, History, Positions, Reload, Resume, ResumePage, RoomResumed, Seq};
use plaza_testkit::{Guest, Plaza, Setup, guest::room};

const ROOM: &str = "general";

fn span(from: Seq, to: Seq) -> RoomResumed {
    RoomResumed::Span { from, to }
}

fn reload(reload: Reload) -> RoomResumed {
    RoomResumed::Reload { reload }
}

/// A room in which Ana and Ben are at 1 and 2, and Ana's messages follow up to `top`.
async fn room_up_to(plaza: &Plaza, top: Seq) -> (Guest, Guest) {
    let mut ana = Guest::connect(plaza, "Ana").await;
    let mut ben = Guest::connect(plaza, "Ben").await;
    ana.until_resumed().await;
    ben.until_resumed().await;
    ana.connection.join_room(&room(ROOM)).await.unwrap();
    ben.connection.join_room(&room(ROOM)).await.unwrap();
    let sends = (3..=top).map(|seq| {
        let connection = ana.connection.clone();
        async move {
            let client_id = format!("c{seq}").parse().unwrap();
            connection.send_message(&room(ROOM), &client_id, &format!("text {seq}")).await.unwrap().seq
        }
    });
    let sent = futures(sends).await;
    assert_eq!(sent, (3..=top).collect::<Vec<_>>(), "one socket's sends are numbered in their order");
    (ana, ben)
}

/// Starts all at once, in order, and waits for all.
async fn futures<T: Send + 'static>(
    all: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut running = Vec::new();
    for mut future in all.map(Box::pin) {
        // Polled once here, so that the requests leave in this order.
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await;
        running.push(match first {
            std::task::Poll::Ready(done) => tokio::spawn(async { done }),
            std::task::Poll::Pending => tokio::spawn(future),
        });
    }
    let mut done = Vec::new();
    for task in running {
        done.push(task.await.unwrap());
    }
    done
}

#[tokio::test]
async fn what_was_missed_comes_between_session_and_resumed_and_live_after() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, ben) = room_up_to(&plaza, 9).await;
    let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 4)]).await;
    let (missed, resumed) = back.until_resumed().await;
    assert_eq!(seqs(&missed), [5, 6, 7, 8, 9]);
    assert_eq!(resumed.rooms[ROOM], span(4, 9));
    ana.say(&room(ROOM), "c10", "text 10").await;
    assert_eq!(back.next_event().await.seq(), 10);
    back.nothing_more().await;
}

#[tokio::test]
async fn while_others_write_there_is_neither_gap_nor_repeat() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, ben) = room_up_to(&plaza, 50).await;
    let connection = ana.connection.clone();
    let writing = tokio::spawn(async move {
        for number in 51..=400 {
            let client_id = format!("c{number}").parse().unwrap();
            connection.send_message(&room(ROOM), &client_id, "live").await.unwrap();
        }
    });
    for from in [2, 30, 50] {
        let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, from)]).await;
        let (missed, resumed) = back.until_resumed().await;
        let RoomResumed::Span { from: said, to } = resumed.rooms[ROOM] else { panic!("{resumed:?}") };
        assert_eq!(said, from);
        assert_eq!(seqs(&missed), (from + 1..=to).collect::<Vec<_>>());
        for expected in to + 1..=to + 40 {
            assert_eq!(back.next_event().await.seq(), expected);
        }
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_room_without_a_position_is_listed_at_its_top() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (_ana, ben) = room_up_to(&plaza, 7).await;
    let mut back = Guest::with_token(&plaza, &ben.token).await;
    let (missed, resumed) = back.until_resumed().await;
    assert!(missed.is_empty());
    assert_eq!(resumed.rooms[ROOM], span(7, 7));
    let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 7)]).await;
    assert_eq!(back.until_resumed().await.1.rooms[ROOM], span(7, 7));
    let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 0)]).await;
    let (missed, resumed) = back.until_resumed().await;
    assert_eq!((seqs(&missed), resumed.rooms[ROOM].clone()), ((1..=7).collect(), span(0, 7)));
}

#[tokio::test]
async fn a_room_that_one_is_no_member_of_is_unknown_whether_it_exists_or_not() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, ben) = room_up_to(&plaza, 4).await;
    ana.connection.join_room(&room("others")).await.unwrap();
    ben.connection.leave_room(&room(ROOM)).await.unwrap();
    let positions = [(ROOM, 3), ("others", 0), ("nowhere", 1), ("not a room id", 1)];
    let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &positions).await;
    let (missed, resumed) = back.until_resumed().await;
    assert!(missed.is_empty(), "{missed:?}");
    for (name, _) in positions {
        assert_eq!(resumed.rooms[name], reload(Reload::Unknown), "{name}");
    }
}

#[tokio::test]
async fn another_epoch_or_a_position_above_the_top_is_told() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, ben) = room_up_to(&plaza, 5).await;
    let mut other = Guest::resume(&plaza, &ben.token, "another", &[(ROOM, 3)]).await;
    let (missed, resumed) = other.until_resumed().await;
    assert!(missed.is_empty(), "{missed:?}");
    assert_eq!(resumed.rooms[ROOM], reload(Reload::Epoch));
    let mut above = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 6)]).await;
    let (missed, resumed) = above.until_resumed().await;
    assert!(missed.is_empty(), "{missed:?}");
    assert_eq!(resumed.rooms[ROOM], reload(Reload::Epoch));
    let auth = Auth {
        token: Some(ben.token.clone()),
        positions: Some(Positions::from([(ROOM.into(), 3)])),
        ..Auth::default()
    };
    let mut without = Guest::open(&plaza, &auth, &Options::default()).await.unwrap();
    assert_eq!(
        without.until_resumed().await.1.rooms[ROOM],
        reload(Reload::Epoch),
        "positions without an epoch"
    );

    // Live events come all the same.
    ana.say(&room(ROOM), "c6", "text 6").await;
    for guest in [&mut other, &mut above, &mut without] {
        assert_eq!(guest.next_event().await.seq(), 6);
    }
}

#[tokio::test]
async fn a_thousand_missed_are_given_and_one_more_is_too_far() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (_ana, ben) = room_up_to(&plaza, 1_005).await;
    let mut near = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 5)]).await;
    let (missed, resumed) = near.until_resumed().await;
    assert_eq!(seqs(&missed), (6..=1_005).collect::<Vec<_>>());
    assert_eq!(resumed.rooms[ROOM], span(5, 1_005));
    let mut far = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 4)]).await;
    let (missed, resumed) = far.until_resumed().await;
    assert!(missed.is_empty());
    assert_eq!(resumed.rooms[ROOM], reload(Reload::TooFar));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_to_be_reloaded_gives_nothing_before_it_is_said_so() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, ben) = room_up_to(&plaza, 1_100).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let connection = ana.connection.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let client_id = format!("w{writer}-{number}").parse().unwrap();
                    let _ = connection.send_message(&room(ROOM), &client_id, "live").await;
                }
            })
        })
        .collect();
    for _ in 0..40 {
        let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 2)]).await;
        let (missed, resumed) = back.until_resumed().await;
        assert_eq!(resumed.rooms[ROOM], reload(Reload::TooFar));
        assert_eq!(seqs(&missed), Vec::<Seq>::new(), "one who holds 2 cannot place these");
        // What is read now and what is live leave nothing out between them.
        let newest = History { room_id: room(ROOM), before: None, after: None, limit: Some(1) };
        let newest = back.connection.history(&newest).await.unwrap().events[0].seq();
        let first = back.next_event().await.seq();
        assert!(first <= newest + 1, "between {newest} and {first} is a gap");
        for expected in first + 1..first + 20 {
            assert_eq!(back.next_event().await.seq(), expected);
        }
    }
    writers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn positions_hold_across_a_kill() {
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let (_ana, ben) = room_up_to(&plaza, 8).await;
    plaza.kill().await.unwrap();
    plaza.start().await.unwrap();
    let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &[(ROOM, 2)]).await;
    assert_eq!(back.epoch, ben.epoch);
    let (missed, resumed) = back.until_resumed().await;
    assert_eq!(seqs(&missed), (3..=8).collect::<Vec<_>>());
    assert_eq!(resumed.rooms[ROOM], span(2, 8));
}

#[tokio::test]
async fn catching_up_waits_for_room_in_the_outbox() {
    let plaza = Setup::default().env("PLAZA_SOCKET__OUTBOX_BYTES", "65536").start().await.unwrap();
    let mut ana = Guest::connect(&plaza, "Ana").await;
    ana.until_resumed().await;
    ana.connection.join_room(&room(ROOM)).await.unwrap();
    let text = "x".repeat(8_000);
    for number in 0..400 {
        ana.say(&room(ROOM), &format!("c{number}"), &text).await;
        // Its own events, or it would be the slow one.
        ana.next_event().await;
    }
    // Three megabytes for one who reads them bit by bit, through an outbox of 64 KiB.
    let auth = Auth {
        token: Some(ana.token.clone()),
        epoch: Some(ana.epoch.clone()),
        positions: Some(Positions::from([(ROOM.into(), 0)])),
        ..Auth::default()
    };
    let options = Options { event_queue: 1, receive_buffer_bytes: Some(4096), ..Options::default() };
    let mut back = Guest::open(&plaza, &auth, &options).await.unwrap();
    let (missed, resumed) = back.until_resumed().await;
    assert_eq!(seqs(&missed), (1..=401).collect::<Vec<_>>());
    assert_eq!(resumed.rooms[ROOM], span(0, 401));
}

#[tokio::test]
async fn room_resume_gives_the_same_on_a_living_connection() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (_ana, ben) = room_up_to(&plaza, 9).await;
    let ask = |epoch: &str, positions: &[(&str, Seq)]| Resume {
        positions: positions.iter().map(|(room, seq)| ((*room).to_owned(), *seq)).collect(),
        epoch: epoch.to_owned(),
    };
    let answer = ben.connection.resume(&ask(&ben.epoch, &[(ROOM, 6), ("nowhere", 1)])).await.unwrap();
    let ResumePage::Events(page) = &answer.rooms[ROOM] else { panic!("{answer:?}") };
    assert_eq!((seqs(&page.events), page.more), (vec![7, 8, 9], false));
    assert!(page.events.iter().all(|event| matches!(event, Event::Message(_))));
    assert_eq!(answer.rooms["nowhere"], ResumePage::Reload { reload: Reload::Unknown });
    let answer = ben.connection.resume(&ask("another", &[(ROOM, 6)])).await.unwrap();
    assert_eq!(answer.rooms[ROOM], ResumePage::Reload { reload: Reload::Epoch });
    let answer = ben.connection.resume(&ask(&ben.epoch, &[(ROOM, 10)])).await.unwrap();
    assert_eq!(answer.rooms[ROOM], ResumePage::Reload { reload: Reload::Epoch });
}
