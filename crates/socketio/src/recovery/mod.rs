//! Connection state recovery: what a namespace remembers for clients whose connection broke off.
//!
//! Every event that asks for no acknowledgement gets a position, which travels as its last argument; the official client
//! keeps the latest and says it when it comes back, with the `pid` that CONNECT gave it. It is then the socket that it
//! was (id, rooms, data), and gets what it missed before anything new, and nothing twice.
//!
//! CONNECT goes out before what was missed. The official client holds back what comes before its CONNECT, also over a
//! connection that breaks off meanwhile, and would handle it twice.
//!
//! What is not done as Node does it: a client that heard nothing for a long time is recovered, since it is known that
//! there was nothing for it; volatile events have a position too, so that the text they may end with is not taken for
//! one; a connection that broke off unnoticed is taken over; a packet is for who was in the room when it was sent, and
//! not for who was there when the connection broke off.
//!
//! **Several nodes.** Positions are one node's: who comes to another one is new there. What other nodes broadcast gets its
//! position when it comes in, so here it is recovered like anything else, and the rooms of who is away stay occupied, for
//! it to come in at all. Where it is known that some may have been lost on its way ([`Memory::hears`]) nobody is recovered over that.

mod back;
mod life;
mod log;

pub(crate) use life::{Pid, Previous, Recoverable};

use crate::{
    DisconnectReason,
    adapter::ToOthers,
    config::{Config, Recovery},
    engine::CloseReason,
    members::{Members, Room, Target},
    outgoing::Outgoing,
    socket::{Socket, State},
};
use life::Away;
use log::Log;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What one namespace remembers.
pub(crate) struct Memory {
    settings: Recovery,
    /// How long a packet may be of use: a connection may be broken that long before it is known.
    keep: Duration,
    /// In front of every position, for a client may come back with one of another server's life.
    epoch: Box<str>,
    /// Of the latest packet. It changes while the members are locked for reading, so whoever has them locked to change
    /// them sees a position with which their change can be told from every packet's fan-out.
    top: AtomicU64,
    floor: AtomicU64,
    state: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    log: Log,
    /// Other nodes may be saying something that is not heard.
    deaf: bool,
    here: HashMap<Pid, Weak<Socket>>,
    /// Back, and not yet admitted.
    coming: HashMap<Pid, Weak<Socket>>,
    away: HashMap<Pid, Away>,
    /// Until when each may come, the first one first; some of them may be back.
    order: VecDeque<(Instant, Pid)>,
    /// Of those forgotten, to be dropped where nothing is locked: what an application does then is its own affair.
    forgotten: Vec<Away>,
}

impl Memory {
    pub(crate) fn new(settings: Recovery, config: &Config) -> Self {
        let keep = settings.window + config.ping_interval + config.ping_timeout;
        let epoch = config.random.id().chars().take(6).collect();
        let (top, floor) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { settings, keep, epoch, top, floor, state: Mutex::default() }
    }

    /// How long one may be away.
    pub(crate) fn window(&self) -> Duration {
        self.settings.window
    }

    /// Whether one that is recovered is spared the middleware.
    pub(crate) fn skips_middleware(&self) -> bool {
        self.settings.skip_middleware
    }

    /// Sends an event to the sockets of a target, and keeps it unless it is volatile.
    pub(crate) fn deliver(&self, members: &Members, target: &Target, message: &Outgoing, volatile: bool) {
        // Held until all have it: so every socket gets positions in their order.
        self.with(|state| {
            let position = state.log.top() + u64::from(!volatile);
            let message = message.with_offset(&format!("{}.{position}", self.epoch));
            members.for_each_after(
                || self.top.store(position, Ordering::Release),
                target,
                |socket| {
                    if volatile && !socket.flows() {
                        return;
                    }
                    // Closed: its end is not known here yet. What was meant for it is missed all the same.
                    let _ = socket.send_frames(message.frames(socket.parser()));
                    if let (false, Some(own)) = (volatile, socket.recoverable()) {
                        own.meant.store(position, Ordering::Release);
                    }
                },
            );
            if !volatile {
                let now = Instant::now();
                state.log.push(target.clone(), message, now);
                self.cut(state, now);
            }
        });
    }

    /// A socket is gone: takes it out of the members, and keeps what it was if it may come back. Whether it did.
    pub(crate) fn depart(
        &self,
        members: &Members,
        socket: &Socket,
        before: State,
        reason: DisconnectReason,
    ) -> bool {
        // Held all the time, so that whoever is moved by others is found, here or there.
        self.with(|state| {
            let went = self.top.load(Ordering::Acquire);
            // Before it goes: in between what others send to its rooms would not be heard.
            let own = socket.recoverable().map(|own| (own, own.hold(socket.id(), members)));
            members.remove(socket);
            let Some((own, held)) = own else { return false };
            let is_this = |known: &Weak<Socket>| std::ptr::eq(known.as_ptr(), socket);
            let was_here = state.here.get(&own.pid).is_some_and(is_this);
            let was_coming = state.coming.get(&own.pid).is_some_and(is_this);
            if !was_here && !was_coming {
                return false;
            }
            state.here.remove(&own.pid);
            state.coming.remove(&own.pid);
            let breaks_off = match reason {
                DisconnectReason::Transport(reason) => reason != CloseReason::ServerShuttingDown,
                DisconnectReason::ClientNamespaceDisconnect | DisconnectReason::ServerNamespaceDisconnect => {
                    false
                }
            };
            let went = match (before, own.restored) {
                (State::Connected, _) => went,
                // It never was where packets go to.
                (State::Connecting, Some(restored)) => restored.went,
                _ => return false,
            };
            if breaks_off {
                let now = Instant::now();
                let until = now + self.settings.window;
                let away = own.away(socket.id(), socket.shared_data(), went, until, held);
                state.away.insert(own.pid, away);
                state.order.push_back((until, own.pid));
                self.cut(state, now);
            }
            breaks_off
        })
    }

    /// Does to the sockets of a target what is to be done, be they here, away or on their way back.
    pub(crate) fn apply(&self, members: &Members, message: &ToOthers) {
        let target = message.target();
        // Held all the time, so that nobody who comes or goes meanwhile is passed over. The sockets are let go of where
        // nothing is locked.
        let found = self.with(|state| {
            let here = members.select(target);
            for socket in &here {
                message.apply_to(socket);
                if let (ToOthers::Disconnect { .. }, Some(own)) = (message, socket.recoverable()) {
                    // It does not come back, though its connection may have broken off a moment ago.
                    state.here.remove(&own.pid);
                }
            }
            let (top, floor) = (self.top.load(Ordering::Acquire), state.log.floor());
            let Remembered { away, forgotten, coming, .. } = state;
            for (_, gone) in away.extract_if(|_, away| !away.moved(message, target, top, floor)) {
                forgotten.push(gone);
            }
            let known: Vec<_> =
                coming.iter().filter_map(|(pid, socket)| Some((*pid, socket.upgrade()?))).collect();
            for (pid, socket) in &known {
                if !socket.recoverable().is_some_and(|own| own.life().is_of(socket.id(), target)) {
                    continue;
                }
                if let ToOthers::Disconnect { .. } = message {
                    // Its client comes again, as a new one.
                    coming.remove(pid);
                    socket.close_transport();
                } else {
                    message.apply_to(socket);
                }
            }
            (here, known)
        });
        drop(found);
    }

    /// Whether what other nodes say is heard. Where it is not, or was not, nobody can be shown that nothing is missing: who
    /// is away comes back as a new one.
    pub(crate) fn hears(&self, hears: bool) {
        self.with(|state| {
            state.deaf = !hears;
            state.log.hole();
            self.top.store(state.log.top(), Ordering::Release);
            self.floor.store(state.log.floor(), Ordering::Relaxed);
        });
    }

    /// A socket has come into a room. Called while the members are locked.
    pub(crate) fn joined(&self, own: &Recoverable, room: &Room) {
        own.life().joined(room, self.top.load(Ordering::Acquire), self.floor.load(Ordering::Relaxed));
    }

    /// A socket has left a room. Called while the members are locked.
    pub(crate) fn left(&self, own: &Recoverable, room: &str) {
        own.life().left(room, self.top.load(Ordering::Acquire));
    }

    /// Forgets what nobody comes back for any more. It is done with every event and every socket that goes; this is for
    /// where nothing happens.
    pub(crate) fn forget_old(&self, now: Instant) {
        self.with(|state| self.cut(state, now));
    }

    /// Cuts packets and sockets that are too old, or too many.
    fn cut(&self, state: &mut Remembered, now: Instant) {
        state.log.cut(now, self.keep, self.settings.bytes);
        self.floor.store(state.log.floor(), Ordering::Relaxed);
        while let Some((until, pid)) = state.order.front().copied()
            && (until < now || state.away.len() > self.settings.sockets || !state.away.contains_key(&pid))
        {
            state.order.pop_front();
            // One that came back and went again is further behind in the order.
            if state.away.get(&pid).is_some_and(|away| away.until == until) {
                state.forgotten.extend(state.away.remove(&pid));
            }
        }
        if state.order.len() > 2 * state.away.len() + 64 {
            let Remembered { order, away, .. } = state;
            order.retain(|(until, pid)| away.get(pid).is_some_and(|away| away.until == *until));
        }
    }

    /// How many packets are kept.
    #[cfg(test)]
    pub(crate) fn packets(&self) -> u64 {
        self.with(|state| state.log.top() - state.log.floor())
    }

    fn with<R>(&self, work: impl FnOnce(&mut Remembered) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state);
        let forgotten = std::mem::take(&mut state.forgotten);
        drop(state);
        drop(forgotten);
        result
    }
}

#[cfg(test)]
mod tests;
