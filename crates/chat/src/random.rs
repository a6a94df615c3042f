//! Ids and secrets: the operating system's random bytes, as URL-safe base64.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// `prefix` and 22 characters: 128 random bits.
pub(crate) fn id(prefix: &str) -> String {
    let mut id = String::with_capacity(prefix.len() + 22);
    id.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(bytes::<16>(), &mut id);
    id
}

/// `prefix` and 43 characters: 256 random bits.
pub(crate) fn secret(prefix: &str) -> String {
    let mut secret = String::with_capacity(prefix.len() + 43);
    secret.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(bytes::<32>(), &mut secret);
    secret
}

/// How a secret is kept in the store, so that who reads the store cannot use it. A plain hash will do: there
/// are too many secrets of 256 bits to try them.
pub(crate) fn hashed(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// From the thread's ChaCha generator, which the operating system seeds: a system call for every id would cost
/// more than the rest of a message.
fn bytes<const N: usize>() -> [u8; N] {
    rand::random()
}
