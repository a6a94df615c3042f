//! The room of two, whom one does not want to hear from, and finding rooms and moments.

use crate::{code, refused};
use plaza_client::{Incoming, RequestError};
use plaza_protocol::{
    AddMember, BlockUser, Code, CreateRoom, DiscoverRooms, Error, Event, ListBlocked, ListMembers, Locate,
    MarkRead, RenameRoom, Role, RoomKind, RoomSummary, SentMessage, SetRole, Timestamp, Typing, UnblockUser,
    User, UserRef,
};
use plaza_testkit::{
    Guest, Plaza,
    guest::{at, room},
};
use std::time::Duration;

async fn start(by: &Guest, whom: UserRef) -> Result<RoomSummary, RequestError> {
    by.connection.create_room(&CreateRoom::Direct { user: whom }).await
}

async fn send(by: &Guest, room: &RoomSummary, client_id: &str) -> Result<SentMessage, RequestError> {
    by.connection.send_message(&room.id, &client_id.parse().unwrap(), "hi").await
}

async fn live(plaza: &Plaza, name: &str) -> Guest {
    let mut guest = Guest::connect(plaza, name).await;
    guest.until_resumed().await;
    guest
}

#[tokio::test]
async fn a_pair_has_one_room_and_the_other_is_told() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (mut ana, mut ben) = (live(&plaza, "Ana").await, live(&plaza, "Ben").await);
    let made = start(&ana, at("Ben")).await.unwrap();
    assert!(made.id.as_str().starts_with("d_"), "{}", made.id);
    assert_eq!((made.kind, made.role, made.name.as_str()), (RoomKind::Direct, Role::Member, "Ben"));
    assert_eq!(made.with.as_ref(), Some(&ben.user));
    for (guest, seqs) in [(&mut ana, &[1, 2][..]), (&mut ben, &[2])] {
        for seq in seqs {
            let event = guest.next_event().await;
            assert!(matches!(&event, Event::MemberAdded(change) if change.by.name == "Ana"), "{event:?}");
            assert_eq!((event.room_id(), event.seq()), (&made.id, *seq));
        }
    }
    let theirs = start(&ben, UserRef::Id(ana.user.id.clone())).await.unwrap();
    assert_eq!((&theirs.id, theirs.name.as_str(), theirs.with.as_ref()), (&made.id, "Ana", Some(&ana.user)));
    send(&ana, &made, "c1").await.unwrap();
    for guest in [&mut ana, &mut ben] {
        assert_eq!(guest.next_event().await.seq(), 3);
        guest.nothing_more().await;
    }
    let listed = ben.connection.list_rooms().await.unwrap();
    let listed = listed.iter().find(|summary| summary.id == made.id).unwrap();
    assert_eq!((listed.unread, listed.with.as_ref()), (1, Some(&ana.user)));

    assert_eq!(code(start(&ana, at("Ana")).await), Code::BadRequest);
    assert_eq!(code(start(&ana, at("Nobody")).await), Code::NotFound);
    let cleo = live(&plaza, "Cleo").await;
    let nowhere = refused(cleo.connection.join_room(&room("d_nowhere")).await);
    assert_eq!(refused(cleo.connection.join_room(&made.id).await), nowhere);
}

#[tokio::test]
async fn a_direct_room_stays_as_it_is() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, _ben, _cleo) =
        (live(&plaza, "Ana").await, live(&plaza, "Ben").await, live(&plaza, "Cleo").await);
    let id = start(&ana, at("Ben")).await.unwrap().id;
    let asked = &ana.connection;
    assert_eq!(code(asked.leave_room(&id).await), Code::Forbidden);
    assert_eq!(code(asked.remove_member(&id, at("Ben")).await), Code::Forbidden);
    assert_eq!(
        code(asked.request(&AddMember { room_id: id.clone(), user: at("Cleo") }).await),
        Code::Forbidden
    );
    assert_eq!(
        code(asked.request(&RenameRoom { room_id: id.clone(), name: "x".into() }).await),
        Code::Forbidden
    );
    let role = SetRole { room_id: id.clone(), user: at("Ben"), role: Role::Owner };
    assert_eq!(code(asked.request(&role).await), Code::Forbidden);
    let ban = plaza_protocol::BanMember { room_id: id.clone(), user: at("Ben") };
    assert_eq!(code(asked.request(&ban).await), Code::Forbidden);
    let unban = plaza_protocol::UnbanMember { room_id: id.clone(), user: at("Ben") };
    assert_eq!(code(asked.request(&unban).await), Code::Forbidden);
    let bans = plaza_protocol::ListBans { room_id: id, after: None };
    assert_eq!(code(asked.request(&bans).await), Code::Forbidden);
}

#[tokio::test]
async fn what_was_written_to_one_who_was_away_waits() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, ben) = (live(&plaza, "Ana").await, live(&plaza, "Ben").await);
    let (token, epoch) = (ben.token.clone(), ben.epoch.clone());
    ben.connection.close();
    drop(ben);
    let made = start(&ana, at("Ben")).await.unwrap();
    send(&ana, &made, "c1").await.unwrap();
    let mut back = Guest::resume(&plaza, &token, &epoch, &[]).await;
    back.until_resumed().await;
    let rooms = back.connection.list_rooms().await.unwrap();
    assert_eq!((rooms.len(), rooms[0].unread, &rooms[0].id), (1, 1, &made.id));
}

#[tokio::test]
async fn one_who_is_blocked_is_not_heard() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (mut ana, ben, cleo) =
        (live(&plaza, "Ana").await, live(&plaza, "Ben").await, live(&plaza, "Cleo").await);
    let direct = start(&ana, at("Ben")).await.unwrap();
    let first = send(&ben, &direct, "c1").await.unwrap();
    for whom in ["Ben", "Ben", "Cleo"] {
        ana.connection.request(&BlockUser { user: at(whom) }).await.unwrap();
    }
    assert_eq!(code(ana.connection.request(&BlockUser { user: at("Ana") }).await), Code::BadRequest);
    assert_eq!(code(ana.connection.request(&BlockUser { user: at("Nobody") }).await), Code::NotFound);
    let blocked = ana.connection.request(&ListBlocked {}).await.unwrap().users;
    assert_eq!(blocked, [ben.user.clone(), cleo.user.clone()]);
    assert!(ben.connection.request(&ListBlocked {}).await.unwrap().users.is_empty());

    let unheard = |error: Error| (error.code, error.message);
    let expected = (Code::Forbidden, "Ana does not take messages from you.".to_owned());
    assert_eq!(unheard(refused(send(&ben, &direct, "c2").await)), expected);
    assert_eq!(unheard(refused(start(&cleo, at("Ana")).await)), expected);
    assert_eq!(code(send(&ana, &direct, "c1").await), Code::Forbidden);
    assert_eq!(send(&ben, &direct, "c1").await.unwrap(), first, "what was acknowledged stays so");
    for _ in 0..3 {
        assert_eq!(ana.next_event().await.room_id(), &direct.id);
    }
    ana.nothing_more().await;

    for _ in 0..2 {
        ana.connection.request(&UnblockUser { user: at("Ben") }).await.unwrap();
    }
    assert_eq!(code(ana.connection.request(&UnblockUser { user: at("Nobody") }).await), Code::NotFound);
    assert_eq!(send(&ben, &direct, "c2").await.unwrap().seq, first.seq + 1);
}

#[tokio::test]
async fn public_rooms_are_found_and_others_are_not() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, ben) = (live(&plaza, "Ana").await, live(&plaza, "Ben").await);
    for (name, id) in [("Große Halle", "hall"), ("Kitchen", "kitchen")] {
        let public = CreateRoom::Public { name: name.into(), id: Some(room(id)) };
        ana.connection.create_room(&public).await.unwrap();
    }
    ana.connection.create_room(&CreateRoom::Group { name: "Halle of ours".into() }).await.unwrap();
    let ask = |query: Option<&str>, after: Option<&str>| DiscoverRooms {
        query: query.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let found = ben.connection.request(&ask(Some("HALLE"), None)).await.unwrap();
    let [hall] = found.rooms.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (&hall.id, hall.name.as_str(), hall.members, hall.joined),
        (&room("hall"), "Große Halle", 1, false)
    );
    assert_eq!(found.next, None);
    assert_eq!(ana.connection.request(&ask(None, None)).await.unwrap().rooms.len(), 2);
    assert_eq!(ana.connection.request(&ask(None, Some("hall"))).await.unwrap().rooms[0].id, room("kitchen"));
    assert!(ana.connection.request(&ask(Some("%"), None)).await.unwrap().rooms.is_empty());
    assert_eq!(code(ana.connection.request(&ask(Some(&"x".repeat(81)), None)).await), Code::BadRequest);
    assert_eq!(code(ana.connection.request(&ask(None, Some("not an id"))).await), Code::BadRequest);
}

#[tokio::test]
async fn a_moment_has_a_position() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = live(&plaza, "Ana").await;
    ana.connection.join_room(&room("general")).await.unwrap();
    let sent = ana.say(&room("general"), "c1", "hi").await;
    let locate = async |by: &Guest, millis: i64| {
        let asked = Locate { room_id: room("general"), at: Timestamp::from_millis(millis) };
        by.connection.request(&asked).await.map(|position| position.seq)
    };
    let at = sent.at.as_millis();
    assert_eq!(locate(&ana, 0).await.unwrap(), 1);
    assert!((1..=2).contains(&locate(&ana, at).await.unwrap()), "joined in the same millisecond, perhaps");
    assert_eq!(locate(&ana, at + 1).await.unwrap(), 3, "one past the newest");
    let eve = live(&plaza, "Eve").await;
    assert_eq!(code(locate(&eve, at).await), Code::NotFound);
}

/// Between two of whom one has blocked the other nothing passes that shows that one of them is there.
#[tokio::test]
async fn across_a_block_nobody_is_seen_to_write_or_to_have_read() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (mut ana, mut ben) = (live(&plaza, "Ana").await, live(&plaza, "Ben").await);
    let direct = start(&ana, at("Ben")).await.unwrap().id;
    for client_id in ["c1", "c2"] {
        ben.say(&direct, client_id, "hi").await;
    }
    let read = async |by: &Guest, seq| {
        by.connection.request(&MarkRead { room_id: direct.clone(), seq }).await.unwrap();
        by.connection.request(&Typing { room_id: direct.clone() }).await.unwrap();
    };
    let (a, b) = (ana.user.clone(), ben.user.clone());
    let shown = async |to: &Guest| {
        let list = ListMembers { room_id: direct.clone(), after: None };
        let members = to.connection.request(&list).await.unwrap().members;
        let of = |user: &User| members.iter().find(|member| member.user == *user).unwrap().read_seq;
        (of(&a), of(&b))
    };
    read(&ana, 3).await;
    assert!(matches!(ben.until(is_seen).await, Incoming::Receipts(_)));
    assert!(matches!(ben.until(is_seen).await, Incoming::Typing(_)));
    assert_eq!(shown(&ben).await.0, Some(3));

    // Whoever of the two it is, and whoever has blocked.
    ana.connection.request(&BlockUser { user: at("Ben") }).await.unwrap();
    read(&ana, 4).await;
    read(&ben, 4).await;
    assert_eq!((shown(&ana).await, shown(&ben).await), ((Some(4), None), (None, Some(4))));
    // Longer than what was held back would take.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for guest in [&mut ana, &mut ben] {
        nothing_seen(guest).await;
    }
    ana.connection.request(&UnblockUser { user: at("Ben") }).await.unwrap();
    assert_eq!(shown(&ben).await, (Some(4), Some(4)));
    ben.connection.request(&Typing { room_id: direct.clone() }).await.unwrap();
    assert!(matches!(ana.until(is_seen).await, Incoming::Typing(_)));
}

/// Whether it shows that somebody else is there.
fn is_seen(incoming: &Incoming) -> bool {
    matches!(incoming, Incoming::Receipts(_) | Incoming::Typing(_) | Incoming::Presence(_))
}

/// Makes a room, whose first event comes after whatever was sent before.
async fn nothing_seen(guest: &mut Guest) {
    let fence = room(&format!("fence-{}", guest.connection.sid()));
    guest.connection.join_room(&fence).await.unwrap();
    loop {
        match guest.next().await {
            Incoming::Event(event) if *event.room_id() == fence => return,
            incoming => assert!(!is_seen(&incoming), "{incoming:?}"),
        }
    }
}
