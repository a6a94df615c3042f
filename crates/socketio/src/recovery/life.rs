//! What is known of one socket that can be recovered: since when it is there, when it was in which room, and what
//! was meant for it last. So it can be told exactly which packets were for it, also while it was away.

use crate::{
    adapter::ToOthers,
    id::SocketId,
    members::{Held, Members, Room, Target},
    socket::Data,
};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tokio::time::Instant;

/// By which a client is known when it comes back: a secret of 120 bits, in the shape of a socket's id.
pub(crate) type Pid = SocketId;

/// One that has moved between rooms more often than that, within the time that packets are kept, is not recovered.
pub(super) const MOST_STAYS: usize = 1_000;

/// Kept with a socket where recovery is on.
pub(crate) struct Recoverable {
    pub(super) pid: Pid,
    /// `None`: it is new.
    pub(super) restored: Option<Restored>,
    /// The position of the latest packet that was meant for it, whether or not its session still took it.
    pub(super) meant: AtomicU64,
    life: Mutex<Life>,
    /// What is heard for it until it is a member again.
    held: Mutex<Option<Held>>,
}

/// From where a socket goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restored {
    /// What its client has had.
    pub(super) since: u64,
    /// The position at which it went away.
    pub(super) went: u64,
}

/// When a socket was where. Positions are those of a namespace's packets.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    /// What came up to here was before its time.
    pub(super) began: u64,
    stays: Vec<Stay>,
    /// It moved too often to be followed.
    lost: bool,
}

#[derive(Debug, Clone)]
struct Stay {
    room: Room,
    /// Up to here it was not there yet.
    from: u64,
    /// Up to here it was there; `None`: it still is.
    to: Option<u64>,
}

impl Life {
    /// It has come into a room.
    pub(super) fn joined(&mut self, room: &Room, at: u64, floor: u64) {
        if self.stays.iter().any(|stay| stay.to.is_none() && stay.room == *room) {
            return;
        }
        if self.stays.len() == self.stays.capacity() || self.stays.len() >= MOST_STAYS {
            self.stays.retain(|stay| stay.to.is_none_or(|to| to > floor));
            self.lost |= self.stays.len() >= MOST_STAYS;
        }
        if !self.lost {
            self.stays.push(Stay { room: Room::clone(room), from: at, to: None });
        }
    }

    /// It has left a room.
    pub(super) fn left(&mut self, room: &str, at: u64) {
        let Some(last) = self.stays.iter().rposition(|stay| stay.to.is_none() && *stay.room == *room) else {
            return;
        };
        if self.stays[last].from == at {
            // Nothing was sent meanwhile.
            self.stays.remove(last);
        } else {
            self.stays[last].to = Some(at);
        }
    }

    /// The rooms it is in.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.stays.iter().filter(|stay| stay.to.is_none()).map(|stay| &stay.room)
    }

    #[cfg(test)]
    pub(super) fn stays(&self) -> usize {
        self.stays.len()
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether a packet at this position, sent to this target, was for the socket of this id.
    pub(super) fn had(&self, id: SocketId, target: &Target, position: u64) -> bool {
        let there = |stay: &Stay| stay.from < position && stay.to.is_none_or(|to| position <= to);
        let inside = |room: &Room| {
            **room == *id.as_str() || self.stays.iter().any(|stay| stay.room == *room && there(stay))
        };
        let meant = target.rooms.is_empty() || target.rooms.iter().any(inside);
        position > self.began && meant && !target.except.iter().any(inside)
    }

    /// Whether the socket of this id is one of a target now.
    pub(super) fn is_of(&self, id: SocketId, target: &Target) -> bool {
        let inside = |room: &Room| **room == *id.as_str() || self.rooms().any(|held| held == room);
        (target.rooms.is_empty() || target.rooms.iter().any(inside)) && !target.except.iter().any(inside)
    }
}

impl Recoverable {
    /// Of a new socket.
    pub(crate) fn new(pid: Pid) -> Self {
        Self { pid, restored: None, meant: AtomicU64::new(0), life: Mutex::default(), held: Mutex::default() }
    }

    pub(crate) fn is_restored(&self) -> bool {
        self.restored.is_some()
    }

    pub(super) fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has its rooms be heard while it is away.
    pub(super) fn hold(&self, id: SocketId, members: &Members) -> Held {
        let own = Room::from(id.as_str());
        members.hold(self.life().rooms().chain([&own]))
    }

    /// It is a member: its rooms need not be held for it.
    pub(super) fn arrived(&self) {
        drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// It goes away.
    pub(super) fn away(
        &self,
        id: SocketId,
        data: Option<Data>,
        went: u64,
        until: Instant,
        held: Held,
    ) -> Away {
        let life = self.life().clone();
        Away { id, data, life, held, meant: self.meant.load(Ordering::Acquire), went, until }
    }
}

/// One who is away.
pub(super) struct Away {
    pub(super) id: SocketId,
    pub(super) data: Option<Data>,
    pub(super) life: Life,
    held: Held,
    pub(super) meant: u64,
    pub(super) went: u64,
    pub(super) until: Instant,
}

/// What a socket was before, for the one that goes on with it.
pub(crate) struct Previous {
    pub(crate) id: SocketId,
    pub(crate) data: Option<Data>,
    pub(crate) rooms: Vec<Room>,
    pub(crate) recoverable: Recoverable,
}

impl Away {
    /// Does to it what is done to the sockets of a target; whether it may still come back.
    pub(super) fn moved(&mut self, message: &ToOthers, target: &Target, top: u64, floor: u64) -> bool {
        if !self.life.is_of(self.id, target) {
            return true;
        }
        match message {
            ToOthers::Join { room, .. } => {
                self.held.enter(room);
                self.life.joined(room, top, floor);
            }
            ToOthers::Leave { room, .. } => {
                self.held.leave(room);
                self.life.left(room, top);
            }
            ToOthers::Send { .. } => {}
            ToOthers::Disconnect { .. } => return false,
        }
        true
    }

    /// It comes back, having had all up to `since`.
    pub(super) fn back(self, pid: Pid, since: u64) -> Previous {
        let Self { id, data, life, held, meant, went, .. } = self;
        Previous {
            id,
            data,
            rooms: life.rooms().cloned().collect(),
            recoverable: Recoverable {
                pid,
                restored: Some(Restored { since, went }),
                meant: AtomicU64::new(meant),
                life: Mutex::new(life),
                held: Mutex::new(Some(held)),
            },
        }
    }
}
