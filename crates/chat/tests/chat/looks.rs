//! Names that look like somebody else's: given to nobody, whoever asks and in whatever letters.

use crate::{
    accounts::{DAY, credentials},
    world::*,
};
use plaza_chat::{MIGRATIONS, Settings};
use plaza_protocol::{Code, UserRef};
use sqlx::Row;

async fn register(world: &World, name: &str) -> Result<(), Code> {
    world.chat.register(credentials(name, "correct horse"), "").await.map(|_| ()).map_err(|error| error.code)
}

#[tokio::test]
async fn a_name_that_looks_like_an_accounts_is_taken() {
    let world = World::start().await;
    for (taken, like_it) in [
        // Latin, and then Cyrillic or Greek letters that look like it.
        ("ace", "асе"),
        ("KATE", "ΚΑΤΕ"),
        ("Хор", "Xop"),
        // And what fonts do not tell apart.
        ("Ian", "lan"),
        ("modem", "modern"),
        ("user1", "userl"),
    ] {
        register(&world, taken).await.unwrap();
        assert_eq!(register(&world, like_it).await, Err(Code::Conflict), "{like_it} for {taken}");
        let guest = world.user(like_it).await;
        assert_eq!(guest.name, format!("{like_it}-2"));
    }
    // Two scripts in one name: refused whether or not there is somebody whom it looks like.
    for mixed in ["Аna", "Αna", "pаypal"] {
        assert_eq!(register(&world, mixed).await, Err(Code::BadRequest));
        assert_eq!(code(world.chat.new_guest(mixed).await), Code::BadRequest);
    }
    register(&world, "Аня").await.unwrap();
}

#[tokio::test]
async fn a_guests_name_is_taken_for_as_long_as_the_guest_stays() {
    let world = World::start().await;
    let guest = world.user("ace").await;
    assert_eq!(register(&world, "асе").await, Err(Code::Conflict));
    assert_eq!(world.user("асе").await.name, "асе-2");
    world.clock.forward(31 * DAY);
    let mut revocations = world.chat.revocations();
    register(&world, "асе").await.unwrap();
    assert_eq!(revocations.recv().await.unwrap().as_str(), guest.id.as_str(), "sent away if there still");
    assert_eq!(world.user("ace").await.name, "ace-2");
}

#[tokio::test]
async fn two_who_register_names_that_look_the_same_at_once() {
    let world = World::start().await;
    let (one, other) = tokio::join!(register(&world, "ace"), register(&world, "асе"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
}

/// Opens a store as the first six migrations left it, with an account `u_NUMBER` of each name.
async fn earlier(folder: &tempfile::TempDir, names: &[&str]) {
    let before = MIGRATIONS.iter().position(|step| step.name.starts_with("looks")).unwrap();
    let store = open_at(folder, &MIGRATIONS[..before]).await;
    let mut tx = store.write().await.unwrap();
    for (number, name) in names.iter().enumerate() {
        sqlx::query(
            "INSERT INTO users (id, name, name_key, guest, password_hash, created_at, seen_at)
             VALUES ($1, $2, $3, 0, 'x', 0, 0)",
        )
        .bind(format!("u_{number}"))
        .bind(*name)
        .bind(plaza_chat::name_key(name))
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn names_of_before_keep_and_are_protected() {
    if on_a_server() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The second and third would be refused now; who has them keeps them.
    let mut names = vec!["ace".to_owned(), "асе".into(), "Аna".into(), "Ana".into()];
    names.extend((0..1_100).map(|number| format!("person-{number}")));
    earlier(&folder, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (world, _committed) = World::unheard(Settings::default(), folder).await;
    let mut reader = world.store.read().await.unwrap();
    let unknown = sqlx::query("SELECT COUNT(*) FROM users WHERE look IS NULL OR look_version = 0");
    assert_eq!(unknown.fetch_one(&mut *reader).await.unwrap().get::<i64, _>(0), 0);
    drop(reader);
    let asker = world.user("Asker").await;
    let room = world.group(&[&asker]).await;
    for (number, name) in names[..4].iter().enumerate() {
        let request = plaza_protocol::AddMember { room_id: room.clone(), user: UserRef::Name(name.clone()) };
        world.chat.add_member(&asker, request).await.unwrap();
        let members = world
            .chat
            .room_members(&asker.id, plaza_protocol::ListMembers { room_id: room.clone(), after: None });
        let members = members.await.unwrap().members;
        assert!(members.iter().any(|member| member.user.id.as_str() == format!("u_{number}")), "{name}");
    }
    for taken in ["ace", "асе", "person-l000"] {
        assert_eq!(register(&world, taken).await, Err(Code::Conflict), "{taken}");
    }
}

#[tokio::test]
async fn looks_of_another_version_are_made_anew() {
    let world = World::start().await;
    register(&world, "ace").await.unwrap();
    let mut tx = world.store.write().await.unwrap();
    sqlx::query("UPDATE users SET look = 'as it was', look_version = look_version + 1")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let (folder, _) = world.stop().await;
    let (world, _committed) = World::unheard(Settings::default(), folder).await;
    assert_eq!(register(&world, "асе").await, Err(Code::Conflict));
}
