//! Nodes that are restarted one after the other: each is asked to stop, lets its clients go, ends by itself, and is started
//! again by its supervisor.

use super::Target;
use crate::{Deployment, Program, program::plaza_command};
use plaza_client::{Address, Rest};

/// An administrator's name and password.
const ADMIN: [&str; 2] = ["root", "correct horse battery"];

/// A deployment, and which of its nodes is next.
#[derive(Debug)]
pub struct Rolling {
    deployment: Deployment,
    turn: usize,
    /// The node that was asked, and its process then.
    asked: Option<(String, u32)>,
}

impl Rolling {
    /// Makes an administrator, who may ask a node to stop.
    ///
    /// # Errors
    /// Where `plaza admin` does not do that.
    pub async fn over(deployment: Deployment) -> anyhow::Result<Self> {
        let mut command = plaza_command(["admin", "create", ADMIN[0]])?;
        command.env("PLAZA_STORE__URL_FILE", deployment.file("store.url"));
        let mut create = Program::start(command)?;
        create.write_line(ADMIN[1]).await?;
        create.close_stdin();
        anyhow::ensure!(create.wait().await?.success(), "plaza admin create: {}", create.stderr());
        Ok(Self { deployment, turn: 0, asked: None })
    }

    /// What is restarted.
    pub fn deployment(self) -> Deployment {
        self.deployment
    }

    /// `plaza drain`, as an administrator does it.
    async fn drain(&self, node: &str) -> anyhow::Result<()> {
        let url = format!("http://{}", self.deployment.address_of(node)?.authority());
        let command = plaza_command(["drain", &url, "--as", ADMIN[0], "--node", node])?;
        let mut drain = Program::start(command)?;
        drain.write_line(ADMIN[1]).await?;
        drain.close_stdin();
        anyhow::ensure!(drain.wait().await?.success(), "plaza drain: {}", drain.stderr());
        Ok(())
    }
}

impl Target for Rolling {
    fn address(&self) -> anyhow::Result<Address> {
        Ok(self.deployment.address())
    }

    fn rest(&self) -> anyhow::Result<Rest> {
        self.deployment.rest()
    }

    /// Asks the next node, every other time as an administrator does, the others as a supervisor does.
    async fn harm(&mut self) -> anyhow::Result<(String, String)> {
        let nodes: Vec<_> = self.deployment.nodes().map(str::to_owned).collect();
        let node = nodes[self.turn % nodes.len()].clone();
        let process = self.deployment.process(&node)?;
        let how = if self.turn % 2 == 1 {
            self.drain(&node).await?;
            "plaza drain"
        } else {
            self.deployment.signal(&node, "TERM").await?;
            "SIGTERM"
        };
        self.turn += 1;
        self.asked = Some((node.clone(), process));
        Ok((format!("{node}: {how}"), String::new()))
    }

    async fn mend(&mut self) -> anyhow::Result<()> {
        match self.asked.take() {
            Some((node, process)) => self.deployment.until_replaced(&node, process).await,
            None => Ok(()),
        }
    }

    fn log(&mut self) -> anyhow::Result<String> {
        Ok(String::new())
    }
}
