//! What a delivery, an acknowledgement and a resting connection cost, in what can be counted exactly: allocations, bytes and
//! instructions. Each is held against a bound in `bench/bounds.toml`; `make test` prints both.
//!
//! Server and clients share one thread and take turns on it, so that the same is counted however busy the machine is. The
//! clients are plain sockets that allocate nothing: all that is counted is the server's, but for their system calls.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_socketio::{Config, Event, Handlers, Namespace, SocketIo, serve};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{
    alloc::System,
    fs,
    future::pending,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, runtime, task::yield_now};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TEXT: &str = "a text of 32 bytes, as in bench/";
const MEMBERS: usize = 100;
const ROUNDS: usize = 30;

/// What is done in a round.
#[derive(Clone, Copy)]
enum Load {
    /// So many messages to a room of all, and each is awaited by all.
    Deliveries(usize),
    /// An event by everybody, and each is answered.
    Acks,
}

#[test]
fn a_delivery_stays_cheap() {
    holds("deliver", "per-delivery");
}

#[test]
fn many_deliveries_at_once_stay_cheap() {
    holds("deliver_many", "per-delivery-of-many");
}

#[test]
fn an_acknowledgement_stays_cheap() {
    holds("acknowledge", "per-ack");
}

#[test]
fn a_connection_that_rests_stays_small() {
    let bytes = figure(&in_its_own_process(&[], "rest"));
    within("bytes-per-idle-connection", bytes);
    // A measurement that finds nothing at all has looked at the wrong thing.
    assert!(bytes > 100.0, "{bytes} bytes a connection");
}

#[test]
#[ignore = "run by a test above, in a process of its own"]
fn deliver() {
    count(Load::Deliveries(1));
}

#[test]
#[ignore = "run by a test above, in a process of its own"]
fn deliver_many() {
    count(Load::Deliveries(16));
}

#[test]
#[ignore = "run by a test above, in a process of its own"]
fn acknowledge() {
    count(Load::Acks);
}

#[test]
#[ignore = "run by a test above, in a process of its own"]
fn rest() {
    let mut stage = Stage::new();
    stage.connect(MEMBERS);
    stage.rounds(Load::Deliveries(16), 2);
    stage.rounds(Load::Acks, 2);
    // Both ends of each are in this process.
    let more = 1000.min((open_files() - 100) / 2 - MEMBERS);
    let before = allocated();
    stage.connect(more);
    stage.rounds(Load::Deliveries(16), 2);
    stage.rounds(Load::Acks, 2);
    println!("figure {}", (allocated() - before) as f64 / more as f64);
}

/// Runs the test `name` once as it is and once below callgrind, and holds both figures against their bounds.
fn holds(name: &str, unit: &str) {
    within(&format!("allocations-{unit}"), figure(&in_its_own_process(&[], name)));
    let file = std::env::temp_dir().join(format!("plaza-costs-{}-{name}", std::process::id()));
    let written = format!("--callgrind-out-file={}", file.display());
    let valgrind = ["valgrind", "--tool=callgrind", "--toggle-collect=*measured*", &written];
    let said = in_its_own_process(&valgrind, name);
    let _ = fs::remove_file(file);
    // "==7== Collected : 123", of the one function that is looked into.
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).unwrap();
    let instructions: f64 = collected.1.trim().parse().unwrap();
    let units: f64 =
        said.lines().find_map(|line| line.split_once("units ")).unwrap().1.trim().parse().unwrap();
    within(&format!("instructions-{unit}"), instructions / units);
}

fn in_its_own_process(before: &[&str], name: &str) -> String {
    let (own, path) = (std::env::current_exe().unwrap(), name.to_owned());
    let own = own.to_str().unwrap();
    let rest = [own, &path, "--exact", "--ignored", "--nocapture", "--test-threads=1"];
    let words: Vec<&str> = before.iter().chain(&rest).copied().collect();
    let ran = Command::new(words[0]).args(&words[1..]).output();
    let output = ran.unwrap_or_else(|error| panic!("{}: {error}; scripts/setup test installs it", words[0]));
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said.into_owned()
}

fn figure(said: &str) -> f64 {
    said.lines().find_map(|line| line.split_once("figure ")).unwrap().1.trim().parse().unwrap()
}

/// Whether what was measured is at most what is committed; and of that size at all, or something was not measured.
fn within(name: &str, measured: f64) {
    let bounds = include_str!("../../../bench/bounds.toml");
    let line = bounds.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
    let bound: f64 = line.unwrap_or_else(|| panic!("no bound is called {name}")).parse().unwrap();
    println!("{name}: {measured:.2}, bound {bound}");
    assert!(measured > bound / 4.0, "{name} is {measured:.2}, far below its bound: was it measured?");
    assert!(measured <= bound, "{name} is {measured:.2}, above its bound of {bound} in bench/bounds.toml");
}

/// Prints what each unit of a load allocates.
fn count(load: Load) {
    let mut stage = Stage::new();
    stage.connect(MEMBERS);
    stage.rounds(load, 3);
    let before = ALLOCATOR.stats();
    measured(&mut stage, load);
    let used = ALLOCATOR.stats() - before;
    let each = match load {
        Load::Deliveries(messages) => messages,
        Load::Acks => 1,
    };
    let units = (ROUNDS * MEMBERS * each) as f64;
    println!("units {units}");
    println!("figure {}", (used.allocations + used.reallocations) as f64 / units);
}

/// A function of its own, for callgrind to know it by.
#[inline(never)]
fn measured(stage: &mut Stage, load: Load) {
    stage.rounds(load, ROUNDS);
}

/// A server, and clients that are connected to it.
struct Stage {
    runtime: runtime::Runtime,
    namespace: Arc<Namespace>,
    address: SocketAddr,
    clients: Vec<TcpStream>,
    /// Of each client, the bytes of this round that have not come.
    awaited: Vec<usize>,
}

impl Stage {
    fn new() -> Self {
        let handlers = Handlers::default().on("echo", |_, event: Event| async move {
            let arguments = event.payload.elements().unwrap();
            event.ack.unwrap().send(&arguments).unwrap();
        });
        // No heartbeat comes in between.
        let config = Config { ping_interval: Duration::from_secs(3600), ..Config::default() };
        let io = SocketIo::builder(config).namespace("/", handlers).build();
        let namespace = io.of("/").unwrap();
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, io, pending()));
        Self { runtime, namespace, address, clients: Vec::new(), awaited: Vec::new() }
    }

    /// Lets `count` more in, and into the room of all.
    fn connect(&mut self, count: usize) {
        let (address, there) = (self.address, self.clients.len());
        let connecting = std::thread::spawn(move || (0..count).map(|_| client(address)).collect::<Vec<_>>());
        self.runtime.block_on(async {
            while !connecting.is_finished() || self.namespace.len() < there + count {
                yield_now().await;
            }
            self.namespace.broadcast().join("everybody");
        });
        self.clients.extend(connecting.join().unwrap());
        self.awaited.resize(there + count, 0);
    }

    fn rounds(&mut self, load: Load, rounds: usize) {
        let Self { runtime, namespace, clients, awaited, .. } = self;
        let one = 2 + match load {
            Load::Deliveries(_) => format!(r#"42["message","{TEXT}"]"#).len(),
            Load::Acks => format!(r#"437["{TEXT}"]"#).len(),
        };
        let event = frame(format!(r#"427["echo","{TEXT}"]"#).as_bytes());
        runtime.block_on(async {
            for _ in 0..rounds {
                match load {
                    Load::Deliveries(messages) => {
                        awaited.fill(messages * one);
                        for _ in 0..messages {
                            namespace.to("everybody").emit("message", &[TEXT]).unwrap();
                        }
                    }
                    Load::Acks => {
                        awaited.fill(one);
                        for client in clients.iter_mut() {
                            client.write_all(&event).unwrap();
                        }
                    }
                }
                while awaited.iter().any(|bytes| *bytes > 0) {
                    yield_now().await;
                    read(clients, awaited);
                }
            }
        });
    }
}

fn read(clients: &mut [TcpStream], awaited: &mut [usize]) {
    let mut piece = [0; 8192];
    for (client, bytes) in clients.iter_mut().zip(awaited).filter(|(_, bytes)| **bytes > 0) {
        match client.read(&mut piece) {
            Ok(0) => panic!("the server closed"),
            Ok(read) => *bytes = bytes.checked_sub(read).expect("no more than was sent"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// A client that is in the namespace, and has read all that came before.
fn client(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&frame(b"40")).unwrap();
    let (mut said, mut piece) = (Vec::new(), [0; 1024]);
    // `40{"sid":"…"}` is the last that comes.
    while !(said.ends_with(b"\"}") && said.windows(8).any(|part| part == b"40{\"sid\"")) {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the server closed: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..read]);
    }
    stream.set_nonblocking(true).unwrap();
    stream
}

/// As a client sends it: a whole text, masked with zeros.
fn frame(text: &[u8]) -> Vec<u8> {
    [&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0], text].concat()
}

/// Bytes that are allocated now.
fn allocated() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

/// How many files this process may have open.
fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}
