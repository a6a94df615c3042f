//! Acknowledgements that the server asks for: of one socket, and of many at once.

use crate::{
    EncodeError, Payload,
    engine::Closed,
    members::Target,
    namespace::Namespace,
    outgoing::{Outgoing, in_encoding},
    packet,
    socket::Socket,
};
use bytes::Bytes;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};

/// Why an event was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// It was never sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Not in time.
    #[error("the client did not acknowledge in time")]
    Timeout,
    /// The client has gone.
    #[error("the client disconnected")]
    Disconnected,
}

/// Why a broadcast was not acknowledged by everybody.
#[derive(Debug, thiserror::Error)]
pub enum BroadcastAckError {
    /// It was never sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Some did not answer in time, or have gone.
    #[error("{missing} sockets did not acknowledge")]
    Incomplete {
        /// What the others answered, in the order in which they did.
        answers: Vec<Payload>,
        /// How many did not.
        missing: usize,
    },
}

/// What the sockets of a target answered within some time.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// One each, in the order in which they came.
    pub answers: Vec<Payload>,
    /// How many were asked and did not answer.
    pub missing: usize,
}

/// Who waits for an acknowledgement. Dropped: no answer comes.
#[derive(Debug)]
pub(crate) enum Waiting {
    One(oneshot::Sender<Payload>),
    OfMany(mpsc::UnboundedSender<Payload>),
}

impl Waiting {
    pub(crate) fn answered(self, payload: Payload) {
        // Whoever asked may have given up.
        match self {
            Self::One(waiting) => drop(waiting.send(payload)),
            Self::OfMany(waiting) => drop(waiting.send(payload)),
        }
    }
}

impl Socket {
    /// Sends an event and asks for an acknowledgement: what the client answers, within `within`.
    pub async fn emit_with_ack(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized + Sync),
        within: Duration,
    ) -> Result<Payload, AckError> {
        self.emit_binary_with_ack(event, args, &[], within).await
    }

    /// Sends an event with bytes, as [`emit_binary`](Self::emit_binary) does, and asks for an acknowledgement.
    pub async fn emit_binary_with_ack(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized + Sync),
        attachments: &[Bytes],
        within: Duration,
    ) -> Result<Payload, AckError> {
        let (answer, answered) = oneshot::channel();
        let id = self.namespace().next_ack();
        self.wait_for(id, Waiting::One(answer));
        let _pending = PendingAck { socket: self, id };
        let message = packet::event(self.namespace().name(), Some(id), event, args, attachments)?;
        self.send_frames(&in_encoding(message, self.parser())).map_err(|Closed| AckError::Disconnected)?;
        match timeout(within, answered).await {
            Ok(Ok(payload)) => Ok(payload),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => Err(AckError::Timeout),
        }
    }
}

impl Namespace {
    /// Sends an event to the sockets of a target on **this node**, and waits for what each answers, `within` at most. It
    /// ends early when nobody is left who could answer. An [`Adapter`](crate::Adapter) does so for another node.
    pub async fn ask(&self, target: &Target, event: &Outgoing, within: Duration) -> Answers {
        let until = Instant::now() + within;
        let mut asking = self.begin_to_ask(target, event);
        let mut answers = Vec::with_capacity(asking.asked());
        while let Ok(Some(answer)) = timeout_at(until, asking.next()).await {
            answers.push(answer);
        }
        let missing = asking.asked().saturating_sub(answers.len());
        Answers { answers, missing }
    }

    /// The same for who wants each answer when it comes. Nobody waits for them any more when it is dropped.
    pub fn begin_to_ask(&self, target: &Target, event: &Outgoing) -> Asking {
        let id = self.next_ack();
        let question = event.with_id(id);
        let (waiting, answered) = mpsc::unbounded_channel();
        let mut asked = Asked { id, sockets: Vec::new() };
        self.for_each(target, |socket| {
            socket.wait_for(id, Waiting::OfMany(waiting.clone()));
            asked.sockets.push(Arc::clone(socket));
            // One that cannot be sent to is on its way out, and forgets who waits when it is there.
            let _ = socket.send_frames(question.frames(socket.parser()));
        });
        Asking { asked, answered }
    }
}

/// The sockets of this node that were asked, and what they answer.
#[derive(Debug)]
pub struct Asking {
    asked: Asked,
    answered: mpsc::UnboundedReceiver<Payload>,
}

impl Asking {
    /// How many were asked.
    pub fn asked(&self) -> usize {
        self.asked.sockets.len()
    }

    /// The next answer; `None` when nobody is left who could give one.
    pub async fn next(&mut self) -> Option<Payload> {
        self.answered.recv().await
    }
}

/// Those asked forget it when nobody waits any more.
#[derive(Debug)]
struct Asked {
    id: u64,
    sockets: Vec<Arc<Socket>>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.sockets.iter().for_each(|socket| socket.forget(self.id));
    }
}

/// Forgets an acknowledgement that nobody waits for any more.
struct PendingAck<'a> {
    socket: &'a Socket,
    id: u64,
}

impl Drop for PendingAck<'_> {
    fn drop(&mut self) {
        self.socket.forget(self.id);
    }
}
