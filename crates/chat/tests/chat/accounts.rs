//! Accounts, guests and their tokens.

use crate::world::*;
use plaza_chat::Settings;
use plaza_protocol::{AddMember, Code, Credentials, Secret, UserRef};
use std::time::Duration;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn credentials(name: &str, password: &str) -> Credentials {
    Credentials { name: name.into(), password: password.into() }
}

#[tokio::test]
async fn registering_and_logging_in() {
    let world = World::start().await;
    let tokens = world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    assert!(tokens.user.id.as_str().starts_with("u_") && !tokens.user.guest);
    assert_eq!(tokens.access_token_expires_in_ms, 900_000);
    assert_eq!(world.chat.authenticate(&tokens.access_token).await.unwrap().user, tokens.user);
    assert_eq!(
        code(world.chat.register(credentials("ANA", "correct horse"), "").await.map(|_| ())),
        Code::Conflict
    );
    let again = world.chat.login(credentials("aNa", "correct horse"), "").await.unwrap();
    assert_eq!(again.user, tokens.user);

    world.user("Guest").await;
    assert_eq!(
        code(world.chat.register(credentials("guest", "correct horse"), "").await.map(|_| ())),
        Code::Conflict
    );
    for (name, password) in
        [("Ana", "short"), ("Ana B", "long enough"), ("", "long enough"), ("Ben", &"x".repeat(1_025))]
    {
        let refused = world.chat.register(credentials(name, password), "").await;
        assert_eq!(code(refused.map(|_| ())), Code::BadRequest, "{name}");
    }
    // Told apart nowhere: an unknown name, a guest's, a wrong password.
    let mut refusals = Vec::new();
    for (name, password) in [("Nobody", "correct horse"), ("Ana", "wrong horse"), ("Guest", "correct horse")]
    {
        refusals.push(world.chat.login(credentials(name, password), "").await.map(|_| ()).unwrap_err());
    }
    assert!(refusals.iter().all(|error| *error == refusals[0] && error.code == Code::Unauthorized));
}

#[tokio::test]
async fn two_who_register_one_name_at_once() {
    let world = World::start().await;
    let (one, other) = tokio::join!(
        world.chat.register(credentials("Ana", "correct horse"), ""),
        world.chat.register(credentials("ana", "battery staple"), ""),
    );
    assert!(one.is_ok() != other.is_ok());
    let refused = if one.is_ok() { other } else { one };
    assert_eq!(code(refused.map(|_| ())), Code::Conflict);
}

#[tokio::test]
async fn an_access_token_holds_for_its_time() {
    let world = World::start().await;
    let tokens = world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    world.clock.forward(Duration::from_secs(959));
    assert!(world.chat.authenticate(&tokens.access_token).await.is_ok());
    world.clock.forward(Duration::from_secs(1));
    assert_eq!(code(world.chat.authenticate(&tokens.access_token).await), Code::Unauthorized);
    for garbage in ["", "pg_", "pg_nothing", "a.b.c", &"x".repeat(5_000), tokens.refresh_token.expose()] {
        assert_eq!(code(world.chat.authenticate(&garbage.into()).await), Code::Unauthorized);
    }
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let world = World::start().await;
    let mut revocations = world.chat.revocations();
    let tokens = world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    let identity = world.chat.authenticate(&tokens.access_token).await.unwrap();
    world.chat.logout(&tokens.refresh_token).await.unwrap();
    assert_eq!(revocations.recv().await.unwrap(), identity.session);
    assert_eq!(code(world.chat.authenticate(&tokens.access_token).await), Code::Unauthorized);
    assert_eq!(code(world.chat.refresh(&tokens.refresh_token).await.map(|_| ())), Code::Unauthorized);
    world.chat.logout(&"unknown".into()).await.unwrap();

    let (guest, token) = world.chat.new_guest("Ben").await.unwrap();
    world.chat.logout(&token).await.unwrap();
    assert_eq!(revocations.recv().await.unwrap(), guest.session);
    assert!(!world.chat.still_holds(&guest).await.unwrap());
    assert_eq!(code(world.chat.authenticate(&token).await), Code::Unauthorized);
    assert_eq!(world.chat.new_guest("Ben").await.unwrap().0.user.name, "Ben", "the name is free again");
}

#[tokio::test]
async fn guests_get_a_name_that_is_free() {
    let world = World::start().await;
    world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    for expected in ["ana-2", "ana-3", "ana-4"] {
        let (identity, token) = world.chat.new_guest("ana").await.unwrap();
        assert_eq!(identity.user.name, expected);
        assert!(identity.user.guest && identity.user.id.as_str().starts_with("v_"));
        assert!(token.expose().starts_with("pg_") && token.expose().len() == 46);
        assert_eq!(world.chat.authenticate(&token).await.unwrap(), identity);
    }
    for _ in 5..=40 {
        world.chat.new_guest("ana").await.unwrap();
    }
    assert_eq!(code(world.chat.new_guest("not a name").await), Code::BadRequest);

    let closed = World::with(Settings { guests: false, ..Settings::default() }).await;
    assert_eq!(code(closed.chat.new_guest("Ana").await), Code::Forbidden);
}

#[tokio::test]
async fn a_guest_expires_a_month_after_the_last_use() {
    let world = World::start().await;
    let (ana, token) = world.chat.new_guest("Ana").await.unwrap();
    world.clock.forward(20 * DAY);
    assert_eq!(world.chat.authenticate(&token).await.unwrap(), ana);
    world.clock.forward(20 * DAY);
    assert_eq!(world.chat.authenticate(&token).await.unwrap(), ana, "each use makes it hold for longer");
    assert_eq!(world.chat.new_guest("Ana").await.unwrap().0.user.name, "Ana-2");
    world.clock.forward(30 * DAY);
    assert_eq!(code(world.chat.authenticate(&token).await), Code::Unauthorized);

    let ben = world.user("Ben").await;
    let room = world.chat.create_room(&ben, plaza_protocol::CreateRoom::Group { name: "Group".into() });
    let room_id = room.await.unwrap().room.id;
    for gone in [UserRef::Name("Ana".into()), UserRef::Id(ana.user.id.clone())] {
        let added = world.chat.add_member(&ben, AddMember { room_id: room_id.clone(), user: gone });
        assert_eq!(code(added.await), Code::NotFound);
    }
    let mut revocations = world.chat.revocations();
    let new = world.user("Ana").await;
    assert_eq!(new.name, "Ana", "the name is free again");
    assert_ne!(new.id, ana.user.id);
    assert_eq!(revocations.recv().await.unwrap(), ana.session, "whoever is there still is sent away");
    world.clock.forward(31 * DAY);
    world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    assert_eq!(revocations.recv().await.unwrap().as_str(), new.id.as_str());
}

#[tokio::test]
async fn a_guest_who_is_here_does_not_expire() {
    let world = World::start().await;
    let (here, token) = world.chat.new_guest("Here").await.unwrap();
    let (gone, old) = world.chat.new_guest("Gone").await.unwrap();
    world.clock.forward(30 * DAY);
    assert_eq!(world.chat.new_guest("Gone").await.unwrap().0.user.name, "Gone");
    world.chat.sessions_seen(&[here.session.clone(), gone.session.clone()]).await.unwrap();
    world.clock.forward(29 * DAY);
    assert_eq!(world.chat.authenticate(&token).await.unwrap(), here);
    assert_eq!(world.chat.new_guest("Here").await.unwrap().0.user.name, "Here-2");
    assert_eq!(code(world.chat.authenticate(&old).await), Code::Unauthorized, "the name is another's now");
    assert!(!world.chat.still_holds(&gone).await.unwrap());
    // However many there are.
    let mut many = vec![gone.session; 1_000];
    many.push(here.session);
    world.clock.forward(20 * DAY);
    world.chat.sessions_seen(&many).await.unwrap();
    world.clock.forward(20 * DAY);
    assert!(world.chat.authenticate(&token).await.is_ok());
}

#[tokio::test]
async fn a_configured_secret_signs_the_tokens() {
    let secret = |text: &str| Some(Secret::new(text.repeat(32)));
    let (world, committed) = World::unheard(
        Settings { token_secret: secret("a"), ..Settings::default() },
        tempfile::tempdir().unwrap(),
    )
    .await;
    drop(committed);
    let tokens = world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    let (folder, _) = world.stop().await;
    for (text, holds) in [("a", true), ("b", false)] {
        let settings = Settings { token_secret: secret(text), ..Settings::default() };
        let store = open(&folder).await;
        let (clock, random) =
            (std::sync::Arc::new(FixedClock), std::sync::Arc::new(plaza_chat::SystemRandom));
        let shutdown = tokio_util::sync::CancellationToken::new();
        let tasks = plaza_chat::Tasks::new(shutdown.clone());
        let (chat, _committed) =
            plaza_chat::Chat::start(store.clone(), clock, random, settings, shutdown, &tasks).await.unwrap();
        assert_eq!(chat.authenticate(&tokens.access_token).await.is_ok(), holds);
        store.close().await;
    }
}

/// Where the test clock begins.
struct FixedClock;

impl plaza_chat::Clock for FixedClock {
    fn now(&self) -> i64 {
        1_800_000_000_000
    }
}
