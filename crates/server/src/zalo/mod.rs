//! A Zalo Official Account: what people write to it comes into one room, and what members of that room write back with
//! kind `zalo` and `to` goes to them.
//!
//! Written by the published documentation, <https://developers.zalo.me/docs/official-account>, and tested against
//! recorded shapes and a stand-in: it was never run against the real service.

mod answers;
mod client;
mod events;

pub(crate) use answers::{Answers, start};
pub(crate) use events::incoming;

use crate::config;
use sha2::{Digest as _, Sha256};

/// What a sender's id is made of.
pub(crate) const SERVICE: &str = "zalo";

/// Whether a request is Zalo's: `mac=` and the SHA-256, in hexadecimal, of the application's id, the body as it came, its
/// timestamp and the account's secret key, one behind the other.
pub(crate) fn is_signed(settings: &config::Zalo, signature: &str, body: &[u8], timestamp: &str) -> bool {
    let Some(given) = signature.strip_prefix("mac=") else { return false };
    let mut hash = Sha256::new();
    for part in
        [settings.app_id.as_bytes(), body, timestamp.as_bytes(), settings.secret_key.expose().as_bytes()]
    {
        hash.update(part);
    }
    let made = hash.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    // Hashes of both: how far they agree then says nothing about how far the two do.
    Sha256::digest(given.to_ascii_lowercase()) == Sha256::digest(made)
}
