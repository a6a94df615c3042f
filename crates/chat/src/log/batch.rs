//! One transaction of the log: the commands in their order, messages in runs, the others one by one.

use super::{
    Committed,
    command::{Command, Done, NewMessage},
    keys::{self, Keys},
    messages,
    rules::Rules,
    run::{self, Made},
    standing::{self, Standing},
    subjects,
};
use crate::{Clock, Settings, failure::Failure};
use plaza_protocol::{Error, Event, Timestamp};
use plaza_store::{Batch, Store, StoreError, Subject, WriteTx};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// Runs batches of commands and publishes what they added.
pub(crate) struct LogBatch {
    clock: Arc<dyn Clock>,
    rules: Rules,
    published: mpsc::Sender<Committed>,
    /// Told of a commit of which nobody knows whether it was stored.
    doubt: Arc<Notify>,
    /// Whether no other node writes into the store.
    alone: bool,
    /// `None` at first, and after a batch that was not committed.
    memory: Option<Memory>,
}

/// What is known from one batch to the next, so that less has to be read. It goes with the batch that changes it, and is
/// lost with it.
pub(crate) struct Memory {
    pub(super) keys: Keys,
    pub(super) standing: Standing,
}

impl Memory {
    /// As the store has it. Where others write there too, nothing outlasts a batch.
    async fn read(tx: &mut WriteTx, alone: bool) -> Result<Self, StoreError> {
        let (held, remembered) = if alone { (keys::HELD, standing::REMEMBERED) } else { (0, 0) };
        Ok(Self { keys: Keys::read(tx, held).await?, standing: Standing::new(remembered) })
    }
}

impl LogBatch {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        settings: &Settings,
        alone: bool,
        published: mpsc::Sender<Committed>,
        doubt: Arc<Notify>,
    ) -> Self {
        Self { clock, rules: Rules::new(settings), alone, published, doubt, memory: None }
    }
}

impl Batch for LogBatch {
    type Job = Command;
    type Answer = Result<Done, Error>;
    type Effect = (Vec<Arc<Event>>, Memory);

    async fn subjects(&mut self, store: &Store, jobs: Vec<&Command>) -> Result<Vec<Subject>, StoreError> {
        match subjects::of(store, &jobs).await {
            Ok(subjects) => Ok(subjects),
            Err(Failure::Store(error)) => Err(error),
            // An id that cannot be made is refused again, and by name, when its turn comes.
            Err(Failure::Refused(_)) => Ok(Vec::new()),
        }
    }

    async fn run(
        &mut self,
        tx: &mut WriteTx,
        jobs: Vec<Command>,
    ) -> Result<(Vec<Self::Answer>, Self::Effect), StoreError> {
        let at = Timestamp::from_millis(self.clock.now());
        let mut memory = match self.memory.take() {
            Some(memory) => memory,
            None => Memory::read(tx, self.alone).await?,
        };
        let mut answers = Vec::with_capacity(jobs.len());
        let mut events = Vec::with_capacity(jobs.len());
        let mut run: Vec<NewMessage> = Vec::new();
        for job in jobs {
            let command = match job {
                Command::Message(message) => {
                    run.push(message);
                    continue;
                }
                command => command,
            };
            if !run.is_empty() {
                messages::append(tx, &mut memory, std::mem::take(&mut run), at, &mut answers, &mut events)
                    .await?;
            }
            match run::run(tx, &self.rules, &mut memory, command, at).await {
                Ok(Made { done, events: made }) => {
                    answers.push(Ok(done));
                    made.iter().for_each(|event| memory.standing.forget(event.room_id()));
                    events.extend(made.into_iter().map(Arc::new));
                }
                Err(Failure::Refused(error)) => answers.push(Err(error)),
                Err(Failure::Store(error)) => return Err(error),
            }
        }
        if !run.is_empty() {
            messages::append(tx, &mut memory, run, at, &mut answers, &mut events).await?;
        }
        memory.keys.file(tx).await?;
        memory.standing.bound();
        Ok((answers, (events, memory)))
    }

    fn failed(&self, error: &StoreError) -> Self::Answer {
        if let StoreError::Uncertain { .. } = error {
            self.doubt.notify_one();
        }
        Err(crate::told(error))
    }

    async fn committed(&mut self, (events, memory): Self::Effect) {
        self.memory = Some(memory);
        // Nobody listens any more: those who come later read the log.
        if !events.is_empty() && self.published.send(Committed { events }).await.is_err() {
            tracing::debug!("Committed events were not published: nobody listens");
        }
    }
}
