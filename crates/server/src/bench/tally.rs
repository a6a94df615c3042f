//! What is counted while it runs, by everybody at once.

use super::Bench;
use anyhow::Context as _;
use hdrhistogram::Histogram;
use plaza_protocol::{RoomId, Seq};
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Times in microseconds up to an hour, to three digits.
#[derive(Debug)]
pub(super) struct Times(Mutex<Histogram<u64>>);

/// The longest that is told apart.
const LONGEST_MICROS: u64 = 60 * 60 * 1_000_000;

impl Times {
    fn new() -> anyhow::Result<Self> {
        let times = Histogram::new_with_bounds(1, LONGEST_MICROS, 3).context("No times can be kept")?;
        Ok(Self(Mutex::new(times)))
    }

    pub(super) fn note(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        lock(&self.0).saturating_record(micros);
    }

    /// Below which this share of them lies, in milliseconds.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        lock(&self.0).value_at_quantile(share) as f64 / 1_000.0
    }

    pub(super) fn longest_ms(&self) -> f64 {
        lock(&self.0).max() as f64 / 1_000.0
    }
}

/// All that is counted.
#[derive(Debug)]
pub(super) struct Tally {
    began: Instant,
    /// How far each room's log reaches, as acknowledgements said.
    tops: Mutex<HashMap<RoomId, Seq>>,
    /// How many members each room has.
    members: HashMap<u32, u64>,
    /// From when a message was due until it was acknowledged.
    pub(super) acknowledged: Times,
    /// From when it was due until a member was told.
    pub(super) delivered: Times,
    /// From when it was due until this program sent it.
    pub(super) late: Times,
    pub(super) acks: AtomicU64,
    pub(super) expected: AtomicU64,
    pub(super) told: AtomicU64,
    pub(super) doubled: AtomicU64,
    pub(super) out_of_order: AtomicU64,
    pub(super) reloads: AtomicU64,
    pub(super) interruptions: AtomicU64,
    refused: Mutex<Option<String>>,
    /// Why somebody last was offline.
    offline: Mutex<Option<String>>,
}

impl Tally {
    pub(super) fn new(bench: &Bench) -> anyhow::Result<Self> {
        let mut members = HashMap::new();
        for room in (0..bench.connections).flat_map(|guest| bench.rooms_of(guest)) {
            *members.entry(room).or_default() += 1;
        }
        Ok(Self {
            began: Instant::now(),
            tops: Mutex::default(),
            members,
            acknowledged: Times::new()?,
            delivered: Times::new()?,
            late: Times::new()?,
            acks: AtomicU64::new(0),
            expected: AtomicU64::new(0),
            told: AtomicU64::new(0),
            doubled: AtomicU64::new(0),
            out_of_order: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
            interruptions: AtomicU64::new(0),
            refused: Mutex::default(),
            offline: Mutex::default(),
        })
    }

    /// Since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A message of this room, due at this time, has this position.
    pub(super) fn acked(&self, number: u32, room: &RoomId, seq: Seq, due: Duration) {
        self.acknowledged.note(self.now().saturating_sub(due));
        self.acks.fetch_add(1, Relaxed);
        self.expected.fetch_add(self.members.get(&number).copied().unwrap_or_default(), Relaxed);
        let mut tops = lock(&self.tops);
        match tops.get_mut(room) {
            Some(top) => *top = seq.max(*top),
            None => drop(tops.insert(room.clone(), seq)),
        }
    }

    /// A member was told of a message that was due at this time.
    pub(super) fn was_told(&self, due: Duration) {
        self.delivered.note(self.now().saturating_sub(due));
        self.told.fetch_add(1, Relaxed);
    }

    pub(super) fn was_refused(&self, why: String) {
        lock(&self.refused).get_or_insert(why);
    }

    /// Why the first one was refused that was.
    pub(super) fn refused(&self) -> Option<String> {
        lock(&self.refused).clone()
    }

    pub(super) fn is_offline(&self, why: String) {
        *lock(&self.offline) = Some(why);
    }

    pub(super) fn offline(&self) -> Option<String> {
        lock(&self.offline).clone()
    }

    /// How far a room's log reaches at least.
    pub(super) fn top(&self, room: &RoomId) -> Seq {
        lock(&self.tops).get(room).copied().unwrap_or_default()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
