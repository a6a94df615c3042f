//! What processes and processors have done, by the operating system's own accounting.
//!
//! `/proc/PID/stat` counts in ticks of 10 ms, so a window of some seconds is exact to a part in a hundred or better. What
//! the kernel does for a process outside of it (an interrupt on its processor) is in the processor's figures alone.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    ops::{Add, Sub},
};

/// CPU time of a process, its threads included, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// In its own code.
    pub user_us: f64,
    /// In the kernel, on its behalf.
    pub system_us: f64,
}

impl Usage {
    /// Both.
    #[must_use]
    pub fn total_us(self) -> f64 {
        self.user_us + self.system_us
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { user_us: self.user_us + more.user_us, system_us: self.system_us + more.system_us }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { user_us: self.user_us - before.user_us, system_us: self.system_us - before.system_us }
    }
}

/// What a process and those that it started have used since they began.
///
/// # Errors
/// Where there is none.
pub fn process(pid: u32) -> Result<Usage> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} has gone"))?;
    let own = parse_process(&stat, microseconds_per_tick())
        .context("a line of /proc/PID/stat was not understood")?;
    // One that ends meanwhile is in its parent's line from then on.
    Ok(children(pid).into_iter().filter_map(|child| process(child).ok()).fold(own, Add::add))
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn microseconds_per_tick() -> f64 {
    1e6 / rustix::param::clock_ticks_per_second() as f64
}

/// Fields 14 to 17, user and system of the process and of its children that have ended, which follow a name in parentheses that may itself have spaces and parentheses (proc(5)).
fn parse_process(stat: &str, us_per_tick: f64) -> Option<Usage> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok().map(|ticks| ticks * us_per_tick);
    let (own, ended) = ((next()?, next()?), (next()?, next()?));
    Some(Usage { user_us: own.0 + ended.0, system_us: own.1 + ended.1 })
}

/// What one processor has done, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Core {
    /// Of all processes, and of the kernel itself.
    pub busy_us: f64,
    /// Nothing.
    pub idle_us: f64,
    /// Taken by the machine underneath.
    pub stolen_us: f64,
}

impl Sub for Core {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            busy_us: self.busy_us - before.busy_us,
            idle_us: self.idle_us - before.idle_us,
            stolen_us: self.stolen_us - before.stolen_us,
        }
    }
}

/// What processor number `core` has done since the machine began.
///
/// # Errors
/// Where there is no such processor.
pub fn core(core: usize) -> Result<Core> {
    let stat = fs::read_to_string("/proc/stat")?;
    parse_core(&stat, core, microseconds_per_tick()).with_context(|| format!("there is no processor {core}"))
}

fn parse_core(stat: &str, core: usize, us_per_tick: f64) -> Option<Core> {
    let name = format!("cpu{core}");
    let line = stat.lines().find(|line| line.split_ascii_whitespace().next() == Some(&name))?;
    let ticks: Vec<f64> =
        line.split_ascii_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest is part of user.
    let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = *ticks else { return None };
    Some(Core {
        busy_us: (user + nice + system + irq + softirq) * us_per_tick,
        idle_us: (idle + iowait) * us_per_tick,
        stolen_us: steal * us_per_tick,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{process::Command, time::Instant};

    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        let stat = "77 (a) b (c d) S 1 77 77 0 -1 4194560 10 0 0 0 250 150 30 20 20 0 1 0 100 0 0";
        assert_eq!(
            parse_process(stat, 10_000.0),
            Some(Usage { user_us: 2_800_000.0, system_us: 1_700_000.0 })
        );
        assert_eq!(parse_process("77 (a", 1.0), None);
    }

    #[test]
    fn a_processor_is_found_by_its_whole_name() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 1 2 3 40 5 6 7 8 0 0\ncpu11 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(parse_core(stat, 1, 1.0), Some(Core { busy_us: 19.0, idle_us: 45.0, stolen_us: 8.0 }));
        assert_eq!(parse_core(stat, 2, 1.0), None);
    }

    #[test]
    fn what_a_child_burns_is_its_parents() {
        let before = process(std::process::id()).unwrap();
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let used = || (process(std::process::id()).unwrap() - before).total_us();
        let began = Instant::now();
        while used() < 100_000.0 && began.elapsed().as_secs() < 20 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used() >= 100_000.0, "{}", used());
    }

    #[test]
    fn what_this_process_burns_is_counted() {
        let (before, began) = (process(std::process::id()).unwrap(), Instant::now());
        let mut number = 0_u64;
        while (process(std::process::id()).unwrap() - before).total_us() < 100_000.0 {
            assert!(began.elapsed().as_secs() < 20, "nothing is counted: {number}");
            number = (0..100_000).fold(number, |sum, each| std::hint::black_box(sum ^ each));
        }
    }
}
