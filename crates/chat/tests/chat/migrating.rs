//! Data that an earlier Plaza laid out: what a migration fills in must be what would have been written.

use crate::world::*;
use plaza_chat::{MIGRATIONS, Settings};
use plaza_protocol::{MarkRead, User};
use tempfile::TempDir;

/// A room of Ana's and Ben's as the first two migrations knew it: both come in, then Ana, Ben, Ana, Ana, Ben write;
/// Ben leaves, comes back, and writes once more; Ana has read up to the second message.
const EARLIER: &[&str] = &[
    "INSERT INTO users (id, name, guest, created_at, seen_at) VALUES ('v_a', 'Ana', 1, 0, 0), ('v_b', 'Ben', 1, 0, 0)",
    "INSERT INTO rooms VALUES ('hall', 'hall', 'public', 10, 'v_a', 0), ('empty', 'empty', 'public', 1, 'v_b', 0)",
    "INSERT INTO members VALUES ('hall', 'v_a', 'owner', 4), ('hall', 'v_b', 'member', 9), ('empty', 'v_b', 'owner', 1)",
    "INSERT INTO events (room_id, seq, type, sender_id, sender_name, sender_guest, client_id, kind, body, id, at)
     SELECT 'hall', value ->> 0, 'message', 'v_' || (value ->> 1), 'n', 1, value ->> 0, 'text', '{\"text\":\"hi\"}',
        'm_' || (value ->> 0), 0
     FROM json_each('[[3,\"a\"],[4,\"b\"],[5,\"a\"],[6,\"a\"],[7,\"b\"],[10,\"b\"]]')",
    "INSERT INTO events (room_id, seq, type, sender_id, sender_name, sender_guest, body, at)
     SELECT value ->> 0, value ->> 1, 'member:' || (value ->> 2), 'v_b', 'n', 1,
        '{\"user\":{\"id\":\"v_b\",\"name\":\"Ben\",\"guest\":true}}', 0
     FROM json_each('[[\"hall\",1,\"added\"],[\"hall\",2,\"added\"],[\"hall\",8,\"removed\"],[\"hall\",9,\"added\"],
        [\"empty\",1,\"added\"]]')",
];

/// A folder with that data.
pub(crate) async fn earlier() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let earlier = open_at(&folder, &MIGRATIONS[..2]).await;
    let mut tx = earlier.write().await.unwrap();
    for statement in EARLIER {
        sqlx::query(*statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    earlier.close().await;
    folder
}

pub(crate) fn ana_and_ben() -> [User; 2] {
    [("v_a", "Ana"), ("v_b", "Ben")].map(|(id, name)| User {
        id: id.parse().unwrap(),
        name: name.into(),
        guest: true,
    })
}

#[tokio::test]
async fn unread_is_right_for_messages_of_before() {
    if on_a_server() {
        return;
    }
    let folder = earlier().await;
    let (world, _committed) = World::unheard(Settings::default(), folder).await;
    let [ana, ben] = ana_and_ben();
    let unread = async |user: &User| {
        let rooms = world.chat.list_rooms(&user.id).await.unwrap().rooms;
        rooms.into_iter().map(|room| (room.id.to_string(), room.unread)).collect::<Vec<_>>()
    };
    let counts = |all: &[(&str, u64)]| all.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(unread(&ana).await, counts(&[("hall", 2)]));
    assert_eq!(unread(&ben).await, counts(&[("empty", 0), ("hall", 0)]));

    // And it goes on from there.
    world.chat.send_message(&ana, message(&id("hall"), "11", "hi")).await.unwrap();
    world.chat.send_message(&ben, message(&id("hall"), "12", "hi")).await.unwrap();
    assert_eq!(unread(&ana).await, counts(&[("hall", 3)]));
    assert_eq!(unread(&ben).await, counts(&[("empty", 0), ("hall", 1)]));
    for (seq, left) in [(5, 3), (7, 2)] {
        world.chat.mark_read(&ana.id, MarkRead { room_id: id("hall"), seq }).await.unwrap();
        assert_eq!(unread(&ana).await, counts(&[("hall", left)]));
    }
}
