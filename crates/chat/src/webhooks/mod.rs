//! Webhooks: programs that write into rooms without being members of them.
//!
//! Each has a name, the rooms it may write into, and one key or, while it is changed, several. A key both proves its
//! holder by being sent and signs what is sent, so the server has to know it again to check a signature. It is not kept
//! for that: it is made of a salt and of the server's own secret, and of itself only a hash is stored. Who reads the
//! store alone can do nothing with it ([`key`]).

mod administration;
mod key;

pub use administration::{NewWebhook, WebhookInfo};
pub(crate) use key::Root;

use crate::{
    Chat, Clock,
    accounts::people,
    failure::{Failure, Outcome},
    names, random, unavailable,
};
use plaza_protocol::{Code, Error, RoomId, Secret, User, UserId};
use sqlx::Row;

/// What ids of webhooks begin with.
const PREFIX: &str = "w_";
/// Who writes without a key, where that is allowed.
const LOCAL: &str = "w_local";
/// What those are called who do not say.
const UNNAMED: &str = "Webhook";
/// Most keys that are tried on one signature.
const MOST_TRIED: i64 = 64;

/// A webhook, and whether it may write into the room that was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Who its messages are of.
    pub sender: User,
    /// Whether the room is one of its own.
    pub may_write: bool,
}

/// A key that may have signed something for a room.
pub struct SigningKey {
    /// Whose it is.
    pub webhook: Webhook,
    /// What it signs with.
    pub bytes: [u8; 32],
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}

impl Webhook {
    /// The one that writes without a key.
    ///
    /// # Errors
    /// `internal`, which is a fault of ours.
    pub fn local() -> Result<Self, Error> {
        Ok(Self { sender: sender(LOCAL, UNNAMED.to_owned())?, may_write: true })
    }

    /// One for somebody who writes from another service: always the same for one person there.
    ///
    /// # Errors
    /// `internal`, which is a fault of ours.
    pub fn of_service(service: &str, person: &str, name: String) -> Result<Self, Error> {
        let id = format!("{PREFIX}{}", &random::hashed(&format!("{service} {person}"))[..22]);
        Ok(Self { sender: sender(&id, name)?, may_write: true })
    }
}

/// To clients that do not know webhooks it is a guest: somebody with a name and no account.
fn sender(id: &str, name: String) -> Result<User, Error> {
    let fault = |_| Error::new(Code::Internal, "The server could not make an id. Try again.");
    let id: UserId = id.parse().map_err(fault)?;
    Ok(User { id, name, guest: true })
}

impl Chat {
    /// Whose this key is, and whether it may write into `room`. `None` for one that does not hold (any more).
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn webhook_by_key(&self, key: &Secret, room: &RoomId) -> Result<Option<Webhook>, Error> {
        const BY_KEY: &str = "
            SELECT webhooks.id, webhooks.name,
                (SELECT COUNT(*) FROM webhook_rooms
                 WHERE webhook_rooms.webhook_id = webhooks.id AND webhook_rooms.room_id = $2)
            FROM webhook_keys JOIN webhooks ON webhooks.id = webhook_keys.webhook_id
            WHERE webhook_keys.key_hash = $1 AND (webhook_keys.expires_at IS NULL OR webhook_keys.expires_at > $3)";
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let found = sqlx::query(BY_KEY)
            .bind(random::hashed(key.expose()))
            .bind(room.as_str())
            .bind(self.now())
            .fetch_optional(&mut *reader)
            .await
            .map_err(unavailable)?;
        let Some(row) = found else { return Ok(None) };
        let id: String = row.try_get(0).map_err(unavailable)?;
        let sender = sender(&id, row.try_get(1).map_err(unavailable)?)?;
        let may_write = row.try_get::<i64, _>(2).map_err(unavailable)? > 0;
        Ok(Some(Webhook { sender, may_write }))
    }

    /// The keys with which something for `room` may be signed, at most 64.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn webhook_signing_keys(&self, room: &RoomId) -> Result<Vec<SigningKey>, Error> {
        const OF_ROOM: &str = "
            SELECT webhooks.id, webhooks.name, webhook_keys.salt
            FROM webhook_rooms
            JOIN webhooks ON webhooks.id = webhook_rooms.webhook_id
            JOIN webhook_keys ON webhook_keys.webhook_id = webhooks.id
            WHERE webhook_rooms.room_id = $1
                AND (webhook_keys.expires_at IS NULL OR webhook_keys.expires_at > $2)
            ORDER BY webhook_keys.created_at DESC LIMIT $3";
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let rows = sqlx::query(OF_ROOM)
            .bind(room.as_str())
            .bind(self.now())
            .bind(MOST_TRIED)
            .fetch_all(&mut *reader)
            .await
            .map_err(unavailable)?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, name): (String, String) =
                (row.try_get(0).map_err(unavailable)?, row.try_get(1).map_err(unavailable)?);
            let salt: String = row.try_get(2).map_err(unavailable)?;
            let webhook = Webhook { sender: sender(&id, name)?, may_write: true };
            keys.push(SigningKey { webhook, bytes: self.inner.webhook_root.key(&salt) });
        }
        Ok(keys)
    }

    /// A name under which a webhook may write for once.
    ///
    /// # Errors
    /// `bad_request` for one that is not allowed, `conflict` for one that is somebody's, or looks like it.
    pub async fn webhook_name(&self, name: &str) -> Result<String, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let since = self.inner.settings.guests_since(self.now());
        Ok(free_name(&mut reader, name, since).await?)
    }
}

/// The name of a webhook, as it is shown: it is nobody's, and looks like nobody's.
async fn free_name(connection: &mut sqlx::AnyConnection, name: &str, since: i64) -> Outcome<String> {
    let name = names::webhook_name(name)?;
    // Spaces tell nobody apart, and people's names have none.
    let joined = name.replace(' ', "");
    if people::is_taken(connection, &joined, since).await? {
        let sentence = "Somebody here has this name, or one that looks like it. Choose another.";
        return Err(Failure::Refused(Error::new(Code::Conflict, sentence)));
    }
    Ok(name)
}

/// Now, and when guests are seen no more who were not here since.
fn since(clock: &dyn Clock, settings: &crate::Settings) -> (i64, i64) {
    let now = clock.now();
    (now, settings.guests_since(now))
}
