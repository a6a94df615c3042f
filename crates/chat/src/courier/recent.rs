//! The newest events of busy rooms, as copies on the servers of the bus: for those who come back all at once, and for the
//! page that everybody opens first. Off unless the bus has a cache.
//!
//! **Right when stale.** The log alone says who may read and up to where; what is asked for here is a span of positions
//! that the log has just named. An event that is committed never changes, so a copy is either that event or it is none: it
//! bears a seal over its store, room, position and bytes, which only nodes on the same store can make, and a name that
//! only nodes of the same version use. Whatever is missing, late, old or forged is as good as not there, and then the
//! whole span is read from the log.
//!
//! **Bounded.** A room has [`RING`] places, one for each position modulo that, and each copy expires: a room in which
//! nothing happens has none. So what is here is what is busy, and nobody counts.

use super::Seal;
use plaza_bus::{Cache, Channel};
use plaza_protocol::{Event, RoomId, Seq};
use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// How many of a room's newest events have a place.
const RING: u64 = 256;
/// How long a copy is kept.
const EXPIRY: Duration = Duration::from_secs(10 * 60);
/// The largest event of which there is a copy, in bytes of its JSON.
const LARGEST: usize = 4 * 1024;
/// A copy is position, seal and JSON.
const POSITION: usize = 8;
const SEAL: usize = 32;

/// What the copies were good for so far.
#[derive(Debug, Default)]
pub struct RecentStats {
    hits: AtomicU64,
    misses: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
}

impl RecentStats {
    /// Spans that were served from copies.
    pub fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    /// Spans that were read from the log, because copies were missing.
    pub fn misses(&self) -> u64 {
        self.misses.load(Relaxed)
    }

    /// Spans that were read from the log, because the cache did not answer.
    pub fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    /// Copies that were none: without the seal, or not understood.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

/// An event, and its size in bytes, about.
pub(crate) type Sized = (Event, usize);

/// What there is of a span.
pub(crate) enum Found {
    /// Every event, ascending.
    All(Vec<Sized>),
    /// Some: the room is busy, and whoever reads the rest should keep it.
    Some,
    /// Nothing, or nobody knows.
    Nothing,
}

/// The copies.
pub(crate) struct Recent {
    cache: Cache,
    seal: Seal,
    epoch: String,
    pub(super) stats: RecentStats,
}

impl Recent {
    pub(super) fn new(cache: Cache, seal: Seal, epoch: &str) -> Self {
        Self { cache, seal, epoch: epoch.to_owned(), stats: RecentStats::default() }
    }

    /// Whether there may be copies from this position on, where the newest event is at `top`.
    pub(crate) fn reaches(first: Seq, top: Seq) -> bool {
        top < first.saturating_add(RING)
    }

    /// Keeps copies of committed events. Never waits.
    pub(crate) fn keep<'a>(&self, events: impl IntoIterator<Item = &'a Event>) {
        for event in events {
            let (Some(name), Ok(json)) = (self.name(event.room_id()), serde_json::to_string(event)) else {
                continue;
            };
            if json.len() <= LARGEST {
                let seq = event.seq();
                let seal = self.seal.stamp(name.as_str(), &seq.to_string(), &json);
                let copy = [&seq.to_be_bytes()[..], &seal[..], json.as_bytes()].concat();
                self.cache.put(&name, seq % RING, copy.into(), EXPIRY);
            }
        }
    }

    /// A span of at most [`RING`] positions, each of which the log has.
    pub(crate) async fn read(&self, room: &RoomId, span: RangeInclusive<Seq>) -> Found {
        let Some(name) = self.name(room) else { return Found::Nothing };
        let places = span.clone().map(|seq| seq % RING).collect::<Vec<_>>().into_iter();
        let Ok(copies) = self.cache.get(&name, places, POSITION + SEAL + LARGEST).await else {
            self.stats.errors.fetch_add(1, Relaxed);
            return Found::Nothing;
        };
        let mut events = Vec::with_capacity(copies.len());
        let mut all = true;
        for (seq, copy) in span.zip(copies) {
            match copy.and_then(|copy| self.open(&name, room, seq, &copy)) {
                Some(event) => events.push(event),
                None => all = false,
            }
        }
        let count = if all { &self.stats.hits } else { &self.stats.misses };
        count.fetch_add(1, Relaxed);
        match (all, events.is_empty()) {
            (true, _) => Found::All(events),
            (false, false) => Found::Some,
            (false, true) => Found::Nothing,
        }
    }

    /// The event at a position, if this is a copy of it. Nothing is read but what bears the seal.
    fn open(&self, name: &Channel, room: &RoomId, seq: Seq, copy: &[u8]) -> Option<Sized> {
        let (position, rest) = copy.split_first_chunk::<POSITION>()?;
        let position = u64::from_be_bytes(*position);
        // One that had this place before, because its successor was dropped, or has it now.
        if position != seq && position % RING == seq % RING {
            return None;
        }
        let opened = rest.split_first_chunk::<SEAL>().and_then(|(seal, json)| {
            let json = std::str::from_utf8(json).ok()?;
            if position != seq || !self.seal.stamped(name.as_str(), &seq.to_string(), json, seal) {
                return None;
            }
            let event: Event = serde_json::from_str(json).ok()?;
            (event.room_id() == room && event.seq() == seq).then_some((event, json.len()))
        });
        if opened.is_none() {
            self.stats.refused.fetch_add(1, Relaxed);
        }
        opened
    }

    /// One hash tag a room, so that a cluster has all of it in one place; a version of Plaza reads nothing of another's.
    fn name(&self, room: &RoomId) -> Option<Channel> {
        let version = env!("CARGO_PKG_VERSION");
        Channel::new(format!("plaza:recent:{version}:{{{}:{room}}}", self.epoch)).ok()
    }
}
