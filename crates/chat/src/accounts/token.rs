//! Access tokens: JWT, HS256 and nothing else, fifteen minutes by default. The clock is ours, so the library is
//! told not to look at its own.

use super::SessionId;
use crate::Random;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use plaza_protocol::{Code, Error, Secret, UserId};
use plaza_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// How far two clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    sid: String,
    iat: i64,
    exp: i64,
}

/// Signs and reads them.
pub(super) struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl TokenKeys {
    /// With the configured secret, or with the store's own, which is made at random once.
    pub(super) async fn load(
        store: &Store,
        random: &dyn Random,
        configured: Option<&Secret>,
    ) -> Result<Self, StoreError> {
        let secret = match configured {
            Some(secret) => secret.expose().to_owned(),
            None => stored_secret(store, random).await?,
        };
        Ok(Self::new(secret.as_bytes()))
    }

    fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// A token that holds for `seconds`.
    pub(super) fn issue(
        &self,
        user: &UserId,
        session: &SessionId,
        now: i64,
        seconds: u32,
    ) -> Result<String, Error> {
        let iat = now.div_euclid(1_000);
        let claims = Claims { sub: user.clone(), sid: session.0.clone(), iat, exp: iat + i64::from(seconds) };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "A token could not be signed");
            Error::new(Code::Internal, "The server could not make a token. Try again.")
        })
    }

    /// Who it says one is, if it is ours and in time.
    pub(super) fn read(&self, token: &str, now: i64) -> Option<(UserId, SessionId)> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let seconds = now.div_euclid(1_000);
        let in_time = seconds < claims.exp.saturating_add(LEEWAY) && claims.iat <= seconds + LEEWAY;
        in_time.then_some((claims.sub, SessionId(claims.sid)))
    }
}

async fn stored_secret(store: &Store, random: &dyn Random) -> Result<String, StoreError> {
    let mut tx = store.write().await?;
    sqlx::query("INSERT INTO secrets (name, value) VALUES ('tokens', $1) ON CONFLICT (name) DO NOTHING")
        .bind(random.secret(""))
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query("SELECT value FROM secrets WHERE name = 'tokens'").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    const NOW: i64 = 1_800_000_000_000;

    fn keys() -> TokenKeys {
        TokenKeys::new(&[7; 32])
    }

    fn issued() -> String {
        keys().issue(&"u_1".parse().unwrap(), &SessionId("s_1".into()), NOW, 900).unwrap()
    }

    #[test]
    fn it_holds_for_its_time_and_a_minute() {
        let token = issued();
        let (user, session) = keys().read(&token, NOW).unwrap();
        assert_eq!((user.as_str(), session.as_str()), ("u_1", "s_1"));
        assert!(keys().read(&token, NOW + 959_000).is_some());
        assert!(keys().read(&token, NOW + 960_000).is_none());
        assert!(keys().read(&token, NOW - 61_000).is_none(), "from the future");
    }

    #[test]
    fn another_key_and_another_algorithm_are_refused() {
        let token = issued();
        assert!(TokenKeys::new(&[8; 32]).read(&token, NOW).is_none());
        let claims = token.split('.').nth(1).unwrap();
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, r#"{"alg":"RS256"}"#] {
            let header = URL_SAFE_NO_PAD.encode(header);
            let signature = token.split('.').nth(2).unwrap();
            assert!(keys().read(&format!("{header}.{claims}.{signature}"), NOW).is_none());
            assert!(keys().read(&format!("{header}.{claims}."), NOW).is_none());
        }
        for garbage in ["", ".", "..", "a.b.c", &token[1..], &token[..token.len() - 1]] {
            assert!(keys().read(garbage, NOW).is_none(), "{garbage}");
        }
    }
}
