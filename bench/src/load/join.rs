//! Puts every connection into its rooms before anything is measured.

use super::{
    clients::{Clients, Receive},
    dialect::Dialect,
    outbox::Outbox,
};
use crate::wire::packet::FromServer;
use anyhow::{Result, bail, ensure};
use std::time::{Duration, Instant};

/// Joins under way at once.
const JOINS: usize = 256;
/// Who does not let all connections in within this time has failed.
const JOINING: Duration = Duration::from_secs(300);

/// Lets every connection join its rooms.
pub(super) fn join(clients: &mut Clients, dialect: Dialect, of_connections: &[Vec<u32>]) -> Result<()> {
    struct Joined(usize);
    impl Receive for Joined {
        fn receive(
            &mut self,
            connection: u32,
            packet: &FromServer<'_>,
            _: Instant,
            _: &mut Outbox,
        ) -> Result<()> {
            match packet {
                FromServer::Ack(_, answer) if Dialect::is_ok(answer) => self.0 += 1,
                FromServer::Ack(_, answer) => {
                    bail!("{connection} may not join: {}", String::from_utf8_lossy(answer))
                }
                FromServer::Ended(why) => bail!("{connection} has ended: {}", String::from_utf8_lossy(why)),
                _ => {}
            }
            Ok(())
        }
    }
    let (mut joined, began) = (Joined(0), Instant::now());
    let all = || {
        (0_u32..)
            .zip(of_connections)
            .flat_map(|(connection, rooms)| rooms.iter().map(move |room| (connection, *room)))
    };
    for (index, (connection, room)) in all().enumerate() {
        clients.outbox.push(connection, &dialect.join(index as u64, room));
        while index + 1 - joined.0 >= JOINS {
            ensure!(began.elapsed() < JOINING, "only {} places in rooms were taken in time", joined.0);
            clients.turn(Duration::from_secs(1), &mut joined)?;
        }
    }
    let count = all().count();
    while joined.0 < count {
        ensure!(began.elapsed() < JOINING, "only {} of {count} places in rooms were taken in time", joined.0);
        clients.turn(Duration::from_secs(1), &mut joined)?;
    }
    Ok(())
}
