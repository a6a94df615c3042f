//! What waits for one client: bounded in bytes, filled by anybody, emptied by the client's own transport.
//!
//! A broadcast pushes a reference to shared bytes and has the transport told at most once: a poll that waits is woken, a
//! WebSocket is marked for the [flusher](super::flusher). It takes all that is pending at once and writes it in one
//! system call.
//!
//! A client is slow when more waits for it than the bound and its transport takes nothing: the kernel has refused
//! bytes, or no poll is there to fetch them. It is closed at that moment: nothing is dropped silently, and the pusher
//! never waits. A transport that takes what it is given but has not had its turn since a burst came may be
//! [`HEADROOM`] times the bound behind.

use super::{budget::Budget, close::CloseReason, frame::Outgoing, queue::Queue};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// How many times the bound may wait for a transport that only lacks its turn.
const HEADROOM: usize = 4;
/// So much waits that it is to be written before others have their turns.
const MUCH: usize = 64 * 1024;

pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Bytes queued and not yet written, the ones in the writer's hands included.
    bytes: AtomicUsize,
    limit: usize,
    /// Where the same bytes are counted with those of all other clients.
    budget: Arc<Budget>,
}

struct State {
    queue: Queue,
    closing: Option<CloseReason>,
    /// Whether the transport has room for what it would be given.
    taking: bool,
    transport: Transport,
    /// The session's task, waiting for the end.
    owner: Option<Waker>,
    /// Those who wait for room before they push more.
    waiting_for_room: Vec<Waker>,
}

/// Who takes what is queued.
enum Transport {
    /// A poll, if one waits for frames.
    Polling(Option<Waker>),
    /// Whoever is to write next.
    WebSocket(Writer),
}

/// Who knows that there is something to write to a WebSocket, or will look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    None,
    Flusher,
    /// It was told to write at once.
    HurriedFlusher,
    /// The session's task, at the end of its turn.
    Task,
}

/// What the flusher is to be told of something pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tell {
    Nothing,
    Write,
    /// To write at once, whether it knows already or not.
    Hurry,
}

/// The session has ended or is about to: nothing more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is closed")]
pub struct Closed;

impl Outbox {
    pub(crate) fn new(limit: usize, budget: &Arc<Budget>) -> Self {
        let state = State {
            queue: Queue::default(),
            closing: None,
            taking: false,
            transport: Transport::Polling(None),
            owner: None,
            waiting_for_room: Vec::new(),
        };
        Self { state: Mutex::new(state), bytes: AtomicUsize::new(0), limit, budget: Arc::clone(budget) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is valid between any two statements below, so a poisoned lock holds no half-done change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message whole, or closes the session when it does not fit. A message larger than the bound is
    /// taken when nothing else waits. What the flusher is to be told.
    pub(crate) fn push(&self, message: &Outgoing) -> Result<Tell, Closed> {
        let cost = message.cost();
        let mut state = self.lock();
        if state.closing.is_some() {
            return Err(Closed);
        }
        let before = self.bytes.load(Ordering::Relaxed);
        let bound = if state.taking { self.limit.saturating_mul(HEADROOM) } else { self.limit };
        if before > 0 && before + cost > bound {
            let queued = std::mem::take(&mut state.queue);
            self.release(queued.cost());
            Self::close_locked(state, CloseReason::SlowConsumer);
            return Err(Closed);
        }
        self.bytes.fetch_add(cost, Ordering::Relaxed);
        self.budget.take(cost);
        state.queue.push(message.first.clone());
        message.rest.iter().for_each(|frame| state.queue.push(frame.clone()));
        match &mut state.transport {
            Transport::WebSocket(writer @ Writer::None) => {
                let much = before + cost >= MUCH;
                *writer = if much { Writer::HurriedFlusher } else { Writer::Flusher };
                Ok(if much { Tell::Hurry } else { Tell::Write })
            }
            Transport::WebSocket(writer @ Writer::Flusher) if before + cost >= MUCH => {
                *writer = Writer::HurriedFlusher;
                Ok(Tell::Hurry)
            }
            Transport::WebSocket(Writer::Flusher | Writer::HurriedFlusher | Writer::Task) => {
                Ok(Tell::Nothing)
            }
            Transport::Polling(poll) => {
                let poll = poll.take();
                drop(state);
                poll.into_iter().for_each(Waker::wake);
                Ok(Tell::Nothing)
            }
        }
    }

    /// Ends the session. What was queued before is still written, except for a slow consumer's. The first
    /// reason stays.
    pub(crate) fn close(&self, reason: CloseReason) {
        let state = self.lock();
        if state.closing.is_none() {
            Self::close_locked(state, reason);
        }
    }

    fn close_locked(mut state: MutexGuard<'_, State>, reason: CloseReason) {
        state.closing = Some(reason);
        let mut wakers = std::mem::take(&mut state.waiting_for_room);
        wakers.extend(state.take_poll());
        wakers.extend(state.owner.take());
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Why the session ends, if it does.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.lock().closing
    }

    /// For the session's task: ready with the reason once the session shall end. Otherwise its turn begins: on a WebSocket
    /// that nobody is to write to yet, the task does so with what is pushed until [`end_turn`](Self::end_turn).
    pub(crate) fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let mut state = self.lock();
        if let Some(reason) = state.closing {
            return Poll::Ready(reason);
        }
        register(&mut state.owner, cx);
        if let Transport::WebSocket(writer @ Writer::None) = &mut state.transport {
            *writer = Writer::Task;
        }
        Poll::Pending
    }

    /// The end of the task's turn: as [`take`](Self::take), where the task is to write.
    pub(crate) fn end_turn(&self, into: &mut Queue) -> bool {
        let mut state = self.lock();
        matches!(state.transport, Transport::WebSocket(Writer::Task)) && state.take(into)
    }

    /// Wakes a poll though nothing was pushed: it should look whether it is still wanted.
    pub(crate) fn wake_poll(&self) {
        let poll = self.lock().take_poll();
        poll.into_iter().for_each(Waker::wake);
    }

    /// From now on a WebSocket is written to. What is queued already, the task does.
    pub(crate) fn begin_websocket(&self) {
        self.lock().transport = Transport::WebSocket(Writer::Task);
    }

    /// Wakes the session's task, for what did not come through its transport.
    pub(crate) fn wake_owner(&self) {
        let owner = self.lock().owner.take();
        if let Some(owner) = owner {
            owner.wake();
        }
    }

    /// For a transport: moves everything queued behind what `into` holds; false where there is nothing.
    pub(crate) fn take(&self, into: &mut Queue) -> bool {
        self.lock().take(into)
    }

    /// For a poll: the same, pending when there is nothing.
    pub(crate) fn poll_take(&self, into: &mut Queue, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.take(into) {
            if let Transport::Polling(poll) = &mut state.transport {
                register(poll, cx);
            }
            return Poll::Pending;
        }
        // Whoever waits for the last frames of a session that is closing.
        if state.closing.is_some()
            && let Some(owner) = state.owner.take()
        {
            drop(state);
            owner.wake();
        }
        Poll::Ready(())
    }

    /// For a session that is closing: ready once nothing waits to be taken any more.
    pub(crate) fn poll_fetched(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.queue.is_empty() {
            return Poll::Ready(());
        }
        register(&mut state.owner, cx);
        Poll::Pending
    }

    /// The transport can hand nothing on for the time being. Until it takes more, the bound holds as it is.
    pub(crate) fn stalls(&self) {
        self.lock().taking = false;
    }

    /// The transport has handed on what counted for this much.
    pub(crate) fn written(&self, cost: usize) {
        let (before, cost) = self.release(cost);
        // Half the bound: whoever waits for room finds enough of it to be worth the wake.
        if before > self.limit / 2 && before - cost <= self.limit / 2 {
            let wakers = std::mem::take(&mut self.lock().waiting_for_room);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether what is pushed now is handed on at once, as far as one can tell: the transport takes what there is, and
    /// has not much of it.
    pub(crate) fn flows(&self) -> bool {
        let state = self.lock();
        state.taking && state.closing.is_none() && self.bytes.load(Ordering::Relaxed) <= self.limit / 2
    }

    /// Counts so much less, but never less than nothing; how much it was before, and how much less it is.
    fn release(&self, cost: usize) -> (usize, usize) {
        let less = |bytes: usize| Some(bytes.saturating_sub(cost));
        let before = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        let released = cost.min(before);
        self.budget.give_back(released);
        (before, released)
    }

    /// The session has ended, and so has what still waits for its client, also in the hands of a transport.
    pub(crate) fn clear(&self) {
        let queue = std::mem::take(&mut self.lock().queue);
        self.release(usize::MAX);
        drop(queue);
    }

    /// Whether more waits for all clients of the server than should.
    pub(crate) fn server_is_overloaded(&self) -> bool {
        self.budget.is_exceeded()
    }

    /// How much more fits before the bound.
    pub(crate) fn free(&self) -> usize {
        self.limit.saturating_sub(self.bytes.load(Ordering::Relaxed))
    }

    /// Ready once at most half of the bound is in use, or the session ends.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.lock();
        if state.closing.is_some() {
            return Poll::Ready(Err(Closed));
        }
        if self.bytes.load(Ordering::Relaxed) <= self.limit / 2 {
            return Poll::Ready(Ok(()));
        }
        if !state.waiting_for_room.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting_for_room.push(cx.waker().clone());
        }
        drop(state);
        // `written` may have passed the mark between the load and the registration.
        if self.bytes.load(Ordering::Relaxed) <= self.limit / 2 {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl State {
    fn take(&mut self, into: &mut Queue) -> bool {
        self.taking = true;
        if let Transport::WebSocket(writer) = &mut self.transport {
            *writer = Writer::None;
        }
        if self.queue.is_empty() {
            self.queue.shrink();
            return false;
        }
        into.append(&mut self.queue);
        true
    }

    fn take_poll(&mut self) -> Option<Waker> {
        match &mut self.transport {
            Transport::Polling(poll) => poll.take(),
            Transport::WebSocket(_) => None,
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.release(usize::MAX);
    }
}

fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
