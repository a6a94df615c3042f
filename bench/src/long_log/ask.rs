//! What a page and a resumption cost, wherever in a room they begin.

use super::{SMALL, client::Client};
use crate::cpu;
use anyhow::{Result, ensure};
use serde::Serialize;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// Requests of a kind before those of the next.
const AT_A_TIME: u32 = 250;
/// How often each kind has its turn.
const TURNS: u32 = 12;

/// What one kind of request costs.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// What is asked for.
    pub about: String,
    /// With which other it is compared: the same in a short room.
    pub like: usize,
    /// Events in an answer.
    pub events: usize,
    /// Server CPU, in microseconds a request.
    pub cpu_us: f64,
    /// Half of the answers came within so many microseconds.
    pub p50_us: f64,
}

impl Cost {
    /// The CPU as a ratio to that of what it is compared with.
    #[must_use]
    pub fn ratio(&self, all: &[Self]) -> f64 {
        self.cpu_us / all[self.like].cpu_us
    }
}

/// A kind of request.
struct Kind {
    about: &'static str,
    like: usize,
    event: &'static str,
    argument: String,
}

fn kinds(long: u64, epoch: &str) -> Vec<Kind> {
    let history = |about, like, room, more: String| Kind {
        about,
        like,
        event: "room:history",
        argument: format!(r#"{{"roomId":"{room}","limit":50{more}}}"#),
    };
    let resume = |about, like, room, position: u64| Kind {
        about,
        like,
        event: "room:resume",
        argument: format!(r#"{{"positions":{{"{room}":{position}}},"epoch":"{epoch}"}}"#),
    };
    let before = |seq: u64| format!(r#","before":{seq}"#);
    // Beside its messages a room has the events of its making.
    vec![
        history("newest page of 50, short room", 0, "short", String::new()),
        history("newest page of 50, long room", 0, "long", String::new()),
        history("page of 50 in the middle, short room", 2, "short", before(SMALL / 2)),
        history("page of 50 in the middle, long room", 2, "long", before(long / 2)),
        history("page of 50 at the beginning, long room", 2, "long", before(100)),
        resume("resumption 20 below the top, short room", 5, "short", SMALL - 20),
        resume("resumption 20 below the top, long room", 5, "long", long - 20),
        resume("resumption 900 below the top, short room", 7, "short", SMALL - 900),
        resume("resumption 900 below the top, long room", 7, "long", long - 900),
        // More than 1,000 events are not resumed: the client is told to reload.
        resume("resumption 1,100 below the top, short room: reload", 9, "short", SMALL - 1_100),
        resume("resumption from the middle, long room: reload", 9, "long", long / 2),
    ]
}

/// All of them, in turns.
pub(super) fn costs(client: &mut Client, server: u32, long: u64, stop: &AtomicBool) -> Result<Vec<Cost>> {
    let kinds = kinds(long, &client.epoch);
    let mut used = vec![0.0; kinds.len()];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); kinds.len()];
    let mut events = vec![0; kinds.len()];
    for turn in 0..=TURNS {
        for (index, kind) in kinds.iter().enumerate() {
            ensure!(!stop.load(Ordering::Relaxed), "stopped");
            let before = cpu::process(server)?;
            for _ in 0..AT_A_TIME {
                let began = Instant::now();
                let answer = client.request(kind.event, &kind.argument)?;
                if turn > 0 {
                    times[index].push(began.elapsed().as_secs_f64() * 1e6);
                } else {
                    const EVENT: &[u8] = br#""seq":"#;
                    events[index] = answer.windows(EVENT.len()).filter(|part| *part == EVENT).count();
                }
            }
            // The first turn is for what is made once.
            if turn > 0 {
                used[index] += (cpu::process(server)? - before).total_us();
            }
        }
    }
    let cost = |(index, kind): (usize, Kind)| {
        times[index].sort_by(f64::total_cmp);
        Cost {
            about: kind.about.to_owned(),
            like: kind.like,
            events: events[index],
            cpu_us: used[index] / f64::from(AT_A_TIME * TURNS),
            p50_us: times[index][times[index].len() / 2],
        }
    };
    Ok(kinds.into_iter().enumerate().map(cost).collect())
}
