//! What a process holds in memory, and what the kernel holds for connections.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{fs, ops::Sub};

/// In bytes. Differences may be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// What the processes have of their own: heaps and stacks (`Anonymous` of `smaps_rollup`).
    pub user: f64,
    /// All of the processes that is in memory, code included (`Rss`).
    pub resident: f64,
    /// What the kernel keeps for all on this machine: slabs, and TCP's buffers. Both ends of a connection on loopback.
    pub kernel: f64,
}

impl Sub for Memory {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            user: self.user - before.user,
            resident: self.resident - before.resident,
            kernel: self.kernel - before.kernel,
        }
    }
}

/// Of these processes together, and of the kernel.
///
/// # Errors
/// Where one of them has gone.
pub fn of(pids: impl IntoIterator<Item = u32>) -> Result<Memory> {
    let mut memory = Memory { kernel: kernel()?, ..Memory::default() };
    for pid in pids {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
            .with_context(|| format!("process {pid} has gone, or may not be looked at"))?;
        memory.user += kilobytes(&rollup, "Anonymous:").context("no Anonymous in smaps_rollup")?;
        memory.resident += kilobytes(&rollup, "Rss:").context("no Rss in smaps_rollup")?;
    }
    Ok(memory)
}

/// The most that a process had in memory at any moment (`VmHWM`), in bytes.
///
/// # Errors
/// Where it has gone.
pub fn peak(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kilobytes(&status, "VmHWM:").context("no VmHWM in /proc/PID/status")
}

fn kernel() -> Result<f64> {
    let slab =
        kilobytes(&fs::read_to_string("/proc/meminfo")?, "Slab:").context("no Slab in /proc/meminfo")?;
    let pages =
        tcp_pages(&fs::read_to_string("/proc/net/sockstat")?).context("no TCP in /proc/net/sockstat")?;
    Ok(slab + pages * rustix::param::page_size() as f64)
}

/// `NAME    123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
}

fn tcp_pages(sockstat: &str) -> Option<f64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    line.split_ascii_whitespace().skip_while(|word| *word != "mem").nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_by_their_names() {
        let rollup = "55 [rollup]\nRss:     2048 kB\nAnonymous:        12 kB\nAnonHugePages:  0 kB\n";
        assert_eq!(kilobytes(rollup, "Anonymous:"), Some(12.0 * 1024.0));
        assert_eq!(kilobytes(rollup, "Nothing:"), None);
        assert_eq!(
            tcp_pages("sockets: used 9\nTCP: inuse 3 orphan 0 tw 1 alloc 5 mem 7\nUDP: inuse 0 mem 1\n"),
            Some(7.0)
        );
    }

    #[test]
    fn what_this_process_takes_is_seen() {
        let before = of([std::process::id()]).expect("there");
        let taken = std::hint::black_box(vec![1_u8; 32 << 20]);
        let more = of([std::process::id()]).expect("there") - before;
        assert!(more.user > 30e6, "{more:?} of {}", taken.len());
    }
}
