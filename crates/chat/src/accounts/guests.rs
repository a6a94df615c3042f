//! Guests: a name, no password, and a token that holds for a month from its last use.

use super::{
    Identity, SessionId,
    people::{self, Claim, Proof},
    sessions::new_id,
};
use crate::{Chat, Random, failure::Outcome, names, random, sqlite, unavailable};
use plaza_protocol::{Code, Error, Secret, User, UserId};
use sqlx::AnyConnection;

/// What a guest's token starts with, so that it is told from an access token.
pub(super) const TOKEN_PREFIX: &str = "pg_";
/// `-2`, `-3` and so on are tried up to here; then a number at random, so that a popular name costs no more.
const COUNTED: u32 = 20;
const DRAWN: u32 = 20;
/// Most guests in one transaction: others wait for the writer no longer than for a batch of messages.
const SEEN_AT_ONCE: usize = 1_000;

impl Chat {
    /// A new guest and the guest's token. Where the name is taken, a number is put behind it.
    ///
    /// # Errors
    /// `forbidden` where guests are not allowed, `bad_request` for a name that is not allowed.
    pub async fn new_guest(&self, name: &str) -> Result<(Identity, Secret), Error> {
        if !self.inner.settings.guests {
            return Err(Error::new(Code::Forbidden, "There are no guests here. Register instead."));
        }
        let name = names::user_name(name)?;
        let token = self.random().secret(TOKEN_PREFIX);
        let id = new_id(self.random(), "v_")?;
        let mut tx = self.inner.store.write().await.map_err(unavailable)?;
        let free = free_name(&mut tx, self.random(), &name, self.guests_since()).await?;
        let (name, freed) = free.ok_or_else(|| {
            Error::new(
                Code::Conflict,
                "This name is taken, and so are those with a number behind it. Choose another.",
            )
        })?;
        let user = User { id, name, guest: true };
        people::add(&mut tx, &user, Proof::Token(&random::hashed(&token)), self.now()).await?;
        tx.commit().await.map_err(unavailable)?;
        self.tell_forgotten(freed.as_ref());
        let session = SessionId::of_guest(&user.id);
        Ok((Identity { user, session }, Secret::new(token)))
    }

    /// These guests are connected now, or were until now: their tokens hold from now on. Those that have expired
    /// and lost their names meanwhile stay as they are.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot take it; some of them may be written down then.
    pub async fn guests_seen(&self, guests: &[UserId]) -> Result<(), Error> {
        for some in guests.chunks(SEEN_AT_ONCE) {
            let ids = sqlite::rows(some).map_err(unavailable)?;
            let mut tx = self.inner.store.write().await.map_err(unavailable)?;
            let see = sqlx::query(sqlite::SEE_GUESTS).bind(ids).bind(self.now());
            see.execute(&mut *tx).await.map_err(unavailable)?;
            tx.commit().await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// Tells the connections of an expired guest, who may have come back to life by a clock that was set, that
    /// somebody else has the name.
    pub(super) fn tell_forgotten(&self, guest: Option<&UserId>) {
        if let Some(guest) = guest {
            self.inner.accounts.tell_revoked(&SessionId::of_guest(guest));
        }
    }
}

/// The name, or the first of its numbered ones that is free, and the expired guest who had it.
async fn free_name(
    tx: &mut AnyConnection,
    random: &dyn Random,
    name: &str,
    since: i64,
) -> Outcome<Option<(String, Option<UserId>)>> {
    if let Claim::Free { from } = people::claim(tx, &names::key(name), since).await? {
        return Ok(Some((name.to_owned(), from)));
    }
    for attempt in 0..COUNTED + DRAWN {
        let number = if attempt < COUNTED { attempt + 2 } else { random.between(100, 1_000_000) };
        let candidate = numbered(name, number);
        if let Claim::Free { from } = people::claim(tx, &names::key(&candidate), since).await? {
            return Ok(Some((candidate, from)));
        }
    }
    Ok(None)
}

/// `Ana-2`, the name shortened where both would be too long.
fn numbered(name: &str, number: u32) -> String {
    let suffix = format!("-{number}");
    let kept: String = name.chars().take(names::MAX_USER_NAME - suffix.len()).collect();
    kept + &suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_fits_behind_every_name() {
        assert_eq!(numbered("Ana", 2), "Ana-2");
        let long = numbered(&"ж".repeat(32), 123_456);
        assert_eq!(long.chars().count(), 32);
        assert!(long.ends_with("ж-123456"));
    }
}
