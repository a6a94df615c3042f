//! New passwords, by the old one or by a link, and who gives out links.

use crate::{accounts::credentials, world::*};
use plaza_chat::{Identity, SessionId, Settings};
use plaza_protocol::{ChangePassword, Code, Error, ResetPassword, Secret, Tokens};
use std::{pin::pin, time::Duration};
use tokio::{sync::broadcast::Receiver, time::timeout};

const OLD: &str = "correct horse";
const NEW: &str = "battery staple";

async fn register(world: &World, name: &str) -> (Tokens, Identity) {
    let tokens = world.chat.register(credentials(name, OLD), "").await.unwrap();
    let identity = world.chat.authenticate(&tokens.access_token).await.unwrap();
    (tokens, identity)
}

async fn log_in(world: &World, name: &str, password: &str) -> Result<Identity, Code> {
    let tokens = world.chat.login(credentials(name, password), "").await.map_err(|error| error.code)?;
    Ok(world.chat.authenticate(&tokens.access_token).await.unwrap())
}

async fn change(world: &World, who: &Identity, current: &str, new: &str) -> Result<(), Error> {
    world.chat.change_password(who, ChangePassword { current: current.into(), new: new.into() }).await
}

async fn reset(world: &World, token: &Secret, new: &str) -> Result<(), Error> {
    world.chat.reset_password(ResetPassword { token: token.clone(), new: new.into() }).await
}

async fn ended(revocations: &mut Receiver<SessionId>, count: usize) -> Vec<SessionId> {
    let mut ended = Vec::new();
    for _ in 0..count {
        ended.push(revocations.recv().await.unwrap());
    }
    assert!(revocations.is_empty());
    ended.sort();
    ended
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let world = World::start().await;
    let (tokens, here) = register(&world, "Ana").await;
    let (first, second) =
        (log_in(&world, "Ana", OLD).await.unwrap(), log_in(&world, "Ana", OLD).await.unwrap());
    let (_, ben) = register(&world, "Ben").await;
    let mut revocations = world.chat.revocations();

    assert_eq!(code(change(&world, &here, "wrong horse", NEW).await), Code::Forbidden);
    assert_eq!(code(change(&world, &here, &"x".repeat(2_000), NEW).await), Code::Forbidden);
    assert_eq!(code(change(&world, &here, OLD, "short").await), Code::BadRequest);
    assert_eq!(code(change(&world, &ben, "wrong horse", NEW).await), Code::Forbidden);
    assert!(revocations.is_empty() && world.chat.still_holds(&second).await.unwrap());

    change(&world, &here, OLD, NEW).await.unwrap();
    let mut others = [first.session, second.session];
    others.sort();
    assert_eq!(ended(&mut revocations, 2).await, others);
    assert!(world.chat.refresh(&tokens.refresh_token).await.is_ok(), "this one goes on");
    assert!(world.chat.still_holds(&ben).await.unwrap());
    assert_eq!(log_in(&world, "Ana", OLD).await.err(), Some(Code::Unauthorized));
    assert!(log_in(&world, "Ana", NEW).await.is_ok());
}

#[tokio::test]
async fn a_session_that_has_ended_changes_no_password_and_a_guest_has_none() {
    let world = World::start().await;
    let (tokens, here) = register(&world, "Ana").await;
    world.chat.logout(&tokens.refresh_token).await.unwrap();
    assert_eq!(code(change(&world, &here, OLD, NEW).await), Code::Unauthorized);
    assert!(log_in(&world, "Ana", OLD).await.is_ok());
    let (guest, _) = world.chat.new_guest("Ben").await.unwrap();
    assert_eq!(code(change(&world, &guest, OLD, NEW).await), Code::Forbidden);
}

#[tokio::test]
async fn of_two_who_change_it_at_once_one_does() {
    let world = World::start().await;
    let (_, here) = register(&world, "Ana").await;
    let there = log_in(&world, "Ana", OLD).await.unwrap();
    let (one, other) = tokio::join!(
        change(&world, &here, OLD, "first of two"),
        change(&world, &there, OLD, "second of two")
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let (holds, kept) = if one.is_ok() { ("first of two", here) } else { ("second of two", there) };
    assert!(log_in(&world, "Ana", holds).await.is_ok() && world.chat.still_holds(&kept).await.unwrap());
}

#[tokio::test]
async fn nobody_logs_in_by_a_password_that_was_changed_meanwhile() {
    let world = World::start().await;
    register(&world, "Ana").await;
    let mut changing = world.store.write().await.unwrap();
    sqlx::query("UPDATE users SET password_hash = 'another'").execute(&mut *changing).await.unwrap();
    let mut login = pin!(log_in(&world, "Ana", OLD));
    // It has found the password right by now, or finds the new one later: either way it waits for the writer.
    assert!(timeout(Duration::from_millis(300), &mut login).await.is_err());
    changing.commit().await.unwrap();
    assert_eq!(login.await.err(), Some(Code::Unauthorized));
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_every_session() {
    let world = World::start().await;
    let (_, here) = register(&world, "Ana").await;
    let office = world.chat.administration();
    let earlier = office.reset_token("ana").await.unwrap();
    let link = office.reset_token("@Ana").await.unwrap();
    assert_eq!(link.user, here.user);
    assert!(!format!("{link:?}").contains(link.token.expose()));
    let mut revocations = world.chat.revocations();
    assert_eq!(code(reset(&world, &link.token, "short").await), Code::BadRequest, "and it still holds");
    let mut refusals = Vec::new();
    for token in [&earlier.token, &"pr_nonsense".into(), &"".into(), &"x".repeat(10_000).as_str().into()] {
        refusals.push(reset(&world, token, NEW).await.unwrap_err());
    }
    assert!(refusals.iter().all(|error| *error == refusals[0] && error.code == Code::Unauthorized));
    assert!(revocations.is_empty());

    reset(&world, &link.token, NEW).await.unwrap();
    assert_eq!(ended(&mut revocations, 1).await, [here.session]);
    assert_eq!(reset(&world, &link.token, "yet another").await, Err(refusals[0].clone()), "it worked once");
    assert_eq!(log_in(&world, "Ana", OLD).await.err(), Some(Code::Unauthorized));
    assert!(log_in(&world, "Ana", NEW).await.is_ok());
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_does() {
    let world = World::start().await;
    register(&world, "Ana").await;
    let link = world.chat.administration().reset_token("Ana").await.unwrap();
    let (one, other) =
        tokio::join!(reset(&world, &link.token, "first of two"), reset(&world, &link.token, "second of two"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let holds = if one.is_ok() { "first of two" } else { "second of two" };
    assert!(log_in(&world, "Ana", holds).await.is_ok());
}

#[tokio::test]
async fn a_link_holds_for_its_time_and_until_the_password_is_changed() {
    let world = World::with(Settings { reset_link_seconds: 600, ..Settings::default() }).await;
    let (_, here) = register(&world, "Ana").await;
    let office = world.chat.administration();
    let link = office.reset_token("Ana").await.unwrap();
    world.clock.forward(Duration::from_secs(600));
    assert_eq!(code(reset(&world, &link.token, NEW).await), Code::Unauthorized);
    let link = office.reset_token("Ana").await.unwrap();
    world.clock.forward(Duration::from_secs(599));
    change(&world, &here, OLD, NEW).await.unwrap();
    assert_eq!(code(reset(&world, &link.token, OLD).await), Code::Unauthorized);
    let link = office.reset_token("Ana").await.unwrap();
    world.clock.forward(Duration::from_secs(599));
    reset(&world, &link.token, OLD).await.unwrap();
}

#[tokio::test]
async fn administrators_are_made_and_unmade() {
    let world = World::start().await;
    let office = world.chat.administration();
    assert!(office.list().await.unwrap().is_empty());
    let chief = office.create("Chief", &OLD.into()).await.unwrap();
    let (_, ana) = register(&world, "Ana").await;
    world.user("Guest").await;
    for (name, password, refusal) in [
        ("chief", OLD, Code::Conflict),
        ("Guest", OLD, Code::Conflict),
        ("Сhief", OLD, Code::BadRequest),
        ("Boss", "short", Code::BadRequest),
        ("not a name", OLD, Code::BadRequest),
    ] {
        assert_eq!(code(office.create(name, &password.into()).await), refusal, "{name}");
    }
    assert_eq!(log_in(&world, "Chief", OLD).await.unwrap().user, chief);
    assert!(world.chat.is_administrator(&chief.id).await.unwrap());
    assert!(!world.chat.is_administrator(&ana.user.id).await.unwrap());

    office.set("ana", true).await.unwrap();
    office.set("ana", true).await.unwrap();
    assert_eq!(office.list().await.unwrap().len(), 2);
    office.set("@chief", false).await.unwrap();
    assert_eq!(office.list().await.unwrap(), [ana.user]);
    assert!(!world.chat.is_administrator(&chief.id).await.unwrap());
    for nobody in ["Guest", "Nobody", "", "@", "not a name"] {
        assert_eq!(code(office.set(nobody, true).await), Code::NotFound, "{nobody}");
        assert_eq!(code(office.reset_token(nobody).await), Code::NotFound, "{nobody}");
    }
}
