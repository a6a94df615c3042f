#![doc = include_str!("../README.md")]

mod adapter;
mod asking;
mod broadcast;
mod client;
mod config;
pub mod engine;
mod event;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod handlers;
mod http_stream;
mod id;
mod members;
pub mod msgpack;
mod namespace;
mod namespaces;
mod outgoing;
mod packet;
mod payload;
mod random;
mod recovery;
mod remote;
mod runtime;
mod serve;
mod server;
mod socket;

pub use adapter::{Adapter, Alone, ToOthers};
pub use asking::{AckError, Answers, Asking, BroadcastAckError};
pub use broadcast::Broadcast;
pub use config::{Compression, Config, Origins, Parsers, Recovery};
pub use engine::{CloseReason, Closed, Cookie, Refusal, SameSite};
pub use event::{Ack, Event};
pub use handlers::{ConnectError, Handlers, Refused};
pub use http_stream::{HttpStream, Stream};
pub use id::SocketId;
pub use members::{Room, Target};
pub use namespace::Namespace;
pub use outgoing::Outgoing;
pub use packet::EncodeError;
pub use payload::{Attachment, Payload};
pub use random::Random;
pub use remote::{FetchError, Handshake, RemoteSocket, SocketInfo};
pub use runtime::runtime;
pub use serve::{Patience, serve, serve_with};
pub use server::{Builder, DisconnectReason, SocketIo};
pub use socket::Socket;
