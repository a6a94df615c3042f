//! Rooms and who is in them.

use crate::code;
use plaza_client::Incoming;
use plaza_protocol::{Code, Event, MemberChange, ReadEvent, Role, RoomId, RoomKind};
use plaza_testkit::{
    Guest, Plaza, Setup,
    guest::{at, room},
};

async fn guests<const N: usize>(plaza: &Plaza, names: [&str; N]) -> [Guest; N] {
    let mut all = Vec::new();
    for name in names {
        let mut guest = Guest::connect(plaza, name).await;
        guest.until_resumed().await;
        all.push(guest);
    }
    all.try_into().unwrap()
}

async fn group(owner: &mut Guest) -> RoomId {
    let made = owner
        .connection
        .create_room(&plaza_protocol::CreateRoom::Group { name: "First chat".into() })
        .await
        .unwrap();
    assert!(made.id.as_str().starts_with("g_") && made.id.as_str().len() > 20, "{}", made.id);
    assert_eq!((made.kind, made.role, made.seq, made.unread), (RoomKind::Group, Role::Owner, 1, 0));
    owner.next_event().await;
    made.id
}

fn added(event: Event) -> MemberChange {
    let Event::MemberAdded(change) = event else { panic!("{event:?}") };
    change
}

#[tokio::test]
async fn a_member_that_is_added_is_told_and_gets_what_follows() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut simon, mut fedir] = guests(&plaza, ["Simon", "Fedir"]).await;
    let id = group(&mut simon).await;
    let done = simon.connection.add_member(&id, at("Fedir")).await.unwrap();
    for guest in [&mut simon, &mut fedir] {
        let change = added(guest.next_event().await);
        assert_eq!(
            (change.seq, change.user.name.as_str(), change.by.name.as_str()),
            (done.seq, "Fedir", "Simon")
        );
    }
    simon.say(&id, "c1", "Hi Fedir").await;
    assert_eq!(fedir.next_event().await.seq(), done.seq + 1);

    // Again changes nothing, and is no error.
    simon.next_event().await;
    simon.connection.add_member(&id, at("fedir")).await.unwrap();
    simon.nothing_more().await;
    let page = fedir.connection.list_members(&id, None).await.unwrap();
    let mut members: Vec<_> = page.members.iter().map(|m| (m.user.name.as_str(), m.role)).collect();
    members.sort_by_key(|member| member.0.to_owned());
    assert_eq!(members, [("Fedir", Role::Member), ("Simon", Role::Owner)]);
}

#[tokio::test]
async fn a_member_that_is_removed_is_told_and_gets_nothing_after() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut simon, mut fedir] = guests(&plaza, ["Simon", "Fedir"]).await;
    let mut phone = Guest::with_token(&plaza, &fedir.token).await;
    phone.until_resumed().await;
    for _ in 0..10 {
        let id = group(&mut simon).await;
        simon.connection.add_member(&id, at("Fedir")).await.unwrap();
        // A message before and one after, all in flight at once, so that the removal stands in the middle of a batch.
        let send = |name: &'static str| {
            let (connection, id) = (simon.connection.clone(), id.clone());
            async move { connection.send_message(&id, &name.parse().unwrap(), "x").await.unwrap().seq }
        };
        let (before, removed, after) =
            tokio::join!(send("before"), simon.connection.remove_member(&id, at("Fedir")), send("after"));
        assert_eq!((before, removed.unwrap().seq, after), (3, 4, 5));
        for guest in [&mut fedir, &mut phone] {
            added(guest.next_event().await);
            assert_eq!(guest.next_event().await.seq(), 3);
            let told = guest.next_event().await;
            assert!(matches!(&told, Event::MemberRemoved(change) if change.user.name == "Fedir"), "{told:?}");
        }
        for expected in 2..=5 {
            assert_eq!(simon.next_event().await.seq(), expected);
        }
        assert_eq!(code(fedir.connection.remove_member(&id, at("Simon")).await), Code::NotFound);
    }
    fedir.nothing_more().await;
    phone.nothing_more().await;
}

#[tokio::test]
async fn a_group_may_be_its_owners_to_manage() {
    let plaza = Setup::default().env("PLAZA_CHAT__MEMBERS_MANAGED_BY", "owners").start().await.unwrap();
    let [mut simon, fedir, _ben] = guests(&plaza, ["Simon", "Fedir", "Ben"]).await;
    let id = group(&mut simon).await;
    simon.connection.add_member(&id, at("Fedir")).await.unwrap();
    assert_eq!(code(fedir.connection.add_member(&id, at("Ben")).await), Code::Forbidden);
    assert_eq!(code(fedir.connection.remove_member(&id, at("Simon")).await), Code::Forbidden);
    fedir.connection.leave_room(&id).await.unwrap();
}

#[tokio::test]
async fn anyone_in_a_group_may_manage_it_by_default() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut simon, fedir, _ben] = guests(&plaza, ["Simon", "Fedir", "Ben"]).await;
    let id = group(&mut simon).await;
    simon.connection.add_member(&id, at("Fedir")).await.unwrap();
    fedir.connection.add_member(&id, at("Ben")).await.unwrap();
    fedir.connection.remove_member(&id, at("Ben")).await.unwrap();
    assert_eq!(code(fedir.connection.add_member(&id, at("Nobody")).await), Code::NotFound);
}

#[tokio::test]
async fn joining_makes_a_public_room_and_joining_again_changes_nothing() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut ana, mut ben] = guests(&plaza, ["Ana", "Ben"]).await;
    let made = ana.connection.join_room(&room("general")).await.unwrap();
    assert_eq!((made.seq, made.room.kind, made.room.name.as_str()), (1, RoomKind::Public, "general"));
    added(ana.next_event().await);
    let joined = ben.connection.join_room(&room("general")).await.unwrap();
    assert_eq!((joined.seq, joined.room.read_seq, joined.room.unread), (2, 2, 0));
    assert_eq!(added(ben.next_event().await).by.name, "Ben");
    ana.next_event().await;
    ana.say(&room("general"), "c1", "x").await;
    assert_eq!(ana.connection.join_room(&room("general")).await.unwrap().seq, 3, "the top, for a member");
    ana.next_event().await;
    ana.nothing_more().await;

    let again = ben
        .connection
        .create_room(&plaza_protocol::CreateRoom::Public {
            name: "General".into(),
            id: Some(room("general")),
        })
        .await;
    assert_eq!(code(again), Code::Conflict);
}

#[tokio::test]
async fn joining_may_be_kept_from_making_rooms() {
    let plaza = Setup::default().env("PLAZA_CHAT__CREATE_ON_JOIN", "false").start().await.unwrap();
    let [ana] = guests(&plaza, ["Ana"]).await;
    assert_eq!(code(ana.connection.join_room(&room("general")).await), Code::NotFound);
    ana.connection
        .create_room(&plaza_protocol::CreateRoom::Public {
            name: "General".into(),
            id: Some(room("general")),
        })
        .await
        .unwrap();
    ana.connection.join_room(&room("general")).await.unwrap();
}

#[tokio::test]
async fn unread_counts_others_messages_and_reading_is_told_to_ones_other_connections() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let [mut ana, mut ben] = guests(&plaza, ["Ana", "Ben"]).await;
    for guest in [&ana, &ben] {
        guest.connection.join_room(&room("general")).await.unwrap();
    }
    ana.next_event().await;
    ana.next_event().await;
    ben.next_event().await;
    for number in 3..=5 {
        ana.say(&room("general"), &format!("c{number}"), "x").await;
        ana.next_event().await;
        ben.next_event().await;
    }
    ben.say(&room("general"), "own", "mine does not count").await;
    ana.next_event().await;
    ben.next_event().await;
    let unread = async |guest: &Guest| {
        let rooms = guest.connection.list_rooms().await.unwrap();
        let general = rooms.iter().find(|summary| summary.id == room("general")).unwrap().clone();
        (general.read_seq, general.unread, general.seq)
    };
    assert_eq!(unread(&ben).await, (2, 3, 6));

    let mut phone = Guest::with_token(&plaza, &ben.token).await;
    phone.until_resumed().await;
    assert_eq!(ben.connection.mark_read(&room("general"), 4).await.unwrap().seq, 4);
    assert_eq!(phone.next().await, Incoming::Read(ReadEvent { room_id: room("general"), seq: 4 }));
    assert_eq!(unread(&phone).await, (4, 1, 6));
    assert_eq!(ben.connection.mark_read(&room("general"), 3).await.unwrap().seq, 4, "it never moves back");
    let told = ana.next().await;
    assert!(
        matches!(&told, Incoming::Receipts(receipts) if receipts.read[ben.user.id.as_str()] == 4),
        "{told:?}"
    );
    ben.nothing_more().await;
    ana.nothing_more().await;
}
