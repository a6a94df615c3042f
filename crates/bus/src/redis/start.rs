//! Starting over Redis: the configuration is checked, the servers are asked what they are, the connections begin.

use futures_util::future::join_all;
use redis::{ErrorKind, RedisError};
use std::sync::{Arc, atomic::AtomicUsize};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    RedisLink, Shard,
    census::Census,
    cluster::Cluster,
    desk::Desk,
    dial::trust,
    endpoint::Endpoint,
    hints::Hints,
    probe::{self, Found},
    publisher,
    shared::Shared,
    slot::weight_of,
    states::{Outgoing, States},
    verbs::Verbs,
};
use crate::{
    BusError, ServerState,
    counters::Counters,
    inbox::Inbox,
    options::{self, BusOptions, Layout, PubSub, RedisOptions},
};

/// What a start leaves.
pub(crate) struct Started {
    pub(crate) link: RedisLink,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) states: watch::Receiver<Vec<ServerState>>,
    pub(crate) found: String,
    /// No server refuses to say how many subscribe.
    pub(crate) counts: bool,
}

/// Checks, asks, and starts all connections.
pub(crate) async fn start(
    redis: &RedisOptions,
    bounds: &BusOptions,
    counters: &Arc<Counters>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<Started, BusError> {
    redis.check()?;
    let endpoints = redis.layout.endpoints();
    let tls = if endpoints.iter().any(|endpoint| endpoint.tls) {
        Some(Arc::new(trust(redis.ca_file.as_deref()).map_err(BusError::Tls)?))
    } else {
        None
    };
    let shards = match &redis.layout {
        Layout::One(_) | Layout::Cluster(_) => 1,
        Layout::Shards(shards) => shards.len(),
    };
    let inbox = Inbox::new(shards, bounds.most_incoming_bytes, counters.clone());
    let states = States::new();
    let shared = Arc::new(Shared {
        options: redis.clone(),
        tls,
        most_outgoing_bytes: bounds.most_outgoing_bytes,
        most_incoming_bytes: bounds.most_incoming_bytes,
        inbox: inbox.clone(),
        counters: counters.clone(),
        states: states.clone(),
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
        next_id: AtomicUsize::new(0),
    });
    let (found, counts) = ask_all(&shared, &endpoints).await?;
    let (shards, weights) = begin(&shared).await;
    let census = Census::new(shared);
    let link = RedisLink { shards, weights, census, has_cache: redis.cache };
    Ok(Started { link, inbox, states: states.watch(), found, counts })
}

/// Asks every server that is named what it is, and whether all count who subscribes. Who cannot be reached is no error,
/// who cannot do what is asked is.
async fn ask_all(shared: &Shared, endpoints: &[&Endpoint]) -> Result<(String, bool), BusError> {
    let answers = join_all(endpoints.iter().map(|endpoint| ask(shared, endpoint))).await;
    let (mut sentences, mut counts) = (Vec::new(), true);
    for (endpoint, answer) in endpoints.iter().zip(answers) {
        match answer {
            Ok(found) => {
                check(endpoint, &found, &shared.options)?;
                counts &= found.counts != Some(false);
                sentences.push(format!("{endpoint} is {found}"));
            }
            Err(error) if refuses_us(&error) => {
                return Err(BusError::WrongPassword { server: endpoint.to_string(), why: error.to_string() });
            }
            Err(error) => sentences.push(format!("{endpoint} cannot be reached ({error})")),
        }
    }
    Ok((format!("{}: {}", shared.options.describe(), sentences.join(", ")), counts))
}

async fn ask(shared: &Shared, endpoint: &Endpoint) -> Result<Found, RedisError> {
    let timing = &shared.options.timing;
    let (connection, driver) = publisher::connect(endpoint, shared.tls.as_ref(), timing).await?;
    tokio::select! {
        found = probe::found(connection, Verbs::of(shared.options.mode)) => found,
        () = driver => Err((ErrorKind::Io, "the connection was closed").into()),
    }
}

fn refuses_us(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
}

/// Whether a server can do what the configuration asks of it.
fn check(endpoint: &Endpoint, found: &Found, options: &RedisOptions) -> Result<(), BusError> {
    let cannot = |why: &str| {
        let (server, found) = (endpoint.to_string(), found.to_string());
        Err(BusError::Cannot { server, found, why: why.to_owned() })
    };
    let is_cluster = matches!(options.layout, Layout::Cluster(_));
    match found.cluster {
        Some(false) if is_cluster => cannot("it is no part of a Redis Cluster, and one is configured"),
        Some(true) if !is_cluster => {
            cannot("it is part of a Redis Cluster, and single servers are configured")
        }
        _ if found.sharded == Some(false) && options.mode == PubSub::Sharded => cannot(
            "it knows no sharded pub/sub (Redis has it since 7.0): configure the classic mode, on all nodes",
        ),
        _ => Ok(()),
    }
}

/// Starts the connections of all shards.
async fn begin(shared: &Arc<Shared>) -> (Vec<Shard>, Vec<u64>) {
    match &shared.options.layout {
        Layout::One(endpoint) => (vec![fixed(shared, 0, vec![endpoint.clone()])], vec![0]),
        Layout::Shards(shards) => {
            let weights = shards.iter().map(|shard| weight_of(&shard.name)).collect();
            let start = |(index, shard): (usize, &options::Shard)| fixed(shared, index, shard.endpoints());
            (shards.iter().enumerate().map(start).collect(), weights)
        }
        Layout::Cluster(seeds) => {
            let desk = Desk::new(0, shared.inbox.clone(), shared.counters.clone());
            let cluster = Cluster::new(seeds.clone(), desk, shared.clone());
            cluster.begin().await;
            shared.spawn(&shared.shutdown, cluster.clone().keep());
            (vec![Shard::Cluster(cluster)], vec![0])
        }
    }
}

/// Starts the connections of a shard of one server, or of a pair.
fn fixed(shared: &Arc<Shared>, shard: usize, endpoints: Vec<Endpoint>) -> Shard {
    let desk = Desk::new(shard, shared.inbox.clone(), shared.counters.clone());
    let paired = endpoints.len() > 1;
    let outgoing = Outgoing::new(shard, paired, shared.inbox.clone(), shared.states.clone());
    let hints = Hints::default();
    let named: Vec<_> = endpoints
        .iter()
        .map(|endpoint| (shared.add(&endpoint.to_string(), shard), endpoint.clone()))
        .collect();
    let servers = named
        .iter()
        .map(|(server, endpoint)| shared.publish(*server, endpoint, &outgoing, &hints, &shared.shutdown))
        .collect();
    let keep = |(_, endpoint): &(_, Endpoint)| shared.keep(endpoint, &hints, &shared.shutdown);
    let keepers = named.iter().filter_map(keep).collect();
    let server = named.first().map_or(0, |(server, _)| *server);
    shared.subscribe(server, named, (&desk, shard), &hints, &shared.shutdown);
    Shard::Fixed { desk, server, servers, endpoints, keepers }
}
