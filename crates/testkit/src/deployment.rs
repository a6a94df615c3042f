//! Three nodes behind nginx, on Redis and PostgreSQL, as `scripts/cluster` starts them with what `deploy/` holds.
//!
//! So a test has the very files that are deployed, and a supervisor that starts a node again when it ends.

use crate::{
    Program,
    program::{DEADLINE, plaza_binary},
};
use anyhow::{Context as _, bail};
use plaza_client::{Address, Rest};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// The script and what it has started. All of it ends when this is dropped.
#[derive(Debug)]
pub struct Deployment {
    script: Program,
    folder: PathBuf,
    address: Address,
    /// Each node's own address, by its name.
    nodes: BTreeMap<String, Address>,
}

impl Deployment {
    /// Starts it, with these settings of the nodes or of the script beside those that make them a cluster, and waits
    /// until it can be reached.
    ///
    /// # Errors
    /// Where a part of it does not start; with what it said.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new(root.join("scripts/cluster"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PLAZA_") {
                command.env_remove(name);
            }
        }
        command.env("PLAZA_BIN", plaza_binary()?).envs(settings.iter().copied());
        let mut script = Program::start(command)?;
        // The script has deadlines of its own.
        let url = loop {
            if let Some((url, _)) = script.stdout().split_once('\n') {
                break url.to_owned();
            }
            if let Some(status) = script.has_ended()? {
                bail!("scripts/cluster ended with {status}: {}", script.stderr());
            }
            sleep(LOOK).await;
        };
        let (mut nodes, mut folder) = (BTreeMap::new(), None);
        // node NAME is at URL, process PID, log FILE
        for line in script.stderr().lines() {
            let Some((name, rest)) =
                line.strip_prefix("cluster: node ").and_then(|it| it.split_once(" is at "))
            else {
                continue;
            };
            let (url, log) = (rest.split(',').next(), rest.rsplit(' ').next());
            nodes.insert(name.to_owned(), url.context("no address")?.parse()?);
            folder = log.and_then(|log| Path::new(log).parent()).map(Path::to_owned);
        }
        let folder = folder.context("scripts/cluster named no node")?;
        Ok(Self { script, folder, address: url.parse()?, nodes })
    }

    /// nginx's address.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    /// The nodes' names.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// For requests over HTTP.
    ///
    /// # Errors
    /// Where there can be no client for them.
    pub fn rest(&self) -> anyhow::Result<Rest> {
        Ok(Rest::new(self.address(), DEADLINE)?)
    }

    /// A node's own address, past nginx.
    ///
    /// # Errors
    /// Where there is no such node.
    pub fn address_of(&self, node: &str) -> anyhow::Result<Address> {
        Ok(self.nodes.get(node).context("no such node")?.clone())
    }

    /// A file of the script's, such as `store.url`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What is in such a file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(&self, file: &str) -> anyhow::Result<String> {
        let path = self.file(file);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// The process of a node, also one that has ended.
    ///
    /// # Errors
    /// Where there is no such node.
    pub fn process(&self, node: &str) -> anyhow::Result<u32> {
        Ok(self.read(&format!("{node}.pid"))?.trim().parse()?)
    }

    /// Sends a node a signal by its name, such as `TERM`.
    ///
    /// # Errors
    /// Where it has ended already.
    pub async fn signal(&self, node: &str, signal: &str) -> anyhow::Result<()> {
        let kill = format!("kill -{signal} {}", self.process(node)?);
        let status = Command::new("sh").args(["-c", &kill]).status().await?;
        anyhow::ensure!(status.success(), "{kill} failed");
        Ok(())
    }

    /// Waits until this process of a node has ended by itself, another one is there in its place, and that is ready.
    ///
    /// # Errors
    /// Where that takes too long; with its log.
    pub async fn until_replaced(&self, node: &str, process: u32) -> anyhow::Result<()> {
        let rest = Rest::new(self.address_of(node)?, DEADLINE)?;
        let deadline = Instant::now() + DEADLINE;
        while self.process(node)? == process || rest.health().await.is_err() {
            if Instant::now() > deadline {
                bail!("node {node} was not replaced: {}", self.read(&format!("{node}.log"))?);
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Ctrl-C, and waits until all has ended.
    ///
    /// # Errors
    /// Where it takes too long, or leaves something behind.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.script.signal("INT").await?;
        self.script.wait().await?;
        anyhow::ensure!(!self.folder.exists(), "{} stays behind", self.folder.display());
        Ok(())
    }
}
