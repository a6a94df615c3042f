//! Ids nobody can guess.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;

/// 120 bits from the thread's CSPRNG (ChaCha, seeded by the operating system) as 20 characters that need no
/// encoding in a URL: the shape Node's `base64id` gives both kinds of ids.
pub(crate) fn id() -> String {
    let mut bytes = [0; 15];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_have_twenty_characters_and_differ() {
        let (one, other) = (super::id(), super::id());
        assert_eq!(one.len(), 20);
        assert_ne!(one, other);
    }
}
