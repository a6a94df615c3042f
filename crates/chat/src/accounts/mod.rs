//! Who somebody is: accounts with a password, guests with a name, and the tokens that say so.
//!
//! Two names that look the same are not both given out (`looks`). Administrators are accounts with one more right.
//!
//! An access token is a JWT that holds for minutes; the refresh token that renews it works once, and for a minute
//! more, and gives the next. All tokens that came of one log-in are one session: it ends as a whole, on logging
//! out or when a used refresh token comes back later, which means that somebody else has it. A guest's session is
//! the guest.

mod administration;
mod authenticate;
mod devices;
pub(crate) mod expiry;
mod guests;
mod looks;
mod new_password;
mod password;
pub(crate) mod people;
mod sessions;
#[cfg(test)]
mod timing;
mod token;

pub use administration::{Administration, ResetToken};
pub(crate) use token::server_secret;

use crate::{Chat, Random, Settings, courier::ForAll};
use password::Passwords;
use plaza_protocol::User;
use plaza_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use token::TokenKeys;
use tokio::sync::broadcast;

/// Revocations that a slow receiver may be behind before it is told that it missed some.
const REVOCATIONS_KEPT: usize = 4_096;

/// A session: one log-in, or one guest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(String);

impl SessionId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who a token says one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// As others see them.
    pub user: User,
    /// What is revoked when they log out.
    pub session: SessionId,
}

/// What accounts need beside the store.
pub(crate) struct Accounts {
    keys: TokenKeys,
    passwords: Arc<Passwords>,
    revocations: broadcast::Sender<SessionId>,
}

impl Accounts {
    pub(crate) async fn start(
        store: &Store,
        random: &dyn Random,
        settings: &Settings,
    ) -> Result<Self, StoreError> {
        looks::fill_in(store).await?;
        let keys = TokenKeys::load(store, random, settings.token_secret.as_ref()).await?;
        let (revocations, _) = broadcast::channel(REVOCATIONS_KEPT);
        Ok(Self { keys, passwords: Arc::new(Passwords::new(settings)), revocations })
    }

    /// Tells the connections of a session that it has ended.
    fn tell_revoked(&self, session: &SessionId) {
        // Nobody listens: then nobody is connected.
        let _ = self.revocations.send(session.clone());
    }
}

impl Chat {
    /// Tells the connections of sessions that they have ended, on every node.
    fn tell_ended(&self, sessions: &[SessionId]) {
        self.heard_ended(sessions);
        if let Some(courier) = &self.inner.courier
            && !sessions.is_empty()
        {
            courier.tell_all(&ForAll::Ended(sessions.to_vec()));
        }
    }

    /// The same, on this node.
    pub(crate) fn heard_ended(&self, sessions: &[SessionId]) {
        for session in sessions {
            self.inner.accounts.tell_revoked(session);
        }
    }
}

impl Chat {
    /// Sessions as they end, so that their connections can be closed at once. Subscribe before letting anybody
    /// in, and ask [`Chat::still_holds`] once after a connection can be found by its session: what was revoked
    /// in between is then not missed. On `Lagged`, ask it for every connection.
    pub fn revocations(&self) -> broadcast::Receiver<SessionId> {
        self.inner.accounts.revocations.subscribe()
    }
}
