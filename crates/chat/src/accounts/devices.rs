//! Where somebody is logged in: each log-in is a session on one device, which its owner can see and end.
//!
//! The last use is known to the hour, so that no request waits for a write: a session that is used is written down
//! when the note of before is an hour old, and sessions that are connected are, now and then, all at once.

use super::{
    Identity, SessionId, people,
    sessions::{commit, revoke},
};
use crate::{
    Chat,
    failure::Outcome,
    unavailable,
    words::{rows, words},
};
use plaza_protocol::{Code, Error, SessionInfo, SessionList, Timestamp, UserId};
use sqlx::{AnyConnection, Row};

/// How old the note of a session's last use may become, in milliseconds.
pub(super) const USE_KEPT_MILLIS: u64 = 60 * 60 * 1_000;
/// Most sessions of one account: with one more, the one not used for longest ends.
const MOST_SESSIONS: i64 = 100;
/// Longest name of a device, in characters.
const MAX_DEVICE: usize = 200;
/// Most sessions in one transaction: others wait for the writer no longer than for a batch of messages.
const SEEN_AT_ONCE: usize = 1_000;

/// Those that hold, the newest use first. By its index, without sorting.
const HOLDING: &str = "
    SELECT id, device, created_at, used_at FROM sessions
    WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
    ORDER BY used_at DESC LIMIT $3 OFFSET $4";

impl Chat {
    /// Where the asker is logged in, at most 100 sessions, the newest use first. A guest has one.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn sessions(&self, asker: &Identity) -> Result<SessionList, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        if asker.user.guest {
            return Ok(SessionList { sessions: of_guest(&mut reader, asker).await?.into_iter().collect() });
        }
        let rows = holding(&mut reader, &asker.user.id, self.now(), 0).await?;
        let sessions = rows.into_iter().map(|held| held.told_to(asker)).collect();
        Ok(SessionList { sessions })
    }

    /// Ends one of the asker's sessions, with its tokens and connections; it may be the one that asks.
    ///
    /// # Errors
    /// `not_found` for every id that is not one of theirs that holds.
    pub async fn end_session(&self, asker: &Identity, id: &str) -> Result<(), Error> {
        let unknown = || Error::new(Code::NotFound, "You have no such session (any more).");
        // No id has a NUL, and PostgreSQL takes none in a text.
        let session = SessionId(id.replace('\0', ""));
        if asker.user.guest {
            return if session == asker.session { self.end_guest(asker).await } else { Err(unknown()) };
        }
        let mut tx = self.writer().await?;
        if last_use(&mut tx, &session, &asker.user.id).await?.is_none() {
            return Err(unknown());
        }
        revoke(&mut tx, &session, self.now()).await?;
        commit(tx).await?;
        self.tell_ended(&[session]);
        Ok(())
    }

    /// Ends all of the asker's sessions, or all but the one that asks.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot take it.
    pub async fn end_sessions(&self, asker: &Identity, keep_current: bool) -> Result<(), Error> {
        if asker.user.guest {
            return if keep_current { Ok(()) } else { self.end_guest(asker).await };
        }
        let mut tx = self.writer().await?;
        let kept = keep_current.then_some(&asker.session);
        let ended = revoke_all(&mut tx, &asker.user.id, kept, self.now()).await?;
        commit(tx).await?;
        self.tell_ended(&ended);
        Ok(())
    }

    /// These sessions are in use now, or were until now. For a guest's it means that the token holds from now on;
    /// guests that have expired and lost their names meanwhile stay as they are.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot take it; some of them may be written down then.
    pub async fn sessions_seen(&self, sessions: &[SessionId]) -> Result<(), Error> {
        for some in sessions.chunks(SEEN_AT_ONCE) {
            let ids = rows(some).map_err(unavailable)?;
            let now = self.now();
            let mut tx = self.writer().await?;
            let guests = sqlx::query(words(&tx).see_guests).bind(ids.as_str()).bind(now);
            guests.execute(&mut *tx).await.map_err(unavailable)?;
            let others =
                sqlx::query(words(&tx).see_sessions).bind(ids).bind(now).bind(USE_KEPT_MILLIS as i64);
            others.execute(&mut *tx).await.map_err(unavailable)?;
            commit(tx).await?;
        }
        Ok(())
    }

    /// Which of these sessions, of accounts and of guests, have ended.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn ended_of(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>, Error> {
        let ids = rows(sessions).map_err(unavailable)?;
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let ended = sqlx::query(words(&reader).ended_sessions).bind(ids).fetch_all(&mut *reader).await;
        let ended: sqlx::Result<_> =
            ended.map_err(unavailable)?.iter().map(|row| row.try_get(0).map(SessionId)).collect();
        ended.map_err(unavailable)
    }

    async fn end_guest(&self, guest: &Identity) -> Result<(), Error> {
        let mut tx = self.writer().await?;
        people::forget(&mut tx, &guest.user.id).await?;
        commit(tx).await?;
        self.tell_ended(std::slice::from_ref(&guest.session));
        Ok(())
    }
}

/// A session that holds.
struct Holding {
    id: SessionId,
    device: String,
    created_at: i64,
    used_at: i64,
}

impl Holding {
    fn told_to(self, asker: &Identity) -> SessionInfo {
        SessionInfo {
            current: self.id == asker.session,
            id: self.id.0,
            device: self.device,
            created_at: Timestamp::from_millis(self.created_at),
            last_used_at: Timestamp::from_millis(self.used_at),
        }
    }
}

async fn holding(
    connection: &mut AnyConnection,
    user: &UserId,
    now: i64,
    skipped: i64,
) -> Outcome<Vec<Holding>> {
    let rows = sqlx::query(HOLDING)
        .bind(user.as_str())
        .bind(now)
        .bind(MOST_SESSIONS)
        .bind(skipped)
        .fetch_all(connection)
        .await?;
    let held = rows.iter().map(|row| {
        Ok(Holding {
            id: SessionId(row.try_get(0)?),
            device: row.try_get(1)?,
            created_at: row.try_get(2)?,
            used_at: row.try_get(3)?,
        })
    });
    Ok(held.collect::<sqlx::Result<_>>()?)
}

async fn of_guest(connection: &mut AnyConnection, guest: &Identity) -> Outcome<Option<SessionInfo>> {
    let row = sqlx::query("SELECT created_at, seen_at FROM users WHERE id = $1 AND token_hash IS NOT NULL")
        .bind(guest.user.id.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (id, device) = (guest.session.clone(), String::new());
    let held = Holding { id, device, created_at: row.try_get(0)?, used_at: row.try_get(1)? };
    Ok(Some(held.told_to(guest)))
}

/// When a session of this user was last used, if it holds.
pub(super) async fn last_use(
    connection: &mut AnyConnection,
    session: &SessionId,
    user: &UserId,
) -> Outcome<Option<i64>> {
    let row =
        sqlx::query("SELECT used_at FROM sessions WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL")
            .bind(session.as_str())
            .bind(user.as_str())
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Begins a session.
pub(super) async fn begin(
    tx: &mut AnyConnection,
    session: &SessionId,
    user: &UserId,
    device: &str,
    now: i64,
) -> Outcome<()> {
    let device: String = device.chars().filter(|c| !c.is_control()).take(MAX_DEVICE).collect();
    sqlx::query(
        "INSERT INTO sessions (id, user_id, created_at, expires_at, device, used_at)
         VALUES ($1, $2, $3, $3, $4, $3)",
    )
    .bind(session.as_str())
    .bind(user.as_str())
    .bind(now)
    .bind(device)
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the sessions that are too many once there is one more, and says which. They are to be told.
pub(super) async fn make_room(tx: &mut AnyConnection, user: &UserId, now: i64) -> Outcome<Vec<SessionId>> {
    let many: Vec<_> =
        holding(tx, user, now, MOST_SESSIONS - 1).await?.into_iter().map(|held| held.id).collect();
    for session in &many {
        revoke(tx, session, now).await?;
    }
    Ok(many)
}

/// Ends all sessions of a user but one, and says which. They are to be told.
pub(super) async fn revoke_all(
    tx: &mut AnyConnection,
    user: &UserId,
    kept: Option<&SessionId>,
    now: i64,
) -> Outcome<Vec<SessionId>> {
    let rows = sqlx::query(
        "UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL AND id <> $3
         RETURNING id",
    )
    .bind(user.as_str())
    .bind(now)
    .bind(kept.map_or("", SessionId::as_str))
    .fetch_all(tx)
    .await?;
    Ok(rows.iter().map(|row| row.try_get(0).map(SessionId)).collect::<sqlx::Result<_>>()?)
}
