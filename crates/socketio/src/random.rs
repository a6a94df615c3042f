//! Ids nobody can guess.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use std::{fmt, sync::Arc};

/// Where random bytes come from. Session ids are secrets, so nothing less than a CSPRNG will do outside of a test.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    /// Bytes from `fill`, which fills the whole of what it is given.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Fills the whole of it.
    pub fn fill(&self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }

    /// 120 bits as 20 characters that need no encoding in a URL: the shape Node's `base64id` gives both kinds of
    /// ids.
    pub(crate) fn id(&self) -> String {
        let mut bytes = [0; 15];
        (self.0)(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The thread's CSPRNG: ChaCha, seeded by the operating system.
impl Default for Random {
    fn default() -> Self {
        Self::new(|bytes| rand::rng().fill_bytes(bytes))
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn ids_have_twenty_characters_and_differ() {
        let random = Random::default();
        let (one, other) = (random.id(), random.id());
        assert_eq!(one.len(), 20);
        assert_ne!(one, other);
    }

    #[test]
    fn ids_are_made_of_the_bytes_that_are_given() {
        assert_eq!(Random::new(|bytes| bytes.fill(0xFF)).id(), "_".repeat(20));
    }
}
