//! What is measured: the servers, and how each is started.

use crate::{
    limits::{Group, Limits},
    load::dialect::Dialect,
    process::{Running, free_address},
};
use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// The least that the kernel asks: one thread, one epoll, nothing checked, nothing kept.
    Floor,
    /// Plaza's Socket.IO layer with the small application (`crates/bus/examples/rooms`).
    Rooms,
    /// Plaza whole: every message checked, stored, synced and then acknowledged; SQLite.
    Plaza,
    /// Plaza whole, two nodes on Redis and PostgreSQL.
    PlazaCluster,
    /// Node.js `socket.io`; over several nodes with the sharded adapter.
    Node,
    /// Node.js `socket.io` with the classic adapter.
    NodeClassic,
    /// socketioxide as it comes.
    Socketioxide,
    /// socketioxide with room for 65,536 messages a client instead of 128.
    SocketioxideLarge,
    /// Another system's shape in Node.js: a channel a user on one of two Redis, who is where on a third, nothing stored.
    ReferenceB,
}

impl Peer {
    /// As it is called on the command line and in reports.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Whether a server is alone, or two nodes share their rooms over Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// One process.
    One,
    /// Two, and a Redis.
    Two,
    /// So many, and a Redis.
    Some(u32),
}

impl Nodes {
    /// How many.
    #[must_use]
    pub fn count(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Some(count) => count,
        }
    }
}

/// Where everything is.
pub struct Place {
    /// The folder of Plaza's sources.
    pub root: PathBuf,
    /// Where Plaza's programs were built.
    pub plaza: PathBuf,
    /// Where this and the peers in Rust were built.
    pub bench: PathBuf,
    /// A folder for logs and data, thrown away.
    pub scratch: PathBuf,
    /// The servers' processor.
    pub server_core: usize,
    /// The load's.
    pub load_core: usize,
}

/// Servers that run, and what they need beside them.
pub struct Servers {
    /// Where clients connect.
    pub addresses: Vec<SocketAddr>,
    /// What is spoken there.
    pub dialect: Dialect,
    /// In the order in which they were started; they are ended in the opposite one.
    pub servers: Vec<Running>,
    /// Redis, PostgreSQL.
    pub beside: Vec<Running>,
    /// What each of the servers may take.
    limits: Limits,
    /// By what they are held to it.
    groups: Vec<Group>,
}

impl Peer {
    /// Starts it anew, with nothing kept from before.
    ///
    /// # Errors
    /// Where something does not start.
    pub fn start(self, nodes: Nodes, limits: Limits, place: &Place) -> Result<Servers> {
        let _ = fs::remove_dir_all(&place.scratch);
        fs::create_dir_all(&place.scratch)?;
        let mut started = Servers {
            addresses: Vec::new(),
            dialect: Dialect::Rooms,
            servers: Vec::new(),
            beside: Vec::new(),
            limits,
            groups: Vec::new(),
        };
        match self {
            Self::Plaza => started.plaza("plaza", place, &[])?,
            Self::PlazaCluster => started.plaza_cluster(nodes, place)?,
            Self::ReferenceB => started.reference_b(place)?,
            _ => {
                let redis = match nodes {
                    Nodes::One => None,
                    _ => Some(started.redis("redis", place)?),
                };
                for node in 1..=nodes.count() {
                    let (program, arguments) = self.small_application(place, redis)?;
                    started.serve(&format!("node {node}"), &program, &arguments, &[], place)?;
                }
            }
        }
        Ok(started)
    }

    /// The program of the small application, and what stands before its port.
    fn small_application(self, place: &Place, redis: Option<SocketAddr>) -> Result<(PathBuf, Vec<String>)> {
        let script = place.root.join("bench/peers/node/server.mjs").display().to_string();
        let (program, mut arguments) = match self {
            Self::Floor => (place.bench.join("floor"), vec![]),
            Self::Rooms => (place.plaza.join("examples/rooms"), vec![]),
            Self::Node => (PathBuf::from("node"), vec![script]),
            Self::NodeClassic => (PathBuf::from("node"), vec![script, "--classic".to_owned()]),
            Self::Socketioxide => (place.bench.join("peer-socketioxide"), vec![]),
            Self::SocketioxideLarge => {
                (place.bench.join("peer-socketioxide"), vec!["--buffer".to_owned(), "65536".to_owned()])
            }
            Self::Plaza | Self::PlazaCluster | Self::ReferenceB => unreachable!("not the small application"),
        };
        if let Some(redis) = redis {
            ensure!(self != Self::Floor, "the floor is one process");
            arguments.extend(["--redis".to_owned(), format!("redis://{redis}")]);
        }
        Ok((program, arguments))
    }
}

impl Servers {
    /// The most bytes of memory that were charged to the first server, where that is limited.
    #[must_use]
    pub fn most_memory(&self) -> Option<u64> {
        // A sum of nothing would be something.
        self.groups.first().and_then(Group::most_memory)
    }

    /// Starts a server whose last argument is its port.
    fn serve(
        &mut self,
        name: &str,
        program: &Path,
        arguments: &[String],
        environment: &[(&str, String)],
        place: &Place,
    ) -> Result<()> {
        let address = free_address()?;
        let arguments = arguments.iter().cloned().chain([address.port().to_string()]);
        let server = self.start_limited(name, program, arguments, environment, place)?;
        self.listens(server, address)
    }

    /// Starts a server, held to what it may take.
    fn start_limited<A: AsRef<std::ffi::OsStr>>(
        &mut self,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, String)],
        place: &Place,
    ) -> Result<Running> {
        let group = Group::new(name, self.limits)?;
        let (core, scratch) = (place.server_core, &place.scratch);
        let server =
            Running::start_inside(group.as_ref(), name, core, program, arguments, environment, scratch)?;
        self.groups.extend(group);
        Ok(server)
    }

    fn listens(&mut self, mut server: Running, address: SocketAddr) -> Result<()> {
        server.listens(address)?;
        self.servers.push(server);
        self.addresses.push(address);
        Ok(())
    }

    fn plaza(&mut self, name: &str, place: &Place, more: &[(&str, String)]) -> Result<()> {
        self.dialect = Dialect::Plaza;
        let address = free_address()?;
        let data = place.scratch.join(name.replace(' ', "-")).display().to_string();
        let mut environment = plaza_environment();
        environment.extend(more.iter().cloned());
        let arguments = ["serve", "--listen", &address.to_string(), "--data", &data];
        let program = place.plaza.join("plaza");
        let server = self.start_limited(name, &program, arguments, &environment, place)?;
        self.listens(server, address)
    }

    fn plaza_cluster(&mut self, nodes: Nodes, place: &Place) -> Result<()> {
        let (redis, postgres) = (self.redis("redis", place)?, self.postgres(place)?);
        let cluster = [
            ("PLAZA_STORE__URL", postgres),
            ("PLAZA_BUS__KIND", "redis".to_owned()),
            ("PLAZA_BUS__URLS", format!("redis://{redis}")),
            ("PLAZA_AUTH__SECRET", "only for measuring, known to everybody".to_owned()),
        ];
        // Where no number is said, there are two: one would be no cluster.
        let count = if nodes == Nodes::One { 2 } else { nodes.count() };
        (1..=count).try_for_each(|node| self.plaza(&format!("node {node}"), place, &cluster))
    }

    fn reference_b(&mut self, place: &Place) -> Result<()> {
        let script = place.root.join("bench/peers/node/reference-b.mjs").display().to_string();
        let mut arguments = vec![script];
        for (option, name) in [("--bus", "bus 1"), ("--bus", "bus 2"), ("--cache", "cache")] {
            arguments.extend([option.to_owned(), format!("redis://{}", self.redis(name, place)?)]);
        }
        for node in 1..=2 {
            self.serve(&format!("node {node}"), Path::new("node"), &arguments, &[], place)?;
        }
        Ok(())
    }

    /// A Redis that keeps nothing.
    fn redis(&mut self, name: &str, place: &Place) -> Result<SocketAddr> {
        let address = free_address()?;
        let port = address.port().to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let program = Path::new("redis-server");
        let mut redis = Running::start(name, place.server_core, program, arguments, &[], &place.scratch)?;
        redis.listens(address)?;
        self.beside.push(redis);
        Ok(address)
    }

    /// A PostgreSQL with its own defaults, which sync every commit; its URL.
    fn postgres(&mut self, place: &Place) -> Result<String> {
        let installed = fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is missing")?;
        let mut versions: Vec<PathBuf> =
            installed.flatten().map(|version| version.path().join("bin")).collect();
        versions.sort();
        let bin = versions.pop().context("PostgreSQL is missing")?;
        let (address, data) = (free_address()?, place.scratch.join("postgres"));
        fs::create_dir_all(&data)?;
        // It refuses to run as root.
        let root = rustix::process::getuid().is_root();
        let other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];
        let as_other = |program: PathBuf| -> Vec<String> {
            let before = other.iter().filter(|_| root).map(|word| (*word).to_owned());
            before.chain([program.display().to_string()]).collect()
        };
        if root {
            let owned = Command::new("chown").args(["-R", "postgres"]).arg(&data).status()?;
            ensure!(owned.success(), "the folder of PostgreSQL's data could not be given to it");
        }
        let initdb = as_other(bin.join("initdb"));
        let made = Command::new(&initdb[0])
            .args(&initdb[1..])
            .args(["-U", "plaza", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data)
            .current_dir(&data)
            .output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let postgres = as_other(bin.join("postgres"));
        let mut arguments = postgres[1..].to_vec();
        arguments.extend(["-D".to_owned(), data.display().to_string()]);
        arguments.extend(["-p".to_owned(), address.port().to_string(), "-k".to_owned(), String::new()]);
        let program = Path::new(&postgres[0]);
        let postgres =
            Running::start("postgres", place.server_core, program, arguments, &[], &place.scratch)?;
        let mut postgres = postgres.ended_by(Signal::QUIT);
        postgres.listens(address)?;
        // It listens before it lets anybody in.
        let (port, began) = (address.port().to_string(), Instant::now());
        let ready =
            || Command::new(bin.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
        while !ready()?.success() {
            ensure!(
                began.elapsed() < Duration::from_secs(30),
                "PostgreSQL is not ready: {}",
                postgres.last_words()
            );
            sleep(Duration::from_millis(50));
        }
        self.beside.push(postgres);
        Ok(format!("postgres://plaza@{address}/postgres"))
    }
}

/// What Plaza is told wherever it is measured.
#[must_use]
pub fn plaza_environment() -> Vec<(&'static str, String)> {
    // Nobody here is protected from somebody else: the load is one machine, and a few people who write much.
    let unlimited = "1000000".to_owned();
    vec![
        ("PLAZA_LIMITS__WRITE__PERSON_BURST", unlimited.clone()),
        ("PLAZA_LIMITS__WRITE__PERSON_PER_MINUTE", unlimited),
        ("PLAZA_LOG__LEVEL", "warn".to_owned()),
    ]
}

impl Drop for Servers {
    fn drop(&mut self) {
        while self.servers.pop().is_some() {}
        while self.beside.pop().is_some() {}
        self.groups.clear();
    }
}
