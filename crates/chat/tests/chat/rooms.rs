//! Who may do what in rooms, and how rooms look to their members.

use crate::world::*;
use plaza_chat::Settings;
use plaza_protocol::{
    AddMember, Code, Error, Event, History, LeaveRoom, ListMembers, MarkRead, Position, RemoveMember, Role,
    RoomId, RoomKind, User, UserRef,
};

fn whom(text: &str) -> UserRef {
    text.to_owned().try_into().unwrap()
}

async fn add(world: &World, by: &User, room: &RoomId, user: &str) -> Result<Position, Error> {
    world.chat.add_member(by, AddMember { room_id: room.clone(), user: whom(user) }).await
}

async fn remove(world: &World, by: &User, room: &RoomId, user: &str) -> Result<Position, Error> {
    world.chat.remove_member(by, RemoveMember { room_id: room.clone(), user: whom(user) }).await
}

#[tokio::test]
async fn creating_a_room() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    let made = |name: &'static str, kind, id| world.chat.create_room(&ana, create(name, kind, id));
    let hall = made("The hall", RoomKind::Public, Some("hall")).await.unwrap().room;
    assert_eq!((hall.id.as_str(), hall.name.as_str(), hall.kind), ("hall", "The hall", RoomKind::Public));
    assert_eq!((hall.seq, hall.read_seq, hall.unread, hall.role), (1, 1, 0, Role::Owner));
    let log = world.log(&id("hall")).await;
    let Event::MemberAdded(change) = &*log[0] else { panic!("{log:?}") };
    assert_eq!((&change.user, &change.by), (&ana, &ana));

    assert_eq!(made("kitchen", RoomKind::Public, None).await.unwrap().room.id.as_str(), "kitchen");
    let group = made("First chat", RoomKind::Group, None).await.unwrap().room;
    assert!(group.id.as_str().starts_with("g_") && group.id.as_str().len() == 24, "{}", group.id);

    for (name, kind, id, expected) in [
        ("Another hall", RoomKind::Public, Some("hall"), Code::Conflict),
        ("Two words", RoomKind::Public, None, Code::BadRequest),
        ("Mine", RoomKind::Public, Some("g_mine"), Code::BadRequest),
        ("Mine", RoomKind::Public, Some("d_mine"), Code::BadRequest),
        ("Mine", RoomKind::Public, Some("abcdefghijklmnopqrst"), Code::BadRequest),
        (" ", RoomKind::Group, None, Code::BadRequest),
        ("a\nb", RoomKind::Group, None, Code::BadRequest),
    ] {
        assert_eq!(code(made(name, kind, id).await), expected, "{name} {id:?}");
    }
}

#[tokio::test]
async fn joining_and_leaving() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let made = world.chat.join_room(&ana, join("hall")).await.unwrap();
    assert_eq!((made.seq, made.room.role, made.room.name.as_str()), (1, Role::Owner, "hall"));
    world.chat.send_message(&ana, message(&id("hall"), "1", "hi")).await.unwrap();
    let joined = world.chat.join_room(&ben, join("hall")).await.unwrap();
    assert_eq!(
        (joined.seq, joined.room.role, joined.room.read_seq, joined.room.unread),
        (3, Role::Member, 3, 0)
    );
    world.chat.send_message(&ana, message(&id("hall"), "2", "ho")).await.unwrap();
    let again = world.chat.join_room(&ben, join("hall")).await.unwrap();
    assert_eq!((again.seq, again.room.unread), (4, 1), "joining again changes nothing");

    let leave = || LeaveRoom { room_id: id("hall") };
    assert_eq!(world.chat.leave_room(&ben, leave()).await.unwrap().seq, 5);
    assert_eq!(world.chat.leave_room(&ben, leave()).await, Err(Error::no_such_room()));
    assert_eq!(world.chat.leave_room(&ana, leave()).await.unwrap().seq, 6, "an owner who is alone");
    let back = world.chat.join_room(&ben, join("hall")).await.unwrap();
    assert_eq!(
        (back.seq, back.room.role),
        (7, Role::Owner),
        "a room stays without members, and gets an owner again"
    );

    let group = world.group(&[&ana]).await;
    for stranger in [group.as_str(), "g_unknown", "d_unknown", "abcdefghijklmnopqrst"] {
        assert_eq!(
            world.chat.join_room(&ben, join(stranger)).await,
            Err(Error::no_such_room()),
            "{stranger}"
        );
    }
    assert_eq!(world.chat.join_room(&ana, join(group.as_str())).await.unwrap().seq, 1);

    let strict = World::with(Settings { create_on_join: false, ..Settings::default() }).await;
    let ana = strict.user("Ana").await;
    assert_eq!(strict.chat.join_room(&ana, join("hall")).await, Err(Error::no_such_room()));
}

#[tokio::test]
async fn members_bring_and_remove_members_of_a_group() {
    let world = World::start().await;
    let (ana, ben, cleo) = (world.user("Ana").await, world.user("Ben").await, world.user("Cleo").await);
    let room = world.group(&[&ana]).await;
    assert_eq!(add(&world, &ana, &room, "@BEN").await.unwrap().seq, 2);
    assert_eq!(add(&world, &ben, &room, cleo.id.as_str()).await.unwrap().seq, 3);
    assert_eq!(add(&world, &ana, &room, "@cleo").await.unwrap().seq, 3, "already there");
    let nobody = add(&world, &ana, &room, "@nobody").await.unwrap_err();
    assert_eq!((nobody.code, nobody.message.as_str()), (Code::NotFound, "There is no user @nobody."));
    assert_eq!(code(add(&world, &ana, &room, "u_nobody").await), Code::NotFound);
    assert_eq!(code(add(&world, &ana, &room, "@a\u{0}b").await), Code::NotFound);

    assert_eq!(remove(&world, &cleo, &room, "@Ben").await.unwrap().seq, 4);
    assert_eq!(code(remove(&world, &cleo, &room, "@Ben").await), Code::NotFound);
    assert_eq!(remove(&world, &cleo, &room, "@Cleo").await.unwrap().seq, 5, "oneself");
    // To strangers the room, its members and the users of the server are all the same.
    for stranger in [&ben, &cleo] {
        for user in ["@Ana", "@nobody"] {
            assert_eq!(add(&world, stranger, &room, user).await, Err(Error::no_such_room()));
            assert_eq!(remove(&world, stranger, &room, user).await, Err(Error::no_such_room()));
        }
    }
    let log = world.log(&room).await;
    let Event::MemberRemoved(change) = &*log[3] else { panic!("{log:?}") };
    assert_eq!((&change.user, &change.by), (&ben, &cleo));

    world.join(&ana, "hall").await;
    world.join(&ben, "hall").await;
    assert_eq!(code(add(&world, &ana, &id("hall"), "@Cleo").await), Code::Forbidden);
    assert_eq!(code(remove(&world, &ben, &id("hall"), "@Ana").await), Code::Forbidden);
    assert!(remove(&world, &ben, &id("hall"), "@Ben").await.is_ok());
}

#[tokio::test]
async fn where_only_owners_manage_members() {
    let settings = Settings { members_managed_by: plaza_chat::ManagedBy::Owners, ..Settings::default() };
    let world = World::with(settings).await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    world.user("Cleo").await;
    let room = world.group(&[&ana, &ben]).await;
    assert_eq!(code(add(&world, &ben, &room, "@Cleo").await), Code::Forbidden);
    assert_eq!(code(add(&world, &ben, &room, "@nobody").await), Code::Forbidden);
    assert_eq!(code(remove(&world, &ben, &room, "@Ana").await), Code::Forbidden);
    assert!(add(&world, &ana, &room, "@Cleo").await.is_ok());
    assert!(remove(&world, &ben, &room, "@Ben").await.is_ok(), "oneself");
}

#[tokio::test]
async fn rooms_a_user_are_bounded() {
    let world = World::with(Settings { rooms_per_user: 2, ..Settings::default() }).await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    world.join(&ana, "one").await;
    world.join(&ana, "two").await;
    assert_eq!(code(world.chat.join_room(&ana, join("three")).await), Code::Conflict);
    assert!(world.log(&id("three")).await.is_empty(), "no room is left behind");
    assert_eq!(code(world.chat.create_room(&ana, create("g", RoomKind::Group, None)).await), Code::Conflict);
    let room = world.group(&[&ben]).await;
    assert_eq!(code(add(&world, &ben, &room, "@Ana").await), Code::Conflict);
    assert!(world.chat.join_room(&ana, join("one")).await.is_ok(), "already there");
    world.chat.leave_room(&ana, LeaveRoom { room_id: id("one") }).await.unwrap();
    assert!(add(&world, &ben, &room, "@Ana").await.is_ok());
}

#[tokio::test]
async fn reading_moves_forward_only() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let room = world.group(&[&ana, &ben]).await;
    for n in 0..4 {
        world
            .chat
            .send_message(if n == 3 { &ben } else { &ana }, message(&room, &n.to_string(), "hi"))
            .await
            .unwrap();
    }
    let unread = async || world.chat.list_rooms(&ben.id).await.unwrap().rooms[0].unread;
    assert_eq!(unread().await, 3, "others' messages only");
    let read = async |seq| {
        let marked = world.chat.mark_read(&ben.id, MarkRead { room_id: room.clone(), seq }).await;
        marked.map(|marked| (marked.position.seq, marked.moved))
    };
    // Together in one batch, as a crowd's are.
    let (four, three, same) = tokio::join!(read(4), read(3), read(4));
    assert_eq!((four, three, same), (Ok((4, true)), Ok((4, false)), Ok((4, false))));
    assert_eq!(unread().await, 1);
    assert_eq!(read(0).await, Ok((4, false)));
    assert_eq!(code(read(7).await), Code::BadRequest);
    assert_eq!(code(read(u64::MAX).await), Code::BadRequest);
    assert_eq!(read(6).await, Ok((6, true)));
    assert_eq!(unread().await, 0);
    let stranger = world.user("Cleo").await;
    let elsewhere = world.chat.mark_read(&stranger.id, MarkRead { room_id: room.clone(), seq: 1 });
    assert_eq!(elsewhere.await, Err(Error::no_such_room()));
}

#[tokio::test]
async fn members_come_in_pages() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for n in 0..205 {
        let user = world.user(&format!("User{n}")).await;
        world.join(&user, "hall").await;
        ids.push(user.id);
    }
    ids.sort();
    let (mut seen, mut after, mut pages) = (Vec::new(), None, Vec::new());
    loop {
        let request = ListMembers { room_id: id("hall"), after };
        let page = world.chat.room_members(&ids[0], request).await.unwrap();
        pages.push(page.members.len());
        seen.extend(page.members.into_iter().map(|member| member.user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((pages, seen), (vec![100, 100, 5], ids));
    let stranger = world.user("Stranger").await;
    let request = ListMembers { room_id: id("hall"), after: None };
    assert_eq!(world.chat.room_members(&stranger.id, request).await, Err(Error::no_such_room()));
}

#[tokio::test]
async fn texts_have_bounds() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    let send = |text: &str| world.chat.send_message(&ana, message(&id("hall"), "1", text));
    assert_eq!(code(send("").await), Code::BadRequest);
    assert_eq!(code(send(" \n\u{3000}").await), Code::BadRequest);
    assert_eq!(code(send(&"x".repeat(8 * 1024 + 1)).await), Code::TooLarge);
    assert!(send(&"x".repeat(8 * 1024)).await.is_ok());
    let with_nul = world.chat.send_message(&ana, message(&id("hall"), "a\u{0}b", "hi"));
    assert_eq!(code(with_nul.await), Code::BadRequest);
    let request = History { room_id: id("hall"), before: None, after: None, limit: None };
    assert_eq!(world.chat.history(&ana.id, request).await.unwrap().events.len(), 2);
}

/// Others' messages behind a user's read position, counted in the room's log.
async fn recounted(world: &World, user: &User, room: &RoomId, read: u64) -> u64 {
    let log = world.log(room).await;
    let others = |event: &Event| matches!(event, Event::Message(message) if message.sender.id != user.id);
    log.iter().filter(|event| event.seq() > read && others(event)).count() as u64
}

#[tokio::test]
async fn unread_is_what_a_recount_says_wherever_one_has_read_to() {
    let world = World::start().await;
    let (ana, ben, cleo) = (world.user("Ana").await, world.user("Ben").await, world.user("Cleo").await);
    let room = world.group(&[&ana, &ben, &cleo]).await;
    // A fixed sequence that looks like none, so that each has written in runs, alone and hundreds of times.
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut read_to = [2, 3, 4];
    for round in 0..12 {
        let mut sent = Vec::new();
        for n in 0..150 {
            let sender = if draw(4) == 0 {
                &ana
            } else if draw(8) == 0 {
                &cleo
            } else {
                &ben
            };
            sent.push(world.chat.send_message(sender, message(&room, &format!("{round} {n}"), "hi")));
        }
        let (mut top, mut at) = (0, None);
        for sent in sent {
            let sent = sent.await.unwrap();
            (top, at) = (sent.seq, Some(sent.at));
        }
        for (user, read) in [&ana, &ben, &cleo].into_iter().zip(&mut read_to) {
            for _ in 0..6 {
                let seq = *read + draw((top - *read) / 8 + 1);
                let marked = world.chat.mark_read(&user.id, MarkRead { room_id: room.clone(), seq }).await;
                *read = marked.unwrap().position.seq;
                let listed = world.chat.list_rooms(&user.id).await.unwrap().rooms.remove(0);
                assert_eq!((listed.seq, listed.at), (top, at));
                assert_eq!(
                    listed.unread,
                    recounted(&world, user, &room, *read).await,
                    "{} at {seq}",
                    user.name
                );
            }
        }
        if round == 5 {
            // Who comes back begins anew: what is written so far is read.
            world.chat.leave_room(&ben, LeaveRoom { room_id: room.clone() }).await.unwrap();
            read_to[1] = add(&world, &ana, &room, "@Ben").await.unwrap().seq;
        }
    }
}

#[tokio::test]
async fn no_text_of_a_client_breaks_the_store() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    let after = || Some("\0v_\u{FFFF}\0".to_owned());
    let members = ListMembers { room_id: id("hall"), after: after() };
    world.chat.room_members(&ana.id, members).await.unwrap();
    let bans = plaza_protocol::ListBans { room_id: id("hall"), after: after() };
    world.chat.room_bans(&ana.id, bans).await.unwrap();
    let credentials = plaza_protocol::Credentials { name: "Ben".into(), password: "correct horse".into() };
    let ben = world.chat.register(credentials, "a\0device").await.unwrap();
    let ben = world.chat.authenticate(&ben.access_token).await.unwrap();
    assert_eq!(code(world.chat.end_session(&ben, "\0s_").await), Code::NotFound);
    let unknown = UserRef::Name("\0".into());
    let asked = world.chat.add_member(&ana, AddMember { room_id: id("hall"), user: unknown });
    assert_ne!(code(asked.await), Code::Unavailable);
}
