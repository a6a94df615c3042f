//! An id that one may not see is answered exactly like an id that does not exist.

use crate::refused;
use plaza_client::{Connection, Request};
use plaza_protocol::{
    AddMember, BanMember, ClientId, Code, Content, Error, History, JoinRoom, LeaveRoom, ListBans,
    ListMembers, Locate, MarkRead, RemoveMember, RenameRoom, Role, RoomId, SendMessage, SetRole, TextBody,
    Timestamp, UnbanMember,
};
use plaza_testkit::{
    Guest, Plaza,
    guest::{at, room},
};

async fn ask<R: Request>(connection: &Connection, request: R) -> Error
where
    R::Answer: std::fmt::Debug,
{
    refused(connection.request(&request).await)
}

/// Every request that names a room, but joining.
async fn refusals(connection: &Connection, room_id: &RoomId) -> Vec<Error> {
    let room_id = || room_id.clone();
    let client_id: ClientId = "c1".parse().unwrap();
    let content = Content::Text(TextBody { text: "hi".into() });
    let history = |before, after| History { room_id: room_id(), before, after, limit: None };
    vec![
        ask(connection, SendMessage { room_id: room_id(), client_id, content }).await,
        ask(connection, history(None, None)).await,
        ask(connection, history(Some(1), None)).await,
        ask(connection, history(None, Some(1))).await,
        ask(connection, ListMembers { room_id: room_id(), after: None }).await,
        ask(connection, MarkRead { room_id: room_id(), seq: 1 }).await,
        ask(connection, MarkRead { room_id: room_id(), seq: 1_000 }).await,
        ask(connection, LeaveRoom { room_id: room_id() }).await,
        ask(connection, AddMember { room_id: room_id(), user: at("Eve") }).await,
        ask(connection, AddMember { room_id: room_id(), user: at("Ana") }).await,
        ask(connection, AddMember { room_id: room_id(), user: at("Nobody") }).await,
        ask(connection, RemoveMember { room_id: room_id(), user: at("Ana") }).await,
        ask(connection, RemoveMember { room_id: room_id(), user: at("Nobody") }).await,
        ask(connection, SetRole { room_id: room_id(), user: at("Ana"), role: Role::Member }).await,
        ask(connection, SetRole { room_id: room_id(), user: at("Nobody"), role: Role::Owner }).await,
        ask(connection, BanMember { room_id: room_id(), user: at("Ana") }).await,
        ask(connection, BanMember { room_id: room_id(), user: at("Eve") }).await,
        ask(connection, UnbanMember { room_id: room_id(), user: at("Eve") }).await,
        ask(connection, ListBans { room_id: room_id(), after: None }).await,
        ask(connection, RenameRoom { room_id: room_id(), name: "Mine".into() }).await,
        ask(connection, Locate { room_id: room_id(), at: Timestamp::from_millis(0) }).await,
    ]
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_group_from_nothing() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = Guest::connect(&plaza, "Ana").await;
    let mut eve = Guest::connect(&plaza, "Eve").await;
    let group = ana
        .connection
        .create_room(&plaza_protocol::CreateRoom::Group { name: "Secret".into() })
        .await
        .unwrap()
        .id;
    ana.say(&group, "c1", "between us").await;
    let nowhere: RoomId = format!("g_{}", "A".repeat(group.as_str().len() - 2)).parse().unwrap();

    let invisible = refusals(&eve.connection, &group).await;
    assert_eq!(invisible, refusals(&eve.connection, &nowhere).await);
    assert!(invisible.iter().all(|error| error.code == Code::NotFound), "{invisible:?}");
    // Joining neither lets in nor makes one.
    for id in [&group, &nowhere] {
        let refusal = ask(&eve.connection, JoinRoom { room_id: id.clone() }).await;
        assert_eq!(refusal, invisible[0], "joining {id}");
    }
    let rest = plaza.rest().unwrap();
    let page = |id: &RoomId| History { room_id: id.clone(), before: None, after: None, limit: None };
    let hidden = refused(rest.events(&eve.token, &page(&group)).await);
    assert_eq!(hidden.code, Code::NotFound);
    assert_eq!(hidden, refused(rest.events(&eve.token, &page(&nowhere)).await));
    assert_eq!(refused(rest.events(&"nonsense".into(), &page(&group)).await).code, Code::Unauthorized);

    eve.until_resumed().await;
    eve.nothing_more().await;
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_direct_room_from_nothing() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (ana, _ben) = (Guest::connect(&plaza, "Ana").await, Guest::connect(&plaza, "Ben").await);
    let mut eve = Guest::connect(&plaza, "Eve").await;
    let direct = plaza_protocol::CreateRoom::Direct { user: at("Ben") };
    let direct = ana.connection.create_room(&direct).await.unwrap().id;
    let nowhere: RoomId = format!("d_{}", "A".repeat(direct.as_str().len() - 2)).parse().unwrap();
    assert_eq!(refusals(&eve.connection, &direct).await, refusals(&eve.connection, &nowhere).await);
    eve.until_resumed().await;
    eve.nothing_more().await;
}

#[tokio::test]
async fn a_public_room_shows_nothing_to_those_who_have_not_joined() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = Guest::connect(&plaza, "Ana").await;
    let eve = Guest::connect(&plaza, "Eve").await;
    ana.connection.join_room(&room("general")).await.unwrap();
    assert_eq!(
        refusals(&eve.connection, &room("general")).await,
        refusals(&eve.connection, &room("nowhere")).await
    );
    // And one who has left is a stranger again.
    eve.connection.join_room(&room("general")).await.unwrap();
    eve.connection.leave_room(&room("general")).await.unwrap();
    assert_eq!(
        refusals(&eve.connection, &room("general")).await,
        refusals(&eve.connection, &room("nowhere")).await
    );
}
