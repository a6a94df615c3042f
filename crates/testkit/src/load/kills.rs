//! Who kills the server, or harms it otherwise, and sees to it that each time hits one that is at work.

use super::{Life, Shared, Target};
use crate::program::DEADLINE;
use anyhow::Context as _;
use plaza_protocol::UserId;
use rand::{RngExt as _, rngs::StdRng};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Acknowledgements that there must be, at the least, between two kills and after the last.
const LEAST: u64 = 20;
/// In every how manieth life somebody is to be ended as a slow consumer, and to resume.
const SLOW_EVERY: usize = 3;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// How the server's log says whose connection it ended as a slow consumer's.
const SLOW: [&str; 2] = ["A client has gone user=", " reason=slow consumer"];

/// Kills and restarts at irregular times, and ends the sending when all kills are done and its messages are sent or its
/// time is over. Gives the lives that ended by a kill.
pub(super) async fn disturb(
    plaza: &mut impl Target,
    shared: &Shared,
    rng: &mut StdRng,
    began: Instant,
) -> anyhow::Result<Vec<Life>> {
    let load = &shared.load;
    let mut lives = Vec::new();
    for number in 0..load.kills as usize {
        let share = rng.random_range(0.3..1.0) / f64::from(load.kills + 1);
        let (until, at) = (Instant::now() + load.time.mul_f64(share), shared.acked());
        let messages = (load.messages as f64 * share) as u64;
        let due = || {
            let acked = shared.acked() - at;
            acked >= LEAST && (acked >= messages || Instant::now() >= until)
        };
        wait_until(due).await.with_context(|| format!("nothing was acknowledged before kill {number}"))?;
        if load.slow > 0 && number % SLOW_EVERY == 1 {
            slow_consumer(plaza, shared).await?;
        }
        kill(plaza, shared, &mut lives).await?;
    }
    let at = shared.acked();
    wait_until(|| shared.acked() - at >= LEAST)
        .await
        .context("nothing was acknowledged after the last kill")?;
    while began.elapsed() < load.time && shared.acked() < load.messages {
        sleep(LOOK).await;
    }
    shared.enough.cancel();
    Ok(lives)
}

/// Kills the server, starts it again, and adds the life that ended so.
pub(super) async fn kill(
    plaza: &mut impl Target,
    shared: &Shared,
    lives: &mut Vec<Life>,
) -> anyhow::Result<()> {
    let (node, log) = plaza.harm().await?;
    let acked = shared.acked() - lives.iter().map(|life| life.acked).sum::<u64>();
    let slow = slow_consumers(&log);
    let resumed = shared.resumed_on(&node).into_iter().filter(|user| slow.contains(user)).collect();
    plaza.mend().await.with_context(|| format!("not mended after: {node}"))?;
    lives.push(Life { node, acked, slow, resumed });
    Ok(())
}

/// Waits until a slow consumer was sent away in this life and has resumed.
async fn slow_consumer(plaza: &mut impl Target, shared: &Shared) -> anyhow::Result<()> {
    let node = plaza.rest()?.health().await?.node;
    let waiting = async {
        loop {
            let slow = slow_consumers(&plaza.log()?);
            if shared.resumed_on(&node).iter().any(|user| slow.contains(user)) {
                return anyhow::Ok(());
            }
            sleep(LOOK).await;
        }
    };
    let waited = timeout(DEADLINE, waiting).await.context("waited too long");
    waited.and_then(|found| found).with_context(|| {
        let (written, log) = (*shared.written.borrow(), plaza.log().unwrap_or_default());
        format!("no slow consumer was sent away and resumed, after {written} bytes; its log:\n{log}")
    })
}

async fn wait_until(condition: impl Fn() -> bool) -> anyhow::Result<()> {
    let waiting = async {
        while !condition() {
            sleep(LOOK).await;
        }
    };
    timeout(DEADLINE, waiting).await.context("waited too long")
}

/// Everybody whose connection this log says was ended as a slow consumer's.
fn slow_consumers(log: &str) -> Vec<UserId> {
    let of_line = |line: &str| {
        let (_, rest) = line.split_once(SLOW[0])?;
        rest.strip_suffix(SLOW[1])?.parse().ok()
    };
    log.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_consumers_are_told_from_others_that_have_gone() {
        let log = "2026-01-01T00:00:00.1Z DEBUG plaza_server::gateway: A client has gone user=u_1 reason=slow consumer\n\
                   2026-01-01T00:00:00.2Z DEBUG plaza_server::gateway: A client has gone user=u_2 reason=transport close\n\
                   2026-01-01T00:00:00.3Z  INFO plaza_server::serve: Stopped\n";
        assert_eq!(slow_consumers(log), ["u_1".parse().unwrap()]);
    }
}
