//! Retention: what has been kept for long enough is cut.
//!
//! A room's log is cut from its oldest end, so what is left has no hole and `seq` goes on as ever. What a cut leaves
//! behind is what others rely on: the answer to each message, for its sender may ask again after any time; the members
//! and their roles, which are the fold of the whole log and stand in tables of their own; and the counts of what is
//! unread, which begin at the oldest event that is left (`read`).
//!
//! It works in small transactions, each in the one line for the writer behind whoever came before, and rests between
//! them: a message that is sent meanwhile waits for one of them at most.

pub(crate) mod cut;
mod guests;
mod laggards;
mod settings;

pub use settings::{Retention, RoomDays};

use crate::{
    Chat, Clock, Settings,
    failure::{Failure, Outcome},
    rooms::ReadQueue,
};
use plaza_protocol::{Error, RoomId, Seq};
use plaza_store::{Store, StoreError};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::sleep};
use tokio_util::sync::CancellationToken;

/// How often it is looked for, beside at the start.
const EVERY: Duration = Duration::from_secs(60 * 60);
const STOPPED: &str = "Cutting what is kept no longer has stopped; the next try is in an hour";
/// Between two transactions.
const REST: Duration = Duration::from_millis(10);

/// What was cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Events.
    pub events: u64,
    /// Guests that had expired and that nothing refers to.
    pub guests: u64,
}

/// What cutting needs.
pub(crate) struct Cutting {
    store: Store,
    clock: Arc<dyn Clock>,
    retention: Retention,
    guest_millis: i64,
    reads: ReadQueue,
    shutdown: CancellationToken,
    /// One at a time.
    turn: Mutex<()>,
}

impl Cutting {
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        settings: &Settings,
        reads: ReadQueue,
        shutdown: CancellationToken,
    ) -> Self {
        let guest_millis = i64::from(settings.guest_seconds) * 1_000;
        let retention = settings.retention.clone();
        Self { store, clock, retention, guest_millis, reads, shutdown, turn: Mutex::new(()) }
    }

    /// The task: at once, and then every hour until the shutdown.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            match self.now().await {
                Ok(Cut { events: 0, guests: 0 }) => {}
                Ok(Cut { events, guests }) => tracing::info!(events, guests, "Cut what is kept no longer"),
                Err(Failure::Store(StoreError::Closed)) => return,
                Err(Failure::Store(error)) if self.store.failed(&error) => {}
                Err(Failure::Store(error)) => tracing::warn!(%error, "{STOPPED}"),
                Err(Failure::Refused(error)) => tracing::warn!(%error, "{STOPPED}"),
            }
            if self.shutdown.run_until_cancelled(sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }

    async fn now(&self) -> Outcome<Cut> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        let events = self.rooms(now).await?;
        let guests = self.guests(now - self.guest_millis).await?;
        Ok(Cut { events, guests })
    }

    /// Cuts every room that has something to cut; how many events that were.
    async fn rooms(&self, now: i64) -> Outcome<u64> {
        let Some(newest) = self.retention.newest_to_cut(now) else { return Ok(0) };
        let (mut after, mut events) = (String::new(), 0);
        while !self.shutdown.is_cancelled() {
            let rooms = cut::rooms_to_look_at(&self.store, &after, newest).await?;
            let Some(last) = rooms.last() else { break };
            after = last.id.to_string();
            for room in rooms {
                if let Some(before) = self.retention.cut_before(&room.id, room.of_guest, now)
                    && room.oldest < before
                {
                    events += self.room(&room.id, room.kept_from, before).await?;
                }
            }
        }
        Ok(events)
    }

    /// Cuts one room up to its first event that is not from before a moment.
    async fn room(&self, room: &RoomId, kept_from: Seq, before: i64) -> Outcome<u64> {
        let Some(upto) = cut::last_before(&self.store, room, kept_from, before).await? else { return Ok(0) };
        laggards::read(&self.store, &self.reads, room, upto).await?;
        let mut from = kept_from;
        while from <= upto && !self.shutdown.is_cancelled() {
            from = cut::some(&self.store, room, from, upto).await?;
            sleep(REST).await;
        }
        Ok(from - kept_from)
    }

    /// Forgets guests not seen since a moment that nothing refers to; how many that were.
    async fn guests(&self, since: i64) -> Outcome<u64> {
        let (mut after, mut forgotten) = (guests::Place::default(), 0);
        while !self.shutdown.is_cancelled() {
            let Some(page) = guests::unmeant(&self.store, since, &after).await? else { break };
            forgotten += guests::forget(&self.store, &page.ids, since).await?;
            after = page.last;
            sleep(REST).await;
        }
        Ok(forgotten)
    }
}

impl Chat {
    /// Cuts what retention keeps no longer, now, instead of within the hour.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot take it; some of it may be cut then.
    pub async fn cut(&self) -> Result<Cut, Error> {
        Ok(self.inner.cutting.now().await?)
    }
}
