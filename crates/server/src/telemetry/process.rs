//! What the system says of this process, under the names that Prometheus' own libraries use.

use super::node::Page;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};
use std::{fmt, fs};

/// This process. What the system does not tell is left out.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
            let seconds = [usage.user_time(), usage.system_time()]
                .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
            page.seconds_counter(
                "process_cpu_seconds",
                "Processor time that this process has used",
                seconds.iter().sum(),
            )?;
        }
        if let Some(bytes) = resident_bytes() {
            page.gauge("process_resident_memory_bytes", "Memory that this process holds", bytes)?;
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // The folder itself is open while it is read.
            let open = files.count().saturating_sub(1);
            page.gauge("process_open_fds", "Files and connections that this process has open", open as f64)?;
        }
        if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
            page.gauge("process_max_fds", "How many it may have open", soft as f64)?;
        }
        Ok(())
    }
}

/// `VmRSS:  1234 kB`
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}
