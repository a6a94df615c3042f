//! Whether the store takes writes: what its last transactions came to, and said in the log once a spell, however many
//! requests it befalls.

use crate::StoreError;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Failures of one kind that follow each other within this time are one spell, and are told of once.
const SPELL: Duration = Duration::from_secs(30);

/// Whether the store takes writes. Reads go on in every case, as far as the data allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known against it.
    Writable,
    /// There is no room. It takes writes again by itself when there is.
    Full,
    /// The disk or the file system refuses. It takes writes again by itself when they do.
    Unwritable,
    /// The database server is not there. It takes writes again by itself when it is.
    Unreachable,
    /// What was read or written shows that the data is damaged. It takes no writes until it is opened again.
    Damaged,
}

impl Health {
    /// Whether it is something that ends by itself, so that it pays to try.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Self::Full | Self::Unwritable | Self::Unreachable)
    }
}

/// Listens to how transactions end.
#[derive(Debug)]
pub(crate) struct Watch {
    place: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    health: Health,
    /// When a failure was last said in the log.
    told: Option<Instant>,
    /// Transactions that failed since the store was last writable.
    failed: u64,
    /// What is wrong, in the database's words.
    reason: String,
    /// When it was last tried whether it takes writes again.
    tried: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(place: String) -> Self {
        let (health, reason) = (Health::Writable, String::new());
        Self { place, state: Mutex::new(State { health, told: None, failed: 0, reason, tried: None }) }
    }

    pub(crate) fn health(&self) -> Health {
        self.lock().health
    }

    /// Why nothing may be written; asked before each transaction.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let state = self.lock();
        if state.health == Health::Damaged { self.standing_in(&state) } else { Ok(()) }
    }

    /// A transaction was committed.
    pub(crate) fn committed(&self) {
        let mut state = self.lock();
        if state.health.may_pass() {
            tracing::info!(refused = state.failed, "The store takes writes again");
            state.health = Health::Writable;
            state.failed = 0;
        }
    }

    /// Something failed. Whether it was of those kinds that are told of here; others are the caller's to tell.
    pub(crate) fn failed(&self, error: &StoreError) -> bool {
        let (health, reason) = match error {
            StoreError::Full { .. } => (Health::Full, ""),
            StoreError::Unwritable { reason, .. } => (Health::Unwritable, reason.as_str()),
            StoreError::Corrupt { reason, .. } => (Health::Damaged, reason.as_str()),
            StoreError::Unreachable { reason, .. } | StoreError::Uncertain { reason } => {
                (Health::Unreachable, reason.as_str())
            }
            _ => return false,
        };
        let mut state = self.lock();
        state.failed += 1;
        if state.health == Health::Damaged {
            return true;
        }
        state.health = health;
        reason.clone_into(&mut state.reason);
        let again = state.told.is_some_and(|told| told.elapsed() < SPELL);
        if let Err(error) = self.standing_in(&state) {
            if health == Health::Damaged {
                tracing::error!(%error, "The data is damaged: from now on it is only read");
            } else if !again {
                tracing::error!(%error, "The store takes no writes; it is tried again by itself");
                state.told = Some(Instant::now());
            }
        }
        true
    }

    /// Whether it is time to try again: at most once in `every`.
    pub(crate) fn may_try(&self, every: Duration) -> bool {
        let mut state = self.lock();
        let due = state.tried.is_none_or(|tried| tried.elapsed() >= every);
        if due {
            state.tried = Some(Instant::now());
        }
        due
    }

    /// The error that holds now.
    pub(crate) fn standing(&self) -> Result<(), StoreError> {
        self.standing_in(&self.lock())
    }

    fn standing_in(&self, state: &State) -> Result<(), StoreError> {
        let place = self.place.clone();
        match state.health {
            Health::Writable => Ok(()),
            Health::Full => Err(StoreError::Full { place }),
            Health::Unwritable => Err(StoreError::Unwritable { place, reason: state.reason.clone() }),
            Health::Unreachable => Err(StoreError::Unreachable { place, reason: state.reason.clone() }),
            Health::Damaged => Err(StoreError::Corrupt { place, reason: state.reason.clone() }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
