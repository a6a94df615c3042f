//! MessagePack as Node's Socket.IO has it, to JSON with places for bytes and back.
//!
//! Socket.IO packets as the official `socket.io-msgpack-parser` writes them are one map each. The official adapters write
//! what they tell each other in the same dialect, so the rewriting is public: [`to_json`] and [`from_json`].
//!
//! Inside the server arguments are JSON with places for bytes, whichever way they travel, so handlers need not know
//! which parser a client has. What comes in is rewritten as JSON here, what goes out is rewritten from JSON, once a
//! message however many get it. Both go over their input without recursion.
//!
//! Source: socket.io-msgpack-parser 3.0 (`type`, `nsp`, `data`, `id`), the MessagePack specification, and what
//! notepack.io, which that parser uses, has beside it: `undefined`, `Date` and `ArrayBuffer` as extensions of type 0.

mod read;
mod token;
mod write;

pub use crate::packet::Malformed;
pub(crate) use read::Packet;
pub use read::to_json;
pub use write::from_json;
pub(crate) use write::packet;

#[cfg(test)]
mod tests;
