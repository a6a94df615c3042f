//! Refresh tokens: used once, forgiven for a minute, a theft afterwards; and what has expired is forgotten.

use crate::{
    accounts::{DAY, credentials},
    world::*,
};
use plaza_protocol::{Code, Tokens};
use sqlx::Row;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a used refresh token is still taken.
const GRACE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

async fn ana(world: &World) -> Tokens {
    world.chat.register(credentials("Ana", "correct horse"), "").await.unwrap()
}

async fn refresh(world: &World, tokens: &Tokens) -> Result<Tokens, Code> {
    world.chat.refresh(&tokens.refresh_token).await.map_err(|error| error.code)
}

async fn is_signed_in(world: &World, tokens: &Tokens) -> bool {
    world.chat.authenticate(&tokens.access_token).await.is_ok()
}

#[tokio::test]
async fn a_refresh_token_gives_the_next() {
    let world = World::start().await;
    let first = ana(&world).await;
    let second = refresh(&world, &first).await.unwrap();
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(second.user, first.user);
    let third = refresh(&world, &second).await.unwrap();
    world.clock.forward(31 * DAY);
    assert_eq!(refresh(&world, &third).await.err(), Some(Code::Unauthorized));
}

#[tokio::test]
async fn a_used_token_is_taken_for_a_minute_more() {
    let world = World::start().await;
    let first = ana(&world).await;
    let reloaded = refresh(&world, &first).await.unwrap();
    world.clock.forward(GRACE / 2);
    let again = refresh(&world, &first).await.unwrap();
    // The second use did not make the minute longer.
    world.clock.forward(GRACE / 2 - MOMENT);
    let in_time = refresh(&world, &first).await.unwrap();
    for tokens in [&reloaded, &again, &in_time] {
        assert!(is_signed_in(&world, tokens).await);
    }
    assert!(refresh(&world, &reloaded).await.is_ok(), "what the first use gave still holds");
}

#[tokio::test]
async fn after_the_minute_it_ends_the_session_and_all_that_came_of_it() {
    let world = World::start().await;
    let mut revocations = world.chat.revocations();
    let first = ana(&world).await;
    let other = world.chat.login(credentials("Ana", "correct horse"), "").await.unwrap();
    let second = refresh(&world, &first).await.unwrap();
    let in_grace = refresh(&world, &first).await.unwrap();
    let session = world.chat.authenticate(&second.access_token).await.unwrap();
    assert!(world.chat.still_holds(&session).await.unwrap());

    world.clock.forward(GRACE);
    assert_eq!(refresh(&world, &first).await.err(), Some(Code::Unauthorized));
    assert_eq!(revocations.recv().await.unwrap(), session.session);
    assert!(!world.chat.still_holds(&session).await.unwrap());
    for tokens in [&second, &in_grace] {
        assert_eq!(refresh(&world, tokens).await.err(), Some(Code::Unauthorized));
        assert!(!is_signed_in(&world, tokens).await, "though in time");
    }
    assert!(is_signed_in(&world, &other).await, "another log-in is another session");
    assert!(refresh(&world, &other).await.is_ok());
}

#[tokio::test]
async fn of_two_branches_only_one_goes_on() {
    let world = World::start().await;
    let stolen = ana(&world).await;
    let owners = refresh(&world, &stolen).await.unwrap();
    let thiefs = refresh(&world, &stolen).await.unwrap();
    world.clock.forward(10 * GRACE);
    let owners = refresh(&world, &owners).await.unwrap();
    world.clock.forward(GRACE);
    assert_eq!(refresh(&world, &thiefs).await.err(), Some(Code::Unauthorized));
    assert!(!is_signed_in(&world, &owners).await, "who of them is the thief cannot be told");
    assert_eq!(refresh(&world, &owners).await.err(), Some(Code::Unauthorized));
}

#[tokio::test]
async fn a_grace_does_not_outlive_the_token_or_the_session() {
    let world = World::start().await;
    let first = ana(&world).await;
    world.clock.forward(30 * DAY - GRACE / 2);
    refresh(&world, &first).await.unwrap();
    world.clock.forward(GRACE / 2);
    assert_eq!(refresh(&world, &first).await.err(), Some(Code::Unauthorized), "it has expired");

    let first = world.chat.login(credentials("Ana", "correct horse"), "").await.unwrap();
    let second = refresh(&world, &first).await.unwrap();
    world.chat.logout(&second.refresh_token).await.unwrap();
    assert_eq!(refresh(&world, &first).await.err(), Some(Code::Unauthorized), "logged out");
}

#[tokio::test]
async fn a_token_that_nobody_has_does_not_wait_for_the_writer() {
    let world = World::start().await;
    let known = ana(&world).await;
    let (_, guest) = world.chat.new_guest("Ben").await.unwrap();
    let _busy = world.store.write().await.unwrap();
    let unknown = "nobodys".into();
    let refused = timeout(PATIENCE, world.chat.refresh(&unknown)).await.expect("at once");
    assert_eq!(refused.unwrap_err().code, Code::Unauthorized);
    timeout(PATIENCE, world.chat.logout(&unknown)).await.expect("at once").unwrap();
    // The others write, and so they wait.
    let moment = Duration::from_millis(100);
    assert!(timeout(moment, world.chat.refresh(&known.refresh_token)).await.is_err());
    assert!(timeout(moment, world.chat.logout(&guest)).await.is_err());
}

async fn rows(world: &World) -> (i64, i64) {
    let mut reader = world.store.read().await.unwrap();
    let counted = "SELECT (SELECT COUNT(*) FROM refresh_tokens), (SELECT COUNT(*) FROM sessions)";
    let row = sqlx::query(counted).fetch_one(&mut *reader).await.unwrap();
    (row.get(0), row.get(1))
}

async fn until_rows_are(world: &World, wanted: (i64, i64)) {
    let began = Instant::now();
    while rows(world).await != wanted {
        assert!(began.elapsed() < PATIENCE, "{:?} are left, not {wanted:?}", rows(world).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets an hour pass for tasks that wait for it.
async fn an_hour() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60 * 60)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_has_expired_is_forgotten_within_the_hour() {
    let world = World::start().await;
    let gone = ana(&world).await;
    refresh(&world, &gone).await.unwrap();
    world.clock.forward(20 * DAY);
    let first = world.chat.login(credentials("Ana", "correct horse"), "").await.unwrap();
    let second = refresh(&world, &first).await.unwrap();
    assert_eq!(rows(&world).await, (4, 2));

    world.clock.forward(10 * DAY + MOMENT);
    an_hour().await;
    // Of the session an access token may be in use still.
    until_rows_are(&world, (2, 2)).await;
    world.clock.forward(DAY);
    an_hour().await;
    until_rows_are(&world, (2, 1)).await;

    let third = refresh(&world, &second).await.unwrap();
    assert_eq!(refresh(&world, &first).await.err(), Some(Code::Unauthorized), "used, and still known");
    assert!(!is_signed_in(&world, &third).await);
}

#[tokio::test]
async fn much_that_has_expired_is_forgotten_at_the_start() {
    let world = World::start().await;
    let kept = ana(&world).await;
    let mut tx = world.store.write().await.unwrap();
    for statement in [
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO sessions (id, user_id, created_at, expires_at)
         SELECT 's_' || i, users.id, 0, 1 FROM n CROSS JOIN users",
        "INSERT INTO refresh_tokens SELECT id, id, expires_at, NULL FROM sessions WHERE expires_at = 1",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(rows(&world).await, (2_501, 2_501));

    let (folder, _) = world.stop().await;
    let (world, _committed) = World::unheard(Default::default(), folder).await;
    until_rows_are(&world, (1, 1)).await;
    assert!(refresh(&world, &kept).await.is_ok());
}
