//! Who else is there, where no server counts it: as Node's adapters with heartbeats have it.

use super::ClusterAdapter;
use crate::wire::Body;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How often a node says that it is there.
const INTERVAL: Duration = Duration::from_secs(5);
/// Who has said nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);
/// Most nodes that are remembered of a namespace.
const MOST: usize = 10_000;

/// By namespace and uid: when it was last heard.
#[derive(Debug, Default)]
pub(super) struct Peers(Mutex<HashMap<Box<str>, HashMap<String, Instant>>>);

impl Peers {
    pub(super) fn heard(&self, namespace: &str, uid: &str, now: Instant) {
        let mut all = self.lock();
        let nodes = all.entry(namespace.into()).or_default();
        if nodes.len() < MOST || nodes.contains_key(uid) {
            nodes.insert(uid.to_owned(), now);
        }
    }

    pub(super) fn gone(&self, namespace: &str, uid: &str) {
        if let Some(nodes) = self.lock().get_mut(namespace) {
            nodes.remove(uid);
        }
    }

    /// How many others there are.
    pub(super) fn count(&self, namespace: &str, now: Instant) -> usize {
        let mut all = self.lock();
        let Some(nodes) = all.get_mut(namespace) else { return 0 };
        nodes.retain(|_, heard| now.saturating_duration_since(*heard) <= SILENCE);
        nodes.len()
    }

    fn keep(&self, namespaces: &[Box<str>]) {
        self.lock().retain(|name, _| namespaces.contains(name));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, HashMap<String, Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that this node is there, until it goes, and then that it does.
pub(super) async fn beat(adapter: ClusterAdapter) {
    let shutdown = adapter.0.shutdown.clone();
    loop {
        let names = adapter.0.spaces.names();
        adapter.0.peers.keep(&names);
        let last = shutdown.is_cancelled();
        for name in names {
            adapter.say(&name, &if last { Body::Close } else { Body::Heartbeat { first: false } });
        }
        if last {
            return;
        }
        shutdown.run_until_cancelled(sleep(INTERVAL)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_is_gone() {
        let (peers, start) = (Peers::default(), Instant::now());
        peers.heard("/", "a", start);
        peers.heard("/", "b", start + SILENCE);
        peers.heard("/other", "c", start);
        assert_eq!(peers.count("/", start + SILENCE), 2);
        assert_eq!(peers.count("/", start + SILENCE + Duration::from_secs(1)), 1);
        peers.gone("/", "b");
        assert_eq!(peers.count("/", start + SILENCE), 0);
        peers.keep(&["/".into()]);
        assert_eq!(peers.count("/other", start), 0);
    }
}
