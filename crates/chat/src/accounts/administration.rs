//! Administrators, and what they may do: give out links by which a password is set anew.
//!
//! It works on the store alone, without the tasks of a node, so that it can also be done beside a node that is running.
//! What it writes, a node looks up at every use and keeps no copy of.

use super::{
    looks, new_password,
    password::{Passwords, acceptable},
    people::{self, Claim, Proof},
    sessions::{commit, new_id, taken},
};
use crate::{Chat, Clock, Random, Settings, failure::Outcome, names, random, unavailable};
use plaza_protocol::{Error, Secret, Timestamp, User, UserId, UserRef};
use plaza_store::{Store, StoreError};
use sqlx::{AnyConnection, Row};
use std::sync::Arc;

/// Most administrators that are listed.
const MOST_LISTED: i64 = 1_000;

/// What a password is set by, once.
#[derive(Debug, Clone)]
pub struct ResetToken {
    /// Whose password.
    pub user: User,
    /// To be sent with the new one.
    pub token: Secret,
    /// When it holds no more.
    pub expires_at: Timestamp,
}

/// Administrators, on a store. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    passwords: Arc<Passwords>,
    pub(crate) settings: Settings,
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administration").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Administration {
    /// On a store that has [`crate::MIGRATIONS`].
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        looks::fill_in(&store).await?;
        let passwords = Arc::new(Passwords::new(&settings));
        Ok(Self { store, clock, random, passwords, settings })
    }

    /// Makes an account that is an administrator's.
    ///
    /// # Errors
    /// `bad_request` for a name or password that is not allowed, `conflict` for a name that is taken or looks like one
    /// that is.
    pub async fn create(&self, name: &str, password: &Secret) -> Result<User, Error> {
        let name = names::new_user_name(name)?;
        acceptable(password)?;
        let hash = self.passwords.hash(password.expose(), &*self.random).await?;
        let user = User { id: new_id(&*self.random, "u_")?, name, guest: false };
        let now = self.clock.now();
        let mut tx = self.store.write().await.map_err(unavailable)?;
        let Claim::Free { .. } = people::claim(&mut tx, &user.name, self.settings.guests_since(now)).await?
        else {
            return Err(taken());
        };
        people::add(&mut tx, &user, Proof::Password(&hash), now).await?;
        mark(&mut tx, &user.id, true).await?;
        commit(tx).await?;
        Ok(user)
    }

    /// Makes an account an administrator's, or takes that from it. Doing it again changes nothing.
    ///
    /// # Errors
    /// `not_found` where there is no account of this name.
    pub async fn set(&self, name: &str, admin: bool) -> Result<User, Error> {
        let mut tx = self.store.write().await.map_err(unavailable)?;
        let user = account(&mut tx, name).await?;
        mark(&mut tx, &user.id, admin).await?;
        commit(tx).await?;
        Ok(user)
    }

    /// Every administrator, at most 1,000, by id.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn list(&self) -> Result<Vec<User>, Error> {
        let mut reader = self.store.read().await.map_err(unavailable)?;
        let found = sqlx::query("SELECT id, name FROM users WHERE admin = 1 ORDER BY id LIMIT $1");
        let rows = found.bind(MOST_LISTED).fetch_all(&mut *reader).await.map_err(unavailable)?;
        let users = rows
            .iter()
            .map(|row| Ok(User { id: crate::log::parsed(row, 0)?, name: row.try_get(1)?, guest: false }));
        users.collect::<sqlx::Result<_>>().map_err(unavailable)
    }

    /// Something by which the password of an account can be set once, within [`Settings::reset_link_seconds`]. What was
    /// given before holds no more.
    ///
    /// # Errors
    /// `not_found` where there is no account of this name.
    pub async fn reset_token(&self, name: &str) -> Result<ResetToken, Error> {
        let token = Secret::new(self.random.secret("pr_"));
        let expires_at = self.clock.now() + i64::from(self.settings.reset_link_seconds) * 1_000;
        let mut tx = self.store.write().await.map_err(unavailable)?;
        let user = account(&mut tx, name).await?;
        new_password::keep_link(&mut tx, &random::hashed(token.expose()), &user.id, expires_at).await?;
        commit(tx).await?;
        Ok(ResetToken { user, token, expires_at: Timestamp::from_millis(expires_at) })
    }
}

impl Chat {
    /// What administrators may do, on this node's store.
    pub fn administration(&self) -> Administration {
        Administration {
            store: self.inner.store.clone(),
            clock: self.inner.clock.clone(),
            random: self.inner.random.clone(),
            passwords: self.inner.accounts.passwords.clone(),
            settings: self.inner.settings.clone(),
        }
    }

    /// Whether a user is an administrator.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn is_administrator(&self, user: &UserId) -> Result<bool, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let found = sqlx::query("SELECT 1 FROM users WHERE id = $1 AND admin = 1").bind(user.as_str());
        Ok(found.fetch_optional(&mut *reader).await.map_err(unavailable)?.is_some())
    }
}

async fn account(tx: &mut AnyConnection, name: &str) -> Outcome<User> {
    let whom = UserRef::Name(name.strip_prefix('@').unwrap_or(name).to_owned());
    let found = people::any(tx, &whom).await?;
    Ok(found.filter(|user| !user.guest).ok_or_else(|| people::no_such_account(&whom))?)
}

async fn mark(tx: &mut AnyConnection, user: &UserId, admin: bool) -> Outcome<()> {
    sqlx::query("UPDATE users SET admin = $2 WHERE id = $1 AND guest = 0")
        .bind(user.as_str())
        .bind(i64::from(admin))
        .execute(tx)
        .await?;
    Ok(())
}
