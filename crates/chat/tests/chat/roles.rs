//! Owners, moderators and members: who may do what to whom; bans, and the room's name.

use crate::world::*;
use plaza_chat::{ManagedBy, Settings};
use plaza_protocol::{
    AddMember, BanMember, Code, Error, Event, LeaveRoom, ListBans, ListMembers, Position, RemoveMember,
    RenameRoom, Role, RoomId, RoomKind, SetRole, UnbanMember, User, UserRef,
};
use std::time::Duration;

fn user(user: &User) -> UserRef {
    UserRef::Id(user.id.clone())
}

async fn set(world: &World, by: &User, room: &RoomId, whom: &User, role: Role) -> Result<u64, Error> {
    let request = SetRole { room_id: room.clone(), user: user(whom), role };
    world.chat.set_role(by, request).await.map(seq)
}

async fn ban(world: &World, by: &User, room: &RoomId, whom: &User) -> Result<u64, Error> {
    world.chat.ban_member(by, BanMember { room_id: room.clone(), user: user(whom) }).await.map(seq)
}

async fn unban(world: &World, by: &User, room: &RoomId, whom: &User) -> Result<u64, Error> {
    world.chat.unban_member(by, UnbanMember { room_id: room.clone(), user: user(whom) }).await.map(seq)
}

async fn add(world: &World, by: &User, room: &RoomId, whom: &User) -> Result<u64, Error> {
    world.chat.add_member(by, AddMember { room_id: room.clone(), user: user(whom) }).await.map(seq)
}

async fn remove(world: &World, by: &User, room: &RoomId, whom: &User) -> Result<u64, Error> {
    world.chat.remove_member(by, RemoveMember { room_id: room.clone(), user: user(whom) }).await.map(seq)
}

async fn leave(world: &World, who: &User, room: &RoomId) -> Result<u64, Error> {
    world.chat.leave_room(who, LeaveRoom { room_id: room.clone() }).await.map(seq)
}

async fn rename(world: &World, by: &User, room: &RoomId, name: &str) -> Result<u64, Error> {
    world.chat.rename_room(by, RenameRoom { room_id: room.clone(), name: name.into() }).await.map(seq)
}

async fn banned(world: &World, by: &User, room: &RoomId) -> Result<Vec<User>, Error> {
    let request = ListBans { room_id: room.clone(), after: None };
    world.chat.room_bans(&by.id, request).await.map(|page| page.users)
}

fn seq(position: Position) -> u64 {
    position.seq
}

async fn users<const N: usize>(world: &World, names: [&str; N]) -> [User; N] {
    let mut all = Vec::new();
    for name in names {
        all.push(world.user(name).await);
    }
    all.try_into().unwrap()
}

#[tokio::test]
async fn owners_say_who_may_do_what() {
    let world = World::start().await;
    let [ana, ben, cleo, dan] = users(&world, ["Ana", "Ben", "Cleo", "Dan"]).await;
    let room = world.group(&[&ana, &ben, &cleo]).await;
    assert_eq!(set(&world, &ana, &room, &ben, Role::Moderator).await, Ok(4));
    assert_eq!(set(&world, &ana, &room, &ben, Role::Moderator).await, Ok(4), "again changes nothing");
    let log = world.log(&room).await;
    let Event::MemberChanged(change) = &*log[3] else { panic!("{log:?}") };
    assert_eq!((&change.user, change.role, &change.by), (&ben, Role::Moderator, &ana));
    for by in [&ben, &cleo] {
        assert_eq!(code(set(&world, by, &room, &cleo, Role::Owner).await), Code::Forbidden);
    }
    assert_eq!(code(set(&world, &ana, &room, &dan, Role::Owner).await), Code::NotFound);
    assert_eq!(set(&world, &dan, &room, &ana, Role::Member).await, Err(Error::no_such_room()));
    let page = ListMembers { room_id: room.clone(), after: None };
    let members = world.chat.room_members(&cleo.id, page).await.unwrap().members;
    let of = |who: &User| members.iter().find(|member| member.user == *who).unwrap().role;
    assert_eq!([of(&ana), of(&ben), of(&cleo)], [Role::Owner, Role::Moderator, Role::Member]);
    assert_eq!(world.chat.list_rooms(&ben.id).await.unwrap().rooms[0].role, Role::Moderator);
}

#[tokio::test]
async fn the_last_owner_hands_over_before_leaving() {
    let world = World::start().await;
    let [ana, ben] = users(&world, ["Ana", "Ben"]).await;
    for room in [world.group(&[&ana, &ben]).await, id("hall")] {
        if room == id("hall") {
            world.join(&ana, "hall").await;
            world.join(&ben, "hall").await;
        }
        let only = leave(&world, &ana, &room).await.unwrap_err();
        assert_eq!(only.code, Code::Conflict);
        assert_eq!(only.message, "You are the only owner of this room. Make somebody else an owner first.");
        assert_eq!(code(remove(&world, &ana, &room, &ana).await), Code::Conflict, "by its other name");
        assert_eq!(code(set(&world, &ana, &room, &ana, Role::Member).await), Code::Conflict);
        assert_eq!(world.log(&room).await.len(), 2, "nothing happened");
        assert_eq!(set(&world, &ana, &room, &ben, Role::Owner).await, Ok(3));
        assert_eq!(
            set(&world, &ben, &room, &ana, Role::Moderator).await,
            Ok(4),
            "an owner may lower an owner"
        );
        assert_eq!(leave(&world, &ana, &room).await, Ok(5));
        assert_eq!(leave(&world, &ben, &room).await, Ok(6), "who is alone may go");
    }
    world.join(&ana, "hall").await;
    assert_eq!(world.chat.list_rooms(&ana.id).await.unwrap().rooms[0].role, Role::Owner);
}

#[tokio::test]
async fn one_puts_out_who_is_below() {
    let world = World::with(Settings { members_managed_by: ManagedBy::Owners, ..Settings::default() }).await;
    let [ana, ben, cleo, dan, eve] = users(&world, ["Ana", "Ben", "Cleo", "Dan", "Eve"]).await;
    let everybody = [&ana, &ben, &cleo, &dan, &eve];
    world.chat.create_room(&ana, create("The hall", RoomKind::Public, Some("hall"))).await.unwrap();
    for user in &everybody[1..] {
        world.join(user, "hall").await;
    }
    for room in [world.group(&everybody).await, id("hall")] {
        set(&world, &ana, &room, &ben, Role::Owner).await.unwrap();
        set(&world, &ana, &room, &cleo, Role::Moderator).await.unwrap();
        set(&world, &ana, &room, &dan, Role::Moderator).await.unwrap();
        for (by, whom) in [(&eve, &ana), (&eve, &dan), (&cleo, &dan), (&cleo, &ana), (&ana, &ben)] {
            assert_eq!(code(remove(&world, by, &room, whom).await), Code::Forbidden, "{by:?} {whom:?}");
            assert_eq!(code(ban(&world, by, &room, whom).await), Code::Forbidden, "{by:?} {whom:?}");
        }
        let top = world.log(&room).await.len() as u64;
        assert_eq!(remove(&world, &cleo, &room, &eve).await, Ok(top + 1));
        assert_eq!(code(remove(&world, &cleo, &room, &eve).await), Code::NotFound);
        assert_eq!(ban(&world, &ben, &room, &dan).await, Ok(top + 2));
    }
    let refused = remove(&world, &cleo, &id("hall"), &ana).await.unwrap_err();
    assert_eq!(refused.message, "Ana is an owner of this room, and you are not above them.");
}

#[tokio::test]
async fn who_manages_a_group() {
    for (managed_by, expected) in [(ManagedBy::Anyone, true), (ManagedBy::Owners, false)] {
        let world = World::with(Settings { members_managed_by: managed_by, ..Settings::default() }).await;
        let [ana, ben, cleo, dan] = users(&world, ["Ana", "Ben", "Cleo", "Dan"]).await;
        let room = world.group(&[&ana, &ben, &cleo]).await;
        assert_eq!(add(&world, &ben, &room, &dan).await.is_ok(), expected);
        assert_eq!(remove(&world, &ben, &room, &dan).await.is_ok(), expected);
        // A plain member puts out plain members only, whoever manages.
        set(&world, &ana, &room, &cleo, Role::Moderator).await.unwrap();
        assert_eq!(code(remove(&world, &ben, &room, &cleo).await), Code::Forbidden);
        assert!(add(&world, &cleo, &room, &dan).await.is_ok(), "a moderator always may");
        assert!(remove(&world, &cleo, &room, &dan).await.is_ok());
    }
}

#[tokio::test]
async fn who_is_banned_stays_out() {
    let world = World::start().await;
    let [ana, ben, cleo, dan] = users(&world, ["Ana", "Ben", "Cleo", "Dan"]).await;
    world.join(&ana, "hall").await;
    world.join(&ben, "hall").await;
    let hall = id("hall");
    assert_eq!(code(ban(&world, &ben, &hall, &cleo).await), Code::Forbidden);
    assert_eq!(code(ban(&world, &ana, &hall, &ana).await), Code::BadRequest);
    let nobody = BanMember { room_id: hall.clone(), user: UserRef::Name("Nobody".into()) };
    assert_eq!(code(world.chat.ban_member(&ana, nobody).await), Code::NotFound);
    assert_eq!(ban(&world, &cleo, &hall, &ben).await, Err(Error::no_such_room()));

    assert_eq!(ban(&world, &ana, &hall, &ben).await, Ok(3));
    assert_eq!(ban(&world, &ana, &hall, &ben).await, Ok(3), "again changes nothing");
    assert_eq!(ban(&world, &ana, &hall, &cleo).await, Ok(4), "one who is not there");
    let log = world.log(&hall).await;
    let Event::MemberBanned(change) = &*log[2] else { panic!("{log:?}") };
    assert_eq!((&change.user, &change.by), (&ben, &ana));
    let refused = world.chat.join_room(&ben, join("hall")).await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (Code::Forbidden, "You are banned from this room."));
    assert_eq!(world.chat.send_message(&ben, message(&hall, "1", "hi")).await, Err(Error::no_such_room()));
    assert_eq!(world.chat.list_rooms(&ana.id).await.unwrap().rooms[0].members, 1);
    assert!(world.chat.join_room(&dan, join("hall")).await.is_ok());
    assert_eq!(code(banned(&world, &dan, &hall).await), Code::Forbidden);
    assert_eq!(banned(&world, &ben, &hall).await, Err(Error::no_such_room()));
    let mut both = vec![ben.clone(), cleo.clone()];
    both.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(banned(&world, &ana, &hall).await.unwrap(), both);

    assert_eq!(code(unban(&world, &dan, &hall, &ben).await), Code::Forbidden);
    assert_eq!(unban(&world, &ana, &hall, &ben).await, Ok(6));
    assert_eq!(unban(&world, &ana, &hall, &ben).await, Ok(6), "again changes nothing");
    assert_eq!(world.chat.join_room(&ben, join("hall")).await.unwrap().seq, 7);
    // An empty room is not taken over by one who was banned from it.
    for who in [&ben, &dan, &ana] {
        leave(&world, who, &hall).await.unwrap();
    }
    assert_eq!(code(world.chat.join_room(&cleo, join("hall")).await), Code::Forbidden);
}

#[tokio::test]
async fn of_one_room_only_so_many_are_banned() {
    let world = World::with(Settings { bans_per_room: 2, ..Settings::default() }).await;
    let [ana, ben, cleo, dan] = users(&world, ["Ana", "Ben", "Cleo", "Dan"]).await;
    let (hall, yard) = (id("hall"), id("yard"));
    for room in [&hall, &yard] {
        world.join(&ana, room.as_str()).await;
    }
    world.join(&dan, "hall").await;
    ban(&world, &ana, &hall, &ben).await.unwrap();
    let top = ban(&world, &ana, &hall, &cleo).await.unwrap();
    let refused = ban(&world, &ana, &hall, &dan).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::Conflict, "As many are banned from this room as is allowed, 2. Unban somebody first.")
    );
    assert_eq!(ban(&world, &ana, &hall, &ben).await, Ok(top), "again changes nothing, and Dan is still in");
    assert_eq!(world.chat.send_message(&dan, message(&hall, "1", "hi")).await.unwrap().seq, top + 1);
    ban(&world, &ana, &yard, &dan).await.expect("another room has bans of its own");
    unban(&world, &ana, &hall, &ben).await.unwrap();
    ban(&world, &ana, &hall, &dan).await.unwrap();
}

#[tokio::test]
async fn a_banned_stranger_sees_nothing_of_a_group() {
    let world = World::start().await;
    let [ana, ben, cleo] = users(&world, ["Ana", "Ben", "Cleo"]).await;
    let room = world.group(&[&ana, &ben, &cleo]).await;
    ban(&world, &ana, &room, &cleo).await.unwrap();
    assert_eq!(world.chat.join_room(&cleo, join(room.as_str())).await, Err(Error::no_such_room()));
    let refused = add(&world, &ben, &room, &cleo).await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (Code::Forbidden, "Cleo is banned from this room."));
    unban(&world, &ana, &room, &cleo).await.unwrap();
    assert!(add(&world, &ben, &room, &cleo).await.is_ok());
}

#[tokio::test]
async fn bans_come_in_pages() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    let mut ids = Vec::new();
    for n in 0..105 {
        let user = world.user(&format!("User{n}")).await;
        ban(&world, &ana, &id("hall"), &user).await.unwrap();
        ids.push(user.id);
    }
    ids.sort();
    let (mut seen, mut after) = (Vec::new(), None);
    for expected in [100, 5] {
        let page = world.chat.room_bans(&ana.id, ListBans { room_id: id("hall"), after }).await.unwrap();
        assert_eq!(page.users.len(), expected);
        seen.extend(page.users.into_iter().map(|user| user.id));
        after = page.next;
    }
    assert_eq!((seen, after), (ids, None));
}

#[tokio::test]
async fn renaming_is_for_owners_and_moderators() {
    let world = World::start().await;
    let [ana, ben, cleo] = users(&world, ["Ana", "Ben", "Cleo"]).await;
    let room = world.group(&[&ana, &ben]).await;
    assert_eq!(code(rename(&world, &ben, &room, "Ours").await), Code::Forbidden);
    assert_eq!(rename(&world, &cleo, &room, "Ours").await, Err(Error::no_such_room()));
    assert_eq!(code(rename(&world, &ana, &room, " ").await), Code::BadRequest);
    set(&world, &ana, &room, &ben, Role::Moderator).await.unwrap();
    assert_eq!(rename(&world, &ben, &room, " Ours ").await, Ok(4));
    assert_eq!(rename(&world, &ana, &room, "Ours").await, Ok(4), "again changes nothing");
    let log = world.log(&room).await;
    let Event::RoomChanged(change) = &*log[3] else { panic!("{log:?}") };
    assert_eq!((change.name.as_deref(), &change.by), (Some("Ours"), &ben));
    assert_eq!(world.chat.list_rooms(&ana.id).await.unwrap().rooms[0].name, "Ours");
}

#[tokio::test]
async fn a_room_whose_owners_are_guests_who_have_gone_can_be_taken_over_by_those_who_are_left() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let world = World::start().await;
    let [ana, ben, cleo, dan] = users(&world, ["Ana", "Ben", "Cleo", "Dan"]).await;
    let (_, token) = world.chat.new_guest("Eve").await.unwrap();
    let eve = world.chat.authenticate(&token).await.unwrap();
    let stay = async || {
        for user in [&ben, &cleo, &dan] {
            let mut tx = world.store.write().await.unwrap();
            let seen = sqlx::query("UPDATE users SET seen_at = seen_at + $2 WHERE id = $1");
            seen.bind(user.id.as_str()).bind(DAY.as_millis() as i64 * 31).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let group = world.group(&[&ana, &ben, &cleo]).await;
    let other = world.group(&[&eve.user, &cleo, &dan]).await;
    set(&world, &ana, &group, &ben, Role::Moderator).await.unwrap();
    for (by, whom) in [(&ben, &ben), (&cleo, &cleo), (&ben, &cleo)] {
        assert_eq!(code(set(&world, by, &group, whom, Role::Owner).await), Code::Forbidden, "she is here");
    }

    stay().await;
    world.clock.forward(31 * DAY);
    // Who is above goes first, and takes it for themselves only.
    assert_eq!(code(set(&world, &cleo, &group, &cleo, Role::Owner).await), Code::Forbidden);
    assert_eq!(code(set(&world, &ben, &group, &cleo, Role::Owner).await), Code::Forbidden);
    assert_eq!(code(set(&world, &ben, &group, &ana, Role::Member).await), Code::Forbidden);
    assert_eq!(set(&world, &dan, &group, &dan, Role::Owner).await, Err(Error::no_such_room()));
    set(&world, &ben, &group, &ben, Role::Owner).await.unwrap();
    assert_eq!(code(set(&world, &cleo, &group, &cleo, Role::Owner).await), Code::Forbidden, "it has one now");
    set(&world, &ben, &group, &ana, Role::Member).await.unwrap();
    remove(&world, &ben, &group, &ana).await.unwrap();

    // One who logs out has gone for good, too.
    world.chat.logout(&token).await.unwrap();
    set(&world, &dan, &other, &dan, Role::Owner).await.unwrap();
    assert_eq!(code(set(&world, &cleo, &other, &cleo, Role::Owner).await), Code::Forbidden);
}
