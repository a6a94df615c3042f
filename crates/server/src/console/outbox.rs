//! Messages on their way: in order, one at a time, each under one `clientId` until the server has it.

use super::{shared::Shared, style::safe};
use plaza_client::Client;
use plaza_protocol::{ClientId, RoomId};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait, sent ones not counted.
const CAPACITY: usize = 256;

/// Takes messages and sends them behind the prompt.
pub(super) struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    waiting: Arc<AtomicUsize>,
}

struct Outgoing {
    room: RoomId,
    room_name: String,
    client_id: ClientId,
    text: String,
    done: oneshot::Sender<Result<(), String>>,
}

impl Outbox {
    pub(super) fn start(client: Client, shared: Arc<Shared>) -> Self {
        let (queue, mut outgoing) = mpsc::channel::<Outgoing>(CAPACITY);
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Some(message) = outgoing.recv().await {
                shared.sending(message.client_id.clone());
                let sent = client.send_message(&message.room, &message.client_id, &message.text).await;
                left.fetch_sub(1, Ordering::Relaxed);
                let room = safe(&message.room_name);
                let outcome = match sent {
                    Ok(_) => {
                        shared.output.line(&shared.style.dim(&format!("Sent to {room}")));
                        Ok(())
                    }
                    Err(error) => {
                        shared.not_sent(&message.client_id);
                        Err(format!("Not sent to {room}: {error} It was: {}", safe(&message.text)))
                    }
                };
                // Nobody waits for it: whoever wrote has gone on.
                if let Err(Err(error)) = message.done.send(outcome) {
                    shared.output.error(&shared.style.error(&error));
                }
            }
        });
        Self { queue, waiting }
    }

    /// Queues a message. What is given back tells when it is sent, or why not.
    pub(super) fn put(
        &self,
        room: RoomId,
        room_name: String,
        client_id: ClientId,
        text: String,
    ) -> Result<oneshot::Receiver<Result<(), String>>, String> {
        let (done, outcome) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(Outgoing { room, room_name, client_id, text, done }).map_err(|_| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            format!("{CAPACITY} messages wait to be sent already.")
        })?;
        Ok(outcome)
    }

    /// Messages not acknowledged yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}
