//! Who is writing, and how far others have read: told beside the log, and only in small rooms.

use crate::code;
use plaza_client::{Incoming, RequestError};
use plaza_protocol::{BlockUser, Code, CreateRoom, Receipts, RoomId, TypingEvent};
use plaza_testkit::{
    Guest, Plaza, Setup,
    guest::{at, room},
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

async fn guest(plaza: &Plaza, name: &str) -> Guest {
    let mut guest = Guest::connect(plaza, name).await;
    guest.until_resumed().await;
    guest
}

async fn another_device(plaza: &Plaza, of: &Guest) -> Guest {
    let mut guest = Guest::with_token(plaza, &of.token).await;
    guest.until_resumed().await;
    guest
}

/// Guests in the public room, who have taken the events of it up to the last one's coming.
async fn together<const N: usize>(plaza: &Plaza, id: &RoomId, names: [&str; N]) -> [Guest; N] {
    let mut all = Vec::new();
    for name in names {
        all.push(guest(plaza, name).await);
    }
    for guest in &all {
        guest.connection.join_room(id).await.unwrap();
    }
    for guest in &mut all {
        until(guest, N as u64).await;
    }
    all.try_into().unwrap()
}

/// Takes the room's events up to this one.
async fn until(guest: &mut Guest, seq: u64) {
    guest.until(|incoming| matches!(incoming, Incoming::Event(event) if event.seq() == seq)).await;
}

async fn typing(guest: &mut Guest) -> TypingEvent {
    match guest.next().await {
        Incoming::Typing(event) => event,
        other => panic!("instead of typing: {other:?}"),
    }
}

async fn receipts(guest: &mut Guest) -> Receipts {
    match guest.next().await {
        Incoming::Receipts(receipts) => receipts,
        other => panic!("instead of receipts: {other:?}"),
    }
}

#[tokio::test]
async fn the_others_are_told_that_somebody_writes_and_not_too_often() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let id = room("general");
    let [mut ana, mut ben] = together(&plaza, &id, ["Ana", "Ben"]).await;
    let mut own = another_device(&plaza, &ana).await;
    let mut eve = guest(&plaza, "Eve").await;
    let began = Instant::now();
    for _ in 0..20 {
        ana.connection.typing(&id).await.unwrap();
    }
    let told = typing(&mut ben).await;
    assert_eq!((told.room_id, told.user, told.for_ms), (id.clone(), ana.user.clone(), 6_000));
    let quick = began.elapsed() < Duration::from_secs(2);
    for guest in [&mut ana, &mut own, &mut eve] {
        guest.nothing_more().await;
    }
    if quick {
        ben.nothing_more().await;
        // Two seconds later it is told again.
        tokio::time::sleep_until(began + Duration::from_millis(2_500)).await;
        ana.connection.typing(&id).await.unwrap();
        typing(&mut ben).await;
    }
}

#[tokio::test]
async fn nobody_writes_into_a_room_that_is_not_theirs() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let id = room("general");
    let [mut ana, ben] = together(&plaza, &id, ["Ana", "Ben"]).await;
    let eve = guest(&plaza, "Eve").await;
    let there = eve.connection.typing(&id).await;
    let nowhere = eve.connection.typing(&room("nowhere")).await;
    let text = |answer: Result<(), RequestError>| format!("{:?}", answer.unwrap_err());
    assert_eq!(text(there), text(nowhere), "a stranger learns nothing");
    assert_eq!(code(eve.connection.typing(&id).await), Code::NotFound);
    // One who is a member no more.
    ben.connection.leave_room(&id).await.unwrap();
    assert_eq!(code(ben.connection.typing(&id).await), Code::NotFound);
    until(&mut ana, 3).await;
    ana.nothing_more().await;
}

#[tokio::test]
async fn one_who_is_blocked_or_hides_is_not_seen_writing() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = guest(&plaza, "Ana").await;
    let mut ben = guest(&plaza, "Ben").await;
    let direct = ana.connection.create_room(&CreateRoom::Direct { user: at("Ben") }).await.unwrap();
    until(&mut ben, direct.seq).await;
    ana.connection.set_visible(false).await.unwrap();
    ana.connection.typing(&direct.id).await.unwrap();
    ana.connection.set_visible(true).await.unwrap();
    ben.connection.request(&BlockUser { user: at("Ana") }).await.unwrap();
    ana.connection.typing(&direct.id).await.unwrap();
    ben.nothing_more().await;
}

#[tokio::test]
async fn how_far_others_have_read_is_told_together() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let id = room("general");
    let [mut ana, ben, cem] = together(&plaza, &id, ["Ana", "Ben", "Cem"]).await;
    let mut own = another_device(&plaza, &ben).await;
    for number in 4..=43 {
        ana.say(&id, &format!("c{number}"), "hi").await;
    }
    for guest in [&mut ana, &mut own] {
        until(guest, 43).await;
    }
    let began = Instant::now();
    for seq in 4..=43 {
        ben.connection.mark_read(&id, seq).await.unwrap();
        cem.connection.mark_read(&id, seq).await.unwrap();
    }
    let top = BTreeMap::from([&ben, &cem].map(|guest| (guest.user.id.to_string(), 43)));
    let (mut read, mut frames) = (BTreeMap::new(), 0);
    while read != top {
        let receipts = receipts(&mut ana).await;
        assert_eq!(receipts.room_id, id);
        read.extend(receipts.read);
        frames += 1;
    }
    let most = 2 + began.elapsed().as_secs();
    assert!(frames <= most, "80 moves in {frames} frames, at most {most}");
    // One's own devices are told each of them, at once.
    let mut newest = 0;
    while newest < 43 {
        match own.next().await {
            Incoming::Read(read) => {
                assert!(read.seq > newest);
                newest = read.seq;
            }
            Incoming::Receipts(receipts) => assert!(receipts.read.contains_key(cem.user.id.as_str())),
            other => panic!("{other:?}"),
        }
    }
    let members = ana.connection.list_members(&id, None).await.unwrap().members;
    let told: BTreeMap<_, _> =
        members.iter().map(|member| (member.user.name.as_str(), member.read_seq)).collect();
    assert_eq!(told, BTreeMap::from([("Ana", Some(1)), ("Ben", Some(43)), ("Cem", Some(43))]));
}

#[tokio::test]
async fn in_a_room_of_more_than_a_hundred_none_of_it_is_told() {
    let setup = Setup::default().env("PLAZA_STORE__DURABILITY", "none");
    let plaza = setup.start().await.unwrap();
    let id = room("hall");
    let [mut ana, ben] = together(&plaza, &id, ["Ana", "Ben"]).await;
    let mut others = Vec::new();
    for number in 3..=100 {
        let other = guest(&plaza, &format!("Guest{number}")).await;
        other.connection.join_room(&id).await.unwrap();
        others.push(other);
    }
    until(&mut ana, 100).await;
    ben.connection.typing(&id).await.unwrap();
    assert_eq!(typing(&mut ana).await.user, ben.user);
    ben.connection.mark_read(&id, 50).await.unwrap();
    assert_eq!(receipts(&mut ana).await.read, BTreeMap::from([(ben.user.id.to_string(), 50)]));
    let page = ana.connection.list_members(&id, None).await.unwrap();
    assert!(page.members.iter().all(|member| member.read_seq.is_some()), "{page:?}");

    let last = guest(&plaza, "Last").await;
    last.connection.join_room(&id).await.unwrap();
    until(&mut ana, 101).await;
    last.connection.typing(&id).await.unwrap();
    last.connection.mark_read(&id, 101).await.unwrap();
    let page = ana.connection.list_members(&id, None).await.unwrap();
    assert!(page.members.iter().all(|member| member.read_seq.is_none()), "{page:?}");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    ana.nothing_more().await;
}
