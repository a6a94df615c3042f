//! A node in this process, with a clock that the test sets.

use plaza_bus::{BusOptions, Link, LocalBus, adapter::AdapterOptions};
use plaza_chat::Clock;
use plaza_client::{Address, Connection, Inbox, Options};
use plaza_protocol::{Auth, Session};
use plaza_server::{
    config::{Config, Sources},
    gateway::ClusterOptions,
    serve,
};
use plaza_store::{Place, Store, StoreOptions};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// What a node's clock tells at first.
pub(crate) const BEGINNING: i64 = 1_800_000_000_000;
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Stands still until a test moves it.
pub(crate) struct TestClock {
    millis: AtomicI64,
    breaks: AtomicBool,
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        assert!(!self.breaks.swap(false, Ordering::SeqCst), "the clock is broken, as planned");
        self.millis.load(Ordering::SeqCst)
    }
}

impl TestClock {
    /// The time it then tells.
    pub(crate) fn forward(&self, millis: i64) -> i64 {
        self.millis.fetch_add(millis, Ordering::SeqCst) + millis
    }

    /// Who asks it next panics.
    pub(crate) fn break_once(&self) {
        self.breaks.store(true, Ordering::SeqCst);
    }
}

/// A node in this process whose guests stay for a time that the test chooses.
pub(crate) struct Node {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Store,
    addr: SocketAddr,
    address: Address,
    shutdown: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    data: TempDir,
}

pub(crate) async fn open(data: &TempDir) -> Store {
    let place = match plaza_testkit::postgres::schema(data.path()).await.unwrap() {
        Some(url) => Place::Server(url.parse().unwrap()),
        None => Place::File(data.path().join("plaza.db")),
    };
    let mut options = StoreOptions::at(place, [7; 16]);
    options.durability = plaza_store::Durability::None;
    Store::open(options, plaza_chat::MIGRATIONS).await.unwrap()
}

impl Node {
    pub(crate) async fn start(guest_seconds: u32) -> Self {
        let chat = |chat: &mut plaza_chat::Settings| chat.guest_seconds = guest_seconds;
        Self::over(tempfile::tempdir().unwrap(), BEGINNING, chat).await
    }

    /// On this data, at this time in milliseconds, and with settings that the test changes.
    pub(crate) async fn over(
        data: TempDir,
        now: i64,
        change: impl FnOnce(&mut plaza_chat::Settings),
    ) -> Self {
        let store = open(&data).await;
        Self::with("t1", store, data, now, None, change).await
    }

    /// One of several in this process that share a store and a bus.
    pub(crate) async fn among(name: &str, store: &Store, bus: &LocalBus) -> Self {
        let cluster = ClusterOptions {
            bus: BusOptions::new(Link::Local(bus.clone())),
            adapter: AdapterOptions::default(),
            alone: false,
        };
        let quick = |chat: &mut plaza_chat::Settings| {
            chat.lease_ms = 1_000;
            chat.position_check_ms = 1_000;
        };
        Self::with(name, store.clone(), tempfile::tempdir().unwrap(), BEGINNING, Some(cluster), quick).await
    }

    async fn with(
        name: &str,
        store: Store,
        data: TempDir,
        now: i64,
        cluster: Option<ClusterOptions>,
        change: impl FnOnce(&mut plaza_chat::Settings),
    ) -> Self {
        let environment = vec![("PLAZA_SERVER__NODE".to_owned(), name.to_owned())];
        let mut config = Config::load(&Sources { environment, ..Sources::default() }).unwrap().config;
        change(&mut config.chat);
        let clock = TestClock { millis: AtomicI64::new(now), breaks: AtomicBool::new(false) };
        let clock = Arc::new(clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let address = format!("http://{addr}").parse().unwrap();
        let began = Instant::now();
        let deps = serve::Deps {
            config,
            store: store.clone(),
            clock: clock.clone(),
            random: Arc::new(plaza_chat::SystemRandom),
            now: Arc::new(move || began.elapsed()),
            cluster,
        };
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve::run(deps, listener, shutdown.clone()));
        Self { clock, store, addr, address, shutdown, serving, data }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) async fn connect(&self, auth: Auth) -> (Connection, Session, Inbox) {
        Connection::open(&self.address, &auth, &Options::default()).await.unwrap()
    }

    pub(crate) async fn new_guest(&self, name: &str) -> (Connection, Session, Inbox) {
        self.connect(Auth { guest: Some(name.into()), ..Auth::default() }).await
    }

    /// Asks it to stop, and waits for that.
    pub(crate) async fn stop(self) -> TempDir {
        self.shutdown.cancel();
        timeout(PATIENCE, self.serving).await.expect("stops in time").unwrap().unwrap();
        self.data
    }

    /// Waits until it has stopped by itself, and gives the reason.
    pub(crate) async fn until_failed(self) -> String {
        let stopped = timeout(PATIENCE, self.serving).await.expect("stops in time").unwrap();
        assert!(!self.shutdown.is_cancelled(), "who runs it decides about the token");
        stopped.unwrap_err().to_string()
    }
}
