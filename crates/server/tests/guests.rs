//! Guests expire a while after their last use, and never while they are connected.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_chat::Clock;
use plaza_client::{Address, Connection, Inbox, Incoming, Options};
use plaza_protocol::{Auth, Session};
use plaza_server::{
    config::{Config, Sources},
    serve,
};
use plaza_store::{Store, StoreOptions};
use sqlx::Row;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);
const MINUTE: i64 = 60_000;

/// Stands still until a test moves it.
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl TestClock {
    fn forward(&self, millis: i64) -> i64 {
        self.0.fetch_add(millis, Ordering::SeqCst) + millis
    }
}

/// A node in this process whose guests stay for a time that the test chooses.
struct Node {
    address: Address,
    clock: Arc<TestClock>,
    store: Store,
    shutdown: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    data: TempDir,
}

async fn open(data: &TempDir) -> Store {
    let mut options = StoreOptions::new(data.path().join("plaza.db"));
    options.durability = plaza_store::Durability::None;
    Store::open(options, plaza_chat::MIGRATIONS).await.unwrap()
}

impl Node {
    async fn start(guest_seconds: u32) -> Self {
        let environment = vec![("PLAZA_SERVER__NODE".to_owned(), "t1".to_owned())];
        let mut config = Config::load(&Sources { environment, ..Sources::default() }).unwrap().config;
        config.chat.guest_seconds = guest_seconds;
        let data = tempfile::tempdir().unwrap();
        let (store, clock) = (open(&data).await, Arc::new(TestClock(AtomicI64::new(1_800_000_000_000))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let began = Instant::now();
        let deps = serve::Deps {
            config,
            store: store.clone(),
            clock: clock.clone(),
            now: Arc::new(move || began.elapsed()),
        };
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve::run(deps, listener, shutdown.clone()));
        Self { address, clock, store, shutdown, serving, data }
    }

    async fn connect(&self, auth: Auth) -> (Connection, Session, Inbox) {
        Connection::open(&self.address, &auth, &Options::default()).await.unwrap()
    }

    async fn new_guest(&self, name: &str) -> (Connection, Session, Inbox) {
        self.connect(Auth { guest: Some(name.into()), ..Auth::default() }).await
    }

    /// Waits until the guest's last use stands in the store as being at this time.
    async fn until_seen(&self, guest: &Session, at: i64) {
        let began = Instant::now();
        while seen_at(&self.store, guest).await != at {
            assert!(began.elapsed() < PATIENCE, "{} was not seen", guest.user.name);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) -> TempDir {
        self.shutdown.cancel();
        timeout(PATIENCE, self.serving).await.expect("stops in time").unwrap().unwrap();
        self.data
    }
}

async fn seen_at(store: &Store, guest: &Session) -> i64 {
    let mut reader = store.read().await.unwrap();
    let row = sqlx::query("SELECT seen_at FROM users WHERE id = $1").bind(guest.user.id.as_str());
    row.fetch_one(&mut *reader).await.unwrap().get(0)
}

#[tokio::test]
async fn one_who_stays_connected_keeps_the_name() {
    let node = Node::start(24).await;
    let (_connection, ana, _inbox) = node.new_guest("Ana").await;
    for _ in 0..2 {
        node.until_seen(&ana, node.clock.forward(20_000)).await;
    }
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana-2");
    node.connect(Auth { token: ana.token, ..Auth::default() }).await;
    node.stop().await;
}

#[tokio::test]
async fn the_time_counts_from_the_end_of_the_last_connection() {
    let node = Node::start(3_600).await;
    let (connection, ana, _inbox) = node.new_guest("Ana").await;
    let left = node.clock.forward(50 * MINUTE);
    connection.close();
    node.until_seen(&ana, left).await;
    node.clock.forward(50 * MINUTE);
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana-2");
    node.clock.forward(10 * MINUTE);
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana", "an hour has passed");
    node.stop().await;
}

#[tokio::test]
async fn one_whose_name_was_given_away_is_sent_away() {
    let node = Node::start(3_600).await;
    let (_connection, _, mut inbox) = node.new_guest("Ana").await;
    // A clock that jumps is faster than any renewal.
    node.clock.forward(70 * MINUTE);
    let (_, other, _) = node.new_guest("Ana").await;
    assert_eq!(other.user.name, "Ana");
    let told = async {
        loop {
            if let Incoming::Ending(ending) = inbox.next().await.unwrap() {
                return ending.reason;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, told).await.unwrap(), "revoked");
    timeout(PATIENCE, async { while inbox.next().await.is_ok() {} }).await.unwrap();
    node.stop().await;
}
