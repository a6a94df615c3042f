//! A child process whose output is captured, that can be written to, waited for and killed, and that never
//! outlives its test.

use anyhow::{Context as _, bail};
use std::{
    collections::VecDeque,
    ffi::OsStr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    sync::watch,
    time::timeout,
};

/// Longest that anything in a test is waited for.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Most bytes kept of each output; older ones are dropped.
const KEPT_BYTES: usize = 1 << 20;

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Captured,
    stderr: Captured,
}

#[derive(Debug, Clone)]
struct Captured {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    /// Changes with every piece; its sender goes when the output ends.
    changed: watch::Receiver<()>,
}

impl Program {
    /// Starts `command` with its three streams piped. It is killed when this is dropped.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdin = child.stdin.take();
        let stdout = Captured::from(child.stdout.take().context("no stdout")?);
        let stderr = Captured::from(child.stderr.take().context("no stderr")?);
        Ok(Self { name, child, stdin, stdout, stderr })
    }

    /// The process's id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything it wrote to stdout.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Everything it wrote to stderr.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Writes a line to its stdin.
    pub async fn write_line(&mut self, line: &str) -> anyhow::Result<()> {
        self.type_keys(&format!("{line}\n")).await
    }

    /// Writes to its stdin as it is.
    pub async fn type_keys(&mut self, keys: &str) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("its input is closed")?;
        stdin.write_all(keys.as_bytes()).await?;
        Ok(stdin.flush().await?)
    }

    /// Ends its input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until stdout contains `text`.
    pub async fn wait_for_stdout(&mut self, text: &str) -> anyhow::Result<()> {
        self.wait_for_stdout_times(text, 1).await
    }

    /// Waits until stdout contains `text` this many times.
    pub async fn wait_for_stdout_times(&mut self, text: &str, times: usize) -> anyhow::Result<()> {
        let mut stdout = self.stdout.clone();
        stdout.wait_for(text, times).await.with_context(|| self.told(&format!("never printed {text:?}")))
    }

    /// Waits until stderr contains `text`.
    pub async fn wait_for_stderr(&mut self, text: &str) -> anyhow::Result<()> {
        let mut stderr = self.stderr.clone();
        stderr.wait_for(text, 1).await.with_context(|| self.told(&format!("never complained {text:?}")))
    }

    /// Waits until it has ended and its output is read.
    pub async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let ended = async {
            let status = self.child.wait().await?;
            self.stdout.clone().wait_for_end().await;
            self.stderr.clone().wait_for_end().await;
            anyhow::Ok(status)
        };
        match timeout(DEADLINE, ended).await {
            Ok(status) => status,
            Err(_) => bail!(self.told("did not end")),
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends a signal by its name, such as `TERM`.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.pid().context("it has ended already")?;
        // The shell's own kill: there is always a shell, and no unsafe code is needed.
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().await?;
        anyhow::ensure!(status.success(), "kill -{name} {pid} failed");
        Ok(())
    }

    fn told(&self, what: &str) -> String {
        format!("{} {what}.\n--- stdout\n{}\n--- stderr\n{}", self.name, self.stdout(), self.stderr())
    }
}

impl Captured {
    fn from(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(VecDeque::new()));
        let (change, changed) = watch::channel(());
        let sink = Arc::clone(&bytes);
        tokio::spawn(async move {
            let mut piece = vec![0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut piece).await {
                {
                    let mut kept = lock(&sink);
                    kept.extend(&piece[..read]);
                    let surplus = kept.len().saturating_sub(KEPT_BYTES);
                    kept.drain(..surplus);
                }
                change.send_replace(());
            }
        });
        Self { bytes, changed }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(lock(&self.bytes).make_contiguous()).into_owned()
    }

    async fn wait_for(&mut self, text: &str, times: usize) -> anyhow::Result<()> {
        let shown = async {
            loop {
                self.changed.mark_unchanged();
                if self.text().matches(text).count() >= times {
                    return Ok(());
                }
                if self.changed.changed().await.is_err() {
                    // What came with the end counts too.
                    anyhow::ensure!(self.text().matches(text).count() >= times, "its output ended");
                    return Ok(());
                }
            }
        };
        timeout(DEADLINE, shown).await.context("waited too long")?
    }

    async fn wait_for_end(&mut self) {
        while self.changed.changed().await.is_ok() {}
    }
}

fn lock(bytes: &Mutex<VecDeque<u8>>) -> MutexGuard<'_, VecDeque<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `plaza` binary: `PLAZA_BIN`, or the one that was built beside the running test.
pub fn plaza_binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("PLAZA_BIN") {
        return Ok(path.into());
    }
    // target/debug/deps/test-0123 → target/debug/plaza
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("the test lies in no target folder")?;
    let path = folder.join(format!("plaza{}", std::env::consts::EXE_SUFFIX));
    anyhow::ensure!(path.exists(), "{} is missing: cargo build -p plaza-server", path.display());
    Ok(path)
}

/// A command of the `plaza` binary, with no setting of Plaza's from this process's environment.
pub fn plaza_command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> anyhow::Result<Command> {
    let mut command = Command::new(plaza_binary()?);
    command.args(args);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PLAZA_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// A command behind another one of the shell's; the process that is started becomes the command itself.
pub fn through_shell(before: &str, command: &std::process::Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{before} && exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}
