//! What Node's official adapters tell each other, read and written.
//!
//! Two formats carry the same things: that of the [`sharded`] adapter and that of the [`classic`] one, which the emitter
//! speaks too. A payload is JSON or MessagePack, told apart by its first byte; either way it becomes [`Text`], JSON with
//! places for bytes, and then a [`Message`] that borrows from it.
//!
//! What comes in is not trusted: it is bounded by [`Limits`] before anything is made of it, and every other surprise is
//! [`Malformed`]. What Plaza adds rides in `opts.flags.plaza`, which Node passes over.
//!
//! Source: @socket.io/redis-adapter 8.3, socket.io-adapter 2.5, @socket.io/redis-emitter 5.1 and notepack.io 3.0.
//! `tests/wire/golden.json` is what they wrote.

mod channels;
pub mod classic;
mod content;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod message;
mod opts;
pub mod sharded;
mod sockets;
mod text;

pub use channels::{Channels, Format, Kind};
pub use content::Content;
pub use message::{Answer, Body, Broadcast, Message};
pub use opts::Flags;
pub use text::{Limits, Text};

/// The uid that the emitter bears, which is no node: nothing is answered to it.
pub const EMITTER: &str = "emitter";

/// Most bytes of a uid, and of a request's id.
pub const MAX_ID_BYTES: usize = 64;

/// Most rooms that a message names at once, and most rooms of one socket that it tells of.
pub const MAX_ROOMS: usize = 10_000;

/// A payload that is none of theirs, or beyond the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) &'static str);

#[cfg(test)]
mod tests;
