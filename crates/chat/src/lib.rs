//! Chat: accounts, rooms, members, messages, and the room log.
//!
//! [`Chat`] is the one door. What changes a room's timeline goes through the log (`log`): one queue, one task,
//! one transaction for many commands, in the order of the calls. What only reads goes to the readers. Every
//! method checks for itself who may do what; a room that the asker may not see is answered like one that does
//! not exist. Each table's SQL stands beside the rules that use it.

mod accounts;
mod blocks;
mod clock;
mod courier;
mod failure;
mod feed;
mod log;
mod migrations;
mod names;
mod nodes;
mod postgres;
mod presence;
mod random;
mod resume;
mod retention;
mod rooms;
mod settings;
mod sqlite;
mod tasks;
mod webhooks;
mod words;

pub use accounts::{Administration, Identity, ResetToken, SessionId};
pub use clock::{Clock, SystemClock};
pub use courier::{Courier, CourierStats, Hearing, Looks, RecentStats, Rooms, Sealed, check};
pub use feed::{Caught, ConnectionId, Feed, FeedStats, Item, Live, Subscriber};
pub use log::{Committed, Pending};
pub use migrations::{MIGRATIONS, TABLES};
pub use names::key as name_key;
pub use nodes::{JoinError, Membership, NodeInfo};
pub use plaza_protocol::ManagedBy;
pub use presence::{Presence, PresenceId, PresenceStats, WatchAnswer};
pub use random::{Random, SystemRandom};
pub use resume::decide;
pub use retention::{Cut, Retention, RoomDays};
pub use rooms::{Extent, Marked};
pub use settings::Settings;
pub use tasks::{Failed, Tasks};
pub use webhooks::{NewWebhook, SigningKey, Webhook, WebhookInfo};

use accounts::Accounts;
use feed::SPARE;
use plaza_protocol::{Code, Error};
use plaza_store::{Dialect, QueueStats, Store, StoreError, WriteTx};
use std::sync::Arc;
use tokio::{
    sync::{Mutex, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Everything about chat on this node. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
    /// When what is asked of this clone is of no use any more.
    deadline: Option<Instant>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: Settings,
    log: log::Log,
    reads: rooms::ReadQueue,
    accounts: Accounts,
    webhook_root: webhooks::Root,
    cutting: Arc<retention::Cutting>,
    /// `None` where there are no other nodes.
    courier: Option<Courier>,
    /// Held by one who has names looked through, which takes long: so it never takes more than one reader.
    searching: Mutex<()>,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chat").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

impl Chat {
    /// Starts the tasks that write, among `tasks`. The receiver gives what each commit added to the rooms' logs,
    /// in the order of the commits; the log waits while it is full, and then refuses new commands as `busy`.
    ///
    /// After `shutdown` no command is taken any more; those that wait are committed, answered and published,
    /// then the receiver ends.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
        shutdown: CancellationToken,
        tasks: &Tasks,
    ) -> Result<(Self, mpsc::Receiver<Committed>), StoreError> {
        Self::start_among(None, store, clock, random, settings, shutdown, tasks).await
    }

    /// The same, on one of several nodes: the courier tells the others.
    ///
    /// # Errors
    /// As [`Chat::start`].
    pub async fn start_among(
        courier: Option<Courier>,
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
        shutdown: CancellationToken,
        tasks: &Tasks,
    ) -> Result<(Self, mpsc::Receiver<Committed>), StoreError> {
        rooms::fold_earlier(&store).await?;
        let alone = courier.is_none() && store.dialect() == Dialect::Sqlite;
        let (log, mut committed) = log::Log::start(&store, &clock, &settings, alone, shutdown.clone(), tasks);
        if let Some(courier) = &courier {
            committed = courier.carry(committed, tasks);
            let looking = courier::look_again(courier.clone(), store.clone(), log.doubt());
            let until = shutdown.clone();
            tasks.spawn("what may have been committed", async move {
                until.run_until_cancelled(looking).await;
            });
        }
        let reads = rooms::start_reads(&store, &settings, shutdown.clone(), tasks);
        let accounts = Accounts::start(&store, &*random, &settings).await?;
        let webhook_root = webhooks::Root::load(&store, &*random, settings.token_secret.as_ref()).await?;
        tasks.spawn(
            "what has expired",
            accounts::expiry::forget(store.clone(), clock.clone(), shutdown.clone()),
        );
        let cutting =
            retention::Cutting::new(store.clone(), clock.clone(), &settings, reads.clone(), shutdown);
        let cutting = Arc::new(cutting);
        tasks.spawn("what is kept no longer", Arc::clone(&cutting).run());
        let inner = Inner {
            store,
            clock,
            random,
            settings,
            log,
            reads,
            accounts,
            webhook_root,
            cutting,
            courier,
            searching: Mutex::default(),
        };
        Ok((Self { inner: Arc::new(inner), deadline: None }, committed))
    }

    /// The same chat, for one request: what waits in a queue until `deadline` is not carried out any more, and is
    /// answered `expired`.
    #[must_use]
    pub fn by(&self, deadline: Instant) -> Self {
        Self { inner: Arc::clone(&self.inner), deadline: Some(deadline) }
    }

    /// The store's epoch: positions of another one mean nothing here.
    pub fn epoch(&self) -> &str {
        self.inner.store.epoch()
    }

    /// What was configured.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// What the log has committed so far.
    pub fn log_stats(&self) -> &Arc<QueueStats> {
        self.inner.log.stats()
    }

    /// How many commands wait for the log.
    pub fn log_waiting(&self) -> usize {
        self.inner.log.waiting()
    }

    /// The writing transaction, for what is asked of this clone: not after its deadline.
    async fn writer(&self) -> Result<WriteTx, Error> {
        let tx = self.inner.store.write().await.map_err(unavailable)?;
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Err(Error::expired()),
            _ => Ok(tx),
        }
    }

    fn random(&self) -> &dyn Random {
        &*self.inner.random
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.inner.clock.now()
    }
}

/// How long one should wait before writing again, in milliseconds, where there is no room or the data is damaged.
const FULL_RETRY_MS: u64 = 15_000;
const DAMAGED_RETRY_MS: u64 = 60_000;

/// What users are told when the store fails. The operator's sentence is logged here, once.
fn unavailable(error: impl Into<StoreError>) -> Error {
    let error = error.into();
    match error {
        StoreError::Closed => tracing::debug!("A request came after the store was closed"),
        StoreError::Exhausted | StoreError::Contended { .. } => {
            tracing::warn!(%error, "The store is too slow for what is asked of it");
        }
        _ => tracing::error!(%error, "The store failed a request"),
    }
    told(&error)
}

/// The same, for an error that is logged already.
fn told(error: &StoreError) -> Error {
    match error {
        StoreError::Expired => Error::expired(),
        StoreError::Exhausted | StoreError::Contended { .. } => {
            Error::new(Code::Busy, "The server is busy. Try again in a moment.").retry_after_ms(1_000)
        }
        StoreError::Closed => {
            Error::new(Code::Unavailable, "The server is shutting down. Try again in a moment.")
                .retry_after_ms(1_000)
        }
        // Whether it was done nobody knows. A message that is sent again is stored once.
        StoreError::Uncertain { .. } => Error::new(
            Code::Unavailable,
            "The server lost its data while it stored this, so it may be done or not. Try again in a moment.",
        )
        .retry_after_ms(1_000),
        StoreError::Unreachable { .. } => Error::new(
            Code::Unavailable,
            "The server cannot reach its data now. Nothing was changed: try again in a moment.",
        )
        .retry_after_ms(1_000),
        // Long times to wait: an operator has to do something first.
        StoreError::Full { .. } => Error::new(
            Code::Unavailable,
            "The server's disk is full, so nothing can be stored now. Reading works.",
        )
        .retry_after_ms(FULL_RETRY_MS),
        StoreError::Unwritable { .. } => {
            Error::new(Code::Unavailable, "The server cannot write to its disk now. Nothing was changed.")
                .retry_after_ms(FULL_RETRY_MS)
        }
        StoreError::Corrupt { .. } => Error::new(
            Code::Unavailable,
            "The server's data is damaged. Nothing can be stored until its operator has put it right.",
        )
        .retry_after_ms(DAMAGED_RETRY_MS),
        _ => Error::new(
            Code::Unavailable,
            "The server cannot reach its data now. Nothing was changed: try again in a moment.",
        ),
    }
}
