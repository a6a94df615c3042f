//! What this node asks the others. It knows how many answers there will be, and waits no longer than for the last.

use super::ClusterAdapter;
use crate::{
    Channel,
    wire::{Answer, Body, Broadcast, Content, Flags, Message},
};
use plaza_socketio::{Answers, EncodeError, FetchError, Outgoing, Payload, SocketInfo, Target};
use serde::Serialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// Most answers that wait to be looked at, of one question.
const MOST_WAITING: usize = 65_536;

type Waiting = HashMap<String, mpsc::Sender<Answer<'static>>>;

/// Who waits for answers, by the question's id.
#[derive(Debug, Default)]
pub(super) struct Pending(Arc<Mutex<Waiting>>);

/// A question's place among those that wait.
struct Question {
    id: String,
    answers: mpsc::Receiver<Answer<'static>>,
    pending: Arc<Mutex<Waiting>>,
}

impl Pending {
    fn begin(&self, id: String) -> Question {
        let (sender, answers) = mpsc::channel(MOST_WAITING);
        lock(&self.0).insert(id.clone(), sender);
        Question { id, answers, pending: Arc::clone(&self.0) }
    }

    /// Whether somebody waits for it and has room.
    pub(super) fn answered(&self, request: &str, answer: Answer<'_>) -> bool {
        let waiting = lock(&self.0);
        waiting.get(request).is_some_and(|sender| sender.try_send(owned(answer)).is_ok())
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        lock(&self.pending).remove(&self.id);
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn owned(answer: Answer<'_>) -> Answer<'static> {
    match answer {
        Answer::Sockets(sockets) => Answer::Sockets(sockets),
        Answer::Ids(ids) => Answer::Ids(ids),
        Answer::Rooms(rooms) => Answer::Rooms(rooms),
        Answer::Emit(content) => Answer::Emit(content.map(Content::into_owned)),
        Answer::Count(count) => Answer::Count(count),
        Answer::Ack(content) => Answer::Ack(content.map(Content::into_owned)),
        Answer::Done => Answer::Done,
    }
}

/// Not all servers answered.
#[derive(Debug, thiserror::Error)]
pub enum ServerAnswersError {
    /// It was never sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// How many servers there are cannot be known: the bus is down.
    #[error("the other servers cannot be counted")]
    Unknown,
    /// Not in time.
    #[error("{} servers answered, and {missing} did not", answers.len())]
    Incomplete {
        /// What the others answered, in the order in which they did.
        answers: Vec<Payload>,
        /// How many did not.
        missing: usize,
    },
}

impl ClusterAdapter {
    /// Sends an event to the other servers of a namespace and waits for what each answers: `serverSideEmitWithAck`. What
    /// a server answered is the payload's only argument; without one it answered nothing.
    pub async fn server_side_emit_with_ack(
        &self,
        namespace: &str,
        event: &str,
        args: &(impl Serialize + ?Sized + Sync),
        within: Duration,
    ) -> Result<Vec<Payload>, ServerAnswersError> {
        let event = Outgoing::event(namespace, event, args)?;
        let until = Instant::now() + within;
        let expected = self.others(namespace, until).await.ok_or(ServerAnswersError::Unknown)?;
        if expected == 0 {
            return Ok(Vec::new());
        }
        let mut question = self.question();
        self.say(
            namespace,
            &Body::Emit { request: Some(question.id.clone()), event: Content::event(&event) },
        );
        let mut answers = Vec::new();
        while answers.len() < expected {
            match timeout_at(until, question.answers.recv()).await {
                Ok(Some(Answer::Emit(content))) => answers.push(payload(content)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    let missing = expected - answers.len();
                    return Err(ServerAnswersError::Incomplete { answers, missing });
                }
            }
        }
        Ok(answers)
    }

    pub(super) async fn fetch_sockets(
        &self,
        namespace: &str,
        target: Target,
    ) -> Result<Vec<SocketInfo>, FetchError> {
        let until = Instant::now() + self.0.options.answers_within;
        let expected = self.others(namespace, until).await;
        let expected = expected.ok_or_else(|| FetchError("they cannot be counted".to_owned()))?;
        if expected == 0 {
            return Ok(Vec::new());
        }
        let mut question = self.question();
        self.say(namespace, &Body::Fetch { request: question.id.clone(), target });
        let (mut sockets, mut heard) = (Vec::new(), 0);
        while heard < expected {
            match timeout_at(until, question.answers.recv()).await {
                Ok(Some(Answer::Sockets(more))) => {
                    heard += 1;
                    sockets.extend(more);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Err(FetchError(format!("{heard} of {expected} in time"))),
            }
        }
        Ok(sockets)
    }

    pub(super) async fn ask_clients(
        &self,
        namespace: &str,
        target: Target,
        event: &Outgoing,
        within: Duration,
    ) -> Answers {
        let until = Instant::now() + within;
        let Some(expected) = self.others(namespace, until).await else {
            return Answers { answers: Vec::new(), missing: 1 };
        };
        if expected == 0 {
            return Answers::default();
        }
        let mut question = self.question();
        let flags = Flags { timeout: Some(within), ..Flags::default() };
        let (request, event) = (Some(question.id.clone()), Content::event(event));
        self.say(namespace, &Body::Broadcast(Broadcast { request, target, flags, event }));
        let mut gathered = Gathered { nodes: expected, ..Gathered::default() };
        while !gathered.is_complete() {
            match timeout_at(until, question.answers.recv()).await {
                Ok(Some(answer)) => {
                    if !gathered.take(answer, self.0.options.most_answer_bytes) {
                        self.0.counts.answers_dropped.fetch_add(1, Relaxed);
                    }
                }
                Ok(None) | Err(_) => break,
            }
        }
        gathered.into_answers()
    }

    /// How many other nodes there are in a namespace; `None` if that cannot be known until then.
    async fn others(&self, namespace: &str, until: Instant) -> Option<usize> {
        if self.0.options.heartbeats {
            return Some(self.0.peers.count(namespace, Instant::now()));
        }
        let channel = Channel::new(self.0.channels.requests(namespace)).ok()?;
        let counting = async {
            // This node is among those that are counted, once it is subscribed.
            self.0.spaces.namespace_ready(namespace).await;
            self.0.bus.subscribers(&channel).await
        };
        Some(timeout_at(until, counting).await.ok()??.saturating_sub(1))
    }

    fn question(&self) -> Question {
        self.0.pending.begin(self.0.options.request_id())
    }
}

/// What has come of the answers to a question to all clients: how many each node asked, and what they say.
#[derive(Debug, Default)]
struct Gathered {
    /// Of whom it is not known how many they asked.
    nodes: usize,
    clients: u64,
    answers: Vec<Payload>,
    bytes: usize,
}

impl Gathered {
    /// Whether it was of use.
    fn take(&mut self, answer: Answer<'_>, most_bytes: usize) -> bool {
        match answer {
            Answer::Count(count) if self.nodes > 0 => {
                self.nodes -= 1;
                self.clients = self.clients.saturating_add(count);
            }
            Answer::Ack(content) => {
                self.bytes += content.as_ref().map_or(0, Content::len) + 64;
                if self.bytes > most_bytes {
                    return false;
                }
                self.answers.push(payload(content.map(Content::into_owned)));
            }
            _ => return false,
        }
        true
    }

    fn is_complete(&self) -> bool {
        self.nodes == 0 && self.answers.len() as u64 >= self.clients
    }

    /// A node of which nothing is known counts as one client that did not answer.
    fn into_answers(self) -> Answers {
        let silent = self.clients.saturating_sub(self.answers.len() as u64);
        let missing = usize::try_from(silent).unwrap_or(usize::MAX).saturating_add(self.nodes);
        Answers { answers: self.answers, missing }
    }
}

/// As arguments: one, or none.
fn payload(content: Option<Content<'static>>) -> Payload {
    content.and_then(|content| content.into_answer().ok()).unwrap_or_else(Payload::empty)
}

/// Of no use where it is not known who says it.
impl Message<'_> {
    /// Whether its sender can be answered to by name.
    pub(super) fn has_sender(&self) -> bool {
        !self.from.is_empty() && self.from != crate::wire::EMITTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_complete_when_all_nodes_and_all_their_clients_have_answered() {
        let ack = || Answer::Ack(Some(Content::of("x").unwrap()));
        let mut gathered = Gathered { nodes: 2, ..Gathered::default() };
        // An acknowledgement may overtake the count.
        for (answer, complete) in
            [(ack(), false), (Answer::Count(0), false), (Answer::Count(2), false), (ack(), true)]
        {
            assert!(gathered.take(answer, 1_000));
            assert_eq!(gathered.is_complete(), complete);
        }
        assert!(!gathered.take(Answer::Count(1), 1_000));
        let answers = gathered.into_answers();
        assert_eq!((answers.answers.len(), answers.missing), (2, 0));
    }

    #[test]
    fn who_did_not_answer_is_missing() {
        let mut gathered = Gathered { nodes: 3, ..Gathered::default() };
        gathered.take(Answer::Count(5), 1_000);
        gathered.take(Answer::Ack(None), 100);
        assert!(!gathered.take(Answer::Ack(None), 100));
        let answers = gathered.into_answers();
        assert_eq!((answers.answers.len(), answers.missing), (1, 6));
    }
}
