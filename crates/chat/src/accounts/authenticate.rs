//! Who comes with this token?

use super::{
    Identity, SessionId,
    devices::{USE_KEPT_MILLIS, last_use},
    guests::TOKEN_PREFIX,
    people,
    sessions::sign_in_again,
};
use crate::{Chat, failure::Outcome, random, unavailable};
use plaza_protocol::{Error, Secret, UserId, UserRef};
use sqlx::AnyConnection;

/// No token of ours is longer, in bytes.
const LONGEST: usize = 2_048;

impl Chat {
    /// Who an access token or a guest's token says one is. A session that was revoked is refused though its
    /// token be in time. For a guest this is a use of the token, which makes it hold for longer.
    ///
    /// # Errors
    /// `unauthorized`.
    pub async fn authenticate(&self, token: &Secret) -> Result<Identity, Error> {
        let refused = sign_in_again;
        let token = token.expose();
        if token.len() > LONGEST {
            return Err(refused());
        }
        if token.starts_with(TOKEN_PREFIX) {
            return self.guest(token).await?.ok_or_else(refused);
        }
        let (user, session) = self.inner.accounts.keys.read(token, self.now()).ok_or_else(refused)?;
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let used_at = last_use(&mut reader, &session, &user).await?.ok_or_else(refused)?;
        let user = people::any(&mut reader, &UserRef::Id(user)).await?.ok_or_else(refused)?;
        drop(reader);
        if self.now().abs_diff(used_at) >= USE_KEPT_MILLIS {
            self.note_use(&session).await;
        }
        Ok(Identity { user, session })
    }

    /// Whether a session that was let in before has not been revoked since.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn still_holds(&self, identity: &Identity) -> Result<bool, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        if identity.user.guest {
            return Ok(guest_has_token(&mut reader, &identity.user.id).await?);
        }
        Ok(last_use(&mut reader, &identity.session, &identity.user.id).await?.is_some())
    }

    async fn guest(&self, token: &str) -> Result<Option<Identity>, Error> {
        let (now, since) = (self.now(), self.guests_since());
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let found = people::by_token(&mut reader, &random::hashed(token)).await?;
        drop(reader);
        let Some(guest) = found.filter(|guest| guest.seen_at > since) else { return Ok(None) };
        let session = SessionId::of_guest(&guest.user.id);
        if now.abs_diff(guest.seen_at) >= self.inner.settings.guest_renewal().as_millis() as u64 {
            self.note_use(&session).await;
        }
        Ok(Some(Identity { user: guest.user, session }))
    }

    /// Writes down that a session is used. That it cannot be is no reason to keep somebody out who only reads; the
    /// store's failure is in the log.
    async fn note_use(&self, session: &SessionId) {
        let _ = self.sessions_seen(std::slice::from_ref(session)).await;
    }
}

async fn guest_has_token(connection: &mut AnyConnection, guest: &UserId) -> Outcome<bool> {
    let row = sqlx::query("SELECT 1 FROM users WHERE id = $1 AND token_hash IS NOT NULL")
        .bind(guest.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}
