//! Engine.IO, protocol revision 4: one session a client over long-polling or a WebSocket, with heartbeats.
//!
//! The way of a message in: request (`http`) or upgraded stream (`websocket`, `polling`) → the session's `task` →
//! the [`Protocol`] above. The way out: [`Session::send`] → the session's `outbox` → the `flusher`, which
//! writes it to the WebSocket, or a poll.

mod budget;
mod close;
mod cookie;
mod deflate;
mod flusher;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod heartbeat;
mod http;
mod io;
mod outbox;
mod packet;
mod polling;
mod queue;
mod server;
mod session;
mod task;
mod upgrade;
mod websocket;

pub use close::CloseReason;
pub use cookie::{Cookie, SameSite};
pub use frame::{Frame, Outgoing};
pub use http::Refusal;
pub(crate) use io::Io;
pub use outbox::Closed;
pub use packet::Message;
pub use server::Engine;
pub use session::Session;

use std::{
    future::Future,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::Instant;

/// What is built on Engine.IO: it says what happens to a new session.
pub trait Application: Send + Sync + 'static {
    /// The state it keeps for one session.
    type Protocol: Protocol;

    /// A session has been opened by this request, of which only the head is there. Called before the client
    /// has its handshake answer. An error refuses the client.
    fn open(
        &self,
        session: &Arc<Session>,
        request: &::http::request::Parts,
    ) -> Result<Self::Protocol, Refusal>;
}

/// The state machine above one session. Its methods are called by the session's one task, never two at a time.
pub trait Protocol: Send + 'static {
    /// Takes the next message, in the order the client sent them. `received` is when the server read the last of it:
    /// while [`is_full`](Self::is_full), it may lie for long. An error ends the session.
    fn receive(
        &mut self,
        message: Message<'_>,
        received: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseReason>;

    /// Drives what is under way; ready when the session shall end. It arranges to be woken.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason>;

    /// While true, nothing more is read from this client.
    fn is_full(&self) -> bool;

    /// The session has ended; what is under way may finish.
    fn close(self, reason: CloseReason) -> impl Future<Output = ()> + Send;
}
