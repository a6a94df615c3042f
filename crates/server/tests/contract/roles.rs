//! Owners, moderators and members; bans; and the room's name.

use crate::{code, refused};
use plaza_client::{Connection, Incoming, Request, RequestError};
use plaza_protocol::{
    BanMember, Code, CreateRoom, Event, JoinRoom, ListBans, MemberChange, Position, RenameRoom, Role,
    RoleChange, RoomId, RoomResumed, SetRole, UnbanMember, UserRef,
};
use plaza_testkit::{
    Guest, Plaza,
    guest::{at, room},
};

/// In `general`, which the first of them made, and all that came of that taken.
async fn in_general<const N: usize>(plaza: &Plaza, names: [&str; N]) -> [Guest; N] {
    let mut all: Vec<Guest> = Vec::new();
    for name in names {
        let mut guest = Guest::connect(plaza, name).await;
        guest.until_resumed().await;
        guest.connection.join_room(&room("general")).await.unwrap();
        all.push(guest);
        for guest in &mut all {
            guest.next_event().await;
        }
    }
    all.try_into().unwrap()
}

fn general() -> RoomId {
    room("general")
}

async fn set(by: &Guest, whom: &str, role: Role) -> Result<u64, RequestError> {
    let request = SetRole { room_id: general(), user: at(whom), role };
    by.connection.request(&request).await.map(|position| position.seq)
}

async fn ban(by: &Guest, whom: &str) -> Result<u64, RequestError> {
    let request = BanMember { room_id: general(), user: at(whom) };
    by.connection.request(&request).await.map(|position| position.seq)
}

async fn unban(by: &Guest, whom: &str) -> Result<u64, RequestError> {
    let request = UnbanMember { room_id: general(), user: at(whom) };
    by.connection.request(&request).await.map(|position| position.seq)
}

async fn rename(by: &Guest, name: &str) -> Result<u64, RequestError> {
    let request = RenameRoom { room_id: general(), name: name.into() };
    by.connection.request(&request).await.map(|position| position.seq)
}

fn changed(event: Event) -> RoleChange {
    let Event::MemberChanged(change) = event else { panic!("{event:?}") };
    change
}

fn banned(event: Event) -> MemberChange {
    let Event::MemberBanned(change) = event else { panic!("{event:?}") };
    change
}

#[tokio::test]
async fn roles_are_given_by_owners_and_told_to_all() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut ana, mut ben, mut cleo] = in_general(&plaza, ["Ana", "Ben", "Cleo"]).await;
    assert_eq!(set(&ana, "Ben", Role::Moderator).await.unwrap(), 4);
    for guest in [&mut ana, &mut ben, &mut cleo] {
        let change = changed(guest.next_event().await);
        assert_eq!((change.seq, change.user.name.as_str(), change.role), (4, "Ben", Role::Moderator));
        assert_eq!(change.by.name, "Ana");
    }
    assert_eq!(set(&ana, "Ben", Role::Moderator).await.unwrap(), 4, "again changes nothing");
    assert_eq!(code(set(&ben, "Cleo", Role::Moderator).await), Code::Forbidden);
    assert_eq!(code(set(&cleo, "Cleo", Role::Owner).await), Code::Forbidden);
    assert_eq!(code(set(&ana, "Nobody", Role::Owner).await), Code::NotFound);
    let _elsewhere = Guest::connect(&plaza, "Dan").await;
    assert_eq!(code(set(&ana, "Dan", Role::Owner).await), Code::NotFound);

    // Nobody leaves a room without an owner behind.
    let only = refused(ana.connection.leave_room(&general()).await);
    assert_eq!((only.code, only.retryable), (Code::Conflict, false));
    assert_eq!(code(set(&ana, "Ana", Role::Member).await), Code::Conflict);
    assert_eq!(set(&ana, "Cleo", Role::Owner).await.unwrap(), 5);
    assert_eq!(ana.connection.leave_room(&general()).await.unwrap().seq, 6);
    assert_eq!(set(&cleo, "Ben", Role::Member).await.unwrap(), 7);
    let members = cleo.connection.list_members(&general(), None).await.unwrap().members;
    let mut roles: Vec<_> = members.iter().map(|member| (member.user.name.as_str(), member.role)).collect();
    roles.sort_by_key(|member| member.0.to_owned());
    assert_eq!(roles, [("Ben", Role::Member), ("Cleo", Role::Owner)]);
}

#[tokio::test]
async fn one_puts_out_who_is_below_and_no_others() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [ana, ben, mut cleo] = in_general(&plaza, ["Ana", "Ben", "Cleo"]).await;
    assert_eq!(code(ben.connection.remove_member(&general(), at("Cleo")).await), Code::Forbidden);
    set(&ana, "Ben", Role::Moderator).await.unwrap();
    assert_eq!(code(ben.connection.remove_member(&general(), at("Ana")).await), Code::Forbidden);
    assert_eq!(code(ban(&ben, "Ana").await), Code::Forbidden);
    assert_eq!(code(ban(&cleo, "Ben").await), Code::Forbidden);
    assert_eq!(ben.connection.remove_member(&general(), at("Cleo")).await.unwrap().seq, 5);
    changed(cleo.next_event().await);
    assert!(matches!(cleo.next_event().await, Event::MemberRemoved(change) if change.by.name == "Ben"));
    assert_eq!(cleo.connection.join_room(&general()).await.unwrap().seq, 6, "one who is not banned");
}

#[tokio::test]
async fn one_who_is_banned_is_told_and_stays_out() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut ana, mut ben] = in_general(&plaza, ["Ana", "Ben"]).await;
    assert_eq!(ban(&ana, "Ben").await.unwrap(), 3);
    ana.say(&general(), "c1", "without him").await;
    for guest in [&mut ana, &mut ben] {
        let change = banned(guest.next_event().await);
        assert_eq!((change.seq, change.user.name.as_str(), change.by.name.as_str()), (3, "Ben", "Ana"));
    }
    assert_eq!(ana.next_event().await.seq(), 4);
    ben.nothing_more().await;
    assert_eq!(ban(&ana, "Ben").await.unwrap(), 4, "again changes nothing");
    assert_eq!(code(ban(&ana, "Ana").await), Code::BadRequest);
    assert_eq!(code(ban(&ana, "Nobody").await), Code::NotFound);
    let kept_out = refused(ben.connection.join_room(&general()).await);
    assert_eq!((kept_out.code, kept_out.retryable), (Code::Forbidden, false));
    // Nor does a position open it.
    let mut back = Guest::resume(&plaza, &ben.token, &ben.epoch, &[("general", 2)]).await;
    let (missed, resumed) = back.until_resumed().await;
    assert!(
        missed.is_empty() && matches!(resumed.rooms["general"], RoomResumed::Reload { .. }),
        "{resumed:?}"
    );
    let bans = async |by: &Connection| {
        let page = by.request(&ListBans { room_id: general(), after: None }).await;
        page.map(|page| page.users.into_iter().map(|user| user.name).collect::<Vec<_>>())
    };
    assert_eq!(bans(&ana.connection).await.unwrap(), ["Ben"]);
    assert_eq!(code(bans(&ben.connection).await), Code::NotFound);
    let dan = Guest::connect(&plaza, "Dan").await;
    dan.connection.join_room(&general()).await.unwrap();
    assert_eq!(code(bans(&dan.connection).await), Code::Forbidden);
    assert_eq!(code(unban(&dan, "Ben").await), Code::Forbidden);

    assert_eq!(unban(&ana, "Ben").await.unwrap(), 6);
    assert_eq!(unban(&ana, "Ben").await.unwrap(), 6, "again changes nothing");
    assert_eq!(code(unban(&ana, "Nobody").await), Code::NotFound);
    ana.next_event().await;
    assert!(matches!(ana.next_event().await, Event::MemberUnbanned(change) if change.user.name == "Ben"));
    assert_eq!(ben.connection.join_room(&general()).await.unwrap().seq, 7);
}

#[tokio::test]
async fn a_ban_from_a_group_keeps_it_invisible() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, mut ben) = (Guest::connect(&plaza, "Ana").await, Guest::connect(&plaza, "Ben").await);
    ben.until_resumed().await;
    let group = ana.connection.create_room(&CreateRoom::Group { name: "Ours".into() }).await.unwrap().id;
    let user = UserRef::Id(ben.user.id.clone());
    let ban = BanMember { room_id: group.clone(), user: user.clone() };
    assert_eq!(ana.connection.request(&ban).await.unwrap(), Position { seq: 2 }, "one who is no member");
    ben.nothing_more().await;
    let nowhere = refused(ben.connection.join_room(&room("g_nowhere")).await);
    assert_eq!(refused(ben.connection.join_room(&group).await), nowhere);
    assert_eq!(refused(ben.connection.request(&UnbanMember { room_id: group.clone(), user }).await), nowhere);
    assert_eq!(code(ana.connection.add_member(&group, at("Ben")).await), Code::Forbidden);
}

#[tokio::test]
async fn a_new_name_is_told_to_all() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut ana, mut ben] = in_general(&plaza, ["Ana", "Ben"]).await;
    assert_eq!(code(rename(&ben, "Ours").await), Code::Forbidden);
    assert_eq!(code(rename(&ana, " ").await), Code::BadRequest);
    assert_eq!(rename(&ana, "The hall").await.unwrap(), 3);
    assert_eq!(rename(&ana, "The hall").await.unwrap(), 3, "again changes nothing");
    for guest in [&mut ana, &mut ben] {
        let event = guest.next_event().await;
        let Event::RoomChanged(change) = event else { panic!("{event:?}") };
        assert_eq!(
            (change.seq, change.name.as_deref(), change.by.name.as_str()),
            (3, Some("The hall"), "Ana")
        );
        guest.nothing_more().await;
    }
    let rooms = ben.connection.list_rooms().await.unwrap();
    assert_eq!(rooms.iter().find(|summary| summary.id == general()).unwrap().name, "The hall");
}

#[tokio::test]
async fn who_comes_into_an_empty_room_owns_it() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [ana, mut ben] = in_general(&plaza, ["Ana", "Ben"]).await;
    ben.connection.leave_room(&general()).await.unwrap();
    ana.connection.leave_room(&general()).await.unwrap();
    let joined = ben.connection.request(&JoinRoom { room_id: general() }).await.unwrap();
    assert_eq!((joined.seq, joined.room.role, joined.room.members), (5, Role::Owner, 1));
    ben.until(|incoming| matches!(incoming, Incoming::Event(event) if event.seq() == 5)).await;
    assert_eq!(SetRole::EVENT, "member:role");
    assert_eq!(code(set(&ben, "Ben", Role::Member).await), Code::Conflict);
}
