//! What proves that something on the bus was said by a node of this cluster: HMAC-SHA256 (RFC 2104) under a key that is
//! kept in the store, over where something was said, as what, and its JSON. Whoever may publish on the Redis server, such
//! as a Node.js service that shares rooms, can so neither write into a room's log nor end a session.

use crate::Random;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use plaza_store::{Store, StoreError};
use serde_json::value::RawValue;
use sha2::Sha256;
use sqlx::Row as _;

/// The key. Every node of a cluster has the same.
#[derive(Clone)]
pub(super) struct Seal(Hmac<Sha256>);

impl Seal {
    /// The store's own, made at random once.
    pub(super) async fn load(store: &Store, random: &dyn Random) -> Result<Self, StoreError> {
        let mut tx = store.write().await?;
        sqlx::query("INSERT INTO secrets (name, value) VALUES ('bus', $1) ON CONFLICT (name) DO NOTHING")
            .bind(random.secret(""))
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query("SELECT value FROM secrets WHERE name = 'bus'").fetch_one(&mut *tx).await?;
        tx.commit().await?;
        let key: String = row.try_get(0)?;
        Ok(Self::new(key.as_bytes()))
    }

    fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("keys of every length are taken"))
    }

    /// As text, to go along with what is said: in this place, as this event.
    pub(super) fn of(&self, place: &str, event: &str, said: &RawValue) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.stamp(place, event, said.get()))
    }

    /// As bytes.
    pub(super) fn stamp(&self, place: &str, event: &str, said: &str) -> [u8; 32] {
        self.over(place, event, said).finalize().into_bytes().into()
    }

    /// Whether it goes along with that. Takes as long for one that is wrong as for one that is right.
    pub(super) fn holds(&self, place: &str, event: &str, said: &str, seal: &str) -> bool {
        let seal = BASE64_URL_SAFE_NO_PAD.decode(seal);
        seal.is_ok_and(|seal| self.stamped(place, event, said, &seal))
    }

    /// The same, of one as bytes.
    pub(super) fn stamped(&self, place: &str, event: &str, said: &str, seal: &[u8]) -> bool {
        self.over(place, event, said).verify_slice(seal).is_ok()
    }

    /// Each part with its length in front, so that the end of one is not taken for the beginning of the next.
    fn over(&self, place: &str, event: &str, said: &str) -> Hmac<Sha256> {
        [place, event, said].into_iter().fold(self.0.clone(), |mac, part| {
            mac.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_what_was_said_where_it_was_said_and_for_nothing_else() {
        let (ours, theirs) = (Seal::new(b"ours"), Seal::new(b"theirs"));
        let said = RawValue::from_string("12".to_owned()).unwrap();
        let seal = ours.of("a", "b", &said);
        assert!(ours.holds("a", "b", "12", &seal));
        for (by, place, event, said) in [
            (&theirs, "a", "b", "12"),
            (&ours, "ab", "", "12"),
            (&ours, "", "ab", "12"),
            (&ours, "a", "b1", "2"),
            (&ours, "a", "b", "13"),
        ] {
            assert!(!by.holds(place, event, said, &seal), "{place} {event} {said}");
        }
        for seal in ["", "A", "?", &seal[1..], &"A".repeat(10_000)] {
            assert!(!ours.holds("a", "b", "12", seal), "{seal}");
        }
    }
}
