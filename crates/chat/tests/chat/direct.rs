//! The room of two, and blocks.

use crate::world::*;
use plaza_chat::{Chat, Settings};
use plaza_protocol::{
    AddMember, BanMember, BlockUser, Code, CreateRoom, Error, Event, History, LeaveRoom, ListBans, MarkRead,
    RemoveMember, RenameRoom, Role, RoomId, RoomKind, RoomSummary, SetRole, UnbanMember, UnblockUser, User,
    UserId,
};
use std::{collections::HashSet, time::Duration};

async fn start(chat: &Chat, by: &User, whom: &str) -> Result<RoomSummary, Error> {
    let request = CreateRoom::Direct { user: whom.to_owned().try_into().unwrap() };
    chat.create_room(by, request).await.map(|created| created.room)
}

async fn block(world: &World, user: &User, whom: &User) -> User {
    let request = BlockUser { user: whom.id.as_str().to_owned().try_into().unwrap() };
    world.chat.block_user(&user.id, request).await.unwrap()
}

async fn unblock(world: &World, user: &User, whom: &User) -> User {
    let request = UnblockUser { user: format!("@{}", whom.name).try_into().unwrap() };
    world.chat.unblock_user(&user.id, request).await.unwrap()
}

async fn summaries(world: &World, user: &User) -> Vec<RoomSummary> {
    world.chat.list_rooms(&user.id).await.unwrap().rooms
}

#[tokio::test]
async fn a_pair_has_one_room_whoever_starts_it() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let made = start(&world.chat, &ana, "@ben").await.unwrap();
    assert!(made.id.as_str().starts_with("d_") && made.id.as_str().len() == 24, "{}", made.id);
    assert_eq!((made.kind, made.role, made.members), (RoomKind::Direct, Role::Member, 2));
    assert_eq!((made.name.as_str(), made.with.as_ref()), ("Ben", Some(&ben)));
    assert_eq!((made.seq, made.read_seq, made.unread), (2, 1, 0));
    assert_eq!(start(&world.chat, &ana, ben.id.as_str()).await.unwrap(), made);
    let theirs = start(&world.chat, &ben, "@Ana").await.unwrap();
    assert_eq!((&theirs.id, theirs.name.as_str(), theirs.with.as_ref()), (&made.id, "Ana", Some(&ana)));
    assert_eq!(world.chat.join_room(&ben, join(made.id.as_str())).await.unwrap().room, theirs);

    let log = world.log(&made.id).await;
    for (event, user) in log.iter().zip([&ana, &ben]) {
        let Event::MemberAdded(change) = &**event else { panic!("{log:?}") };
        assert_eq!((&change.user, &change.by), (user, &ana));
    }
    assert_eq!(log.len(), 2);
    assert_eq!(world.chat.history(&ben.id, page(&made.id)).await.unwrap().events.len(), 2);
    let cleo = world.user("Cleo").await;
    assert_eq!(world.chat.join_room(&cleo, join(made.id.as_str())).await, Err(Error::no_such_room()));
    assert_eq!(world.chat.history(&cleo.id, page(&made.id)).await, Err(Error::no_such_room()));

    assert_eq!(code(start(&world.chat, &ana, "@Ana").await), Code::BadRequest);
    assert_eq!(code(start(&world.chat, &ana, "@Nobody").await), Code::NotFound);
    assert_eq!(code(start(&world.chat, &ana, "u_nobody").await), Code::NotFound);
    // Listed by the name that is shown.
    start(&world.chat, &ana, "@Cleo").await.unwrap();
    world.join(&ana, "Boat").await;
    let names: Vec<_> = summaries(&world, &ana).await.into_iter().map(|room| room.name).collect();
    assert_eq!(names, ["Ben", "Boat", "Cleo"]);
}

fn page(room: &RoomId) -> History {
    History { room_id: room.clone(), before: None, after: None, limit: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_may_start_it_at_once() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let mut starting = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (chat, by, whom) =
            if n % 2 == 0 { (world.chat.clone(), &ana, &ben) } else { (world.chat.clone(), &ben, &ana) };
        let (by, whom) = (by.clone(), whom.id.to_string());
        starting.spawn(async move { start(&chat, &by, &whom).await.unwrap().id });
    }
    let ids: HashSet<_> = starting.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.log(ids.iter().next().unwrap()).await.len(), 2);
    assert_eq!(summaries(&world, &ana).await.len(), 1);
}

#[tokio::test]
async fn nobody_comes_in_or_goes_out() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    world.user("Cleo").await;
    let room = start(&world.chat, &ana, "@Ben").await.unwrap().id;
    let at = |name: &str| plaza_protocol::UserRef::Name(name.to_owned());
    let room_id = || room.clone();
    let chat = &world.chat;
    for user in ["Ana", "Ben", "Cleo", "Nobody"] {
        let user = at(user);
        let refusals = [
            chat.add_member(&ana, AddMember { room_id: room_id(), user: user.clone() }).await,
            chat.remove_member(&ana, RemoveMember { room_id: room_id(), user: user.clone() }).await,
            chat.ban_member(&ana, BanMember { room_id: room_id(), user: user.clone() }).await,
            chat.unban_member(&ana, UnbanMember { room_id: room_id(), user: user.clone() }).await,
            chat.set_role(&ana, SetRole { room_id: room_id(), user, role: Role::Owner }).await,
        ];
        for refused in refusals {
            assert_eq!(code(refused), Code::Forbidden);
        }
    }
    assert_eq!(code(chat.leave_room(&ben, LeaveRoom { room_id: room_id() }).await), Code::Forbidden);
    let rename = RenameRoom { room_id: room_id(), name: "Ours".into() };
    assert_eq!(code(chat.rename_room(&ana, rename).await), Code::Forbidden);
    let bans = ListBans { room_id: room_id(), after: None };
    assert_eq!(code(chat.room_bans(&ana.id, bans).await), Code::Forbidden);
    assert_eq!(world.log(&room).await.len(), 2);
}

#[tokio::test]
async fn a_message_waits_for_one_who_is_away() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let room = start(&world.chat, &ana, "@Ben").await.unwrap().id;
    world.chat.send_message(&ana, message(&room, "1", "hi")).await.unwrap();
    let listed = summaries(&world, &ben).await.remove(0);
    assert_eq!((listed.seq, listed.read_seq, listed.unread), (3, 2, 1));
    world.chat.mark_read(&ben.id, MarkRead { room_id: room.clone(), seq: 3 }).await.unwrap();
    assert_eq!(summaries(&world, &ben).await[0].unread, 0);
    // A guest who has expired can be read, and not be started with.
    let (cleo, dan) = (world.user("Cleo").await, world.user("Dan").await);
    let of_cleo = start(&world.chat, &cleo, "@Dan").await.unwrap();
    world.clock.forward(Duration::from_secs(60 * 24 * 60 * 60));
    assert_eq!(start(&world.chat, &cleo, dan.id.as_str()).await.unwrap().id, of_cleo.id);
    assert_eq!(code(start(&world.chat, &ana, dan.id.as_str()).await), Code::NotFound);
}

#[tokio::test]
async fn one_who_is_blocked_is_not_heard() {
    let world = World::start().await;
    let (ana, ben, cleo) = (world.user("Ana").await, world.user("Ben").await, world.user("Cleo").await);
    let room = start(&world.chat, &ana, "@Ben").await.unwrap().id;
    let first = world.chat.send_message(&ben, message(&room, "1", "hi")).await.unwrap();
    assert_eq!(block(&world, &ana, &ben).await, ben);
    assert_eq!(block(&world, &ana, &ben).await, ben, "again changes nothing");

    let refused = world.chat.send_message(&ben, message(&room, "2", "hello?")).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::Forbidden, "Ana does not take messages from you.")
    );
    let refused = world.chat.send_message(&ana, message(&room, "1", "you")).await.unwrap_err();
    assert_eq!(refused.message, "You have blocked Ben. Unblock them first to write to them.");
    // What was acknowledged stays so.
    assert_eq!(world.chat.send_message(&ben, message(&room, "1", "hi")).await.unwrap(), first);
    assert_eq!(start(&world.chat, &ben, "@Ana").await.unwrap().id, room, "it is there to be read");
    block(&world, &ana, &cleo).await;
    assert_eq!(code(start(&world.chat, &cleo, "@Ana").await), Code::Forbidden);
    assert_eq!(code(start(&world.chat, &ana, "@Cleo").await), Code::Forbidden);
    // Elsewhere they meet as before; and to others both may write, also in the same batch.
    world.join(&ana, "hall").await;
    world.join(&ben, "hall").await;
    let elsewhere = start(&world.chat, &ben, "@Cleo").await.unwrap().id;
    let (in_hall, to_cleo, to_ana) = tokio::join!(
        world.chat.send_message(&ben, message(&id("hall"), "1", "hi")),
        world.chat.send_message(&ben, message(&elsewhere, "1", "hi")),
        world.chat.send_message(&ben, message(&room, "3", "hi")),
    );
    assert!(in_hall.is_ok() && to_cleo.is_ok());
    assert_eq!(code(to_ana), Code::Forbidden);
    assert_eq!(world.log(&room).await.len(), 3);

    assert_eq!(world.chat.blocked_users(&ana.id).await.unwrap().users, [ben.clone(), cleo.clone()]);
    let everybody: Vec<UserId> = [&ana, &ben, &cleo].map(|user| user.id.clone()).into();
    assert_eq!(world.chat.blocked_by(&ben.id, &everybody).await.unwrap(), HashSet::from([ana.id.clone()]));
    assert!(world.chat.blocked_by(&ana.id, &everybody).await.unwrap().is_empty());
    assert_eq!(unblock(&world, &ana, &ben).await, ben);
    assert_eq!(unblock(&world, &ana, &ben).await, ben, "one who is not blocked is no error");
    assert!(world.chat.send_message(&ben, message(&room, "2", "hello?")).await.is_ok());
    assert!(world.chat.send_message(&ana, message(&room, "1", "you")).await.is_ok());
}

#[tokio::test]
async fn blocks_are_bounded_and_of_others() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    let request = |user: &str| BlockUser { user: user.to_owned().try_into().unwrap() };
    assert_eq!(code(world.chat.block_user(&ana.id, request("@Ana")).await), Code::BadRequest);
    assert_eq!(code(world.chat.block_user(&ana.id, request("@Nobody")).await), Code::NotFound);
    let nobody = UnblockUser { user: "@Nobody".to_owned().try_into().unwrap() };
    assert_eq!(code(world.chat.unblock_user(&ana.id, nobody).await), Code::NotFound);
    let mut tx = world.store.write().await.unwrap();
    for n in 0..1_000 {
        sqlx::query("INSERT INTO blocks (user_id, blocked_id) VALUES ($1, $2)")
            .bind(ana.id.as_str())
            .bind(format!("v_{n}"))
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    world.user("Ben").await;
    assert_eq!(code(world.chat.block_user(&ana.id, request("@Ben")).await), Code::Conflict);
}

#[tokio::test]
async fn direct_rooms_are_counted_by_themselves() {
    let world = World::with(Settings { rooms_per_user: 2, ..Settings::default() }).await;
    let ana = world.user("Ana").await;
    for name in ["Ben", "Cleo", "Dan"] {
        world.user(name).await;
    }
    start(&world.chat, &ana, "@Ben").await.unwrap();
    start(&world.chat, &ana, "@Cleo").await.unwrap();
    assert_eq!(code(start(&world.chat, &ana, "@Dan").await), Code::Conflict);
    assert_eq!(code(start(&world.chat, &world.user("Eve").await, "@Ana").await), Code::Conflict);
    world.join(&ana, "one").await;
    world.join(&ana, "two").await;
    assert_eq!(code(world.chat.join_room(&ana, join("three")).await), Code::Conflict);
}

#[tokio::test]
async fn strangers_leave_a_quarter_of_ones_direct_rooms_to_start() {
    let world = World::with(Settings { rooms_per_user: 4, ..Settings::default() }).await;
    let ana = world.user("Ana").await;
    for name in ["Ben", "Cleo", "Dan"] {
        start(&world.chat, &world.user(name).await, "@Ana").await.unwrap();
    }
    let eve = world.user("Eve").await;
    assert_eq!(code(start(&world.chat, &eve, "@Ana").await), Code::Conflict);
    start(&world.chat, &ana, "@Eve").await.unwrap();
    let fay = world.user("Fay").await;
    assert_eq!(code(start(&world.chat, &ana, "@Fay").await), Code::Conflict);
    assert_eq!(code(start(&world.chat, &fay, "@Ana").await), Code::Conflict);
}
