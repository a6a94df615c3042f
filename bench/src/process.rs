//! Processes of a run: each on one processor, each ended with what holds it, whatever happens to this program.
//!
//! `taskset` and `setpriv` become the program that they start, so the process that is ended is the program itself.

use crate::limits::Group;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    ffi::OsStr,
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a server may take until it listens.
const STARTING: Duration = Duration::from_secs(30);

/// A process that ends when this is dropped.
pub struct Running {
    /// What it is.
    pub name: String,
    child: Child,
    log: PathBuf,
    end: Signal,
}

impl Running {
    /// Starts `program` on processor `core`. What it prints goes to a file in `scratch`.
    ///
    /// # Errors
    /// Where `taskset` or `setpriv` is missing; a missing program is told of by [`Running::listens`].
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        core: usize,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, String)],
        scratch: &Path,
    ) -> Result<Self> {
        Self::start_inside(None, name, core, program, arguments, environment, scratch)
    }

    /// As [`Running::start`], in a group that limits what it may take.
    ///
    /// # Errors
    /// As [`Running::start`].
    pub fn start_inside<A: AsRef<OsStr>>(
        group: Option<&Group>,
        name: &str,
        core: usize,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, String)],
        scratch: &Path,
    ) -> Result<Self> {
        let log = scratch.join(format!("{}.log", name.replace(' ', "-")));
        let output = File::create(&log)?;
        let core = core.to_string();
        let mut words = group.map(Group::enter).unwrap_or_default();
        words.extend(["taskset", "-c", &core, "setpriv", "--pdeathsig", "KILL"].map(str::to_owned));
        let child = Command::new(&words[0])
            .args(&words[1..])
            .arg(program)
            .args(arguments)
            // The end of what it prints should be what went wrong.
            .env("RUST_BACKTRACE", "0")
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .current_dir(scratch)
            .spawn()
            .context("taskset could not be started; it comes with util-linux")?;
        Ok(Self { name: name.to_owned(), child, log, end: Signal::KILL })
    }

    /// Ends it by another signal than KILL.
    #[must_use]
    pub fn ended_by(mut self, end: Signal) -> Self {
        self.end = end;
        self
    }

    /// Its id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something listens on `address`.
    ///
    /// # Errors
    /// Where it ends before, or takes too long; with the end of what it printed.
    pub fn listens(&mut self, address: SocketAddr) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, self.last_words());
            }
            if began.elapsed() > STARTING {
                bail!("{} does not listen: {}", self.name, self.last_words());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// Where the kernel cannot say.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// The end of what it printed.
    #[must_use]
    pub fn last_words(&self) -> String {
        let words = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = words.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has been waited for has no id any more, and another process may have it.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), self.end);
            let _ = self.child.wait();
        }
    }
}

/// An address of this machine on which nothing listens now.
///
/// # Errors
/// Where there is none.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_has_ended_when_it_is_dropped() {
        let scratch = std::env::temp_dir();
        let sleeping =
            Running::start("sleep", 0, Path::new("sleep"), ["60"], &[], &scratch).expect("started");
        let stat = PathBuf::from(format!("/proc/{}", sleeping.pid()));
        assert!(stat.exists());
        drop(sleeping);
        assert!(!stat.exists());
    }

    #[test]
    fn who_ends_instead_of_listening_is_told_of() {
        let scratch = std::env::temp_dir();
        let mut failing =
            Running::start("failing", 0, Path::new("ls"), ["/nothing/here"], &[], &scratch).expect("started");
        let error = failing.listens(free_address().expect("free")).expect_err("it has ended").to_string();
        assert!(error.contains("/nothing/here"), "{error}");
    }
}
