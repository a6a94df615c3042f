//! Who is in which room, who sends there, and who therefore should hear what.
//!
//! Room `r` has `size` members; their places are dealt out to the connections in turn, so that each connection is in
//! about equally many rooms, and, where a second round begins, with other neighbours than in the first.

use serde::{Deserialize, Serialize};

/// How many rooms of which size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms {
    /// How many connections there are.
    pub connections: u32,
    /// How many rooms.
    pub rooms: u32,
    /// Members of each.
    pub size: u32,
    /// Of them send: stream `k * rooms + r` is what member `k` of room `r` sends.
    pub senders: u32,
}

impl Rooms {
    /// The connection that is member `place` of `room`.
    #[must_use]
    pub fn member(&self, room: u32, place: u32) -> u32 {
        let position = u64::from(room) * u64::from(self.size) + u64::from(place);
        let connections = u64::from(self.connections);
        let (round, at) = (position / connections, position % connections);
        // Multiplying by what has no divisor in common with the number of connections is a permutation of them.
        let factor = (1..)
            .step_by(2)
            .filter(|factor| gcd(*factor, connections) == 1)
            .nth(to_usize(round % 64))
            .unwrap_or(1);
        u32::try_from(at * factor % connections).unwrap_or_default()
    }

    /// Of each connection, the rooms that it is in.
    #[must_use]
    pub fn of_connections(&self) -> Vec<Vec<u32>> {
        let mut of = vec![Vec::new(); self.connections as usize];
        for room in 0..self.rooms {
            for place in 0..self.size {
                let rooms = &mut of[self.member(room, place) as usize];
                if rooms.last() != Some(&room) {
                    rooms.push(room);
                }
            }
        }
        of
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> u32 {
        self.rooms * self.senders
    }

    /// The room that a stream is in.
    #[must_use]
    pub fn room_of(&self, stream: u32) -> u32 {
        stream % self.rooms
    }

    /// The connection that sends a stream.
    #[must_use]
    pub fn sender_of(&self, stream: u32) -> u32 {
        self.member(stream % self.rooms, stream / self.rooms)
    }
}

/// Which ear of the audit belongs to which connection and stream.
pub struct Ears {
    rooms: u32,
    senders: u32,
    /// Of each connection: its rooms, ascending, each with its first ear.
    first: Vec<Vec<(u32, u32)>>,
    /// The stream of each ear.
    streams: Vec<u32>,
}

impl Ears {
    /// An ear for each stream of each room that a connection is in.
    #[must_use]
    pub fn new(rooms: &Rooms, of_connections: &[Vec<u32>]) -> Self {
        let mut streams = Vec::new();
        let mut first = Vec::with_capacity(of_connections.len());
        for of in of_connections {
            let mut mine = Vec::with_capacity(of.len());
            for room in of {
                mine.push((*room, u32::try_from(streams.len()).unwrap_or(u32::MAX)));
                streams.extend((0..rooms.senders).map(|sender| sender * rooms.rooms + room));
            }
            first.push(mine);
        }
        Self { rooms: rooms.rooms, senders: rooms.senders, first, streams }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// The stream that an ear hears.
    #[must_use]
    pub fn stream_of(&self, ear: u32) -> u32 {
        self.streams[ear as usize]
    }

    /// The ear of `connection` for `stream`; `None` where it is not in that room.
    #[must_use]
    pub fn of(&self, connection: u32, stream: u32) -> Option<u32> {
        let (room, sender) = (stream % self.rooms, stream / self.rooms);
        let rooms = &self.first[connection as usize];
        let at = match rooms.len() {
            0..8 => rooms.iter().position(|(each, _)| *each == room)?,
            _ => rooms.binary_search_by_key(&room, |(each, _)| *each).ok()?,
        };
        (sender < self.senders).then(|| rooms[at].1 + sender)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_room_has_its_size_and_every_connection_its_share() {
        for (connections, rooms, size) in
            [(1000, 1, 1000), (1000, 100, 10), (10_000, 2500, 20), (90, 90, 1), (100, 1000, 10)]
        {
            let rooms = Rooms { connections, rooms, size, senders: 1 };
            let mut places = vec![0; connections as usize];
            for room in 0..rooms.rooms {
                let members: HashSet<u32> = (0..size).map(|place| rooms.member(room, place)).collect();
                assert_eq!(members.len(), size as usize, "{rooms:?} {room}");
                members.iter().for_each(|member| places[*member as usize] += 1);
            }
            let share = rooms.rooms * size / connections;
            assert!(places.iter().all(|places| *places == share), "{rooms:?}");
        }
    }

    #[test]
    fn every_member_has_an_ear_for_every_sender_and_no_other() {
        let rooms = Rooms { connections: 20, rooms: 10, size: 4, senders: 3 };
        let of = rooms.of_connections();
        let ears = Ears::new(&rooms, &of);
        assert_eq!(ears.count(), 10 * 4 * 3);
        let mut seen = HashSet::new();
        for connection in 0..20 {
            for stream in 0..rooms.streams() {
                let ear = ears.of(connection, stream);
                assert_eq!(ear.is_some(), of[connection as usize].contains(&rooms.room_of(stream)));
                if let Some(ear) = ear {
                    assert_eq!(ears.stream_of(ear), stream);
                    assert!(seen.insert(ear));
                }
            }
        }
        assert_eq!(seen.len(), ears.count());
    }

    #[test]
    fn a_sender_is_a_member_of_the_room() {
        let rooms = Rooms { connections: 1000, rooms: 100, size: 10, senders: 8 };
        for stream in 0..rooms.streams() {
            let place = stream / rooms.rooms;
            assert_eq!(rooms.sender_of(stream), rooms.member(rooms.room_of(stream), place));
        }
    }
}
