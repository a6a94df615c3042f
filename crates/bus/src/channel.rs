//! The name of a channel.

use std::{borrow::Borrow, fmt, sync::Arc};

/// Longest name of a channel, in bytes.
pub const MAX_CHANNEL_BYTES: usize = 1_024;

/// A channel's name: 1 to [`MAX_CHANNEL_BYTES`] bytes. Cheap to clone.
///
/// On several servers the name alone says which of them carries the channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel(Arc<str>);

/// A name that no channel can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a channel's name has 1 to {MAX_CHANNEL_BYTES} bytes, not {0}")]
pub struct ChannelError(usize);

impl Channel {
    /// A channel of this name; an error if it is empty or over-long.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, ChannelError> {
        let name = name.into();
        if name.is_empty() || name.len() > MAX_CHANNEL_BYTES {
            return Err(ChannelError(name.len()));
        }
        Ok(Self(name))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its name, shared.
    pub fn name(&self) -> &Arc<str> {
        &self.0
    }
}

impl Borrow<str> for Channel {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for Channel {
    type Error = ChannelError;

    fn try_from(name: &str) -> Result<Self, ChannelError> {
        Self::new(name)
    }
}
