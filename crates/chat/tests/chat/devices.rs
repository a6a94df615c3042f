//! Where one is logged in, and ending that.

use crate::{
    accounts::{DAY, credentials},
    world::*,
};
use plaza_chat::Identity;
use plaza_protocol::{Code, SessionInfo, Tokens};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn log_in(world: &World, name: &str, device: &str) -> (Tokens, Identity) {
    let tokens = world.chat.login(credentials(name, "correct horse"), device).await.unwrap();
    let identity = world.chat.authenticate(&tokens.access_token).await.unwrap();
    (tokens, identity)
}

async fn ana(world: &World) -> Identity {
    let tokens = world.chat.register(credentials("Ana", "correct horse"), "first").await.unwrap();
    world.chat.authenticate(&tokens.access_token).await.unwrap()
}

async fn sessions(world: &World, who: &Identity) -> Vec<SessionInfo> {
    world.chat.sessions(who).await.unwrap().sessions
}

fn devices(sessions: &[SessionInfo]) -> Vec<&str> {
    sessions.iter().map(|session| session.device.as_str()).collect()
}

#[tokio::test]
async fn ones_sessions_are_listed_with_device_and_last_use() {
    let world = World::start().await;
    let first = ana(&world).await;
    world.chat.register(credentials("Ben", "correct horse"), "Ben's").await.unwrap();
    world.clock.forward(HOUR);
    let (tokens, second) = log_in(&world, "Ana", "second\u{1b}[31m\n").await;
    let listed = sessions(&world, &second).await;
    assert_eq!(
        devices(&listed),
        ["second[31m", "first"],
        "newest use first, and nothing that a terminal obeys"
    );
    assert_eq!(listed.iter().map(|session| session.current).collect::<Vec<_>>(), [true, false]);
    assert_eq!(listed[1].id, first.session.as_str());
    let apart = listed[0].created_at.as_millis() - listed[1].last_used_at.as_millis();
    assert_eq!(apart, HOUR.as_millis() as i64);

    // Being refreshed is use, and so is being connected.
    world.clock.forward(2 * HOUR);
    world.chat.refresh(&tokens.refresh_token).await.unwrap();
    let listed = sessions(&world, &first).await;
    assert_eq!(devices(&listed), ["second[31m", "first"]);
    assert_eq!(
        listed[0].last_used_at.as_millis() - listed[0].created_at.as_millis(),
        2 * HOUR.as_millis() as i64
    );
    world.clock.forward(HOUR);
    world.chat.sessions_seen(std::slice::from_ref(&first.session)).await.unwrap();
    assert_eq!(devices(&sessions(&world, &first).await), ["first", "second[31m"]);

    // One that nobody can come back to is none.
    world.clock.forward(31 * DAY);
    assert!(sessions(&world, &first).await.is_empty());
}

#[tokio::test]
async fn the_last_use_is_written_down_once_an_hour() {
    let world = World::start().await;
    let tokens = world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    let identity = world.chat.authenticate(&tokens.access_token).await.unwrap();
    let last_use = async || sessions(&world, &identity).await[0].last_used_at.as_millis();
    let began = last_use().await;
    {
        // Nothing is written: the one writer is taken, and nobody waits for it.
        let _busy = world.store.write().await.unwrap();
        world.clock.forward(Duration::from_secs(899));
        for _ in 0..10 {
            world.chat.authenticate(&tokens.access_token).await.unwrap();
        }
    }
    assert_eq!(last_use().await, began);
    let tokens = world.chat.refresh(&tokens.refresh_token).await.unwrap();
    let refreshed = last_use().await;
    assert_eq!(refreshed - began, 899_000);
    world.clock.forward(HOUR - Duration::from_secs(10));
    world.chat.sessions_seen(std::slice::from_ref(&identity.session)).await.unwrap();
    assert_eq!(last_use().await, refreshed);
    world.clock.forward(Duration::from_secs(10));
    world.chat.sessions_seen(std::slice::from_ref(&identity.session)).await.unwrap();
    assert_eq!(last_use().await - refreshed, 3_600_000);
    drop(tokens);
}

#[tokio::test]
async fn one_session_ends_or_all_or_all_others() {
    let world = World::start().await;
    let mut revocations = world.chat.revocations();
    let first = ana(&world).await;
    let (second_tokens, second) = log_in(&world, "Ana", "second").await;
    let (_, third) = log_in(&world, "Ana", "third").await;
    let ben = world.chat.register(credentials("Ben", "correct horse"), "Ben's").await.unwrap();
    let ben = world.chat.authenticate(&ben.access_token).await.unwrap();

    // Not another's, not one that is not, and the two are told apart nowhere.
    let mut refusals = Vec::new();
    for (asker, id) in [(&ben, first.session.as_str()), (&first, "s_none"), (&first, ""), (&first, "'; --")] {
        refusals.push(world.chat.end_session(asker, id).await.unwrap_err());
    }
    assert!(refusals.iter().all(|error| *error == refusals[0] && error.code == Code::NotFound));

    world.chat.end_session(&first, second.session.as_str()).await.unwrap();
    assert_eq!(revocations.recv().await.unwrap(), second.session);
    assert_eq!(code(world.chat.authenticate(&second_tokens.access_token).await), Code::Unauthorized);
    assert_eq!(code(world.chat.refresh(&second_tokens.refresh_token).await.map(|_| ())), Code::Unauthorized);
    assert_eq!(devices(&sessions(&world, &first).await), ["third", "first"]);
    assert_eq!(code(world.chat.end_session(&first, second.session.as_str()).await), Code::NotFound);

    world.chat.end_sessions(&first, true).await.unwrap();
    assert_eq!(revocations.recv().await.unwrap(), third.session);
    assert!(world.chat.still_holds(&first).await.unwrap());
    world.chat.end_sessions(&first, false).await.unwrap();
    assert_eq!(revocations.recv().await.unwrap(), first.session);
    assert!(sessions(&world, &first).await.is_empty());
    assert!(world.chat.still_holds(&ben).await.unwrap());
}

#[tokio::test]
async fn of_too_many_sessions_the_one_not_used_for_longest_ends() {
    let world = World::start().await;
    let first = ana(&world).await;
    let mut tx = world.store.write().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
         INSERT INTO sessions (id, user_id, created_at, expires_at, used_at)
         SELECT 's_' || i, user_id, created_at, expires_at, used_at + i FROM n CROSS JOIN sessions",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sessions(&world, &first).await.len(), 100);
    let mut revocations = world.chat.revocations();
    world.clock.forward(HOUR);
    let (_, newest) = log_in(&world, "Ana", "one more").await;
    assert_eq!(revocations.recv().await.unwrap(), first.session);
    let listed = sessions(&world, &newest).await;
    assert_eq!((listed.len(), listed[0].device.as_str()), (100, "one more"));
    assert!(!world.chat.still_holds(&first).await.unwrap());
}

#[tokio::test]
async fn a_guest_has_one_session() {
    let world = World::start().await;
    let (guest, token) = world.chat.new_guest("Ana").await.unwrap();
    let listed = sessions(&world, &guest).await;
    assert_eq!((listed.len(), listed[0].current, listed[0].id.as_str()), (1, true, guest.user.id.as_str()));
    assert_eq!(code(world.chat.end_session(&guest, "v_another").await), Code::NotFound);
    world.chat.end_sessions(&guest, true).await.unwrap();
    assert!(world.chat.authenticate(&token).await.is_ok());
    let mut revocations = world.chat.revocations();
    world.chat.end_sessions(&guest, false).await.unwrap();
    assert_eq!(revocations.recv().await.unwrap(), guest.session);
    assert_eq!(code(world.chat.authenticate(&token).await), Code::Unauthorized);
}
