//! Pages of the log, and coming back by position.

use crate::world::*;
use plaza_chat::Settings;
use plaza_protocol::{
    Code, Error, EventsPage, History, LeaveRoom, Reload, Resume, ResumePage, RoomId, Seq, User,
};

fn ask(room: &RoomId, before: Option<Seq>, after: Option<Seq>, limit: Option<u32>) -> History {
    History { room_id: room.clone(), before, after, limit }
}

fn seqs(page: &EventsPage) -> (Vec<Seq>, bool) {
    (page.events.iter().map(plaza_protocol::Event::seq).collect(), page.more)
}

/// A room of this many messages after its first event.
async fn filled(world: &World, room: &str, user: &User, count: usize, text: &str) -> RoomId {
    world.join(user, room).await;
    let pending: Vec<_> =
        (0..count).map(|n| world.chat.send_message(user, message(&id(room), &n.to_string(), text))).collect();
    for sent in pending {
        sent.await.unwrap();
    }
    id(room)
}

#[tokio::test]
async fn pages_ascend_and_say_whether_there_are_more() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    let room = filled(&world, "hall", &ana, 99, "hi").await;
    let page = async |before, after, limit| {
        seqs(&world.chat.history(&ana.id, ask(&room, before, after, limit)).await.unwrap())
    };
    assert_eq!(page(None, None, None).await, ((51..=100).collect(), true));
    assert_eq!(page(None, None, Some(200)).await, ((1..=100).collect(), false));
    assert_eq!(page(Some(51), None, None).await, ((1..=50).collect(), false));
    assert_eq!(page(Some(51), None, Some(2)).await, (vec![49, 50], true));
    assert_eq!(page(Some(1), None, None).await, (vec![], false));
    assert_eq!(page(None, Some(0), Some(2)).await, (vec![1, 2], true));
    assert_eq!(page(None, Some(98), Some(2)).await, (vec![99, 100], false));
    assert_eq!(page(None, Some(100), None).await, (vec![], false));
    assert_eq!(page(None, Some(u64::MAX), None).await, (vec![], false));

    let refused = async |request| code(world.chat.history(&ana.id, request).await);
    assert_eq!(refused(ask(&room, None, None, Some(0))).await, Code::BadRequest);
    assert_eq!(refused(ask(&room, None, None, Some(201))).await, Code::BadRequest);
    assert_eq!(refused(ask(&room, Some(5), Some(1), None)).await, Code::BadRequest);
    let ben = world.user("Ben").await;
    for unseen in [&room, &id("nowhere")] {
        let answer = world.chat.history(&ben.id, ask(unseen, None, None, None)).await;
        assert_eq!(answer, Err(Error::no_such_room()));
    }
}

#[tokio::test]
async fn pages_are_bounded_in_bytes() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    let room = filled(&world, "hall", &ana, 150, &"x".repeat(8 * 1024)).await;
    let newest = world.chat.history(&ana.id, ask(&room, None, None, Some(200))).await.unwrap();
    let (seen, more) = seqs(&newest);
    assert!((25..35).contains(&seen.len()) && more, "{}", seen.len());
    assert_eq!(*seen.last().unwrap(), 151, "the newest page keeps its newest");
    let oldest = world.chat.history(&ana.id, ask(&room, None, Some(0), Some(200))).await.unwrap();
    assert_eq!(seqs(&oldest).0[0], 1, "a page upwards keeps its oldest");
    assert!(oldest.more);

    let positions = [("hall".to_owned(), 0)].into();
    let request = Resume { positions, epoch: world.chat.epoch().to_owned() };
    let resumed = world.chat.resume(&ana.id, request).await.unwrap();
    let ResumePage::Events(page) = &resumed.rooms["hall"] else { panic!("{resumed:?}") };
    assert!((25..35).contains(&page.events.len()) && page.more, "{}", page.events.len());
}

#[tokio::test]
async fn resuming_by_position() {
    let world = World::with(Settings { rooms_per_user: 8, ..Settings::default() }).await;
    let ana = world.user("Ana").await;
    filled(&world, "short", &ana, 4, "hi").await;
    filled(&world, "long", &ana, 400, "hi").await;
    filled(&world, "far", &ana, 1_002, "hi").await;
    filled(&world, "left", &ana, 1, "hi").await;
    world.chat.leave_room(&ana, LeaveRoom { room_id: id("left") }).await.unwrap();
    let positions =
        [("short", 3), ("long", 0), ("far", 2), ("left", 1), ("nowhere", 1), ("no room", 1), ("hall", 9)];
    filled(&world, "hall", &ana, 2, "hi").await;
    let positions: plaza_protocol::Positions =
        positions.into_iter().map(|(room, seq)| (room.to_owned(), seq)).collect();
    let request = Resume { positions: positions.clone(), epoch: world.chat.epoch().to_owned() };
    let rooms = world.chat.resume(&ana.id, request).await.unwrap().rooms;
    let page = |room: &str| match &rooms[room] {
        ResumePage::Events(page) => Ok(seqs(page)),
        ResumePage::Reload { reload } => Err(*reload),
    };
    assert_eq!(page("short"), Ok((vec![4, 5], false)));
    assert_eq!(page("long"), Ok(((1..=200).collect(), true)));
    assert_eq!(page("far"), Err(Reload::TooFar));
    assert_eq!(page("hall"), Err(Reload::Epoch), "above the top");
    for unknown in ["left", "nowhere", "no room"] {
        assert_eq!(page(unknown), Err(Reload::Unknown), "{unknown}");
    }

    let elsewhere = Resume { positions, epoch: "other".into() };
    let rooms = world.chat.resume(&ana.id, elsewhere).await.unwrap().rooms;
    assert_eq!(rooms["short"], ResumePage::Reload { reload: Reload::Epoch });
    assert_eq!(rooms["left"], ResumePage::Reload { reload: Reload::Unknown });

    // As many direct rooms as others.
    let many = (0..17).map(|n| (format!("r{n}"), 0)).collect();
    let request = Resume { positions: many, epoch: world.chat.epoch().to_owned() };
    assert_eq!(code(world.chat.resume(&ana.id, request).await), Code::BadRequest);
}
