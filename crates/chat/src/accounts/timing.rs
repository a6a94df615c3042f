//! That the time of an answer does not tell more than the answer: every refused log-in costs one hash, the same one, and what
//! is refused by name costs none. A clock would show that now and then; here nobody may hash, and whoever would have is told so.

use super::*;
use crate::{Clock, SystemRandom, Tasks};
use plaza_protocol::{ChangePassword, Code, Credentials, Error, ResetPassword};
use plaza_store::{Durability, StoreOptions};
use std::path::Path;
use tokio_util::sync::CancellationToken;

struct Still;

impl Clock for Still {
    fn now(&self) -> i64 {
        1_800_000_000_000
    }
}

async fn chat(folder: &Path) -> Chat {
    let options =
        StoreOptions { durability: Durability::None, ..StoreOptions::new(folder.join("plaza.db"), [7; 16]) };
    let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
    let stop = CancellationToken::new();
    let tasks = Tasks::new(stop.clone());
    let random = Arc::new(SystemRandom);
    Chat::start(store, Arc::new(Still), random, Settings::default(), stop, &tasks).await.unwrap().0
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials { name: name.into(), password: password.into() }
}

#[tokio::test]
async fn every_refused_log_in_hashes_once() {
    let folder = tempfile::tempdir().unwrap();
    let chat = chat(folder.path()).await;
    let tokens = chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    let ana = chat.authenticate(&tokens.access_token).await.unwrap();
    chat.new_guest("Ben").await.unwrap();
    let names = ["Ana", "ANA", "Ben", "Nobody", "not a name", "", "Аna", "\u{0}"];
    let all = |error: Error| (error.code, error.message);
    let mut refusals = Vec::new();
    for name in names {
        refusals.push(chat.login(credentials(name, "wrong horse"), "").await.map(|_| ()).map_err(all));
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    assert_eq!(refusals[0].as_ref().unwrap_err().0, Code::Unauthorized);

    // From here on everybody who would hash is turned away before.
    let passwords = chat.inner.accounts.passwords.clone();
    let _all_places = passwords.take_all_places().await;
    for name in names {
        for password in ["wrong horse", "correct horse", "", "short"] {
            let refused = chat.login(credentials(name, password), "").await.map(|_| ());
            assert_eq!(refused.unwrap_err().code, Code::Busy, "{name:?} {password:?}");
        }
        // The one thing that is told without: no password is that long, for no name.
        let refused = chat.login(credentials(name, &"x".repeat(1_025)), "").await.map(|_| ());
        assert_eq!(refused.unwrap_err().code, Code::Unauthorized);
    }
    let change = ChangePassword { current: "wrong horse".into(), new: "battery staple".into() };
    assert_eq!(chat.change_password(&ana, change).await.unwrap_err().code, Code::Busy);
}

#[tokio::test]
async fn what_is_refused_openly_is_refused_before_anything_is_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let chat = chat(folder.path()).await;
    chat.register(credentials("Ana", "correct horse"), "").await.unwrap();
    chat.new_guest("Ben").await.unwrap();
    let link = chat.administration().reset_token("Ana").await.unwrap().token;
    let reset = |token: &str| ResetPassword { token: token.into(), new: "battery staple".into() };
    chat.reset_password(reset(link.expose())).await.unwrap();

    let passwords = chat.inner.accounts.passwords.clone();
    let _all_places = passwords.take_all_places().await;
    // An account's name, a guest's, and one that only looks like it: all are taken alike.
    let mut taken = Vec::new();
    for name in ["Ana", "ANA", "Ben", "An\u{430}"] {
        taken.push(chat.register(credentials(name, "a long password"), "").await.unwrap_err());
    }
    assert!(
        taken[..3].iter().all(|error| (error.code, &error.message) == (Code::Conflict, &taken[0].message))
    );
    assert_ne!(taken[3].code, Code::Busy, "{taken:?}");
    let free = chat.register(credentials("Cleo", "a long password"), "").await.unwrap_err();
    assert_eq!(free.code, Code::Busy, "one that is free is hashed");
    // A link that never was, one that was used, and none at all.
    let mut refused = Vec::new();
    for token in ["pr_nobodys", link.expose(), ""] {
        refused.push(chat.reset_password(reset(token)).await.unwrap_err());
    }
    let all = |error: &Error| (error.code, error.message.clone());
    assert!(refused.iter().all(|error| all(error) == all(&refused[0])), "{refused:?}");
    assert_eq!(refused[0].code, Code::Unauthorized);
}
