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
/// The largest event of which there is a copy, in bytes of its JSON: a message of the greatest length, and what is around it.
const LARGEST: usize = 16 * 1024;
/// A copy is position, seal and JSON.
const POSITION: usize = 8;
const SEAL: usize = 32;

/// What the copies were good for so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecentStats {
    /// Spans that were served from copies.
    pub hits: u64,
    /// Spans that were read from the log, because copies were missing.
    pub misses: u64,
    /// Spans that were read from the log, because the cache did not answer.
    pub errors: u64,
    /// Copies that were none: without the seal, or not understood.
    pub refused: u64,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
}

/// An event, and its size in bytes, about.
pub(crate) type Sized = (Event, usize);

/// What there is of a span.
pub(crate) enum Found {
    /// Every event, ascending.
    All(Vec<Sized>),
    /// Some, and the events at these positions not: the room is busy, and whoever reads those should keep them.
    Lacks(Vec<Seq>),
    /// Nothing, or nobody knows.
    Nothing,
}

/// The copies.
pub(crate) struct Recent {
    cache: Cache,
    seal: Seal,
    epoch: String,
    counters: Counters,
}

impl Recent {
    pub(super) fn new(cache: Cache, seal: Seal, epoch: &str) -> Self {
        Self { cache, seal, epoch: epoch.to_owned(), counters: Counters::default() }
    }

    pub(super) fn stats(&self) -> RecentStats {
        let Counters { hits, misses, errors, refused } = &self.counters;
        RecentStats {
            hits: hits.load(Relaxed),
            misses: misses.load(Relaxed),
            errors: errors.load(Relaxed),
            refused: refused.load(Relaxed),
        }
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
                self.cache.put(&name, seq % RING, &copy, EXPIRY);
            }
        }
    }

    /// A span of at most [`RING`] positions, each of which the log has.
    pub(crate) async fn read(&self, room: &RoomId, span: RangeInclusive<Seq>) -> Found {
        let Some(name) = self.name(room) else { return Found::Nothing };
        let places = span.clone().map(|seq| seq % RING).collect::<Vec<_>>().into_iter();
        let Ok(copies) = self.cache.get(&name, places, POSITION + SEAL + LARGEST).await else {
            self.counters.errors.fetch_add(1, Relaxed);
            return Found::Nothing;
        };
        let (mut events, mut missing) = (Vec::with_capacity(copies.len()), Vec::new());
        for (seq, copy) in span.zip(copies) {
            match copy.and_then(|copy| self.open(&name, room, seq, &copy)) {
                Some(event) => events.push(event),
                None => missing.push(seq),
            }
        }
        let count = if missing.is_empty() { &self.counters.hits } else { &self.counters.misses };
        count.fetch_add(1, Relaxed);
        match (missing.is_empty(), events.is_empty()) {
            (true, _) => Found::All(events),
            (false, false) => Found::Lacks(missing),
            (false, true) => Found::Nothing,
        }
    }

    /// The event at a position, if this is a copy of it.
    fn open(&self, name: &Channel, room: &RoomId, seq: Seq, copy: &[u8]) -> Option<Sized> {
        let (position, sealed) = copy.split_first_chunk().unwrap_or((&[0; POSITION], &[]));
        let position = Seq::from_be_bytes(*position);
        let opened = (position == seq).then(|| self.unseal(name, room, seq, sealed)).flatten();
        // It may be the event that had this place before, because its successor was dropped, or that has it by now.
        let replaced = position != seq && position > 0 && position % RING == seq % RING;
        if opened.is_none() && !replaced {
            self.counters.refused.fetch_add(1, Relaxed);
        }
        opened
    }

    /// Nothing is read but what bears the seal.
    fn unseal(&self, name: &Channel, room: &RoomId, seq: Seq, sealed: &[u8]) -> Option<Sized> {
        let (seal, json) = sealed.split_first_chunk::<SEAL>()?;
        let json = std::str::from_utf8(json).ok()?;
        if !self.seal.stamped(name.as_str(), &seq.to_string(), json, seal) {
            return None;
        }
        let event: Event = serde_json::from_str(json).ok()?;
        (event.room_id() == room && event.seq() == seq).then_some((event, json.len()))
    }

    /// One hash tag a room, so that a cluster has all of it in one place; a version of Plaza reads nothing of another's.
    fn name(&self, room: &RoomId) -> Option<Channel> {
        let version = env!("CARGO_PKG_VERSION");
        Channel::new(format!("plaza:recent:{version}:{{{}:{room}}}", self.epoch)).ok()
    }
}
