//! What servers may take of the machine: a control group of their own, in either of the kernel's two layouts.
//!
//! Only root may make one. The memory is everything that is charged to them: their own, the kernel's for them, and their files as far
//! as they are cached, which the kernel gives up before anything else.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How much. Nothing: as much as there is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Bytes of memory of all together, without swap.
    pub memory: Option<u64>,
    /// A share of one processor for each.
    pub cpu: Option<f64>,
}

/// A group that is removed when this is dropped, after those in it have ended.
#[derive(Debug)]
pub struct Group {
    folders: Vec<PathBuf>,
}

/// Shares of a processor are dealt out so often, as the kernel does by itself: seldom, so that what comes with every stop and start
/// is little beside the work.
const PERIOD_US: u64 = 100_000;
const ROOT: &str = "/sys/fs/cgroup";

impl Group {
    /// Makes one with these limits; `None` where there are none.
    ///
    /// # Errors
    /// Where this is not root, or the kernel has no control groups.
    pub fn new(name: &str, limits: Limits) -> Result<Option<Self>> {
        if limits == Limits::default() {
            return Ok(None);
        }
        let name = format!("plaza-bench-{}-{}", std::process::id(), name.replace(' ', "-"));
        let mut group = Self { folders: Vec::new() };
        let made = if Path::new(ROOT).join("cgroup.controllers").exists() {
            group.unified(&name, limits)
        } else {
            group.by_controller(&name, limits)
        };
        made.context("limits need a control group, which only root may make")?;
        Ok(Some(group))
    }

    fn unified(&mut self, name: &str, limits: Limits) -> Result<()> {
        for controller in ["+memory", "+cpu"] {
            // It may be there already.
            let _ = fs::write(Path::new(ROOT).join("cgroup.subtree_control"), controller);
        }
        let folder = self.folder(Path::new(ROOT).join(name))?;
        if let Some(bytes) = limits.memory {
            fs::write(folder.join("memory.max"), bytes.to_string())?;
            let _ = fs::write(folder.join("memory.swap.max"), "0");
        }
        if let Some(share) = limits.cpu {
            fs::write(folder.join("cpu.max"), format!("{} {PERIOD_US}", quota(share)?))?;
        }
        Ok(())
    }

    fn by_controller(&mut self, name: &str, limits: Limits) -> Result<()> {
        if let Some(bytes) = limits.memory {
            let folder = self.folder(Path::new(ROOT).join("memory").join(name))?;
            fs::write(folder.join("memory.limit_in_bytes"), bytes.to_string())?;
            // Memory and swap together; not every kernel accounts for swap.
            let _ = fs::write(folder.join("memory.memsw.limit_in_bytes"), bytes.to_string());
        }
        if let Some(share) = limits.cpu {
            let folder = self.folder(Path::new(ROOT).join("cpu").join(name))?;
            fs::write(folder.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
            fs::write(folder.join("cpu.cfs_quota_us"), quota(share)?.to_string())?;
        }
        Ok(())
    }

    fn folder(&mut self, folder: PathBuf) -> Result<PathBuf> {
        fs::create_dir(&folder)?;
        self.folders.push(folder.clone());
        Ok(folder)
    }

    /// A shell that goes into the group and becomes what its arguments say.
    #[must_use]
    pub fn enter(&self) -> Vec<String> {
        let enter =
            self.folders.iter().map(|folder| format!("echo $$ > {}/cgroup.procs && ", folder.display()));
        let script = format!("{}exec \"$@\"", enter.collect::<String>());
        ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
    }

    /// The most bytes of memory that were charged to it, where it is limited in memory.
    #[must_use]
    pub fn most_memory(&self) -> Option<u64> {
        let files = ["memory.peak", "memory.max_usage_in_bytes"];
        let paths = self.folders.iter().flat_map(|folder| files.map(|file| folder.join(file)));
        paths.filter_map(|path| fs::read_to_string(path).ok()).find_map(|bytes| bytes.trim().parse().ok())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Microseconds in each period.
fn quota(share: f64) -> Result<u64> {
    let us = (share * PERIOD_US as f64).round();
    // The kernel refuses less than a millisecond.
    if !(1000.0..=1e9).contains(&us) {
        bail!("{share} of a processor cannot be given");
    }
    Ok(us as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_share_is_so_much_of_each_period() {
        assert_eq!(quota(0.5).unwrap(), 50_000);
        assert_eq!(quota(2.0).unwrap(), 200_000);
        assert!(quota(0.005).is_err());
    }

    #[test]
    fn nothing_is_made_where_nothing_is_limited() {
        assert!(Group::new("none", Limits::default()).unwrap().is_none());
    }

    #[test]
    fn who_takes_more_memory_than_there_is_is_ended() {
        let limits = Limits { memory: Some(32 << 20), cpu: None };
        let Ok(Some(group)) = Group::new("test", limits) else {
            eprintln!("Not looked at: only root may make a control group");
            return;
        };
        let run = |bytes: &str| {
            let enter = group.enter();
            let take = format!("head -c {bytes} /dev/zero | tail -c {bytes} | wc -c");
            Command::new(&enter[0]).args(&enter[1..]).args(["bash", "-o", "pipefail", "-c", &take]).output()
        };
        assert!(run("1000000").unwrap().status.success());
        assert!(!run("100000000").unwrap().status.success(), "100 MB in 32");
        assert!(group.most_memory().unwrap() > 16 << 20);
        let folders = group.folders.clone();
        drop(group);
        assert!(folders.iter().all(|folder| !folder.exists()));
    }
}
