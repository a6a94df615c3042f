//! Ids and secrets, made of random bytes that come in as an argument, as URL-safe base64.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Where random bytes come from. Tokens are made of them, so nothing less than a CSPRNG will do outside of a test.
pub trait Random: Send + Sync + 'static {
    /// Fills the whole of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The thread's ChaCha generator, which the operating system seeds and seeds again: as good as the system's own for
/// every purpose here, without a system call for each message.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

impl dyn Random {
    /// Random bytes, as many as are asked for.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number from `least` up to, and without, `end`, which is above it. Its bias is far below anything one could
    /// notice in the small ranges that this is for.
    pub fn between(&self, least: u32, end: u32) -> u32 {
        let width = u64::from(end - least);
        least + (u64::from_le_bytes(self.bytes()) % width) as u32
    }

    /// `prefix` and 22 characters: 128 random bits.
    pub(crate) fn id(&self, prefix: &str) -> String {
        self.text::<16>(prefix)
    }

    /// `prefix` and 43 characters: 256 random bits.
    pub(crate) fn secret(&self, prefix: &str) -> String {
        self.text::<32>(prefix)
    }

    fn text<const N: usize>(&self, prefix: &str) -> String {
        let mut text = String::with_capacity(prefix.len() + N * 4 / 3 + 1);
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(self.bytes::<N>(), &mut text);
        text
    }
}

/// How a secret is kept in the store, so that who reads the store cannot use it. A plain hash will do: there
/// are too many secrets of 256 bits to try them.
pub(crate) fn hashed(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);

    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn ids_and_secrets_are_made_of_the_bytes_given() {
        let ones: &dyn Random = &Always(0xFF);
        assert_eq!(ones.id("m_"), format!("m_{}w", "_".repeat(21)));
        assert_eq!(ones.secret(""), format!("{}8", "_".repeat(42)));
    }

    #[test]
    fn numbers_are_within_their_range() {
        let system: &dyn Random = &SystemRandom;
        assert!((0..1_000).all(|_| (100..104).contains(&system.between(100, 104))));
        let (low, high): (&dyn Random, &dyn Random) = (&Always(0), &Always(0xFF));
        assert_eq!(low.between(7, 9), 7);
        assert_eq!(high.between(0, u32::MAX), (u64::MAX % u64::from(u32::MAX)) as u32);
    }

    #[test]
    fn the_systems_differ() {
        let system: &dyn Random = &SystemRandom;
        assert_ne!(system.id(""), system.id(""));
    }
}
