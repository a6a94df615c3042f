//! A client that stays: it reconnects with backoff, resumes by position, and says truthfully what happened.
//!
//! What it tells is everything that an honest page needs: lost and why, back and whether anything was missed, and
//! which rooms could not be continued and had to be reloaded. Events come in order, each once; what the server
//! gets wrong (an event twice, a gap) is told too, so that a test can see it.

mod destination;
mod driver;

use crate::{Address, Connection, Incoming, Options, Request, RequestError, watched::Watched};
use plaza_protocol::{
    ClientId, Content, Ending, Error, Event, EventsPage, Positions, PresenceEvent, PresenceList, ReadEvent,
    Receipts, Reload, RoomId, Secret, SendMessage, SentMessage, Seq, Session, TextBody, Tokens, TypingEvent,
    UserRef,
};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Who connects.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A new guest under this name. The token that the server gives is kept in memory for reconnecting.
    Guest(String),
    /// A guest or an account by a token alone; nothing refreshes it.
    Token(Secret),
    /// An account; the access token is refreshed when the server no longer takes it.
    Account(Tokens),
}

/// What happens to a client, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// Connected. What was missed follows, then [`Update::Resumed`].
    Online(Session),
    /// The next event of its room.
    Event(Event),
    /// Catching up is over; what follows is live.
    Resumed {
        /// Events that came while catching up.
        missed: u64,
    },
    /// A room could not be continued from the position held.
    Reloaded {
        /// Which.
        room: RoomId,
        /// Why.
        reason: Reload,
        /// Its newest events, to start again from; absent when one is no member (any more).
        page: Option<EventsPage>,
    },
    /// One's own read position moved on another connection.
    Read(ReadEvent),
    /// Others' read positions moved, in a room small enough for it.
    Receipts(Receipts),
    /// Somebody else is writing.
    Typing(TypingEvent),
    /// Somebody who is watched came or went, also while this client was away.
    Presence(PresenceEvent),
    /// The server is about to close the connection.
    Ending(Ending),
    /// The connection is lost, or could not be made.
    Offline {
        /// A sentence.
        why: String,
        /// The next attempt comes after this.
        retry_in: Duration,
    },
    /// The server does not want this client: the last update.
    Refused(Error),
    /// The server sent an event again that was held already. It is to be ignored; a right server does not do it.
    Repeated(Event),
    /// The server left out events. The client reconnects to be given them; a right server does not do it.
    Gap {
        /// Where.
        room: RoomId,
        /// The position held.
        held: Seq,
        /// The position that came, or was said to have been sent.
        got: Seq,
    },
    /// The server sent an event that is not what its name says, and it was passed over.
    Malformed {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// What passes between a client and its server, before the client makes anything of it: also what it drops, or hides
/// by mending it.
#[derive(Debug, Clone, Copy)]
pub enum Sight<'a> {
    /// A connection was opened.
    Connected {
        /// The positions the client said it holds.
        claimed: &'a Positions,
        /// The server's first words.
        session: &'a Session,
    },
    /// The server sent this by itself, and it is taken in now, in the order in which it came. What a connection that
    /// breaks off had brought but not handed over is never seen, and is not held either.
    Taken(&'a Incoming),
    /// A room was asked for anew.
    Reloaded {
        /// Which.
        room: &'a RoomId,
        /// Its newest events; absent when one is no member.
        page: Option<&'a EventsPage>,
    },
}

/// Is shown everything in the task of its client, which waits for it.
pub type Witness = Box<dyn Fn(Sight<'_>) + Send + Sync>;

/// The asking side. Clones share the connection; when the last one and [`Updates`] are gone, it is closed.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// The receiving side. Whoever does not take updates stops the reading, and is a slow consumer to the server.
#[derive(Debug)]
pub struct Updates {
    queue: mpsc::Receiver<Update>,
    stop: CancellationToken,
}

struct Shared {
    current: watch::Receiver<Option<Connection>>,
    options: Options,
    rng: Mutex<StdRng>,
    account: driver::Account,
    guest_token: driver::GuestToken,
    watched: Arc<Watched>,
    stop: CancellationToken,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Starts connecting and never stops trying, until it is closed or refused. Retries are spread by `rng`.
    ///
    /// Must be called within a tokio runtime.
    pub fn start(address: Address, identity: Identity, options: Options, rng: StdRng) -> (Self, Updates) {
        Self::start_before(Box::new(|_| {}), address, identity, options, rng)
    }

    /// [`Client::start`] with a witness, for those who judge the server and this client.
    pub fn start_before(
        witness: Witness,
        address: Address,
        identity: Identity,
        options: Options,
        mut rng: StdRng,
    ) -> (Self, Updates) {
        let stop = CancellationToken::new();
        let (updates, queue) = mpsc::channel(options.event_queue.max(1));
        let (current, watching) = watch::channel(None);
        let own_rng = StdRng::from_rng(&mut rng);
        let driver =
            driver::Driver::new(address, identity, options.clone(), rng, updates, current, stop.clone())
                .before(witness);
        let (account, guest_token) = (driver.account(), driver.guest_token());
        let watched = driver.watched();
        tokio::spawn(driver.run());
        let shared = Shared {
            current: watching,
            options,
            rng: Mutex::new(own_rng),
            account,
            guest_token,
            watched,
            stop: stop.clone(),
        };
        (Self { shared: Arc::new(shared) }, Updates { queue, stop })
    }

    /// Whether there is a connection now, and all that was missed has come.
    pub fn is_online(&self) -> bool {
        self.shared.current.borrow().is_some()
    }

    /// The connection, once all that was missed has come, waiting for it up to [`Options::request_timeout`].
    pub async fn connection(&self) -> Result<Connection, RequestError> {
        timeout(self.shared.options.request_timeout, self.next_connection())
            .await
            .unwrap_or(Err(RequestError::Disconnected))
    }

    /// The account's tokens as last refreshed; none for a guest.
    pub fn tokens(&self) -> Option<Tokens> {
        self.shared.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token of the guest that this client came as ([`Identity::Guest`]), from the first session on.
    pub fn guest_token(&self) -> Option<Secret> {
        self.shared.guest_token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Any request, once, on the connection there is or the next one.
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Answer, RequestError> {
        self.connection().await?.request(request).await
    }

    /// Sends a message and goes on trying, under the same `client_id`, until the server has acknowledged it,
    /// refused it for good, or this client is closed. Bound it from outside where that is too long.
    pub async fn send_message(
        &self,
        room_id: &RoomId,
        client_id: &ClientId,
        text: &str,
    ) -> Result<SentMessage, RequestError> {
        let request = SendMessage {
            room_id: room_id.clone(),
            client_id: client_id.clone(),
            content: Content::Text(TextBody { text: text.to_owned() }),
        };
        let mut backoff = self.shared.options.backoff.clone();
        loop {
            let error = match self.next_connection().await?.request(&request).await {
                Ok(sent) => return Ok(sent),
                Err(error) if error.is_retryable() => error,
                Err(error) => return Err(error),
            };
            let hint = match &error {
                RequestError::Refused(refused) => refused.retry_after_ms.map(Duration::from_millis),
                _ => None,
            };
            let wait = self.wait_after(&mut backoff, hint);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.shared.stop.cancelled() => return Err(error),
            }
        }
    }

    /// Watches people, and others no longer; the state of those added. It lasts over reconnects, after which
    /// [`Update::Presence`] tells what has changed meanwhile.
    pub async fn watch_presence(
        &self,
        add: Vec<UserRef>,
        remove: Vec<UserRef>,
    ) -> Result<PresenceList, RequestError> {
        loop {
            let connection = self.connection().await?;
            let list = connection.watch_presence(add.clone(), remove.clone()).await?;
            self.shared.watched.changed(&remove, &list);
            // A connection that came meanwhile may have been told of those watched before.
            let moved =
                self.shared.current.borrow().as_ref().is_some_and(|now| now.sid() != connection.sid());
            if !moved {
                return Ok(list);
            }
        }
    }

    /// Closes the connection in good order, for all clones.
    pub fn close(&self) {
        self.shared.stop.cancel();
    }

    async fn next_connection(&self) -> Result<Connection, RequestError> {
        let mut current = self.shared.current.clone();
        // An error means that the driver has ended: closed or refused.
        let there = current.wait_for(Option::is_some).await.map_err(|_| RequestError::Disconnected)?;
        there.clone().ok_or(RequestError::Disconnected)
    }

    fn wait_after(&self, backoff: &mut crate::Backoff, hint: Option<Duration>) -> Duration {
        let mut rng = self.shared.rng.lock().unwrap_or_else(PoisonError::into_inner);
        backoff.next(hint, &mut *rng)
    }
}

impl Updates {
    /// The next update; `None` after the client was closed or refused.
    pub async fn next(&mut self) -> Option<Update> {
        self.queue.recv().await
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
