//! Access tokens: JWT, HS256 and nothing else, fifteen minutes by default. The clock is ours, so the library is
//! told not to look at its own.
//!
//! They say who made them and whom they are for, as the best current practice asks for (RFC 8725 §3.8 and §3.9): where
//! the secret is shared with another program, its tokens are not taken here.

use super::SessionId;
use crate::Random;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use plaza_protocol::{Code, Error, Secret, UserId};
use plaza_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// How far two clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// Who makes the tokens, and for whom.
const ISSUER: &str = "plaza";

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: String,
    iat: i64,
    /// Not in ours; heeded where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
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
        Ok(Self::new(server_secret(store, random, configured).await?.expose().as_bytes()))
    }

    fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
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
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: user.clone(),
            sid: session.0.clone(),
            iat,
            nbf: None,
            exp: iat + i64::from(seconds),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "A token could not be signed");
            Error::new(Code::Internal, "The server could not make a token. Try again.")
        })
    }

    /// Who it says one is, if it is ours and in time.
    pub(super) fn read(&self, token: &str, now: i64) -> Option<(UserId, SessionId)> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let seconds = now.div_euclid(1_000);
        let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        let in_time = seconds < claims.exp.saturating_add(LEEWAY) && begins <= seconds + LEEWAY;
        in_time.then_some((claims.sub, SessionId(claims.sid)))
    }
}

/// What nobody but the server knows: configured, or the store's own.
pub(crate) async fn server_secret(
    store: &Store,
    random: &dyn Random,
    configured: Option<&Secret>,
) -> Result<Secret, StoreError> {
    match configured {
        Some(secret) => Ok(secret.clone()),
        None => stored_secret(store, random).await.map(Secret::new),
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
    fn it_must_be_from_us_for_us_and_valid_by_now() {
        let now = NOW / 1_000;
        let ours = serde_json::json!({
            "iss": "plaza", "aud": "plaza", "sub": "u_1", "sid": "s_1", "iat": now, "exp": now + 900
        });
        let read = |change: &[(&str, serde_json::Value)]| {
            let mut claims = ours.clone();
            for (key, value) in change {
                if value.is_null() {
                    claims.as_object_mut().unwrap().remove(*key);
                } else {
                    claims[*key] = value.clone();
                }
            }
            let token =
                jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &keys().encoding).unwrap();
            keys().read(&token, NOW).is_some()
        };
        assert!(read(&[]) && read(&[("nbf", now.into())]) && read(&[("nbf", (now + 60).into())]));
        assert!(read(&[("admin", true.into())]), "what it says beside is nobody's");
        for (key, value) in [
            ("iss", "another".into()),
            ("iss", serde_json::Value::Null),
            ("aud", "another".into()),
            ("aud", serde_json::Value::Null),
            ("nbf", (now + 61).into()),
            ("nbf", i64::MAX.into()),
            ("iat", (now + 61).into()),
            ("iat", serde_json::Value::Null),
            ("exp", (now - 60).into()),
            ("exp", i64::MIN.into()),
            ("exp", serde_json::Value::Null),
            ("exp", "tomorrow".into()),
            ("sub", serde_json::Value::Null),
            ("sub", "".into()),
            ("sid", serde_json::Value::Null),
        ] {
            assert!(!read(&[(key, value.clone())]), "{key} {value}");
        }
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
