//! Guests: a name, no password, and a token that holds for a month from its last use.

use super::{
    Identity, SessionId,
    people::{self, Claim, Proof},
    sessions::new_id,
};
use crate::{Chat, Random, failure::Outcome, names, random, unavailable};
use plaza_protocol::{Code, Error, Secret, User, UserId};
use sqlx::AnyConnection;

/// What a guest's token starts with, so that it is told from an access token.
pub(super) const TOKEN_PREFIX: &str = "pg_";
/// `-2`, `-3` and so on are tried up to here; then a number at random, so that a popular name costs no more.
const COUNTED: u32 = 20;
const DRAWN: u32 = 20;

impl Chat {
    /// A new guest and the guest's token. Where the name is taken, or one that looks the same, a number is put behind
    /// it.
    ///
    /// # Errors
    /// `forbidden` where guests are not allowed, `bad_request` for a name that is not allowed.
    pub async fn new_guest(&self, name: &str) -> Result<(Identity, Secret), Error> {
        if !self.inner.settings.guests {
            return Err(Error::new(Code::Forbidden, "There are no guests here. Register instead."));
        }
        let name = names::new_user_name(name)?;
        let token = self.random().secret(TOKEN_PREFIX);
        let id = new_id(self.random(), "v_")?;
        let mut tx = self.writer().await?;
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
        self.tell_forgotten(&freed);
        let session = SessionId::of_guest(&user.id);
        Ok((Identity { user, session }, Secret::new(token)))
    }

    /// Tells the connections of expired guests, who may have come back to life by a clock that was set, that
    /// somebody else has the name.
    pub(super) fn tell_forgotten(&self, guests: &[UserId]) {
        self.tell_ended(&guests.iter().map(SessionId::of_guest).collect::<Vec<_>>());
    }
}

/// The name, or the first of its numbered ones that is free, and the expired guests who had it.
async fn free_name(
    tx: &mut AnyConnection,
    random: &dyn Random,
    name: &str,
    since: i64,
) -> Outcome<Option<(String, Vec<UserId>)>> {
    if let Claim::Free { from } = people::claim(tx, name, since).await? {
        return Ok(Some((name.to_owned(), from)));
    }
    for attempt in 0..COUNTED + DRAWN {
        let number = if attempt < COUNTED { attempt + 2 } else { random.between(100, 1_000_000) };
        let candidate = numbered(name, number);
        if let Claim::Free { from } = people::claim(tx, &candidate, since).await? {
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
