//! Which sockets belong to which session, so that ending a session ends them.

use super::{Here, emit, seat::Seat};
use plaza_chat::SessionId;
use plaza_protocol::Ending;
use plaza_socketio::Socket;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// The sockets of this node, by session.
#[derive(Default)]
pub(super) struct Registry {
    sockets: Mutex<HashMap<SessionId, Vec<Arc<Socket>>>>,
}

impl Registry {
    pub(super) fn add(&self, session: &SessionId, socket: &Arc<Socket>) {
        self.lock().entry(session.clone()).or_default().push(Arc::clone(socket));
    }

    pub(super) fn remove(&self, session: &SessionId, socket: &Socket) {
        let mut sockets = self.lock();
        if let Some(held) = sockets.get_mut(session) {
            held.retain(|other| other.id() != socket.id());
            if held.is_empty() {
                sockets.remove(session);
            }
        }
    }

    fn of(&self, session: &SessionId) -> Vec<Arc<Socket>> {
        self.lock().get(session).cloned().unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Arc<Socket>> {
        self.lock().values().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Vec<Arc<Socket>>>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a client away whose session has ended. It is told not to come back by itself.
pub(super) fn send_away(socket: &Socket) {
    let ending = Ending { reason: "revoked".to_owned(), retry_after_ms: 0, url: None };
    emit(socket, "session:ending", &ending);
    socket.disconnect(true);
}

/// Closes the sockets of sessions as they are revoked.
pub(super) async fn watch(here: Arc<Here>, shutdown: CancellationToken) {
    let mut revocations = here.chat.revocations();
    loop {
        let revoked = tokio::select! {
            () = shutdown.cancelled() => return,
            revoked = revocations.recv() => revoked,
        };
        match revoked {
            Ok(session) => here.registry.of(&session).iter().for_each(|socket| send_away(socket)),
            Err(RecvError::Lagged(_)) => check_all(&here).await,
            Err(RecvError::Closed) => return,
        }
    }
}

/// Some revocations were missed: every session is asked about.
async fn check_all(here: &Here) {
    for socket in here.registry.all() {
        if let Some(seat) = socket.data::<Seat>()
            && matches!(here.chat.still_holds(&seat.identity).await, Ok(false))
        {
            send_away(&socket);
        }
    }
}
