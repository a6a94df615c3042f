//! The server's side that outlives sessions: who is there, how many, and how all of them end.

use super::{
    Application, CloseReason,
    budget::Budget,
    flusher::Flushers,
    heartbeat::Heartbeat,
    http::Refusal,
    outbox::Outbox,
    session::{Incoming, Session},
    task::Task,
    websocket::WebSocket,
};
use crate::config::Config;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// An Engine.IO server for one application. A clone is the same server. It answers HTTP requests, see
/// [`Engine::respond`]; binding and accepting are the caller's.
pub struct Engine<A: Application> {
    pub(super) shared: Arc<Shared<A>>,
}

impl<A: Application> Clone for Engine<A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

pub(super) struct Shared<A: Application> {
    pub(super) config: Config,
    pub(super) application: A,
    sessions: Mutex<Sessions>,
    pub(super) budget: Arc<Budget>,
    flushers: Arc<Flushers>,
    pub(super) tasks: TaskTracker,
    /// For what is under way beside a session and holds nothing that would be lost.
    pub(super) closing: CancellationToken,
}

#[derive(Default)]
struct Sessions {
    by_sid: HashMap<Box<str>, Arc<Session>>,
    closing: bool,
    /// Where nobody is let in any more: when those who ask are told to come again.
    refusing: Option<Duration>,
}

impl<A: Application> Engine<A> {
    /// A server without sessions.
    pub fn new(config: Config, application: A) -> Self {
        let sessions = Mutex::new(Sessions::default());
        let budget = Arc::new(Budget::new(config.total_outbox_bytes));
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        let flushers = Arc::default();
        Self { shared: Arc::new(Shared { config, application, sessions, budget, flushers, tasks, closing }) }
    }

    /// What runs on it.
    pub fn application(&self) -> &A {
        &self.shared.application
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.shared.lock().by_sid.len()
    }

    /// Whether more waits for all clients together than it should; new ones are refused meanwhile.
    pub fn overloaded(&self) -> bool {
        self.shared.budget.is_exceeded()
    }

    /// How many bytes wait for all clients together.
    pub fn outbox_bytes(&self) -> usize {
        self.shared.budget.bytes()
    }

    /// Takes no new sessions from now on, and leaves those there are: who asks is answered 503 and told to come again
    /// after `retry_after`.
    pub fn refuse_new(&self, retry_after: Duration) {
        self.shared.lock().refusing = Some(retry_after);
    }

    /// Ends every session with [`CloseReason::ServerShuttingDown`], takes no new ones, and waits until the last
    /// has ended, handlers included.
    pub async fn close(&self) {
        let sessions: Vec<_> = {
            let mut sessions = self.shared.lock();
            sessions.closing = true;
            sessions.by_sid.values().cloned().collect()
        };
        for session in sessions {
            session.close_with(CloseReason::ServerShuttingDown);
        }
        self.shared.closing.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl<A: Application> Shared<A> {
    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.lock().by_sid.get(sid).cloned()
    }

    fn register(self: &Arc<Self>, session: &Arc<Session>) -> Result<Registered<A>, Refusal> {
        let mut sessions = self.lock();
        if sessions.closing {
            return Err(Refusal::unavailable("The server is shutting down."));
        }
        if let Some(retry_after) = sessions.refusing {
            return Err(Refusal::unavailable("The server is about to stop.").retry_after(retry_after));
        }
        if self.budget.is_exceeded() {
            return Err(Refusal::unavailable("The server is overloaded."));
        }
        if sessions.by_sid.len() >= self.config.max_clients {
            return Err(Refusal::unavailable("The server is full."));
        }
        sessions.by_sid.insert(session.secret_sid().into(), Arc::clone(session));
        drop(sessions);
        self.flushers.start();
        Ok(Registered { shared: Arc::clone(self), session: Arc::clone(session) })
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.config.outbox_bytes, &self.budget)
    }

    fn new_sid(&self) -> String {
        format!("{}{}", self.config.sid_prefix, self.config.random.id())
    }

    /// A session that begins with polling.
    pub(super) fn open_polling(
        self: &Arc<Self>,
        request: &::http::request::Parts,
    ) -> Result<Arc<Session>, Refusal> {
        let (session, inbox): (_, mpsc::Receiver<Incoming>) =
            Session::polling(self.new_sid(), self.outbox(), &self.flushers);
        let task = self.task(&session, request)?;
        self.tasks.spawn(task.run_polling(inbox));
        Ok(session)
    }

    /// A session that begins on a WebSocket; `socket` comes once its handshake is done.
    pub(super) fn open_websocket(
        self: &Arc<Self>,
        request: &::http::request::Parts,
        socket: impl Future<Output = Option<WebSocket>> + Send + 'static,
    ) -> Result<Arc<Session>, Refusal> {
        let session = Session::websocket(self.new_sid(), self.outbox(), &self.flushers);
        let task = self.task(&session, request)?;
        self.tasks.spawn(task.run_websocket(socket));
        Ok(session)
    }

    fn task(
        self: &Arc<Self>,
        session: &Arc<Session>,
        request: &::http::request::Parts,
    ) -> Result<Task<A>, Refusal> {
        let registered = self.register(session)?;
        let protocol = self.application.open(session, request)?;
        let heartbeat = Heartbeat::new(self.config.ping_interval, self.config.ping_timeout);
        Ok(Task { registered, protocol, heartbeat })
    }
}

/// A session that its server knows, and whose connection is open, for as long as this is there: however its task ends.
pub(super) struct Registered<A: Application> {
    pub(super) shared: Arc<Shared<A>>,
    pub(super) session: Arc<Session>,
}

impl<A: Application> Drop for Registered<A> {
    fn drop(&mut self) {
        self.shared.lock().by_sid.remove(self.session.secret_sid());
        drop(self.session.end_websocket());
    }
}
