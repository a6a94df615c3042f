//! Who is let in, as whom, and how one is sent away.

use crate::code;
use plaza_client::{Closed, ConnectError, Connection, Incoming, Options};
use plaza_protocol::{Auth, Code, Credentials, Error, User};
use plaza_testkit::{
    Guest, Plaza, Setup,
    guest::{room, within},
};
use std::time::{Duration, Instant};

async fn refusal(plaza: &Plaza, auth: Auth) -> Error {
    match Guest::open(plaza, &auth, &Options::default()).await {
        Err(ConnectError::Refused(error)) => error,
        Err(other) => panic!("instead of a refusal: {other}"),
        Ok(guest) => panic!("let in as {:?}", guest.user),
    }
}

fn credentials(name: &str) -> Credentials {
    Credentials { name: name.into(), password: "correct horse battery".into() }
}

#[tokio::test]
async fn a_guest_is_told_who_it_is_and_gets_a_token_once() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut ana = Guest::connect(&plaza, "Ana").await;
    assert_eq!((ana.user.name.as_str(), ana.user.guest), ("Ana", true));
    assert!(ana.session.token.is_some() && !ana.session.node.is_empty() && !ana.session.epoch.is_empty());
    let (missed, resumed) = ana.until_resumed().await;
    assert!(missed.is_empty() && resumed.rooms.is_empty());

    let again = Guest::with_token(&plaza, &ana.token).await;
    assert_eq!(again.user, ana.user);
    assert_eq!(again.session.token, None);
    assert_eq!(again.epoch, ana.epoch);
}

#[tokio::test]
async fn a_taken_name_gets_a_number_whatever_its_case() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let names = [("Ana", "Ana"), ("Ana", "Ana-2"), ("ana", "ana-3")];
    for (wished, given) in names {
        assert_eq!(Guest::connect(&plaza, wished).await.user.name, given);
    }
    // An account's name is taken too.
    plaza.rest().unwrap().register(&credentials("Ben")).await.unwrap();
    assert_eq!(Guest::connect(&plaza, "Ben").await.user.name, "Ben-2");
}

#[tokio::test]
async fn an_account_connects_with_its_access_token() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let rest = plaza.rest().unwrap();
    let tokens = rest.register(&credentials("Ana")).await.unwrap();
    let ana = Guest::with_token(&plaza, &tokens.access_token).await;
    assert_eq!(ana.user, User { guest: false, ..tokens.user.clone() });
    assert_eq!(ana.session.token, None);
    assert_eq!(rest.me(&tokens.access_token).await.unwrap().user, tokens.user);

    let again = rest.login(&credentials("ana")).await.unwrap();
    assert_eq!(again.user, tokens.user, "the case of a name does not matter");
    let wrong = Credentials { name: "Ana".into(), password: "wrong password".into() };
    assert_eq!(code(rest.login(&wrong).await.map(drop)), Code::Unauthorized);
    let nobody = Credentials { name: "Nobody".into(), password: "wrong password".into() };
    assert_eq!(
        crate::refused(rest.login(&nobody).await.map(drop)),
        crate::refused(rest.login(&wrong).await.map(drop)),
        "which names exist is nobody's business"
    );
    assert_eq!(code(rest.register(&credentials("ANA")).await.map(drop)), Code::Conflict);
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_is_refused_with_a_code() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let token = |token: &str| Auth { token: Some(token.into()), ..Auth::default() };
    assert_eq!(refusal(&plaza, Auth::default()).await.code, Code::Unauthorized);
    assert_eq!(refusal(&plaza, token("nonsense")).await.code, Code::Unauthorized);
    assert_eq!(refusal(&plaza, token("")).await.code, Code::Unauthorized);
    for name in ["", "   ", &"x".repeat(500), "a\nb"] {
        let guest = Auth { guest: Some(name.into()), ..Auth::default() };
        let error = refusal(&plaza, guest).await;
        assert!(matches!(error.code, Code::BadRequest | Code::TooLarge), "{name:?}: {error:?}");
    }
}

#[tokio::test]
async fn more_positions_than_anybody_can_hold_are_refused() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let with = |count: u64| {
        let positions = (0..count).map(|number| (format!("r{number}"), number)).collect();
        Auth { guest: Some("Ana".into()), positions: Some(positions), ..Auth::default() }
    };
    let error = refusal(&plaza, with(20_001)).await;
    assert_eq!((error.code, error.retryable), (Code::BadRequest, false));
    let mut ana = Guest::open(&plaza, &with(20_000), &Options::default()).await.unwrap();
    assert_eq!(ana.until_resumed().await.1.rooms.len(), 20_000);
}

#[tokio::test]
async fn guests_may_be_turned_off() {
    let plaza = Setup::default().env("PLAZA_CHAT__GUESTS", "false").start().await.unwrap();
    let guest = Auth { guest: Some("Ana".into()), ..Auth::default() };
    let error = refusal(&plaza, guest).await;
    assert!(matches!(error.code, Code::Forbidden | Code::Unauthorized), "{error:?}");
    assert!(!error.retryable);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_for_one_who_lost_the_answer_again() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let rest = plaza.rest().unwrap();
    let first = rest.register(&credentials("Ana")).await.unwrap();
    let second = rest.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(second.user, first.user);
    let again = rest.refresh(&first.refresh_token).await.unwrap();
    assert_ne!(again.refresh_token, second.refresh_token);
    for tokens in [&second, &again] {
        assert_eq!(rest.me(&tokens.access_token).await.unwrap().user, first.user);
    }
    assert_eq!(code(rest.refresh(&"unknown".into()).await), Code::Unauthorized);
}

#[tokio::test]
async fn logging_out_ends_the_connections_of_that_log_in_within_five_seconds() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let rest = plaza.rest().unwrap();
    let here = rest.register(&credentials("Ana")).await.unwrap();
    let elsewhere = rest.login(&credentials("Ana")).await.unwrap();
    let mut ended = Guest::with_token(&plaza, &here.access_token).await;
    let mut stays = Guest::with_token(&plaza, &elsewhere.access_token).await;
    ended.until_resumed().await;
    stays.until_resumed().await;

    let began = Instant::now();
    rest.logout(&here.refresh_token).await.unwrap();
    let told = ended.until(|incoming| matches!(incoming, Incoming::Ending(_))).await;
    assert!(matches!(told, Incoming::Ending(ending) if ending.reason == "revoked"));
    ended.until_closed().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    let token = Auth { token: Some(here.access_token.clone()), ..Auth::default() };
    assert_eq!(refusal(&plaza, token).await.code, Code::Unauthorized);
    assert_eq!(code(rest.me(&here.access_token).await), Code::Unauthorized);
    stays.nothing_more().await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_let_go_and_one_that_does_stays() {
    let plaza = Setup::default()
        .env("PLAZA_SOCKET__PING_INTERVAL_MS", "200")
        .env("PLAZA_SOCKET__PING_TIMEOUT_MS", "1500")
        .start()
        .await
        .unwrap();
    let mut ana = Guest::connect(&plaza, "Ana").await;
    ana.until_resumed().await;
    ana.connection.join_room(&room("a")).await.unwrap();
    // This one stops reading, and so it sees no ping: its queue is full after the first event.
    let idle = Options { event_queue: 1, request_timeout: Duration::from_millis(500), ..Options::default() };
    let mute = Guest::connect_with(&plaza, "Mute", &idle).await;
    let _ = mute.connection.join_room(&room("a")).await;
    let rest = plaza.rest().unwrap();
    let mut said = 0;
    within(async {
        while rest.health().await.unwrap().connections > 1 {
            ana.say(&room("a"), &format!("c{said}"), "Are you there?").await;
            said += 1;
        }
    })
    .await;
    ana.say(&room("a"), "last", "Gone.").await;
    drop(mute);
}

#[tokio::test]
async fn a_server_that_dies_is_noticed_by_the_end_of_the_connection() {
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let mut ana = Guest::connect(&plaza, "Ana").await;
    plaza.kill().await.unwrap();
    let closed = ana.until_closed().await;
    assert!(matches!(closed, Closed::Lost(_) | Closed::Transport), "{closed:?}");
    let auth = Auth { guest: Some("Ana".into()), ..Auth::default() };
    let gone = Connection::open(&plaza.address().unwrap(), &auth, &Options::default()).await;
    assert!(matches!(gone, Err(ConnectError::Unreachable { .. })), "{gone:?}");
}
