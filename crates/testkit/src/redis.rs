//! Real Redis servers, each on a free port and a folder of its own, to be killed, stopped and started again.

use anyhow::{Context as _, bail};
use redis::Value;
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use crate::{Program, free_port, program::DEADLINE};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How many ports are tried.
const TRIES: u32 = 5;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct RedisSetup {
    password: Option<String>,
    port: Option<u16>,
    arguments: Vec<String>,
}

impl RedisSetup {
    /// Wants this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Listens there, and not on a free port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// Gives the server a setting, such as `--cluster-enabled`, `yes`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Has it know no such command.
    #[must_use]
    pub fn without(mut self, command: &str) -> Self {
        self.arguments.extend(["--rename-command", command, ""].map(str::to_owned));
        self
    }

    /// Starts it and waits until it answers.
    pub async fn start(self) -> anyhow::Result<Redis> {
        let folder = tempfile::Builder::new().prefix("plaza-redis-").tempdir()?;
        let port = self.port.unwrap_or_else(free_port);
        let mut redis = Redis { setup: self, port, folder, running: None };
        let mut tries = TRIES;
        while let Err(error) = redis.start().await {
            tries -= 1;
            // A port that was free may have been taken since.
            if redis.setup.port.is_some() || tries == 0 {
                return Err(error);
            }
            redis.port = free_port();
        }
        Ok(redis)
    }
}

/// A `redis-server`, which also listens on a unix socket. It ends with this.
#[derive(Debug)]
pub struct Redis {
    setup: RedisSetup,
    port: u16,
    folder: TempDir,
    running: Option<Program>,
}

impl Redis {
    /// Starts one without password.
    pub async fn new() -> anyhow::Result<Self> {
        RedisSetup::default().start().await
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Its URL, with its password.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Its URL as seen through a proxy at another port.
    pub fn url_at(&self, port: u16) -> String {
        match &self.setup.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{port}"),
            None => format!("redis://127.0.0.1:{port}"),
        }
    }

    /// Starts it, on its port, and waits until it answers.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new("redis-server");
        command
            .current_dir(self.folder.path())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"])
            .args(&self.setup.arguments);
        if let Some(password) = &self.setup.password {
            command.args(["--requirepass", password, "--masterauth", password]);
        }
        // One that was killed leaves it.
        let _ = std::fs::remove_file(self.socket());
        self.running = Some(Program::start(command).context("is redis-server installed?")?);
        let deadline = Instant::now() + DEADLINE;
        // It is made when the port is taken: before, somebody else's server may answer there.
        while !self.socket().exists() || self.ask(&["PING"]).await.is_err() {
            let ended = self.running.as_mut().map(Program::has_ended).transpose()?.flatten();
            if ended.is_some() || Instant::now() > deadline {
                let said = self.running.as_ref().map(Program::stdout).unwrap_or_default();
                bail!("redis-server does not answer:\n{said}");
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.running.take().context("it does not run")?.kill().await
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal("STOP").await
    }

    /// SIGCONT.
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.signal("CONT").await
    }

    async fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.running.as_ref().context("it does not run")?.signal(name).await
    }

    /// Sends one command on a connection of its own and returns the answer; an error from the server is one here.
    pub async fn ask(&self, words: &[&str]) -> anyhow::Result<Value> {
        let asking = async {
            let mut connection = redis::Client::open(self.url())?.get_multiplexed_async_connection().await?;
            let (name, arguments) = words.split_first().context("no command")?;
            Ok(redis::cmd(name).arg(arguments).query_async(&mut connection).await?)
        };
        timeout(DEADLINE, asking).await.with_context(|| format!("{words:?} took too long"))?
    }

    /// The text that a command is answered with.
    pub async fn text(&self, words: &[&str]) -> anyhow::Result<String> {
        Ok(redis::from_redis_value(self.ask(words).await?)?)
    }

    /// Asks until the answer is as wished.
    pub async fn ask_until(&self, words: &[&str], wished: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self.ask(words).await?;
            if wished(&answer) {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                bail!("{words:?} is still answered {answer:?}");
            }
            sleep(LOOK).await;
        }
    }

    /// How many connections subscribe to a sharded channel of it.
    pub async fn subscribers(&self, channel: &str) -> anyhow::Result<usize> {
        let answer = self.ask(&["PUBSUB", "SHARDNUMSUB", channel]).await?;
        let (_, count): (String, usize) = redis::from_redis_value(answer)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn somebody_elses_server_is_not_taken_for_it() {
        let there = Redis::new().await.unwrap();
        let refused = RedisSetup::default().port(there.port()).start().await;
        assert!(format!("{:#}", refused.unwrap_err()).contains("Address already in use"));
    }

    #[tokio::test]
    async fn a_server_is_killed_started_again_stopped_and_goes_on() {
        let mut redis = RedisSetup::default().password("open sesame").start().await.unwrap();
        redis.ask(&["SET", "a", "1"]).await.unwrap();
        assert_eq!(redis.text(&["GET", "a"]).await.unwrap(), "1");
        assert!(redis.socket().exists());
        redis.kill().await.unwrap();
        redis.start().await.unwrap();
        assert_eq!(redis.ask(&["GET", "a"]).await.unwrap(), Value::Nil);
        redis.pause().await.unwrap();
        let silent = timeout(Duration::from_millis(200), redis.ask(&["PING"])).await;
        assert!(!matches!(silent, Ok(Ok(_))));
        redis.resume().await.unwrap();
        redis.ask(&["PING"]).await.unwrap();
    }
}
