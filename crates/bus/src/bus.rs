//! One node's end of the bus.

use bytes::Bytes;
use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    BusOptions, BusStats, Cache, Channel, Link, Receiver,
    counters::Counters,
    inbox::Inbox,
    local::LocalLink,
    redis::{self, RedisLink, Started},
    topics::{Confirmed, Subscription, Topics},
};

/// One node's end of the bus. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    carrier: Carrier,
    topics: Arc<Topics>,
    counters: Arc<Counters>,
    state: watch::Receiver<Vec<ServerState>>,
    found: String,
    counts: bool,
    tasks: TaskTracker,
}

/// Why the bus cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// It is shut down.
    #[error("the bus is shut down")]
    Closed,
    /// The address of a server is not understood. The address itself is not repeated: it may hold a password.
    #[error("the server's URL is not understood: {0}")]
    Url(String),
    /// No server is named.
    #[error("no Redis server is named")]
    NoServers,
    /// A server is named twice.
    #[error("{0} is named twice")]
    Twice(String),
    /// A server without a password that others can reach.
    #[error(
        "{0} is not on this machine and no password is set for it: anybody on its network could read and write \
         everything; set a password, or allow_no_password if the network is closed"
    )]
    NoPassword(String),
    /// A server does not let us in.
    #[error("{server} refuses the password, or lacks one: {why}")]
    WrongPassword {
        /// Its address.
        server: String,
        /// What it said.
        why: String,
    },
    /// A server cannot do what the configuration asks of it.
    #[error("{server} is {found}: {why}")]
    Cannot {
        /// Its address.
        server: String,
        /// What it is.
        found: String,
        /// What it cannot do.
        why: String,
    },
    /// Whom to trust cannot be read.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] std::io::Error),
}

/// How it stands with one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    pub(crate) id: usize,
    /// Its address, without any secret.
    pub server: Arc<str>,
    /// Its shard.
    pub shard: usize,
    /// What it is, as it said itself, once it has been asked.
    pub found: Option<Arc<str>>,
    /// Why nothing can be published there; `None` when all is well.
    pub publishing: Option<Arc<str>>,
    /// Why subscriptions there are not in force; `None` when all is well, or when nothing is subscribed there because its pair does that.
    pub subscribing: Option<Arc<str>>,
}

impl ServerState {
    /// Whether it does all that is wanted of it.
    pub fn is_up(&self) -> bool {
        self.publishing.is_none() && self.subscribing.is_none()
    }
}

/// What carries the messages.
#[derive(Clone)]
pub(crate) enum Carrier {
    Local(Arc<LocalLink>),
    Redis(Arc<RedisLink>),
}

impl Bus {
    /// Joins the bus. Everything it runs ends when `shutdown` is cancelled; [`Bus::closed`] waits for that.
    ///
    /// A server that cannot be reached is no error: the bus starts degraded and goes on trying. A configuration that
    /// cannot work is one.
    pub async fn start(
        options: BusOptions,
        shutdown: CancellationToken,
    ) -> Result<(Self, Receiver), BusError> {
        let counters = Arc::new(Counters::default());
        let tasks = TaskTracker::new();
        let (carrier, inbox, state, found, counts) = match &options.link {
            Link::Local(bus) => {
                let inbox = Inbox::new(1, options.most_incoming_bytes, counters.clone());
                let link = Arc::new(bus.join(inbox.clone()));
                let (_, state) = watch::channel(Vec::new());
                (Carrier::Local(link), inbox, state, "in process".to_owned(), true)
            }
            Link::Redis(redis) => {
                let started = redis::start(redis, &options, &counters, &tasks, &shutdown).await?;
                let Started { link, inbox, states, found, counts } = started;
                (Carrier::Redis(Arc::new(link)), inbox, states, found, counts)
            }
        };
        let topics = Topics::new(carrier.clone(), options.linger);
        let (letting_go, ending) = (topics.clone(), inbox.clone());
        tasks.spawn(async move {
            shutdown.run_until_cancelled(letting_go.let_go()).await;
            letting_go.close();
            ending.close();
        });
        tasks.close();
        let inner = Inner { carrier, topics, counters, state, found, counts, tasks };
        Ok((Self(Arc::new(inner)), Receiver(inbox)))
    }

    /// Hands bytes over for all who are subscribed to the channel, this node included. Never waits: what finds no room is
    /// dropped, counted, and told as [`Incoming::Interrupted`](crate::Incoming::Interrupted) going out. Messages of one
    /// channel go out in the order of the calls.
    pub fn publish(&self, channel: &Channel, payload: Bytes) {
        self.0.counters.published.fetch_add(1, Relaxed);
        match &self.0.carrier {
            Carrier::Local(link) => link.publish(channel, &payload),
            Carrier::Redis(link) => link.publish(channel, payload),
        }
    }

    /// Whether there can be no other node: what tells others something need not.
    pub(crate) fn is_alone(&self) -> bool {
        match &self.0.carrier {
            Carrier::Local(link) => link.is_alone(),
            Carrier::Redis(_) => false,
        }
    }

    /// Hears a channel for as long as what is returned is held, and a little longer. Never waits: see
    /// [`Subscription::ready`].
    pub fn subscribe(&self, channel: &Channel) -> Subscription {
        self.0.topics.hold(channel.clone())
    }

    /// How many nodes are subscribed to a channel, those included that linger; `None` where the server does not say.
    pub async fn subscribers(&self, channel: &Channel) -> Option<usize> {
        match &self.0.carrier {
            Carrier::Local(link) => Some(link.subscribers(channel)),
            Carrier::Redis(link) => link.subscribers(channel).await,
        }
    }

    /// The shard that carries a channel: what an interruption names. Always 0 where there is but one, and on a Redis Cluster.
    pub fn shard_of(&self, channel: &Channel) -> usize {
        match &self.0.carrier {
            Carrier::Local(_) => 0,
            Carrier::Redis(link) => link.shard_of(channel),
        }
    }

    /// The copies that its servers keep; `None` in process, and where [`RedisOptions::cache`](crate::RedisOptions) is off.
    pub fn cache(&self) -> Option<Cache> {
        match &self.0.carrier {
            Carrier::Local(_) => None,
            Carrier::Redis(link) => Cache::of(link),
        }
    }

    /// How it stands with each server, and whenever that changes. Empty in process.
    pub fn state(&self) -> watch::Receiver<Vec<ServerState>> {
        self.0.state.clone()
    }

    /// What carries the bus, with name and version as found at start: a sentence for the log.
    pub fn found(&self) -> &str {
        &self.0.found
    }

    /// Whether [`Bus::subscribers`] can be answered: at the start no server refused to. One that could not be reached then
    /// may refuse all the same.
    pub fn counts(&self) -> bool {
        self.0.counts
    }

    /// What was counted since the start.
    pub fn stats(&self) -> BusStats {
        self.0.counters.read(self.0.topics.len())
    }

    /// Resolves when everything the bus runs has ended, after its shutdown.
    pub async fn closed(&self) {
        self.0.tasks.wait().await;
    }
}

impl Carrier {
    pub(crate) fn want(&self, channel: &Channel, confirmed: &Arc<Confirmed>) {
        match self {
            Self::Local(link) => link.want(channel, confirmed),
            Self::Redis(link) => link.want(channel, confirmed),
        }
    }

    pub(crate) fn unwant(&self, channel: &Channel) {
        match self {
            Self::Local(link) => link.unwant(channel),
            Self::Redis(link) => link.unwant(channel),
        }
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local(_) => "Local",
            Self::Redis(_) => "Redis",
        })
    }
}
