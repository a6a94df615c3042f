//! The way back: who was away is found again, comes through the middleware, and is let in with what it missed.

use super::{
    Memory,
    life::{Life, Pid, Previous, Restored},
    log::Log,
};
use crate::{
    id::SocketId,
    members::Members,
    outgoing::{Outgoing, in_encoding},
    packet,
    socket::Socket,
};
use std::sync::{Arc, Weak, atomic::Ordering};
use tokio::time::Instant;

impl Memory {
    /// The socket that has this `pid`, as far as is known.
    pub(crate) fn there(&self, pid: Pid) -> Option<Arc<Socket>> {
        self.with(|state| state.here.get(&pid).or_else(|| state.coming.get(&pid)).and_then(Weak::upgrade))
    }

    /// The socket that one who is away was, for a client that had all up to `offset`; `None`: it cannot be shown that
    /// nothing would be missing, or what is missing is more than `room` bytes. It can be had once. Whoever moves others
    /// finds it at every moment: away before, and then on its way.
    pub(crate) fn recover(
        &self,
        pid: Pid,
        offset: Option<&str>,
        room: usize,
        make: impl FnOnce(Previous) -> Arc<Socket>,
    ) -> Option<Arc<Socket>> {
        self.with(|state| {
            self.cut(state, Instant::now());
            let deaf = state.deaf;
            let away = state.away.remove(&pid)?;
            let had = offset.and_then(|offset| self.position(offset)).unwrap_or(0);
            if had > state.log.top() || away.life.is_lost() || deaf {
                state.forgotten.push(away);
                return None;
            }
            let mut since = had.max(away.life.began);
            if since >= away.meant {
                // It has all that was meant for it, so until it went there was nothing else for it.
                since = since.max(away.went);
            }
            // The other half is for what comes while the middleware has its time.
            if missed(&state.log, away.id, &away.life, since, room / 2).is_none() {
                state.forgotten.push(away);
                return None;
            }
            let socket = make(away.back(pid, since));
            state.coming.insert(pid, Arc::downgrade(&socket));
            Some(socket)
        })
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
                // Closed meanwhile: it is missed again.
                let _ = session.send(message.frames(socket.parser()));
                own.meant.store(position, Ordering::Release);
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
            own.arrived();
            true
        })
    }

    /// The position in an offset, if it is one of this namespace's.
    fn position(&self, offset: &str) -> Option<u64> {
        offset.strip_prefix(&*self.epoch)?.strip_prefix('.')?.parse().ok()
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
