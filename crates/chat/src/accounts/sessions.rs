//! Registering, logging in, staying logged in, logging out.

use super::{
    SessionId, devices,
    password::{PASSWORD_BYTES, acceptable},
    people::{self, Claim, Proof},
};
use crate::{
    Chat, Random,
    failure::{Failure, Outcome},
    log::{decode, parsed},
    names, random, unavailable,
};
use plaza_protocol::{Code, Credentials, Error, Secret, Tokens, User, UserId, UserRef};
use plaza_store::WriteTx;
use sqlx::{AnyConnection, Row};

/// How long a used refresh token is still taken, from its first use; see `docs/decisions/0001-refresh-grace.md`.
const GRACE_MILLIS: u64 = 60_000;

impl Chat {
    /// Makes an account, and logs it in on a device, which its owner sees by this name of up to 200 characters.
    ///
    /// # Errors
    /// `bad_request` for a name or password that is not allowed, `conflict` for a name that is taken or looks like
    /// one that is, `busy`.
    pub async fn register(&self, credentials: Credentials, device: &str) -> Result<Tokens, Error> {
        let name = names::new_user_name(&credentials.name)?;
        acceptable(&credentials.password)?;
        // Asked twice: here to spare the hash, and in the transaction to be right.
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        if people::is_taken(&mut reader, &name, self.guests_since()).await? {
            return Err(taken());
        }
        drop(reader);
        let hash = self.inner.accounts.passwords.hash(credentials.password.expose(), self.random()).await?;
        let id = new_id(self.random(), "u_")?;
        let user = User { id, name, guest: false };
        let mut tx = self.writer().await?;
        let Claim::Free { from } = people::claim(&mut tx, &user.name, self.guests_since()).await? else {
            return Err(taken());
        };
        people::add(&mut tx, &user, Proof::Password(&hash), self.now()).await?;
        let tokens = self.begin_session(tx, user, device).await?;
        self.tell_forgotten(&from);
        Ok(tokens)
    }

    /// Logs an account in on a device, as [`Chat::register`] does. Of 100 sessions the one not used for longest ends.
    ///
    /// # Errors
    /// `unauthorized`, whether the name is unknown or the password wrong, after the same time; `busy`.
    pub async fn login(&self, credentials: Credentials, device: &str) -> Result<Tokens, Error> {
        let refused = || Error::new(Code::Unauthorized, "The name or the password is wrong.");
        // No password is longer, whatever the name is.
        if credentials.password.expose().len() > *PASSWORD_BYTES.end() {
            return Err(refused());
        }
        let person = match names::user_name(&credentials.name) {
            Ok(name) => {
                let mut reader = self.inner.store.read().await.map_err(unavailable)?;
                people::by_name(&mut reader, &name).await?
            }
            Err(_) => None,
        };
        let stored = person.as_ref().and_then(|person| person.password_hash.clone());
        let passwords = &self.inner.accounts.passwords;
        let right = passwords.verify(credentials.password.expose(), stored.clone()).await?;
        let user = person.filter(|_| right).map(|person| person.user).ok_or_else(refused)?;
        let mut tx = self.writer().await?;
        // Whoever changes a password ends all sessions: none may begin by the old one behind that.
        let now = people::by_id(&mut tx, &user.id).await?;
        if now.is_none_or(|person| person.password_hash != stored) {
            return Err(refused());
        }
        self.begin_session(tx, user, device).await
    }

    /// The next tokens for a refresh token, which is used up by this, with every other of its session. One that
    /// comes back within a minute of its first use gets new tokens once more: that is a page loaded twice, or an
    /// answer that was lost. Later it ends its whole session, since somebody else has it.
    ///
    /// # Errors
    /// `unauthorized`.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, Error> {
        let refused = sign_in_again;
        let now = self.now();
        let hash = random::hashed(refresh_token.expose());
        // Asked twice: here, so that who has no token does not take up the writer, and then to be right.
        if !self.is_known(&hash).await? {
            return Err(refused());
        }
        let mut tx = self.writer().await?;
        let found = found_token(&mut tx, &hash).await?.ok_or_else(refused)?;
        // Either way: a clock that is set back makes no grace longer.
        if found.used_at.is_some_and(|used_at| now.abs_diff(used_at) >= GRACE_MILLIS) {
            revoke(&mut tx, &found.session, now).await?;
            commit(tx).await?;
            tracing::warn!(user = %found.user.id, "A used refresh token came back; its session is revoked");
            self.inner.accounts.tell_revoked(&found.session);
            return Err(refused());
        }
        if found.revoked || found.expires_at <= now {
            return Err(refused());
        }
        if found.used_at.is_none() {
            use_up(&mut tx, &found.session, now).await?;
        }
        self.give_tokens(tx, found.user, found.session).await
    }

    /// Ends the session of a refresh token, used or not, or a guest by the guest's token. An unknown token is
    /// nothing to complain about: what was asked for is so.
    ///
    /// # Errors
    /// `unavailable` when the store cannot take it.
    pub async fn logout(&self, token: &Secret) -> Result<(), Error> {
        let hash = random::hashed(token.expose());
        if !self.is_known(&hash).await? {
            return Ok(());
        }
        let mut tx = self.writer().await?;
        let session = if let Some(guest) = people::by_token(&mut tx, &hash).await? {
            people::forget(&mut tx, &guest.user.id).await?;
            SessionId::of_guest(&guest.user.id)
        } else if let Some(found) = found_token(&mut tx, &hash).await? {
            revoke(&mut tx, &found.session, self.now()).await?;
            found.session
        } else {
            return Ok(());
        };
        commit(tx).await?;
        self.tell_ended(&[session]);
        Ok(())
    }

    /// Whether a token with this hash is somebody's: a refresh token, used or not, or a guest's.
    async fn is_known(&self, hash: &str) -> Result<bool, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        Ok(is_known(&mut reader, hash).await?)
    }

    /// Guests that were seen last at this moment or before have expired.
    pub(super) fn guests_since(&self) -> i64 {
        self.inner.settings.guests_since(self.now())
    }

    async fn begin_session(&self, mut tx: WriteTx, user: User, device: &str) -> Result<Tokens, Error> {
        let session = SessionId(self.random().id("s_"));
        let ended = devices::make_room(&mut tx, &user.id, self.now()).await?;
        devices::begin(&mut tx, &session, &user.id, device, self.now()).await?;
        let tokens = self.give_tokens(tx, user, session).await?;
        self.tell_ended(&ended);
        Ok(tokens)
    }

    /// A new pair of tokens for a session, and the commit.
    async fn give_tokens(&self, mut tx: WriteTx, user: User, session: SessionId) -> Result<Tokens, Error> {
        let (now, settings) = (self.now(), &self.inner.settings);
        let refresh_token = Secret::new(self.random().secret(""));
        let expires_at = now + i64::from(settings.refresh_token_seconds) * 1_000;
        keep_token(&mut tx, &random::hashed(refresh_token.expose()), &session, now, expires_at).await?;
        commit(tx).await?;
        let seconds = settings.access_token_seconds;
        let access_token = self.inner.accounts.keys.issue(&user.id, &session, now, seconds)?.into();
        let access_token_expires_in_ms = u64::from(seconds) * 1_000;
        Ok(Tokens { user, access_token, access_token_expires_in_ms, refresh_token })
    }
}

impl SessionId {
    /// A guest has one session for life, under the guest's own id.
    pub(super) fn of_guest(guest: &UserId) -> Self {
        Self(guest.as_str().to_owned())
    }
}

/// A new user's id.
pub(super) fn new_id(random: &dyn Random, prefix: &str) -> Result<UserId, Error> {
    random
        .id(prefix)
        .parse()
        .map_err(|_| Error::new(Code::Internal, "The server could not make an id. Try again."))
}

/// The answer to a token that does not hold (any more), whatever the reason.
pub(super) fn sign_in_again() -> Error {
    Error::new(Code::Unauthorized, "You are not signed in any more. Sign in again.")
}

pub(super) fn taken() -> Error {
    Error::new(Code::Conflict, "This name is taken, or looks like one that is. Choose another.")
}

pub(super) async fn commit(tx: WriteTx) -> Result<(), Error> {
    tx.commit().await.map_err(unavailable)
}

async fn is_known(reader: &mut AnyConnection, hash: &str) -> Outcome<bool> {
    let row = sqlx::query(
        "SELECT 1 FROM refresh_tokens WHERE token_hash = $1
         UNION ALL SELECT 1 FROM users WHERE token_hash = $1 LIMIT 1",
    )
    .bind(hash)
    .fetch_optional(reader)
    .await?;
    Ok(row.is_some())
}

struct FoundToken {
    session: SessionId,
    user: User,
    expires_at: i64,
    used_at: Option<i64>,
    revoked: bool,
}

async fn found_token(tx: &mut AnyConnection, hash: &str) -> Outcome<Option<FoundToken>> {
    let row = sqlx::query(
        "SELECT sessions.id, sessions.revoked_at, tokens.expires_at, tokens.used_at, sessions.user_id
         FROM refresh_tokens AS tokens JOIN sessions ON sessions.id = tokens.session_id
         WHERE tokens.token_hash = $1",
    )
    .bind(hash)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let whom = UserRef::Id(parsed(&row, 4)?);
    let user = people::any(tx, &whom).await?.ok_or_else(|| decode("a session without its user"))?;
    Ok(Some(FoundToken {
        session: SessionId(row.try_get(0)?),
        user,
        revoked: row.try_get::<Option<i64>, _>(1)?.is_some(),
        expires_at: row.try_get(2)?,
        used_at: row.try_get(3)?,
    }))
}

/// Uses up every token of a session that was not used before: the one that came, and those that were given
/// beside it within a grace. So of the branches that a grace makes only one goes on.
async fn use_up(tx: &mut AnyConnection, session: &SessionId, now: i64) -> Outcome<()> {
    sqlx::query("UPDATE refresh_tokens SET used_at = $2 WHERE session_id = $1 AND used_at IS NULL")
        .bind(session.as_str())
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// A session lives as long as its newest refresh token, and getting one is use.
async fn keep_token(
    tx: &mut AnyConnection,
    hash: &str,
    session: &SessionId,
    now: i64,
    expires_at: i64,
) -> Outcome<()> {
    sqlx::query("INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES ($1, $2, $3)")
        .bind(hash)
        .bind(session.as_str())
        .bind(expires_at)
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE sessions SET expires_at = $2, used_at = $3 WHERE id = $1")
        .bind(session.as_str())
        .bind(expires_at)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends a session.
pub(super) async fn revoke(tx: &mut AnyConnection, session: &SessionId, now: i64) -> Result<(), Failure> {
    sqlx::query("UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(session.as_str())
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}
