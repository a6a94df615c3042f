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

mod life;
mod log;

pub(crate) use life::{Pid, Previous, Recoverable};

use crate::{
    DisconnectReason,
    adapter::ToOthers,
    config::{Config, Recovery},
    engine::CloseReason,
    id::SocketId,
    members::{Members, Room, Target},
    outgoing::{Outgoing, in_encoding},
    packet,
    socket::{Socket, State},
};
use life::{Away, Life, Restored};
use log::Log;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError, Weak,
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
                    let sent = socket.send_frames(message.frames(socket.parser()));
                    if let (Ok(()), false, Some(own)) = (sent, volatile, socket.recoverable()) {
                        own.sent.store(position, Ordering::Release);
                    }
                },
            );
            if !volatile {
                let now = Instant::now();
                state.log.push(target.clone(), message, now);
                self.forget_old(state, now);
            }
        });
    }

    /// The socket that has this `pid`, as far as is known.
    pub(crate) fn there(&self, pid: Pid) -> Option<Arc<Socket>> {
        self.with(|state| state.here.get(&pid).or_else(|| state.coming.get(&pid)).and_then(Weak::upgrade))
    }

    /// What one who is away was, for a client that had all up to `offset`; `None`: it cannot be shown that nothing would
    /// be missing, or what is missing is more than `room` bytes. It can be had once.
    pub(crate) fn claim(&self, pid: Pid, offset: Option<&str>, room: usize) -> Option<Previous> {
        self.with(|state| {
            self.forget_old(state, Instant::now());
            let away = state.away.remove(&pid)?;
            let had = offset.and_then(|offset| self.position(offset)).unwrap_or(0);
            if had > state.log.top() || away.life.is_lost() {
                state.forgotten.push(away);
                return None;
            }
            let mut since = had.max(away.life.began);
            if since >= away.sent {
                // It has all that it was sent, so until it went there was nothing else for it.
                since = since.max(away.went);
            }
            // The other half is for what comes while the middleware has its time.
            if missed(&state.log, away.id, &away.life, since, room / 2).is_none() {
                state.forgotten.push(away);
                return None;
            }
            Some(away.back(pid, since))
        })
    }

    /// One that is back is on its way through the middleware.
    pub(crate) fn comes(&self, socket: &Arc<Socket>) {
        if let Some(own) = socket.recoverable()
            && own.is_restored()
        {
            self.with(|state| state.coming.insert(own.pid, Arc::downgrade(socket)));
        }
    }

    /// One that was on its way is refused.
    pub(crate) fn refused(&self, socket: &Socket) {
        if let Some(own) = socket.recoverable() {
            self.with(|state| state.coming.remove(&own.pid));
        }
    }

    /// Lets a client in, tells it so, and sends what it missed; whether it was still there.
    pub(crate) fn admit(&self, members: &Members, namespace: &str, socket: &Arc<Socket>) -> bool {
        let Some(own) = socket.recoverable() else { return false };
        self.with(|state| {
            let session = socket.session();
            let missed = match own.restored {
                None => Vec::new(),
                Some(Restored { since, .. }) => {
                    match missed(&state.log, socket.id(), &own.life(), since, session.free()) {
                        Some(missed) => missed,
                        // While the middleware had its time, too much came. The client comes back as a new one.
                        None => {
                            state.coming.remove(&own.pid);
                            session.close();
                            return false;
                        }
                    }
                }
            };
            let connected = packet::connected(namespace, socket.id().as_str(), Some(own.pid.as_str()));
            if session.send(&in_encoding(connected, socket.parser())).is_err() {
                return false;
            }
            for (position, message) in missed {
                if session.send(message.frames(socket.parser())).is_ok() {
                    own.sent.store(position, Ordering::Release);
                }
            }
            if !socket.connected() {
                return false;
            }
            if own.restored.is_none() {
                own.life().began = state.log.top();
            }
            state.coming.remove(&own.pid);
            state.here.insert(own.pid, Arc::downgrade(socket));
            members.insert(Arc::clone(socket));
            true
        })
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
            members.remove(socket);
            let Some(own) = socket.recoverable() else { return false };
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
                state.away.insert(own.pid, own.away(socket.id(), socket.shared_data(), went, until));
                state.order.push_back((until, own.pid));
                self.forget_old(state, now);
            }
            breaks_off
        })
    }

    /// Does to those who are away, or on their way back, what is done to the others.
    pub(crate) fn apply(&self, message: &ToOthers) {
        let target = match message {
            ToOthers::Send { .. } => return,
            ToOthers::Join { target, .. } | ToOthers::Leave { target, .. } => target,
            ToOthers::Disconnect { target, .. } => target,
        };
        let coming: Vec<_> = self.with(|state| {
            let (top, floor) = (self.top.load(Ordering::Acquire), state.log.floor());
            let Remembered { away, forgotten, .. } = state;
            for (_, gone) in away.extract_if(|_, away| !away.moved(message, target, top, floor)) {
                forgotten.push(gone);
            }
            state.coming.values().filter_map(Weak::upgrade).collect()
        });
        for socket in coming {
            let Some(own) = socket.recoverable() else { continue };
            if !own.life().is_of(socket.id(), target) {
                continue;
            }
            match message {
                ToOthers::Join { room, .. } => socket.join(room),
                ToOthers::Leave { room, .. } => socket.leave(room),
                // Its client comes again, as a new one.
                ToOthers::Disconnect { .. } | ToOthers::Send { .. } => {
                    self.refused(&socket);
                    socket.close_transport();
                }
            }
        }
    }

    /// A socket has come into a room. Called while the members are locked.
    pub(crate) fn joined(&self, own: &Recoverable, room: &Room) {
        own.life().joined(room, self.top.load(Ordering::Acquire), self.floor.load(Ordering::Relaxed));
    }

    /// A socket has left a room. Called while the members are locked.
    pub(crate) fn left(&self, own: &Recoverable, room: &str) {
        own.life().left(room, self.top.load(Ordering::Acquire));
    }

    /// Nobody comes back for a packet or a socket this old.
    fn forget_old(&self, state: &mut Remembered, now: Instant) {
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

    /// The position in an offset, if it is one of this namespace's.
    fn position(&self, offset: &str) -> Option<u64> {
        offset.strip_prefix(&*self.epoch)?.strip_prefix('.')?.parse().ok()
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

/// What a socket missed since a position; `None`: part of it was cut, or it is too much to be sent at once.
fn missed(log: &Log, id: SocketId, life: &Life, since: u64, room: usize) -> Option<Vec<(u64, Outgoing)>> {
    let missed: Vec<_> = log
        .after(since)?
        .filter(|(at, target, _)| life.had(id, target, *at))
        .map(|(at, _, message)| (at, Outgoing::clone(message)))
        .collect();
    let cost: usize = missed.iter().map(|(_, message)| message.cost()).sum();
    // The answer to CONNECT has to fit as well.
    (cost + 1_024 <= room || missed.is_empty()).then_some(missed)
}

#[cfg(test)]
mod tests;
