//! That the time of an answer does not tell which names exist: every refused log-in costs one hash, the same one. A clock
//! would show that now and then; here nobody may hash, and whoever would have is told so.

use super::*;
use crate::{Clock, SystemRandom, Tasks};
use plaza_protocol::{ChangePassword, Code, Credentials, Error};
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
