//! A Socket.IO server: Engine.IO revision 4, Socket.IO revision 5, on tokio and hyper.
//!
//! It was made for rooms with many quiet clients and a few loud ones: a broadcast is encoded once and its bytes
//! are shared by all receivers; an idle connection owns no buffer; what waits for a client is bounded in bytes, and
//! one that does not keep up is let go without anybody else noticing. One client's handlers start in the order
//! of its events.
//!
//! ```
//! use plaza_socketio::{Config, Handlers, SocketIo};
//!
//! let lobby = Handlers::default()
//!     .on_connect(|socket, _auth| async move {
//!         socket.join("lobby");
//!         let _ = socket.to("lobby").emit("joined", &[socket.id().as_str()]);
//!     })
//!     .on("say", |socket, event| async move {
//!         let Ok((text,)) = event.payload.args::<(String,)>() else { return };
//!         let _ = socket.namespace().to("lobby").emit("said", &[text]);
//!         if let Some(ack) = event.ack {
//!             let _ = ack.send(&[true]);
//!         }
//!     });
//! let io = SocketIo::builder(Config::default()).namespace("/", lobby).build();
//! // `io` is a tower service; `plaza_socketio::serve(listener, io, shutdown).await` runs it alone.
//! # let _ = io;
//! ```
//!
//! Not done: the msgpack parser, connection state recovery, compression, WebTransport.

mod adapter;
mod broadcast;
mod client;
mod config;
pub mod engine;
mod members;
mod namespace;
mod packet;
mod payload;
mod random;
mod serve;
mod server;
mod socket;

pub use adapter::{Adapter, Alone, ToOthers};
pub use broadcast::Broadcast;
pub use config::{Config, Origins};
pub use engine::{CloseReason, Closed, Outgoing, Refusal};
pub use members::{Room, Target};
pub use namespace::{Ack, ConnectError, Event, Handlers, Namespace};
pub use packet::EncodeError;
pub use payload::{Attachment, Payload};
pub use serve::serve;
pub use server::{Builder, DisconnectReason, SocketIo};
pub use socket::{AckError, Socket, SocketId};
