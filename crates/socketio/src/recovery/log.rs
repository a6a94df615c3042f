//! The latest packets of a namespace, each with its position and whom it was for.

use crate::{members::Target, outgoing::Outgoing};
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// Bounded in bytes and in time: what is cut from it cannot be recovered any more.
#[derive(Default)]
pub(super) struct Log {
    /// Positions without a hole, the first one behind `floor`.
    packets: VecDeque<Packet>,
    bytes: usize,
    floor: u64,
}

struct Packet {
    at: Instant,
    target: Target,
    message: Outgoing,
}

/// What a packet takes here beside what it takes in an outbox: its place, and what its frames are held by.
pub(super) const PACKET: usize = 192;
/// What a room's name takes beside its bytes.
pub(super) const ROOM: usize = 32;

impl Packet {
    /// What it counts for, in bytes.
    fn cost(&self) -> usize {
        let rooms = self.target.rooms.iter().chain(&self.target.except);
        self.message.cost() + PACKET + rooms.map(|room| room.len() + ROOM).sum::<usize>()
    }
}

impl Log {
    /// The position of the latest packet, be it kept or cut; 0: there was none.
    pub(super) fn top(&self) -> u64 {
        self.floor + self.packets.len() as u64
    }

    /// The position of the latest packet that was cut.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn push(&mut self, target: Target, message: Outgoing, at: Instant) {
        let packet = Packet { at, target, message };
        self.bytes += packet.cost();
        self.packets.push_back(packet);
    }

    /// Something may have been sent here that is not known: nobody can be given all that came after an earlier position.
    pub(super) fn hole(&mut self) {
        self.floor = self.top() + 1;
        self.packets = VecDeque::new();
        self.bytes = 0;
    }

    /// Cuts what is older than `keep`, and the oldest of what is more than `most` bytes.
    pub(super) fn cut(&mut self, now: Instant, keep: Duration, most: usize) {
        let too_much =
            |log: &Self| log.packets.front().is_some_and(|oldest| log.bytes > most || oldest.at + keep < now);
        while too_much(self) {
            if let Some(oldest) = self.packets.pop_front() {
                self.bytes -= oldest.cost();
                self.floor += 1;
            }
        }
        if self.packets.is_empty() {
            self.packets = VecDeque::new();
        }
    }

    /// What came after a position, with the positions; `None`: some of it may have been cut.
    pub(super) fn after(&self, since: u64) -> Option<impl Iterator<Item = (u64, &Target, &Outgoing)>> {
        let skip = since.checked_sub(self.floor)?;
        let packets = self.packets.iter().enumerate().skip(skip as usize);
        Some(packets.map(|(at, packet)| (self.floor + 1 + at as u64, &packet.target, &packet.message)))
    }
}
