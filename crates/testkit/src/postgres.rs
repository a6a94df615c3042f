//! A real PostgreSQL for tests: the one that a script has started for all of them, in which each test has a schema of its
//! own, or one that a test starts for itself, to be stopped, killed and started again.

use crate::{
    free_port,
    program::{DEADLINE, Program},
};
use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{process::Command, time::Instant};

/// Where `scripts/with-postgres` says which server there is.
const SHARED: &str = "PLAZA_TEST_POSTGRES";

/// The URL of a schema on the server that all tests share, which is the same for the same folder and made where it is
/// missing; `None` where no such server is named, and tests are to use SQLite. Schemas stay until the server ends.
pub async fn schema(folder: &Path) -> anyhow::Result<Option<String>> {
    let Ok(server) = std::env::var(SHARED) else { return Ok(None) };
    Ok(Some(schema_of(&server, folder).await?))
}

/// The same, on a server.
pub async fn schema_of(server: &str, folder: &Path) -> anyhow::Result<String> {
    let mut name = String::from("t");
    for byte in folder.as_os_str().as_encoded_bytes().iter().rev().take(24) {
        write!(name, "{byte:02x}")?;
    }
    let mut connection = PgConnection::connect(server).await?;
    let made = format!("CREATE SCHEMA IF NOT EXISTS {name}");
    sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut connection).await?;
    connection.close().await?;
    let and = if server.contains('?') { '&' } else { '?' };
    Ok(format!("{server}{and}options[search_path]={name}"))
}

/// A server of one test's own. It ends when this is dropped, and with the process, however that ends.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    /// Where on 127.0.0.1 it takes connections.
    port: Option<u16>,
    /// With a certificate.
    tls: bool,
    running: Option<Program>,
}

impl Postgres {
    /// Makes its data, starts it, and waits until it takes connections. Where there is no PostgreSQL on this machine,
    /// `scripts/setup test` installs it.
    pub async fn start() -> anyhow::Result<Self> {
        Self::make(None, None).await
    }

    /// The same, and on 127.0.0.1 it takes connections, for a [`Proxy`](crate::Proxy) to stand before.
    pub async fn on_tcp() -> anyhow::Result<Self> {
        Self::make(Some(free_port()), None).await
    }

    /// The same, and on 127.0.0.1 it takes connections over TLS alone, of roles with a password: with this certificate and
    /// its key, both as PEM.
    pub async fn with_tls(certificate: &str, key: &str) -> anyhow::Result<Self> {
        Self::make(Some(free_port()), Some((certificate, key))).await
    }

    async fn make(port: Option<u16>, tls: Option<(&str, &str)>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("plaza-pg-").tempdir()?;
        let mut server = Self { folder, programs: programs()?, port, tls: tls.is_some(), running: None };
        if is_root().await? {
            let owner = Command::new("chown").arg("postgres").arg(server.folder.path()).status().await?;
            ensure!(owner.success(), "there is no user postgres");
        }
        let layout = ["-U", "plaza", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"];
        let mut initdb = server.command("initdb").await?;
        initdb.args(layout).arg(server.data());
        let mut initdb = Program::start(initdb)?;
        let status = initdb.wait().await?;
        ensure!(status.success(), "initdb failed: {}{}", initdb.stdout(), initdb.stderr());
        if let Some((certificate, key)) = tls {
            let let_in = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
            std::fs::write(server.data().join("pg_hba.conf"), let_in)?;
            let (cert_file, key_file) = (server.data().join("server.crt"), server.data().join("server.key"));
            std::fs::write(cert_file, certificate)?;
            std::fs::write(&key_file, key)?;
            server.keep_private(&key_file).await?;
        }
        server.start_again().await?;
        Ok(server)
    }

    /// Starts it on its data, after [`Postgres::stop`] or [`Postgres::kill`].
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "it is running already");
        let mut postgres = self.command("postgres").await?;
        postgres.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        // What commits wait for is the disk's affair; that they wait is not switched off.
        for setting in ["fsync=off", "full_page_writes=off", "max_connections=200"] {
            postgres.arg("-c").arg(setting);
        }
        match self.port {
            Some(port) => {
                postgres.args(["-c", "listen_addresses=127.0.0.1", "-c"]).arg(format!("port={port}"));
                postgres.arg("-c").arg(format!("ssl={}", if self.tls { "on" } else { "off" }));
            }
            None => {
                postgres.args(["-c", "listen_addresses="]);
            }
        }
        let mut program = Program::start(postgres)?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let connected = PgConnection::connect(&self.url()).await;
            if let Ok(connection) = connected {
                connection.close().await?;
                self.running = Some(program);
                return Ok(());
            }
            ensure!(program.has_ended()?.is_none(), "postgres ended: {}", program.stderr());
            ensure!(Instant::now() < deadline, "postgres takes no connections: {}", program.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// For a store, and for whoever asks it beside one.
    pub fn url(&self) -> String {
        let port = self.port.map_or(String::new(), |port| format!(":{port}"));
        format!("postgres://plaza@localhost{port}/postgres?host={}", self.folder.path().display())
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> anyhow::Result<u16> {
        self.port.context("it is not on TCP")
    }

    /// For a store, as seen through a proxy at another port of 127.0.0.1.
    pub fn url_at(port: u16) -> String {
        format!("postgres://plaza@127.0.0.1:{port}/postgres")
    }

    /// Where it takes connections over TLS, for a role with this password; `parameters` stand behind the `?`.
    pub fn tls_url(&self, role: &str, password: &str, parameters: &str) -> anyhow::Result<String> {
        let port = self.port.filter(|_| self.tls).context("it has no TLS")?;
        Ok(format!("postgres://{role}:{password}@127.0.0.1:{port}/postgres?{parameters}"))
    }

    /// Ends all connections and stops it.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut program = self.running.take().context("it is not running")?;
        program.signal("INT").await?;
        program.wait().await?;
        Ok(())
    }

    /// SIGKILL, as the machine would end it, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut program = self.running.take().context("it is not running")?;
        program.kill().await?;
        Ok(())
    }

    /// Runs statements as its administrator.
    pub async fn run(&self, statements: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// For its own user alone: it refuses a key that others can read.
    async fn keep_private(&self, file: &Path) -> anyhow::Result<()> {
        std::fs::set_permissions(file, Permissions::from_mode(0o600))?;
        if is_root().await? {
            let owner = Command::new("chown").arg("postgres").arg(file).status().await?;
            ensure!(owner.success(), "there is no user postgres");
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL's, which refuses to be root's and ends with this process.
    async fn command(&self, program: &str) -> anyhow::Result<Command> {
        let mut command = Command::new("setpriv");
        if is_root().await? {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        command.args([OsStr::new("--pdeathsig"), OsStr::new("QUIT")]).arg(self.programs.join(program));
        command.current_dir(self.folder.path());
        Ok(command)
    }
}

async fn is_root() -> anyhow::Result<bool> {
    let id = Command::new("id").arg("-u").output().await?;
    Ok(id.stdout.trim_ascii() == b"0")
}

/// The newest of the servers that are installed. Debian keeps them beside each other, and none in the path.
fn programs() -> anyhow::Result<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            let programs = version.path().join("bin");
            programs.join("initdb").exists().then_some((number, programs))
        })
        .max();
    Ok(newest.context("PostgreSQL is not installed: scripts/setup test does it")?.1)
}
