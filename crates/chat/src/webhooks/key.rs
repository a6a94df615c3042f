//! How keys are made, so that none of them has to be kept.

use crate::{Random, accounts};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use plaza_protocol::Secret;
use plaza_store::{Store, StoreError};
use sha2::{Digest as _, Sha256};

/// What keys look like to those who use the libraries of Standard Webhooks.
const WRITTEN: &str = "whsec_";

/// What every key is made of: the secret that signs access tokens.
pub(crate) struct Root(Secret);

impl Root {
    pub(crate) async fn load(
        store: &Store,
        random: &dyn Random,
        configured: Option<&Secret>,
    ) -> Result<Self, StoreError> {
        accounts::server_secret(store, random, configured).await.map(Self)
    }

    /// The key of a salt. The first byte of what is hashed keeps it apart from all else that the secret is used for, and
    /// its length stands before the salt, so that no two pairs make one text.
    pub(crate) fn key(&self, salt: &str) -> [u8; 32] {
        let secret = self.0.expose().as_bytes();
        let mut hash = Sha256::new();
        hash.update(b"\x01plaza webhook key");
        hash.update((secret.len() as u64).to_le_bytes());
        hash.update(secret);
        hash.update(salt.as_bytes());
        hash.finalize().into()
    }

    /// A new key's salt, and the key as its holder gets it.
    pub(super) fn make(&self, random: &dyn Random) -> (String, Secret) {
        let salt = random.secret("");
        let written = format!("{WRITTEN}{}", STANDARD.encode(self.key(&salt)));
        (salt, Secret::new(written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn a_key_is_the_same_again_for_its_salt_and_secret_alone() {
        let root = |secret: &str| Root(Secret::new(secret.repeat(8)));
        let (salt, key) = root("abcd").make(&SystemRandom);
        let written = |key: [u8; 32]| format!("whsec_{}", STANDARD.encode(key));
        assert_eq!(written(root("abcd").key(&salt)), key.expose());
        assert_ne!(written(root("abce").key(&salt)), key.expose());
        assert_ne!(written(root("abcd").key(&salt[1..])), key.expose());
        assert!(!key.expose().contains(&salt));
    }
}
