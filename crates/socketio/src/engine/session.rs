//! A session: one client, whichever transport it is on. Shared by its task, its HTTP requests and whoever sends.

use super::{
    close::CloseReason,
    flusher::Flushers,
    frame::Outgoing,
    outbox::{Closed, Outbox, Tell},
    websocket::{WebSocket, Wire},
};
use std::{
    fmt,
    future::poll_fn,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio::{io::ReadBuf, sync::mpsc, time::Instant};

/// Packets a polling client may be ahead of its session's task.
const INBOX: usize = 16;

/// A live session. Whoever holds it can send to the client, end it, and wait for room.
pub struct Session {
    sid: Box<str>,
    pub(super) outbox: Outbox,
    flushers: Arc<Flushers>,
    transport: Mutex<Transport>,
}

/// What a session is on.
enum Transport {
    /// The WebSocket is still being opened, or all is over.
    None,
    Polling(Box<Polling>),
    WebSocket {
        wire: Wire,
        /// The session's task, which goes on where the wire takes nothing.
        task: Waker,
    },
}

/// What only a session that polls needs.
struct Polling {
    inbox: mpsc::Sender<Incoming>,
    get: bool,
    post: bool,
    upgrading: bool,
    /// What is sent on the WebSocket that is being tried arrives.
    probed: bool,
}

/// What HTTP requests bring to the session's task, and when they brought it.
pub(super) enum Incoming {
    Text(String, Instant),
    Bytes(Vec<u8>, Instant),
    /// The upgrade is done; from here on the WebSocket is the transport.
    Upgraded(Box<WebSocket>),
}

/// Which of a polling session's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Get,
    Post,
    Upgrade,
}

/// Why a request cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotPolling {
    /// The session is on a WebSocket.
    Upgraded,
    /// One such request is under way.
    Overlap,
}

impl Session {
    pub(super) fn polling(
        sid: String,
        outbox: Outbox,
        flushers: &Arc<Flushers>,
    ) -> (Arc<Self>, mpsc::Receiver<Incoming>) {
        let (inbox, receiver) = mpsc::channel(INBOX);
        let polling = Polling { inbox, get: false, post: false, upgrading: false, probed: false };
        (Self::new(sid, outbox, flushers, Transport::Polling(Box::new(polling))), receiver)
    }

    pub(super) fn websocket(sid: String, outbox: Outbox, flushers: &Arc<Flushers>) -> Arc<Self> {
        Self::new(sid, outbox, flushers, Transport::None)
    }

    /// Without a server.
    #[cfg(test)]
    pub(crate) fn alone(sid: &str) -> Arc<Self> {
        Self::flushed_by(sid, 1_000, &Arc::default())
    }

    /// Without a server, but with who writes.
    #[cfg(test)]
    pub(super) fn flushed_by(sid: &str, outbox: usize, flushers: &Arc<Flushers>) -> Arc<Self> {
        let budget = Arc::new(super::budget::Budget::new(usize::MAX));
        Self::websocket(sid.to_owned(), Outbox::new(outbox, &budget), flushers)
    }

    fn new(sid: String, outbox: Outbox, flushers: &Arc<Flushers>, transport: Transport) -> Arc<Self> {
        let (sid, flushers) = (sid.into(), Arc::clone(flushers));
        Arc::new(Self { sid, outbox, flushers, transport: Mutex::new(transport) })
    }

    /// The Engine.IO session id. **A secret**: whoever knows it can take a polling session over.
    pub fn secret_sid(&self) -> &str {
        &self.sid
    }

    /// Queues a message. It is written in the order of the calls; it fails only when the session is closed,
    /// also when this very message was more than a slow client's outbox could hold.
    pub fn send(self: &Arc<Self>, message: &Outgoing) -> Result<(), Closed> {
        match self.outbox.push(message)? {
            Tell::Nothing => {}
            Tell::Write => self.flushers.mark(self, false),
            Tell::Hurry => self.flushers.mark(self, true),
        }
        Ok(())
    }

    /// For the flusher: writes what waits, as far as the connection takes it. The session's task goes on with the rest: it
    /// is woken when more is taken, and now, to see that this does not take too long.
    pub(super) fn flush(&self) {
        let mut transport = self.lock();
        let Transport::WebSocket { wire, task } = &mut *transport else { return };
        let stalled = wire.stalled_since().is_some();
        let written = wire.write_out(&mut Context::from_waker(task), &self.outbox, Outbox::take);
        let stalls = (!stalled && wire.stalled_since().is_some()).then(|| task.clone());
        drop(transport);
        if written.is_err() {
            self.close_with(CloseReason::TransportError);
        }
        stalls.into_iter().for_each(Waker::wake);
    }

    /// For the session's task, at the end of its turn: writes what came meanwhile, such as answers, and what was left to
    /// write before. Since when the wire takes nothing.
    pub(super) fn end_turn(&self) -> Option<Instant> {
        let mut transport = self.lock();
        let Transport::WebSocket { wire, task } = &mut *transport else { return None };
        // The flusher leaves what comes meanwhile to who goes on.
        let take = if wire.is_unfinished() { Outbox::take } else { Outbox::end_turn };
        if wire.write_out(&mut Context::from_waker(task), &self.outbox, take).is_err() {
            drop(transport);
            self.close_with(CloseReason::TransportError);
            return None;
        }
        wire.stalled_since()
    }

    /// For the session's task: reads from the wire, which wakes it later, as does what is written.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self.lock() {
            Transport::WebSocket { wire, task } => {
                if !task.will_wake(cx.waker()) {
                    task.clone_from(cx.waker());
                }
                wire.poll_read(cx, buffer)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Waits until at most half of the outbox is in use: for those who have much to send and all the time.
    pub async fn room(&self) -> Result<(), Closed> {
        poll_fn(|cx| self.outbox.poll_room(cx)).await
    }

    /// Whether its server is [`overloaded`](crate::SocketIo::overloaded).
    pub fn server_is_overloaded(&self) -> bool {
        self.outbox.server_is_overloaded()
    }

    /// How many more bytes wait before the client can be called slow.
    pub fn free(&self) -> usize {
        self.outbox.free()
    }

    /// Whether what is sent now is handed on at once, as far as one can tell: the connection takes what it is given, or
    /// a poll is there, and at most half of the outbox is in use.
    pub fn flows(&self) -> bool {
        self.outbox.flows()
    }

    /// Ends the session: what is queued is still written, then the transport is closed.
    pub fn close(&self) {
        self.outbox.close(CloseReason::ForcedClose);
    }

    /// Ends the session for a reason. The first one given stays.
    pub(crate) fn close_with(&self, reason: CloseReason) {
        self.outbox.close(reason);
    }

    /// Has [`Protocol::poll`](super::Protocol::poll) called soon.
    pub fn wake(&self) {
        self.outbox.wake_owner();
    }

    /// Whether the session has ended or is about to.
    pub fn is_closed(&self) -> bool {
        self.outbox.closing().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Transport> {
        self.transport.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the one place there is for such a request; given back when the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>, slot: Slot) -> Result<Entered, NotPolling> {
        let mut transport = self.lock();
        let Transport::Polling(polling) = &mut *transport else { return Err(NotPolling::Upgraded) };
        let taken = polling.slot(slot);
        if *taken {
            return Err(NotPolling::Overlap);
        }
        *taken = true;
        let inbox = polling.inbox.clone();
        Ok(Entered { session: Arc::clone(self), slot, inbox })
    }

    /// A WebSocket that is being tried works. From now on polls are answered at once, so that the client can change
    /// over. Not before: where a proxy swallows what is sent on WebSockets, the client would poll without a pause.
    pub(super) fn probed(&self) {
        if let Transport::Polling(polling) = &mut *self.lock() {
            polling.probed = true;
        }
        self.release_poll();
    }

    /// Whether the client is to stop polling.
    pub(super) fn is_changing_over(&self) -> bool {
        !matches!(&*self.lock(), Transport::Polling(polling) if !polling.probed)
    }

    /// The task, by its waker, has taken a WebSocket over: no poll is served any more.
    pub(super) fn begin_websocket(&self, wire: Wire, task: Waker) {
        *self.lock() = Transport::WebSocket { wire, task };
        self.release_poll();
        self.outbox.begin_websocket();
    }

    /// Takes the wire back, for the end of it.
    pub(super) fn end_websocket(&self) -> Option<Wire> {
        let mut transport = self.lock();
        match std::mem::replace(&mut *transport, Transport::None) {
            Transport::WebSocket { wire, .. } => Some(wire),
            other => {
                *transport = other;
                None
            }
        }
    }

    /// Has a pending poll look again: it finds that the client is changing over.
    fn release_poll(&self) {
        self.outbox.wake_poll();
    }
}

impl Polling {
    fn slot(&mut self, slot: Slot) -> &mut bool {
        match slot {
            Slot::Get => &mut self.get,
            Slot::Post => &mut self.post,
            Slot::Upgrade => &mut self.upgrading,
        }
    }
}

/// A request that holds its place.
pub(super) struct Entered {
    session: Arc<Session>,
    slot: Slot,
    inbox: mpsc::Sender<Incoming>,
}

impl Entered {
    /// Hands a packet to the session's task, waiting while that is busy. `false`: the session has ended.
    pub(super) async fn bring(&self, incoming: Incoming) -> bool {
        self.inbox.send(incoming).await.is_ok()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Transport::Polling(polling) = &mut *self.session.lock() {
            *polling.slot(self.slot) = false;
            polling.probed &= self.slot != Slot::Upgrade;
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the sid, which is a secret.
        f.debug_struct("Session").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
