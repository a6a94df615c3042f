//! Which sockets belong to which session, so that ending a session ends them, and so that a guest who is connected
//! does not expire.

use super::{Here, emit, seat::Seat};
use plaza_chat::SessionId;
use plaza_protocol::{Ending, UserId};
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
    /// Guests whose last socket has gone, until that is written down.
    gone: HashSet<UserId>,
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
            if let Some(guest) = guest(socket) {
                sockets.gone.insert(guest);
                self.left.notify_one();
            }
        }
    }

    fn of(&self, session: &SessionId) -> Vec<Arc<Socket>> {
        self.lock().of_session.get(session).cloned().unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Arc<Socket>> {
        self.lock().of_session.values().flatten().cloned().collect()
    }

    /// The guests who are connected, and those who have gone since this or [`Self::gone`] was asked.
    fn guests(&self) -> Vec<UserId> {
        let mut sockets = self.lock();
        let mut guests = std::mem::take(&mut sockets.gone);
        let here = sockets.of_session.values().filter_map(|held| guest(held.first()?));
        guests.extend(here);
        guests.into_iter().collect()
    }

    /// The guests who have gone since this or [`Self::guests`] was asked.
    fn gone(&self) -> Vec<UserId> {
        std::mem::take(&mut self.lock().gone).into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The guest behind a socket.
fn guest(socket: &Socket) -> Option<UserId> {
    let user = &socket.data::<Seat>()?.identity.user;
    user.guest.then(|| user.id.clone())
}

/// Sends a client away whose session has ended. It is told not to come back by itself.
pub(super) fn send_away(socket: &Socket) {
    let ending = Ending { reason: "revoked".to_owned(), retry_after_ms: 0, url: None };
    emit(socket, "session:ending", &ending);
    socket.disconnect(true);
}

/// Watches over the sockets until `shutdown`. It listens for revocations from the call on, before anybody is let in.
pub(super) fn watch(here: Arc<Here>, shutdown: CancellationToken) -> impl Future<Output = ()> + Send {
    let revocations = here.chat.revocations();
    async move {
        // Apart, so that a store that is slow to take the one does not delay the other.
        tokio::join!(close_revoked(&here, revocations, &shutdown), renew_guests(&here, &shutdown));
    }
}

/// Closes the sockets of sessions as they are revoked.
async fn close_revoked(here: &Here, mut revocations: Receiver<SessionId>, shutdown: &CancellationToken) {
    while let Some(revoked) = shutdown.run_until_cancelled(revocations.recv()).await {
        match revoked {
            Ok(session) => here.registry.of(&session).iter().for_each(|socket| send_away(socket)),
            Err(RecvError::Lagged(_)) => check_all(here).await,
            Err(RecvError::Closed) => return,
        }
    }
}

/// Writes down that guests are connected, now and then and when they go: their tokens hold from then on.
async fn renew_guests(here: &Here, shutdown: &CancellationToken) {
    let every = here.chat.settings().guest_renewal();
    let mut renewal = interval_at(Instant::now() + every, every);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let guests = tokio::select! {
            () = shutdown.cancelled() => break,
            _ = renewal.tick() => here.registry.guests(),
            () = here.registry.left.notified() => here.registry.gone(),
        };
        seen(here, &guests).await;
    }
    seen(here, &here.registry.guests()).await;
}

async fn seen(here: &Here, guests: &[UserId]) {
    if let Err(error) = here.chat.guests_seen(guests).await {
        tracing::warn!(%error, guests = guests.len(), "That guests are here was not written down");
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
