//! A node of a test: its end of the bus, and what it has heard.

use bytes::Bytes;
use plaza_bus::{
    Bus, BusOptions, Channel, Direction, Endpoint, Incoming, Layout, Link, PubSub, Receiver, RedisOptions,
    ServerState, Subscription, Timing,
};
use plaza_testkit::program::DEADLINE;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A node's end of the bus.
pub(crate) struct Node {
    pub(crate) bus: Bus,
    incoming: Receiver,
    _shutdown: DropGuard,
}

/// Times that suit a test.
pub(crate) fn options(layout: Layout) -> RedisOptions {
    let timing = Timing {
        // Long enough for a machine that is busy with other tests.
        silence: Duration::from_secs(10),
        backoff_least: Duration::from_millis(10),
        backoff_most: Duration::from_millis(200),
        reconcile: Duration::from_millis(500),
        ..Timing::default()
    };
    RedisOptions { timing, ..RedisOptions::new(layout) }
}

/// Gives a server up after a second.
pub(crate) fn quick(mut options: RedisOptions) -> RedisOptions {
    options.timing.silence = Duration::from_secs(1);
    options
}

pub(crate) fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).unwrap()
}

pub(crate) fn one(url: &str) -> RedisOptions {
    options(Layout::One(endpoint(url)))
}

pub(crate) fn classic(options: RedisOptions) -> RedisOptions {
    RedisOptions { mode: PubSub::Classic, ..options }
}

pub(crate) fn channel(name: &str) -> Channel {
    Channel::new(name).unwrap()
}

impl Node {
    pub(crate) async fn start(options: RedisOptions) -> Self {
        let mut bus = BusOptions::new(Link::Redis(options));
        bus.linger = Duration::from_millis(100);
        Self::start_with(bus).await
    }

    pub(crate) async fn start_with(options: BusOptions) -> Self {
        let shutdown = CancellationToken::new();
        let (bus, incoming) = Bus::start(options, shutdown.clone()).await.unwrap();
        Self { bus, incoming, _shutdown: shutdown.drop_guard() }
    }

    /// Subscribes and waits until that is in force.
    pub(crate) async fn hears(&self, name: &str) -> Subscription {
        let subscription = self.bus.subscribe(&channel(name));
        within("a subscription", subscription.ready()).await.unwrap();
        subscription
    }

    pub(crate) fn says(&self, name: &str, payload: &str) {
        self.bus.publish(&channel(name), Bytes::copy_from_slice(payload.as_bytes()));
    }

    /// Whatever comes next.
    pub(crate) async fn next(&mut self) -> Incoming {
        within("something to come in", self.incoming.recv()).await.expect("the bus is open")
    }

    /// What comes in now, if anything.
    pub(crate) fn next_now(&mut self) -> Option<Incoming> {
        self.incoming.try_recv()
    }

    /// The next message's channel and text, passing over interruptions.
    pub(crate) async fn message(&mut self) -> (String, String) {
        loop {
            if let Incoming::Message { channel, payload } = self.next().await {
                return (channel.to_string(), String::from_utf8(payload.to_vec()).unwrap());
            }
        }
    }

    /// Passes over what comes until it is told that a direction is interrupted.
    pub(crate) async fn interrupted(&mut self, direction: Direction) {
        while !matches!(self.next().await, Incoming::Interrupted { direction: of, .. } if of == direction) {}
    }

    /// Passes over what comes until it is told that a direction works again.
    pub(crate) async fn restored(&mut self, direction: Direction) {
        while !matches!(self.next().await, Incoming::Restored { direction: of, .. } if of == direction) {}
    }

    /// Waits until the state of the servers is as wished.
    pub(crate) async fn state(&self, wished: impl Fn(&[ServerState]) -> bool) -> Vec<ServerState> {
        let mut state = self.bus.state();
        within("a state", state.wait_for(|servers| wished(servers))).await.unwrap().clone()
    }

    /// Waits until all servers are up.
    pub(crate) async fn up(&self) {
        self.state(|servers| servers.iter().all(ServerState::is_up)).await;
    }
}

/// Waits for something, but not for ever.
pub(crate) async fn within<T>(what: &str, something: impl Future<Output = T>) -> T {
    timeout(DEADLINE, something).await.unwrap_or_else(|_| panic!("waited for {what} in vain"))
}
