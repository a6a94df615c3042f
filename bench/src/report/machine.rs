//! What the figures were taken on: processor, memory, kernel, and the versions of what was measured. No name, no path.

use serde::{Deserialize, Serialize};
use std::{fs, path::Path, process::Command};

/// The machine and the versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Name and value, in order.
    pub facts: Vec<(String, String)>,
}

impl Machine {
    /// Of this machine, and of the sources in `root`.
    #[must_use]
    pub fn here(root: &Path) -> Self {
        let processor = field("/proc/cpuinfo", "model name").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let kernel = kernel.split(['-', '+']).next().unwrap_or_default().trim().to_owned();
        let lock = fs::read_to_string(root.join("bench/Cargo.lock")).unwrap_or_default();
        let npm = fs::read_to_string(root.join("bench/peers/node/package-lock.json")).unwrap_or_default();
        let facts = [
            (
                "Processor",
                format!("{processor}, {cores} of its processors, one for the servers and one for the load"),
            ),
            ("Memory", memory),
            ("Linux", kernel),
            ("Plaza", said("git", &["describe", "--always", "--dirty"], root)),
            ("Rust", said("rustc", &["--version"], root)),
            ("Node.js", said("node", &["--version"], root)),
            ("socket.io", npm_version(&npm, "socket.io")),
            ("@socket.io/redis-adapter", npm_version(&npm, "@socket.io/redis-adapter")),
            ("socketioxide", locked(&lock, "socketioxide")),
            ("socketioxide-redis", locked(&lock, "socketioxide-redis")),
            ("Redis", said("redis-server", &["--version"], root)),
        ];
        Self { facts: facts.map(|(name, value)| (name.to_owned(), value)).to_vec() }
    }
}

impl Machine {
    /// As a table of a report.
    #[must_use]
    pub fn table(&self) -> String {
        let rows = self.facts.iter().map(|(name, value)| format!("| {name} | {value} |\n"));
        format!("| | |\n|---|---|\n{}", rows.collect::<String>())
    }
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str], root: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(root).output();
    output.map_or_else(
        |_| "missing".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn locked(lock: &str, name: &str) -> String {
    let before = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split_once(&before).and_then(|(_, rest)| rest.split('"').next());
    version.unwrap_or_default().to_owned()
}

fn npm_version(lock: &str, name: &str) -> String {
    let lock: serde_json::Value = serde_json::from_str(lock).unwrap_or_default();
    lock["packages"][format!("node_modules/{name}")]["version"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_locks() {
        let lock = "[[package]]\nname = \"socketioxide\"\nversion = \"0.18.9\"\n\n[[package]]\nname = \"x\"\nversion = \"1\"\n";
        assert_eq!(locked(lock, "socketioxide"), "0.18.9");
        let npm = r#"{"packages": {"node_modules/socket.io": {"version": "4.8.4"}}}"#;
        assert_eq!(npm_version(npm, "socket.io"), "4.8.4");
    }
}
