//! The real server as a process of its own, on a free port and a folder of its own, to be killed and started
//! again on the same.

use crate::{
    free_port,
    load::Target,
    postgres,
    program::{self, DEADLINE, Program, plaza_command},
};
use anyhow::{Context as _, bail};
use plaza_client::{Address, Rest};
use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{process::Command, time::Instant};

/// How a server is started.
#[derive(Debug, Default, Clone)]
pub struct Setup {
    env: Vec<(String, String)>,
    trace: Option<PathBuf>,
    before: Option<String>,
}

impl Setup {
    /// Sets a setting, by its name in the environment, such as `PLAZA_STORE__DURABILITY`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes the server's system calls to this file, see [`trace`](crate::trace).
    #[must_use]
    pub fn traced_to(mut self, file: PathBuf) -> Self {
        self.trace = Some(file);
        self
    }

    /// Starts it from a shell that first calls `ulimit` with this, such as `-Sn 64`.
    #[must_use]
    pub fn ulimit(self, bound: &str) -> Self {
        self.after(&format!("ulimit {bound}"))
    }

    /// Starts it from a shell that runs this before, in the folder of the data. The server is `"$0" "$@"` there.
    #[must_use]
    pub fn after(mut self, shell: &str) -> Self {
        self.before = Some(shell.to_owned());
        self
    }

    /// Starts the server and waits until it is healthy.
    pub async fn start(self) -> anyhow::Result<Plaza> {
        let folder = tempfile::Builder::new().prefix("plaza-test-").tempdir()?;
        let server = postgres::schema(folder.path()).await?;
        let mut plaza = Plaza { setup: self, port: free_port(), folder, server, running: None };
        plaza.start().await?;
        Ok(plaza)
    }
}

/// A `plaza serve`. It is killed and its data is removed when this is dropped.
#[derive(Debug)]
pub struct Plaza {
    setup: Setup,
    port: u16,
    folder: TempDir,
    /// Where its data is, if not in the folder.
    server: Option<String>,
    running: Option<Program>,
}

impl Plaza {
    /// With every setting at its default.
    pub async fn with_defaults() -> anyhow::Result<Self> {
        Setup::default().start().await
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.listen())
    }

    /// `127.0.0.1:port`
    pub fn listen(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// For a client.
    pub fn address(&self) -> anyhow::Result<Address> {
        Ok(self.listen().parse()?)
    }

    /// For requests over HTTP.
    pub fn rest(&self) -> anyhow::Result<Rest> {
        Ok(Rest::new(self.address()?, DEADLINE)?)
    }

    /// Where its data lies.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// The process.
    pub fn program(&mut self) -> anyhow::Result<&mut Program> {
        self.running.as_mut().context("the server is not running")
    }

    /// SIGKILL, and waits until it is gone; what it wrote to stderr.
    pub async fn kill(&mut self) -> anyhow::Result<String> {
        let mut program = self.running.take().context("the server is not running")?;
        program.kill().await?;
        program.wait().await?;
        Ok(program.stderr())
    }

    /// SIGTERM, and waits until it has ended; how it ended, and what it wrote to stderr.
    pub async fn terminate(&mut self) -> anyhow::Result<(ExitStatus, String)> {
        let mut program = self.running.take().context("the server is not running")?;
        program.signal("TERM").await?;
        let status = program.wait().await?;
        Ok((status, program.stderr()))
    }

    /// Has it started in another way from now on.
    pub fn set_up(&mut self, setup: Setup) {
        self.setup = setup;
    }

    /// Starts it on the same port and data as before, and waits until it is healthy.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.running.is_none(), "the server is running already");
        let program = Program::start(self.command()?)?;
        self.until_healthy(program).await
    }

    fn command(&self) -> anyhow::Result<Command> {
        let data = self.folder.path().to_string_lossy().into_owned();
        let serve = plaza_command(["serve", "--listen", &self.listen(), "--data", &data])?;
        let serve = match &self.setup.before {
            Some(shell) => program::through_shell(shell, serve.as_std()),
            None => serve,
        };
        let mut command = match &self.setup.trace {
            Some(file) => crate::trace::traced(serve.as_std(), file),
            None => serve,
        };
        command.envs(self.server.iter().map(|url| ("PLAZA_STORE__URL", url)));
        command.envs(self.setup.env.iter().map(|(name, value)| (name, value)));
        // A configuration file that happens to lie where the tests run is none of theirs.
        command.current_dir(self.folder.path());
        Ok(command)
    }

    async fn until_healthy(&mut self, mut program: Program) -> anyhow::Result<()> {
        let rest = Rest::new(self.address()?, Duration::from_secs(2))?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = program.has_ended()? {
                bail!("plaza serve ended with {status}: {}{}", program.stdout(), program.stderr());
            }
            if rest.health().await.is_ok_and(|health| health.status == "ok") {
                self.running = Some(program);
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("plaza serve is not healthy: {}{}", program.stdout(), program.stderr());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Target for Plaza {
    fn address(&self) -> anyhow::Result<Address> {
        Self::address(self)
    }

    fn rest(&self) -> anyhow::Result<Rest> {
        Self::rest(self)
    }

    async fn harm(&mut self) -> anyhow::Result<(String, String)> {
        let node = Self::rest(self)?.health().await?.node;
        Ok((node, Self::kill(self).await?))
    }

    async fn mend(&mut self) -> anyhow::Result<()> {
        self.start().await
    }

    fn log(&mut self) -> anyhow::Result<String> {
        Ok(self.program()?.stderr())
    }
}
