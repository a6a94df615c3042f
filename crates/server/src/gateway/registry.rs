//! Which sockets belong to which session, so that ending a session ends them, and so that being connected counts as use:
//! a guest who is here does not expire.

use super::{Here, tell};
use plaza_chat::{Looks, SessionId};
use plaza_protocol::Ending;
use plaza_socketio::Socket;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{
        Notify,
        broadcast::{Receiver, error::RecvError},
    },
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

/// The sockets of this node, by session.
#[derive(Default)]
pub(super) struct Registry {
    sockets: Mutex<Sockets>,
    /// Somebody was put into `gone`.
    left: Notify,
}

#[derive(Default)]
struct Sockets {
    of_session: HashMap<SessionId, Vec<Arc<Socket>>>,
    /// Sessions whose last socket has gone, until that is written down.
    gone: HashSet<SessionId>,
}

impl Registry {
    pub(super) fn add(&self, session: &SessionId, socket: &Arc<Socket>) {
        self.lock().of_session.entry(session.clone()).or_default().push(Arc::clone(socket));
    }

    pub(super) fn remove(&self, session: &SessionId, socket: &Socket) {
        let mut sockets = self.lock();
        let Some(held) = sockets.of_session.get_mut(session) else { return };
        held.retain(|other| other.id() != socket.id());
        if held.is_empty() {
            sockets.of_session.remove(session);
            sockets.gone.insert(session.clone());
            self.left.notify_one();
        }
    }

    fn of(&self, session: &SessionId) -> Vec<Arc<Socket>> {
        self.lock().of_session.get(session).cloned().unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Arc<Socket>> {
        self.lock().of_session.values().flatten().cloned().collect()
    }

    /// The sessions that are connected.
    fn connected(&self) -> Vec<SessionId> {
        self.lock().of_session.keys().cloned().collect()
    }

    /// The sessions that are connected, and those that have gone since this or [`Self::gone`] was asked.
    fn used(&self) -> Vec<SessionId> {
        let mut sockets = self.lock();
        let mut used = std::mem::take(&mut sockets.gone);
        used.extend(sockets.of_session.keys().cloned());
        used.into_iter().collect()
    }

    /// The sessions that have gone since this or [`Self::used`] was asked.
    fn gone(&self) -> Vec<SessionId> {
        std::mem::take(&mut self.lock().gone).into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a client away whose session has ended. It is told not to come back by itself.
pub(super) fn send_away(socket: &Socket) {
    let ending = Ending { reason: "revoked".to_owned(), retry_after_ms: 0, url: None };
    tell(socket, &ending);
    socket.disconnect(true);
}

/// Watches over the sockets until `shutdown`. It listens for revocations from the call on, before anybody is let in.
pub(super) fn watch(here: Arc<Here>, shutdown: CancellationToken) -> impl Future<Output = ()> + Send {
    let (revocations, looks) = (here.chat.revocations(), here.chat.looks());
    async move {
        // Apart, so that a store that is slow to take the one does not delay the other.
        tokio::join!(
            close_revoked(&here, revocations, &shutdown),
            look_after_missed(&here, looks, &shutdown),
            note_uses(&here, &shutdown)
        );
    }
}

/// Closes the sockets of sessions as they are revoked.
async fn close_revoked(here: &Here, mut revocations: Receiver<SessionId>, shutdown: &CancellationToken) {
    while let Some(revoked) = shutdown.run_until_cancelled(revocations.recv()).await {
        match revoked {
            Ok(session) => close(here, &session),
            Err(RecvError::Lagged(_)) => check_all(here).await,
            Err(RecvError::Closed) => return,
        }
    }
}

/// Asks about every session now and then, since the bus may lose what other nodes say of those that end.
async fn look_after_missed(here: &Here, looks: Option<Looks>, shutdown: &CancellationToken) {
    let Some(mut looks) = looks else { return };
    while shutdown.run_until_cancelled(looks.next()).await.is_some() {
        check_all(here).await;
    }
}

/// Writes down that sessions are in use, now and then and when they go: guests' tokens hold from then on, and people see
/// when which of their devices was here.
async fn note_uses(here: &Here, shutdown: &CancellationToken) {
    let every = here.chat.settings().guest_renewal();
    let mut renewal = interval_at(Instant::now() + every, every);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let used = tokio::select! {
            () = shutdown.cancelled() => break,
            _ = renewal.tick() => here.registry.used(),
            () = here.registry.left.notified() => here.registry.gone(),
        };
        seen(here, &used).await;
    }
    seen(here, &here.registry.used()).await;
}

async fn seen(here: &Here, sessions: &[SessionId]) {
    if let Err(error) = here.chat.sessions_seen(sessions).await {
        tracing::warn!(%error, sessions = sessions.len(), "That sessions are in use was not written down");
    }
}

/// Some revocations may have been missed: every session is asked about, all in one question.
async fn check_all(here: &Here) {
    match here.chat.ended_of(&here.registry.connected()).await {
        Ok(ended) => ended.iter().for_each(|session| close(here, session)),
        Err(error) => tracing::warn!(%error, "Whether sessions have ended was not found out"),
    }
}

fn close(here: &Here, session: &SessionId) {
    here.registry.of(session).iter().for_each(|socket| send_away(socket));
}
