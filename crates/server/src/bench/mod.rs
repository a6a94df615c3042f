//! `plaza bench URL`: what an operator runs against a Plaza of one node or many, to see what it carries.
//!
//! Guests come in over the ramp and join rooms of the run's own; then messages are sent at a fixed rate, each at the time
//! it is due whatever became of those before (an open loop), and every time is counted from then. At the end it is
//! audited that each member was told everything, once and in order.

mod crowd;
mod pace;
mod report;
mod tally;

use crate::meter::Meter;
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use crowd::Crowd;
use pace::Sent;
use plaza_client::Address;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use report::Report;
use std::{io::Write, net::IpAddr, sync::Arc, time::Duration};
use tally::Tally;
use tokio::time::timeout;

/// How long everybody may take to come in after the ramp, everything to arrive after the last message, and all to leave.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to do to it.
#[derive(Debug, Clone, Args)]
pub struct Bench {
    /// Where Plaza is, such as http://127.0.0.1:3000
    url: String,
    /// Guests that connect, each by a WebSocket
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: u32,
    /// Rooms over which they are spread evenly
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rooms: u32,
    /// Rooms that each of them is in
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rooms_each: u32,
    /// Messages a second, of all together
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// For so long they are sent
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Over so many seconds the guests come in
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=3_600))]
    ramp: u32,
    /// Characters of a message
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    text: u32,
    /// What came of it as one JSON object
    #[arg(long)]
    json: bool,
    /// Also where the address is not of this machine: it is a load, and its rooms and guests stay in the data
    #[arg(long)]
    yes_really: bool,
}

impl Bench {
    /// The rooms that a guest is in, by their numbers.
    fn rooms_of(&self, guest: u32) -> impl Iterator<Item = u32> + use<> {
        let (rooms, each) = (self.rooms, self.rooms_each.min(self.rooms));
        // As a long step as there is, so that two guests do not share all of their rooms.
        let step = (rooms / each).max(1);
        (0..each).map(move |nth| (guest % rooms + nth * step) % rooms)
    }

    /// How many messages there are in all.
    fn messages(&self) -> u64 {
        u64::from(self.rate) * u64::from(self.seconds)
    }
}

/// Does it all. What came of it goes to `out`, how far it is to `progress`.
///
/// # Errors
/// One sentence, also where something was lost, doubled or out of order.
pub async fn run(
    bench: Bench,
    out: &mut (dyn Write + Send),
    progress: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let address: Address = bench.url.parse()?;
    ensure!(
        bench.yes_really || is_of_this_machine(&address).await?,
        "{address} is not of this machine. This is a load, and what it writes stays in the data: if that is meant, say \
         --yes-really."
    );
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let run: u32 = rng.random();
    let tally = Arc::new(Tally::new(&bench)?);
    let mut meter = Meter::new(progress);
    let crowd =
        Crowd::gather(&bench, &address, &format!("bench-{run:08x}"), &tally, &mut rng, &mut meter).await?;
    let sent = pace::send(&bench, &crowd, &tally, &mut meter).await;
    let lost = crowd.until_told(&tally, PATIENCE, &mut meter).await;
    meter.end();
    // Before they leave: to be logged out ends one's connection.
    let report = Report::of(&bench, &tally, &sent, lost);
    // As far as that is soon done: a server that is gone needs no farewell.
    let _ = timeout(PATIENCE, crowd.leave(&address)).await;
    let text = if bench.json { serde_json::to_string(&report)? } else { report.to_string() };
    writeln!(out, "{text}").context("Done, but nobody could be told")?;
    match report.fault() {
        Some(fault) => bail!("{fault}"),
        None => Ok(()),
    }
}

/// Whether every address that the name stands for is a loopback.
async fn is_of_this_machine(address: &Address) -> anyhow::Result<bool> {
    let found = tokio::net::lookup_host(address.authority()).await;
    let found = found.with_context(|| format!("{} is not known", address.host()))?;
    let addresses: Vec<IpAddr> = found.map(|addr| addr.ip()).collect();
    Ok(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::BTreeMap;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn bench(args: &[&str]) -> Bench {
        Line::parse_from(["bench", "127.0.0.1:3000"].iter().chain(args)).bench
    }

    #[test]
    fn rooms_are_of_one_size_and_nobody_is_in_one_twice() {
        let bench = bench(&["--connections", "60", "--rooms", "12", "--rooms-each", "5"]);
        let mut sizes = BTreeMap::<u32, u32>::new();
        for guest in 0..bench.connections {
            let mut rooms: Vec<_> = bench.rooms_of(guest).collect();
            rooms.iter().for_each(|room| *sizes.entry(*room).or_default() += 1);
            rooms.sort_unstable();
            rooms.dedup();
            assert_eq!(rooms.len(), 5);
        }
        assert_eq!(sizes, (0..12).map(|room| (room, 25)).collect());
    }

    #[test]
    fn one_is_in_as_many_rooms_as_there_are_at_most() {
        assert_eq!(bench(&["--rooms", "2", "--rooms-each", "9"]).rooms_of(1).collect::<Vec<_>>(), [1, 0]);
    }
}
