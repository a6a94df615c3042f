//! What connections notice of a cluster's shape, for whoever keeps the map of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

use super::{outbox::Message, slot::SLOTS};

/// Most bytes of messages that wait to be published to another server.
const MOST_BYTES: usize = 4 << 20;
/// How often a message follows its slot. Servers that send it back and forth do not agree yet, or never will.
const MOST_MOVES: u8 = 8;

/// What connections notice. Of a server that is no cluster, nothing is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hints(Option<Arc<Noticed>>);

#[derive(Debug, Default)]
struct Noticed {
    hints: Mutex<Taken>,
    new: Notify,
}

/// What was noticed since the last look.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Slots that are elsewhere now: host (empty: the same) and port.
    pub(crate) moved: HashMap<u16, (String, u16)>,
    /// Messages that their server did not take.
    pub(crate) again: Vec<Message>,
    again_bytes: usize,
}

impl Hints {
    /// Hints that somebody takes.
    pub(crate) fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes a server's error if it says `MOVED slot host:port`. Whether it does.
    pub(crate) fn moved(&self, error: &str) -> bool {
        let Some(noticed) = &self.0 else { return false };
        let Some((slot, host, port)) = read_moved(error) else { return false };
        let mut taken = noticed.hints.lock().unwrap_or_else(PoisonError::into_inner);
        taken.moved.insert(slot, (host.to_owned(), port));
        noticed.new.notify_one();
        true
    }

    /// Hands over a message whose slot has moved. Whether it will be tried again.
    pub(crate) fn again(&self, mut message: Message) -> bool {
        let Some(noticed) = &self.0 else { return false };
        let mut taken = noticed.hints.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.again_bytes > MOST_BYTES || message.moved >= MOST_MOVES {
            return false;
        }
        message.moved += 1;
        taken.again_bytes += message.cost();
        taken.again.push(message);
        noticed.new.notify_one();
        true
    }

    /// Something is wrong with a server: the map may be old.
    pub(crate) fn trouble(&self) {
        if let Some(noticed) = &self.0 {
            noticed.new.notify_one();
        }
    }

    /// Waits until something is noticed.
    pub(crate) async fn noticed(&self) {
        match &self.0 {
            Some(noticed) => noticed.new.notified().await,
            None => std::future::pending().await,
        }
    }

    /// What was noticed.
    pub(crate) fn take(&self) -> Taken {
        let Some(noticed) = &self.0 else { return Taken::default() };
        std::mem::take(&mut *noticed.hints.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `MOVED slot host:port`, as Redis says it; the host may be empty.
fn read_moved(error: &str) -> Option<(u16, &str, u16)> {
    let mut words = error.strip_prefix("MOVED ")?.split_ascii_whitespace();
    let slot = words.next()?.parse().ok().filter(|slot| *slot < SLOTS)?;
    let (host, port) = words.next()?.rsplit_once(':')?;
    Some((slot, host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_is_read_and_nothing_else() {
        assert_eq!(read_moved("MOVED 3999 127.0.0.1:6381"), Some((3_999, "127.0.0.1", 6_381)));
        assert_eq!(read_moved("MOVED 1 ::1:6381"), Some((1, "::1", 6_381)));
        assert_eq!(read_moved("MOVED 1 :6381"), Some((1, "", 6_381)));
        for other in ["MOVED 16384 a:1", "MOVED 1 a", "MOVED", "ASK 1 a:1", "MOVED x a:1", "MOVED 1 a:70000"]
        {
            assert_eq!(read_moved(other), None, "{other}");
        }
    }
}
