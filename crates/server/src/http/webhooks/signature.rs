//! Signatures of Standard Webhooks, version 1: <https://www.standardwebhooks.com>. An HMAC with SHA-256 of
//! `id.timestamp.body`. The crate of that name reads the system's clock; ours comes in as an argument.

use crate::http::problem::Refusal;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use sha2::Sha256;

/// How far the sender's clock and ours may be apart, in seconds.
const TOLERANCE: i64 = 300;
/// Most signatures of one request: one for each key while keys change.
const MOST: usize = 16;

/// What the three headers say.
pub(super) struct Signature {
    /// The sender's name for what it sends.
    pub(super) id: String,
    /// In seconds since 1970.
    timestamp: i64,
    tags: Vec<Vec<u8>>,
}

impl Signature {
    /// `None` where a request bears none of the headers.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"]
            .map(|name| headers.get(name).map(|value| value.to_str().unwrap_or_default()));
        // An id alone makes a request harmless to repeat, and proves nothing.
        if timestamp.is_none() && signature.is_none() {
            return Ok(None);
        }
        let (Some(id), Some(timestamp), Some(signature)) = (id, timestamp, signature) else {
            return Err(Refusal::unauthorized(
                "A signed request has webhook-id, webhook-timestamp and webhook-signature.",
            ));
        };
        let timestamp = timestamp.parse().map_err(|_| {
            Refusal::unauthorized("The webhook-timestamp must be a whole number of seconds since 1970.")
        })?;
        if !(1..=255).contains(&id.len()) {
            return Err(Refusal::unauthorized("The webhook-id must have 1 to 255 characters."));
        }
        let tags = signature
            .split(' ')
            .filter_map(|one| one.strip_prefix("v1,"))
            .filter_map(|one| STANDARD.decode(one).ok())
            .take(MOST)
            .collect();
        Ok(Some(Self { id: id.to_owned(), timestamp, tags }))
    }

    /// `now` in milliseconds since 1970.
    pub(super) fn check_time(&self, now: i64) -> Result<(), Refusal> {
        let apart = now.div_euclid(1_000).abs_diff(self.timestamp);
        if apart <= TOLERANCE.unsigned_abs() {
            return Ok(());
        }
        let sentence = format!(
            "The webhook-timestamp is {apart} s from the server's time, and at most {TOLERANCE} s are allowed."
        );
        Err(Refusal::unauthorized(&sentence))
    }

    /// Whether it is one of this key's. Every comparison takes the same time.
    pub(super) fn is_of(&self, key: &[u8], body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
        mac.update(self.id.as_bytes());
        mac.update(b".");
        mac.update(self.timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        self.tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    /// The published vector: secret `whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD`.
    fn published(signature: &str) -> Signature {
        let headers = headers(&[
            ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("webhook-timestamp", "1649367553"),
            ("webhook-signature", signature),
        ]);
        Signature::of(&headers).unwrap().unwrap()
    }

    #[test]
    fn the_published_signature_holds_and_nothing_near_it() {
        let key = STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let good = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert!(published(good).is_of(&key, BODY));
        assert!(published(&format!("v1a,abc v1,AAAA {good}")).is_of(&key, BODY), "one of several");
        assert!(!published(good).is_of(&key[1..], BODY));
        assert!(!published(good).is_of(&key, &BODY[1..]));
        for bad in ["", "v1,", "v2,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=", &good[..20], &good[3..]] {
            assert!(!published(bad).is_of(&key, BODY), "{bad}");
        }
    }

    #[test]
    fn it_holds_for_five_minutes_either_way() {
        let signature = published("v1,AAAA");
        let at = |seconds: i64| signature.check_time((1_649_367_553 + seconds) * 1_000);
        assert!([-300, 0, 300].iter().all(|seconds| at(*seconds).is_ok()));
        assert!([-301, 301, i64::from(i32::MAX)].iter().all(|seconds| at(*seconds).is_err()));
        let far = headers(&[
            ("webhook-id", "a"),
            ("webhook-timestamp", "-9223372036854775808"),
            ("webhook-signature", ""),
        ]);
        assert!(Signature::of(&far).unwrap().unwrap().check_time(0).is_err());
    }

    #[test]
    fn half_a_signature_is_none() {
        assert!(Signature::of(&headers(&[("webhook-id", "a")])).unwrap().is_none());
        for part in [
            &[("webhook-timestamp", "1")][..],
            &[("webhook-signature", "v1,AAAA")],
            &[("webhook-id", "a"), ("webhook-timestamp", "1")],
            &[("webhook-id", ""), ("webhook-timestamp", "1"), ("webhook-signature", "")],
            &[("webhook-id", "a"), ("webhook-timestamp", "now"), ("webhook-signature", "")],
        ] {
            assert!(Signature::of(&headers(part)).is_err(), "{part:?}");
        }
    }
}
