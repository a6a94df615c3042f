#![doc = include_str!("../README.md")]

mod adapter;
mod broadcast;
mod client;
mod config;
pub mod engine;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http_stream;
mod members;
mod msgpack;
mod namespace;
mod outgoing;
mod packet;
mod payload;
mod random;
mod serve;
mod server;
mod socket;

pub use adapter::{Adapter, Alone, ToOthers};
pub use broadcast::Broadcast;
pub use config::{Compression, Config, Origins, Parsers};
pub use engine::{CloseReason, Closed, Cookie, Refusal, SameSite};
pub use http_stream::{HttpStream, Stream};
pub use members::{Room, Target};
pub use namespace::{Ack, ConnectError, Event, Handlers, Namespace};
pub use outgoing::Outgoing;
pub use packet::EncodeError;
pub use payload::{Attachment, Payload};
pub use random::Random;
pub use serve::{Patience, serve, serve_with};
pub use server::{Builder, DisconnectReason, SocketIo};
pub use socket::{AckError, Socket, SocketId};
