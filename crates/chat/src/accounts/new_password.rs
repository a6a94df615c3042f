//! A new password: by one who knows the old one, or by a link that an administrator gave.
//!
//! Both end sessions, since whoever else had the password may have one. A link works once and for a limited time;
//! the store has only a hash of what stands in it.

use super::{
    Identity, SessionId, devices,
    password::{PASSWORD_BYTES, acceptable},
    people,
    sessions::{commit, sign_in_again},
};
use crate::{Chat, failure::Outcome, random, unavailable};
use plaza_protocol::{ChangePassword, Code, Error, ResetPassword, UserId};
use sqlx::AnyConnection;

impl Chat {
    /// Sets the asker's password. Their other sessions end, the one that asks goes on; links by which the password
    /// could be set hold no more.
    ///
    /// # Errors
    /// `forbidden` for a wrong current password and for guests, `bad_request` for a new one that is not allowed,
    /// `unauthorized` when the session has ended meanwhile, `busy`.
    pub async fn change_password(&self, asker: &Identity, change: ChangePassword) -> Result<(), Error> {
        if asker.user.guest {
            return Err(Error::new(Code::Forbidden, "A guest has no password. Register instead."));
        }
        acceptable(&change.new)?;
        let wrong = || Error::new(Code::Forbidden, "The current password is wrong.");
        if change.current.expose().len() > *PASSWORD_BYTES.end() {
            return Err(wrong());
        }
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let stored = password_of(&mut reader, &asker.user.id).await?;
        drop(reader);
        let passwords = &self.inner.accounts.passwords;
        if !passwords.verify(change.current.expose(), stored.clone()).await? {
            return Err(wrong());
        }
        let hash = passwords.hash(change.new.expose(), self.random()).await?;
        let mut tx = self.writer().await?;
        if devices::last_use(&mut tx, &asker.session, &asker.user.id).await?.is_none() {
            return Err(sign_in_again());
        }
        // Two who change it at once: the second did not know the password that holds now.
        if password_of(&mut tx, &asker.user.id).await? != stored {
            return Err(wrong());
        }
        let ended = set(&mut tx, &asker.user.id, &hash, Some(&asker.session), self.now()).await?;
        commit(tx).await?;
        self.tell_ended(&ended);
        Ok(())
    }

    /// Sets a password by a link, which is used up by this. All sessions of the account end.
    ///
    /// # Errors
    /// `unauthorized` for a link that does not hold (any more), whatever the reason, `bad_request` for a password that
    /// is not allowed, `busy`.
    pub async fn reset_password(&self, reset: ResetPassword) -> Result<(), Error> {
        acceptable(&reset.new)?;
        let link = random::hashed(reset.token.expose());
        // Asked twice: here so that who has no link has nothing hashed, and in the transaction to be right.
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        holder(&mut reader, &link, self.now()).await?.ok_or_else(no_link)?;
        drop(reader);
        let hash = self.inner.accounts.passwords.hash(reset.new.expose(), self.random()).await?;
        let mut tx = self.writer().await?;
        let user = holder(&mut tx, &link, self.now()).await?.ok_or_else(no_link)?;
        let ended = set(&mut tx, &user, &hash, None, self.now()).await?;
        commit(tx).await?;
        tracing::info!(%user, "A password was set by a link");
        self.tell_ended(&ended);
        Ok(())
    }
}

fn no_link() -> Error {
    Error::new(Code::Unauthorized, "This link does not hold (any more). Ask an administrator for another.")
}

async fn password_of(connection: &mut AnyConnection, user: &UserId) -> Outcome<Option<String>> {
    Ok(people::by_id(connection, user).await?.and_then(|person| person.password_hash))
}

/// Sets it, ends the user's sessions but one, and lets no link hold. The sessions are to be told.
async fn set(
    tx: &mut AnyConnection,
    user: &UserId,
    hash: &str,
    kept: Option<&SessionId>,
    now: i64,
) -> Outcome<Vec<SessionId>> {
    sqlx::query("UPDATE users SET password_hash = $2 WHERE id = $1 AND guest = 0")
        .bind(user.as_str())
        .bind(hash)
        .execute(&mut *tx)
        .await?;
    drop_links(tx, user).await?;
    devices::revoke_all(tx, user, kept, now).await
}

async fn holder(connection: &mut AnyConnection, link: &str, now: i64) -> Outcome<Option<UserId>> {
    let row = sqlx::query("SELECT user_id FROM reset_links WHERE token_hash = $1 AND expires_at > $2")
        .bind(link)
        .bind(now)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| crate::log::parsed(&row, 0)).transpose()?)
}

/// Keeps a link, which takes the place of any that was given before.
pub(super) async fn keep_link(
    tx: &mut AnyConnection,
    link: &str,
    user: &UserId,
    expires_at: i64,
) -> Outcome<()> {
    drop_links(tx, user).await?;
    sqlx::query("INSERT INTO reset_links (token_hash, user_id, expires_at) VALUES ($1, $2, $3)")
        .bind(link)
        .bind(user.as_str())
        .bind(expires_at)
        .execute(tx)
        .await?;
    Ok(())
}

async fn drop_links(tx: &mut AnyConnection, user: &UserId) -> Outcome<()> {
    sqlx::query("DELETE FROM reset_links WHERE user_id = $1").bind(user.as_str()).execute(tx).await?;
    Ok(())
}
