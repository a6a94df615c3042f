//! Ten thousand connections that say nothing, from a process of their own against a server in another: they cost the
//! server little, they are let go of in time, and who is there is served meanwhile.

#![cfg(target_os = "linux")]

use crate::support::{Client, PATIENCE, Server, one, soon};
use plaza_socketio::{Config, Handlers, Patience};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

const MOST: usize = 10_000;
/// hyper's buffer and state for one connection, and the task that drives it. About 12,000 bytes in a debug build.
const BOUND: u64 = 24 * 1024;
/// How long the server waits for a head.
const HEAD: Duration = Duration::from_secs(3);

/// One of the ignored tests below, with as many files as it may have, and what it says, line by line.
struct Role {
    process: Child,
    says: BufReader<ChildStdout>,
}

impl Role {
    fn start(role: &str, argument: &str) -> Self {
        let exe = env::current_exe().unwrap();
        let script = format!(
            "ulimit -n $(ulimit -Hn); exec '{}' hostile_half_open::{role} --exact --ignored --nocapture --test-threads=1",
            exe.display()
        );
        let mut process = Command::new("sh")
            .args(["-c", &script])
            .env("PLAZA_HALF_OPEN", argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(process.stdout.take().unwrap());
        Self { process, says }
    }

    /// What follows this word on the next line that has it.
    fn hears(&mut self, word: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.says.read_line(&mut line).unwrap() > 0, "it ended before it said {word}");
            if let Some((_, said)) = line.split_once(word) {
                return said.trim().to_owned();
            }
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_connections_cost_little_and_harm_nobody() {
    let mut server = Role::start("server", "");
    let addr: SocketAddr = server.hears("listening on ").parse().unwrap();
    let mut witness = Client::open_at(addr).await;
    witness.enter("40").await;
    server.tell("weigh");
    let before: u64 = server.hears("resident ").parse().unwrap();

    let mut flood = Role::start("flood", &addr.to_string());
    let count: u64 = flood.hears("opened ").parse().unwrap();
    server.tell("weigh");
    let each = server.hears("resident ").parse::<u64>().unwrap().saturating_sub(before) / count;
    eprintln!("{count} half-open connections, {each} bytes each");
    assert!(each < BOUND, "{each} bytes for each of {count} half-open connections");
    is_served(&mut witness).await;

    // All of them are let go of, and who is there is served all along.
    let closed = tokio::task::spawn_blocking(move || flood.hears("closed "));
    while !closed.is_finished() {
        is_served(&mut witness).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(closed.await.unwrap().parse::<u64>().unwrap(), count);
    let mut newcomer = Client::open_at(addr).await;
    newcomer.enter("40").await;
    is_served(&mut newcomer).await;
}

async fn is_served(client: &mut Client) {
    client.send(r#"421["echo",1]"#).await;
    assert_eq!(soon("an answer in spite of all", client.text()).await, "431[1]");
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn server() {
    let echo = Handlers::default().on("echo", |_, event| async move {
        let arguments = event.payload.elements().unwrap();
        event.ack.unwrap().send(&arguments).unwrap();
    });
    let patience = Patience { head: HEAD, ..Patience::default() };
    let server = Server::start_with(one(Config::default(), echo), patience);
    println!("listening on {}", server.addr);
    let told = tokio::task::spawn_blocking(|| {
        for line in std::io::stdin().lines() {
            line.unwrap();
            println!("resident {}", resident());
        }
    });
    told.await.unwrap();
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn flood() {
    let addr: SocketAddr = env::var("PLAZA_HALF_OPEN").unwrap().parse().unwrap();
    let began = Instant::now();
    let count = MOST.min(open_files().saturating_sub(100));
    // Not all at once: a full backlog would only make the kernel wait.
    let mut streams: Vec<_> = (0..count).map(|_| TcpStream::connect(addr).unwrap()).collect();
    // Some say a little.
    for stream in streams.iter_mut().step_by(3) {
        let _ = stream.write_all(b"GET /socket.io/?EIO=4");
    }
    eprintln!("{count} connected in {:?}", began.elapsed());
    println!("opened {count}");
    let mut closed = 0;
    for stream in &mut streams {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        let gone = match stream.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        closed += usize::from(gone);
    }
    println!("closed {closed}");
}

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}
