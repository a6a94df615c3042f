//! The door in front of several nodes: a real nginx with the configuration that deploy/ holds, whose processes can be killed.

use crate::{
    free_port,
    program::{DEADLINE, Program},
};
use anyhow::{Context as _, ensure};
use std::{net::Ipv4Addr, path::Path, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpStream, process::Command, time::Instant};

/// Starts it, as `make cluster` does.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/nginx");
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// An nginx on a port of 127.0.0.1. It ends with this, and with the process, however that ends.
#[derive(Debug)]
pub struct Door {
    folder: TempDir,
    port: u16,
    /// `NAME=ADDRESS:PORT` of each.
    nodes: Vec<String>,
    running: Option<Program>,
}

impl Door {
    /// In front of nodes of these names at these ports of 127.0.0.1. Where there is no nginx on this machine,
    /// `scripts/setup test` installs it.
    ///
    /// # Errors
    /// Where nginx cannot be started.
    pub async fn before(nodes: &[(&str, u16)]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("plaza-nginx-").tempdir()?;
        let nodes = nodes.iter().map(|(name, port)| format!("{name}=127.0.0.1:{port}")).collect();
        let mut door = Self { folder, port: free_port(), nodes, running: None };
        door.start().await?;
        Ok(door)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, after [`Door::kill`], and waits until it takes connections.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "nginx is running already");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", SCRIPT]).arg(self.folder.path());
        command.arg(format!("127.0.0.1:{}", self.port)).args(&self.nodes);
        let mut program = Program::start(command)?;
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
            ensure!(program.has_ended()?.is_none(), "nginx ended: {}", program.stderr());
            ensure!(Instant::now() < deadline, "nginx takes no connections: {}", program.stderr());
            tokio::time::sleep(LOOK).await;
        }
        self.running = Some(program);
        Ok(())
    }

    /// SIGKILL for all of its processes, and with them every connection.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        end(&self.processes()?)?;
        let mut program = self.running.take().context("nginx is not running")?;
        program.wait().await?;
        Ok(())
    }

    /// SIGKILL for the worker that has been there longest, with its connections; waits until another is in its place.
    pub async fn kill_worker(&self) -> anyhow::Result<()> {
        let before = self.processes()?;
        let worker = *before.get(1).context("nginx has no worker")?;
        end(&[worker])?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let now = self.processes()?;
            if now.len() == before.len() && !now.contains(&worker) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "nginx started no worker");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Its processes, the one that starts the others first.
    fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let master = self.running.as_ref().and_then(Program::pid).context("nginx is not running")?;
        let workers =
            std::fs::read_to_string(Path::new("/proc").join(format!("{master}/task/{master}/children")))?;
        let workers = workers.split_whitespace().map(str::parse);
        Ok(std::iter::once(Ok(master)).chain(workers).collect::<Result<_, _>>()?)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Workers outlive a master that was killed.
        if let Ok(processes) = self.processes() {
            let _ = end(&processes);
        }
    }
}

/// SIGKILL, in this order.
fn end(processes: &[u32]) -> anyhow::Result<()> {
    let pids = processes.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let status = std::process::Command::new("sh").arg("-c").arg(format!("kill -KILL {pids}")).status()?;
    ensure!(status.success(), "kill -KILL {pids} failed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// Answers every connection with this name.
    async fn node(name: &'static str) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4_096]).await;
                let answer =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n{name}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    async fn asked(door: &Door, path: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port())).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split_off(answer.len() - 1)
    }

    #[tokio::test]
    async fn a_session_reaches_its_node_also_after_nginx_was_killed() {
        let mut door = Door::before(&[("a", node("a").await), ("b", node("b").await)]).await.unwrap();
        assert_eq!(asked(&door, "/socket.io/?sid=b_1").await, "b");
        let before = door.processes().unwrap();
        door.kill_worker().await.unwrap();
        assert_eq!(asked(&door, "/socket.io/?sid=a_1").await, "a");
        door.kill().await.unwrap();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, door.port())).await.is_err());
        door.start().await.unwrap();
        assert_eq!(asked(&door, "/socket.io/?sid=b_1").await, "b");
        assert!(door.processes().unwrap().iter().all(|process| !before.contains(process)));
    }
}
