//! The task behind a [`Client`](crate::Client): connect, pass on, and come back.

use super::{Identity, Sight, Update, Witness, destination::Destination};
use crate::{
    Address, Backoff, ConnectError, Connection, Inbox, Incoming, Options, RequestError, Rest,
    held::{Held, Verdict},
    watched::Watched,
};
use plaza_protocol::{
    Auth, Code, Event, EventsPage, History, Positions, Reload, RoomId, RoomResumed, RoomsResumed, Secret,
    Seq, Session, Tokens, UserId, WatchPresence,
};
use rand::rngs::StdRng;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Events that may pile up while a room is reloaded; with more the connection is given up and made again.
const MAX_BACKLOG: usize = 10_000;

/// An account's newest tokens, shared with the asking side.
pub(super) type Account = Arc<Mutex<Option<Tokens>>>;
/// The token of the guest that this client came as, shared with the asking side.
pub(super) type GuestToken = Arc<Mutex<Option<Secret>>>;

/// One client's life.
pub(super) struct Driver {
    witness: Witness,
    destination: Destination,
    options: Options,
    backoff: Backoff,
    rng: StdRng,
    updates: mpsc::Sender<Update>,
    current: watch::Sender<Option<Connection>>,
    stop: CancellationToken,

    guest_name: Option<String>,
    token: Option<Secret>,
    account: Account,
    guest_token: GuestToken,
    /// Refreshed since the last session: if that did not help, nothing will.
    refreshed: bool,

    epoch: Option<String>,
    held: Held,
    watched: Arc<Watched>,
    /// Up to where a reload of this connection reached: live events below it may overlap.
    reloaded_to: BTreeMap<RoomId, Seq>,
}

/// Why one connection's service ended.
enum End {
    /// To be made again.
    Lost { why: String, retry_after: Option<Duration> },
    /// Nobody listens, or closed from this side.
    Stopped,
}

/// The server or this client has gone away: nothing more to do on this connection.
type Ended = Result<(), End>;

impl Driver {
    pub(super) fn new(
        address: Address,
        identity: Identity,
        options: Options,
        rng: StdRng,
        updates: mpsc::Sender<Update>,
        current: watch::Sender<Option<Connection>>,
        stop: CancellationToken,
    ) -> Self {
        let (guest_name, token, account) = match identity {
            Identity::Guest(name) => (Some(name), None, None),
            Identity::Token(token) => (None, Some(token), None),
            Identity::Account(tokens) => (None, Some(tokens.access_token.clone()), Some(tokens)),
        };
        let backoff = options.backoff.clone();
        Self {
            witness: Box::new(|_| {}),
            destination: Destination::new(address),
            options,
            backoff,
            rng,
            updates,
            current,
            stop,
            guest_name,
            token,
            account: Arc::new(Mutex::new(account)),
            guest_token: Arc::default(),
            refreshed: false,
            epoch: None,
            held: Held::default(),
            watched: Arc::default(),
            reloaded_to: BTreeMap::new(),
        }
    }

    /// With somebody who is shown everything.
    pub(super) fn before(self, witness: Witness) -> Self {
        Self { witness, ..self }
    }

    /// The tokens, as they are refreshed.
    pub(super) fn account(&self) -> Account {
        Arc::clone(&self.account)
    }

    /// The guest's token, once there is one.
    pub(super) fn guest_token(&self) -> GuestToken {
        Arc::clone(&self.guest_token)
    }

    /// Whom to watch, as it is asked for.
    pub(super) fn watched(&self) -> Arc<Watched> {
        Arc::clone(&self.watched)
    }

    fn tokens(&self) -> MutexGuard<'_, Option<Tokens>> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        // Dropping `live` drops its connection, which closes itself in good order.
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.live() => {}
        }
        self.current.send_replace(None);
    }

    async fn live(&mut self) {
        loop {
            let (why, retry_after) = match self.connect_and_serve().await {
                Ok(End::Stopped) => return,
                Ok(End::Lost { why, retry_after }) => (why, retry_after),
                Err(ConnectError::Refused(error)) if error.code == Code::Unauthorized => {
                    match self.refresh().await {
                        Ok(true) => continue,
                        Ok(false) => {
                            let _ = self.tell(Update::Refused(error)).await;
                            return;
                        }
                        Err(why) => (why, None),
                    }
                }
                Err(ConnectError::Refused(error)) if !error.retryable => {
                    let _ = self.tell(Update::Refused(error)).await;
                    return;
                }
                Err(ConnectError::Refused(error)) => {
                    let hint = error.retry_after_ms.map(Duration::from_millis);
                    (error.message, hint)
                }
                Err(error) => {
                    self.destination.try_other();
                    (error.to_string(), None)
                }
            };
            let retry_in = self.backoff.next(retry_after, &mut self.rng);
            tracing::debug!(%why, ?retry_in, "offline");
            if self.tell(Update::Offline { why, retry_in }).await.is_err() {
                return;
            }
            tokio::time::sleep(retry_in).await;
        }
    }

    /// Trades the refresh token in: false when there is none or it holds no more.
    async fn refresh(&mut self) -> Result<bool, String> {
        let held = self.tokens().as_ref().map(|tokens| tokens.refresh_token.clone());
        let Some(refresh_token) = held.filter(|_| !self.refreshed) else { return Ok(false) };
        let rest = Rest::new(self.destination.address().clone(), self.options.request_timeout)
            .map_err(|e| e.to_string())?;
        match rest.refresh(&refresh_token).await {
            Ok(tokens) => {
                self.token = Some(tokens.access_token.clone());
                *self.tokens() = Some(tokens);
                self.refreshed = true;
                Ok(true)
            }
            Err(RequestError::Refused(error)) if !error.retryable => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn connect_and_serve(&mut self) -> Result<End, ConnectError> {
        let auth = Auth {
            guest: if self.token.is_some() { None } else { self.guest_name.clone() },
            token: self.token.clone(),
            positions: self.epoch.is_some().then(|| self.held.positions()),
            epoch: self.epoch.clone(),
            ..Auth::default()
        };
        let (connection, session, mut inbox) =
            Connection::open(self.destination.address(), &auth, &self.options).await?;
        (self.witness)(Sight::Connected {
            claimed: auth.positions.as_ref().unwrap_or(&Positions::new()),
            session: &session,
        });
        if let Some(token) = &session.token {
            self.token = Some(token.clone());
            *self.guest_token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        }
        // What is held from here on is of this epoch. With another one before, that is so only once the server has said
        // what became of the positions of old.
        self.epoch.get_or_insert_with(|| session.epoch.clone());
        self.refreshed = false;
        self.reloaded_to.clear();
        let end = self.serve(&connection, session, &mut inbox).await;
        self.current.send_replace(None);
        connection.close();
        Ok(match end {
            Ok(()) => End::Stopped,
            Err(end) => end,
        })
    }

    async fn serve(&mut self, connection: &Connection, session: Session, inbox: &mut Inbox) -> Ended {
        let me = session.user.id.clone();
        let epoch = session.epoch.clone();
        self.tell(Update::Online(session)).await?;
        let mut missed = 0;
        let mut catching_up = true;
        let mut ending = None;
        let mut backlog = VecDeque::new();
        loop {
            let incoming = match backlog.pop_front() {
                Some(incoming) => incoming,
                None => inbox
                    .next()
                    .await
                    .map_err(|why| End::Lost { why: why.to_string(), retry_after: ending })?,
            };
            (self.witness)(Sight::Taken(&incoming));
            match incoming {
                Incoming::Event(event) => {
                    missed += u64::from(catching_up);
                    self.pass_on(event, &me).await?;
                }
                Incoming::Resumed(resumed) => {
                    catching_up = false;
                    self.take_positions(&resumed).await?;
                    self.epoch = Some(epoch.clone());
                    self.reload(connection, inbox, &mut backlog).await?;
                    self.backoff.reset();
                    self.current.send_replace(Some(connection.clone()));
                    self.tell(Update::Resumed { missed }).await?;
                    self.watch_again(connection, inbox, &mut backlog).await?;
                }
                Incoming::Read(read) => self.tell(Update::Read(read)).await?,
                Incoming::Receipts(receipts) => self.tell(Update::Receipts(receipts)).await?,
                Incoming::Typing(typing) => self.tell(Update::Typing(typing)).await?,
                Incoming::Presence(presence) => {
                    self.watched.told(&presence);
                    self.tell(Update::Presence(presence)).await?;
                }
                Incoming::Ending(told) => {
                    ending = Some(Duration::from_millis(told.retry_after_ms));
                    self.destination.go_to(told.url.as_deref());
                    self.tell(Update::Ending(told)).await?;
                }
                Incoming::Unknown(_) => {}
                Incoming::Malformed { name, why } => self.tell(Update::Malformed { name, why }).await?,
            }
        }
    }

    async fn pass_on(&mut self, event: Event, me: &UserId) -> Ended {
        match self.held.take(&event, me) {
            Verdict::Next => self.tell(Update::Event(event)).await,
            Verdict::Repeated => {
                let overlap = self.reloaded_to.get(event.room_id()).is_some_and(|to| event.seq() <= *to);
                if overlap { Ok(()) } else { self.tell(Update::Repeated(event)).await }
            }
            Verdict::Stale => Ok(()),
            Verdict::Gap { held } => self.heal(event.room_id().clone(), held, event.seq()).await,
        }
    }

    /// Takes what `resumed` says of each room.
    async fn take_positions(&mut self, resumed: &RoomsResumed) -> Ended {
        for (room, outcome) in &resumed.rooms {
            let Ok(room) = room.parse::<RoomId>() else { continue };
            match *outcome {
                RoomResumed::Span { to, .. } => match self.held.get(&room) {
                    Some(held) if held < to => return self.heal(room, held, to).await,
                    None if !self.held.is_stale(&room) => self.held.set(room, to),
                    Some(_) | None => {}
                },
                RoomResumed::Reload { reload } => self.held.must_reload(room, reload),
            }
        }
        Ok(())
    }

    /// Starts stale rooms again from their newest page.
    async fn reload(
        &mut self,
        connection: &Connection,
        inbox: &mut Inbox,
        backlog: &mut VecDeque<Incoming>,
    ) -> Ended {
        while let Some((room, reason)) = self.held.next_stale() {
            let page = if reason == Reload::Unknown {
                None
            } else {
                newest_page(connection, &room, inbox, backlog).await?
            };
            (self.witness)(Sight::Reloaded { room: &room, page: page.as_ref() });
            match page.as_ref().and_then(|page| page.events.last()) {
                Some(last) => {
                    self.held.set(room.clone(), last.seq());
                    self.reloaded_to.insert(room.clone(), last.seq());
                }
                None => self.held.forget(&room),
            }
            self.tell(Update::Reloaded { room, reason, page }).await?;
        }
        Ok(())
    }

    /// Watches on this connection whom it watched on the one before, and tells what has changed since.
    async fn watch_again(
        &mut self,
        connection: &Connection,
        inbox: &mut Inbox,
        backlog: &mut VecDeque<Incoming>,
    ) -> Ended {
        let add = self.watched.all();
        if add.is_empty() {
            return Ok(());
        }
        let watch = WatchPresence { add, remove: Vec::new() };
        match meanwhile(connection.request(&watch), inbox, backlog).await? {
            Ok(list) => {
                for changed in self.watched.again(&watch.add, &list) {
                    self.tell(Update::Presence(changed)).await?;
                }
                Ok(())
            }
            Err(error) => Err(End::Lost { why: error.to_string(), retry_after: None }),
        }
    }

    /// Tells of a gap and gives the connection up: coming back with the position brings what is missing.
    async fn heal(&mut self, room: RoomId, held: Seq, got: Seq) -> Ended {
        self.tell(Update::Gap { room, held, got }).await?;
        Err(End::Lost { why: "the server left events out".to_owned(), retry_after: None })
    }

    async fn tell(&self, update: Update) -> Ended {
        self.updates.send(update).await.map_err(|_| End::Stopped)
    }
}

/// Asks for a room's newest page and keeps what comes meanwhile; `None` when one is no member of it any more.
async fn newest_page(
    connection: &Connection,
    room: &RoomId,
    inbox: &mut Inbox,
    backlog: &mut VecDeque<Incoming>,
) -> Result<Option<EventsPage>, End> {
    let newest = History { room_id: room.clone(), before: None, after: None, limit: None };
    match meanwhile(connection.history(&newest), inbox, backlog).await? {
        Ok(page) => Ok(Some(page)),
        Err(RequestError::Refused(error)) if error.code == Code::NotFound => Ok(None),
        Err(error) => Err(End::Lost { why: error.to_string(), retry_after: None }),
    }
}

/// Waits for an answer and keeps what comes meanwhile.
async fn meanwhile<T>(
    asking: impl Future<Output = Result<T, RequestError>>,
    inbox: &mut Inbox,
    backlog: &mut VecDeque<Incoming>,
) -> Result<Result<T, RequestError>, End> {
    let lost = |why: String| End::Lost { why, retry_after: None };
    tokio::pin!(asking);
    loop {
        tokio::select! {
            biased;
            answer = &mut asking => return Ok(answer),
            incoming = inbox.next() => {
                backlog.push_back(incoming.map_err(|why| lost(why.to_string()))?);
                if backlog.len() > MAX_BACKLOG {
                    return Err(lost("too much happened while an answer was waited for".to_owned()));
                }
            }
        }
    }
}
