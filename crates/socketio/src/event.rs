//! What a client sends, and the answer that it may ask for.

use crate::{EncodeError, Payload, engine::Closed, outgoing::in_encoding, packet, socket::Socket};
use bytes::Bytes;
use serde::Serialize;
use std::sync::Arc;
use tokio::time::Instant;

/// An event as a client sent it.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub payload: Payload,
    /// To be used when the client asked for an acknowledgement.
    pub ack: Option<Ack>,
    /// When the server read the last of it from the connection, before any wait for this client's other handlers. What
    /// lies in the kernel's buffers meanwhile has not been read.
    pub received: Instant,
}

/// A client's wish for an acknowledgement. Dropped unused, the client waits in vain.
#[derive(Debug)]
pub struct Ack {
    pub(crate) id: u64,
    pub(crate) socket: Arc<Socket>,
}

impl Ack {
    /// Answers; `args` is a tuple, an array or a slice, one element an argument.
    pub fn send(self, args: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        self.send_binary(args, &[])
    }

    /// Answers with bytes, whose places in `args` are [`Attachment`](crate::Attachment)s.
    pub fn send_binary(
        self,
        args: &(impl Serialize + ?Sized),
        attachments: &[Bytes],
    ) -> Result<(), EncodeError> {
        let answer = packet::ack(self.socket.namespace().name(), self.id, args, attachments)?;
        // A client that has gone waits no more.
        let (Ok(()) | Err(Closed)) = self.socket.send_frames(&in_encoding(answer, self.socket.parser()));
        Ok(())
    }
}
