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

/// Lets every connection join its rooms. Where the server is busy it asks to be asked again a second later.
pub(super) fn join(clients: &mut Clients, dialect: Dialect, of_connections: &[Vec<u32>]) -> Result<()> {
    let places = (0_u32..).zip(of_connections);
    let places: Vec<(u32, u32)> =
        places.flat_map(|(connection, rooms)| rooms.iter().map(move |room| (connection, *room))).collect();
    let mut answers = Answers { done: 0, busy: Vec::new() };
    let (mut asking, began): (Vec<usize>, _) = ((0..places.len()).collect(), Instant::now());
    while !asking.is_empty() {
        let before = answers.done;
        let outstanding =
            |sent: usize, answers: &Answers| sent - (answers.done - before) - answers.busy.len();
        let wait_until = |clients: &mut Clients, answers: &mut Answers, sent, most| {
            while outstanding(sent, answers) > most {
                let done = answers.done;
                ensure!(
                    began.elapsed() < JOINING,
                    "only {done} of {} places were taken in time",
                    places.len()
                );
                clients.turn(Duration::from_secs(1), answers)?;
            }
            Ok(())
        };
        for (sent, index) in asking.iter().enumerate() {
            let (connection, room) = places[*index];
            clients.outbox.push(connection, &dialect.join(*index as u64, room));
            wait_until(clients, &mut answers, sent + 1, JOINS - 1)?;
        }
        wait_until(clients, &mut answers, asking.len(), 0)?;
        asking = std::mem::take(&mut answers.busy);
        let again = Instant::now() + Duration::from_secs(1);
        while !asking.is_empty() && Instant::now() < again {
            clients.turn(Duration::from_millis(100), &mut answers)?;
        }
    }
    Ok(())
}

/// What came of joining.
struct Answers {
    done: usize,
    /// Who should ask again.
    busy: Vec<usize>,
}

impl Receive for Answers {
    fn receive(
        &mut self,
        connection: u32,
        packet: &FromServer<'_>,
        _: Instant,
        _: &mut Outbox,
    ) -> Result<()> {
        match packet {
            FromServer::Ack(_, answer) if Dialect::is_ok(answer) => self.done += 1,
            FromServer::Ack(index, answer) if Dialect::is_busy(answer) => {
                self.busy.push(usize::try_from(*index)?);
            }
            FromServer::Ack(_, answer) => {
                bail!("{connection} may not join: {}", String::from_utf8_lossy(answer))
            }
            FromServer::Ended(why) => bail!("{connection} has ended: {}", String::from_utf8_lossy(why)),
            _ => {}
        }
        Ok(())
    }
}
