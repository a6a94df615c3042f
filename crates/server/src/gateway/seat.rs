//! Letting a client in, when it is its turn: by its token, or as a new guest.

use super::{Here, arrivals::Turn};
use crate::{
    client_addr::{ClientAddr, UNKNOWN},
    limits::Action,
};
use futures_util::FutureExt as _;
use plaza_chat::{ConnectionId, Identity, PresenceId};
use plaza_protocol::{Auth, Code, Error, Secret};
use plaza_socketio::{ConnectError, Socket};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Semaphore;

/// Whether a connection has asked to be let in before. What opened it counts as the first time.
#[derive(Clone, Default)]
pub(super) struct AskedBefore(Arc<AtomicBool>);

/// Where a socket's client is.
pub(super) fn address(socket: &Socket) -> IpAddr {
    socket.request().get::<ClientAddr>().map_or(UNKNOWN, |addr| addr.0)
}

/// As many as there are rooms one user may ever be allowed to be in.
const MOST_POSITIONS: usize = 20_000;

/// Who sits behind a socket. Kept with it from the moment it is let in.
pub(super) struct Seat {
    pub(super) identity: Identity,
    /// A new guest's token, to be told once.
    pub(super) new_token: Option<Secret>,
    /// Its number for who watches and is watched.
    pub(super) presence: PresenceId,
    /// Held by a request with a large answer, so that a client that asks for many has one at a time.
    pub(super) large_answer: Semaphore,
    /// Whether it gets each message a second time, by its kind.
    pub(super) kinds: bool,
    /// Until it is brought up to date.
    turn: Mutex<Option<Turn>>,
    connection: Mutex<Connection>,
}

/// Its place in the feed, which comes a little later and must not outlive the socket.
enum Connection {
    None,
    Known(ConnectionId),
    Left,
}

impl Seat {
    /// The feed knows the socket by this. `false`: the socket has gone meanwhile.
    pub(super) fn connected(&self, id: ConnectionId) -> bool {
        let mut connection = self.lock();
        if matches!(*connection, Connection::Left) {
            return false;
        }
        *connection = Connection::Known(id);
        true
    }

    /// Its number in the feed, if it has one yet.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match *self.lock() {
            Connection::Known(id) => Some(id),
            Connection::None | Connection::Left => None,
        }
    }

    /// The socket has gone: what the feed is to forget.
    pub(super) fn left(&self) -> Option<ConnectionId> {
        match std::mem::replace(&mut *self.lock(), Connection::Left) {
            Connection::Known(id) => Some(id),
            Connection::None | Connection::Left => None,
        }
    }

    /// It is brought up to date, or does not read what it missed: somebody else may come in.
    pub(super) fn give_up_turn(&self) {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(turn);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The middleware: finds out who comes, and gives them their seat.
pub(super) async fn take(here: &Here, socket: &Arc<Socket>, auth: Value) -> Result<(), ConnectError> {
    let seat = identify(here, socket, auth).await.map_err(|error| {
        here.metrics.refused(&error);
        refusal(error)
    })?;
    socket.set_data(seat);
    Ok(())
}

/// How somebody says who they are.
enum Proof {
    Token(Secret),
    Guest(String),
}

async fn identify(here: &Here, socket: &Socket, auth: Value) -> Result<Seat, Error> {
    let addr = address(socket);
    // One connection is no way around how often one may connect: every further try counts as another.
    if socket.request().get::<AskedBefore>().is_some_and(|asked| asked.0.swap(true, Ordering::Relaxed)) {
        here.limits.check(Action::Connect, addr, None)?;
    }
    let auth: Auth = serde_json::from_value(auth).map_err(|error| Error::misfit("auth", &error))?;
    let positions = auth.positions.as_ref().map_or(0, BTreeMap::len);
    if positions > MOST_POSITIONS {
        let message = format!("There are {positions} positions in auth, and at most {MOST_POSITIONS} fit.");
        return Err(Error::bad_request(message));
    }
    // What can be refused without the store does not stand in line for it.
    let proof = match (auth.token, auth.guest) {
        (Some(token), _) => Proof::Token(token),
        (None, Some(name)) => {
            here.limits.check(Action::Guest, addr, Some(&name))?;
            Proof::Guest(name)
        }
        (None, None) => {
            return Err(Error::new(Code::Unauthorized, "Sign in, or come as a guest with a name."));
        }
    };
    let turn = here.arrivals.turn().await?;
    // Whoever is behind one that does not read is not to wait for that.
    match socket.room_in_outbox().now_or_never() {
        Some(Ok(())) => {}
        Some(Err(_)) => return Err(Error::new(Code::Unavailable, "The connection is closed.")),
        None => {
            let message = "Read what was sent before, and come again.";
            return Err(Error::new(Code::Busy, message).retry_after_ms(1_000));
        }
    }
    let (identity, new_token) = match proof {
        Proof::Token(token) => (here.chat.authenticate(&token).await?, None),
        Proof::Guest(name) => {
            let (identity, token) = here.chat.new_guest(&name).await?;
            (identity, Some(token))
        }
    };
    let (large_answer, connection) = (Semaphore::new(1), Mutex::new(Connection::None));
    let (presence, kinds) = (here.presence.number(), auth.kinds.unwrap_or(false));
    let turn = Mutex::new(Some(turn));
    Ok(Seat { identity, new_token, presence, large_answer, kinds, turn, connection })
}

/// As `connect_error` carries it.
fn refusal(error: Error) -> ConnectError {
    let data = serde_json::to_value(&error).unwrap_or_default();
    ConnectError::new(error.message).with_data(data)
}
