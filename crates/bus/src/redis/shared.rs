//! What all connections of the bus share, and how they are started.

use rustls::ClientConfig;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    desk::{Desk, ServerId},
    endpoint::Endpoint,
    hints::Hints,
    keeper::Keeper,
    outbox::Outbox,
    publisher::Publisher,
    session::Context,
    states::{Outgoing, States},
    subscriber::Subscriber,
    verbs::Verbs,
};
use crate::{counters::Counters, inbox::Inbox, options::RedisOptions};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: RedisOptions,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) most_outgoing_bytes: usize,
    pub(crate) most_incoming_bytes: usize,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) states: Arc<States>,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    pub(crate) next_id: AtomicUsize,
}

impl Shared {
    pub(crate) fn verbs(&self) -> &'static Verbs {
        Verbs::of(self.options.mode)
    }

    /// A server more, known to those who look at the states.
    pub(crate) fn add(&self, server: &str, shard: usize) -> ServerId {
        let id = self.next_id.fetch_add(1, Relaxed);
        self.states.add(id, server, shard);
        id
    }

    /// Starts the connections that publish to a server.
    pub(crate) fn publish(
        &self,
        server: ServerId,
        endpoint: &Endpoint,
        outgoing: &Arc<Outgoing>,
        hints: &Hints,
        until: &CancellationToken,
    ) -> Vec<Arc<Outbox>> {
        outgoing.add(server);
        let connections = self.options.connections.max(1);
        let most_bytes = self.most_outgoing_bytes / connections;
        let start = |_| {
            let outbox = Outbox::new(server, outgoing.clone(), self.counters.clone(), most_bytes);
            let publisher = Publisher {
                endpoint: endpoint.clone(),
                server,
                tls: self.tls.clone(),
                verbs: self.verbs(),
                timing: self.options.timing,
                outbox: outbox.clone(),
                outgoing: outgoing.clone(),
                states: self.states.clone(),
                counters: self.counters.clone(),
                hints: hints.clone(),
            };
            self.spawn(until, publisher.run());
            outbox
        };
        (0..connections).map(start).collect()
    }

    /// Starts the connection that keeps copies on a server, where that is wanted.
    pub(crate) fn keep(
        &self,
        endpoint: &Endpoint,
        hints: &Hints,
        until: &CancellationToken,
    ) -> Option<Arc<Keeper>> {
        if !self.options.cache {
            return None;
        }
        let (tls, timing) = (self.tls.clone(), self.options.timing);
        let (keeper, written) =
            Keeper::new(endpoint.clone(), tls, timing, hints.clone(), self.counters.clone());
        self.spawn(until, Arc::clone(&keeper).run(written));
        Some(keeper)
    }

    /// Starts the connection that hears what is wanted of `server`, through any of these endpoints.
    pub(crate) fn subscribe(
        &self,
        server: ServerId,
        endpoints: Vec<(ServerId, Endpoint)>,
        (desk, shard): (&Arc<Desk>, usize),
        hints: &Hints,
        until: &CancellationToken,
    ) {
        let context = Context {
            desk: desk.clone(),
            server,
            shard,
            inbox: self.inbox.clone(),
            verbs: self.verbs(),
            timing: self.options.timing,
            most_bytes: self.most_incoming_bytes,
            hints: hints.clone(),
        };
        // Nodes begin with different servers of a pair, so that both have work.
        let first = rand::random_range(0..endpoints.len().max(1));
        let (tls, states, counters) = (self.tls.clone(), self.states.clone(), self.counters.clone());
        let subscriber = Subscriber { endpoints, first, tls, states, counters, context };
        self.spawn(until, subscriber.run());
    }

    /// Runs something until a token is cancelled.
    pub(crate) fn spawn(&self, until: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
        let until = until.clone();
        self.tasks.spawn(async move {
            until.run_until_cancelled(task).await;
        });
    }
}
