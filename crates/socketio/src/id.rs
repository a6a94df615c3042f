//! A socket's public id.

use crate::random::Random;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A socket's public id: 20 characters. It travels to other clients; the session's id never does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; 20]);

impl SocketId {
    pub(crate) fn new(random: &Random) -> Self {
        let mut id = [b'0'; 20];
        for (to, from) in id.iter_mut().zip(random.id().bytes()) {
            *to = from;
        }
        Self(id)
    }

    /// The id that this text may be.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Both places that make one make it of text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for SocketId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SocketId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("a socket's id has 20 characters"))
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
