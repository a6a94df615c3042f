//! A store, a clock that the test sets, and a chat on both.

use plaza_chat::{Chat, Clock, Committed, MIGRATIONS, Random, Settings, SystemRandom, Tasks};
use plaza_protocol::{
    Code, Content, CreateRoom, Credentials, Error, Event, JoinRoom, RoomId, RoomKind, SendMessage, TextBody,
    User,
};
use plaza_store::{Durability, Migration, Place, Store, StoreOptions};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Stands still until a test moves it.
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl TestClock {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub(crate) fn back(&self, by: Duration) {
        self.0.fetch_sub(by.as_millis() as i64, Ordering::SeqCst);
    }
}

/// The same bytes in the same order for the same seed.
pub(crate) struct Seeded(Mutex<StdRng>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

pub(crate) struct World {
    pub(crate) chat: Chat,
    pub(crate) store: Store,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: Tasks,
    pub(crate) folder: TempDir,
    published: Arc<Mutex<Vec<Arc<Event>>>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// What is published is collected.
    pub(crate) async fn with(settings: Settings) -> Self {
        let (world, mut committed) = Self::unheard(settings, tempfile::tempdir().unwrap()).await;
        let published = world.published.clone();
        world.tasks.spawn("listening", async move {
            while let Some(Committed { events }) = committed.recv().await {
                assert!(!events.is_empty());
                published.lock().unwrap().extend(events);
            }
        });
        world
    }

    /// Nobody takes what is published but the caller.
    pub(crate) async fn unheard(settings: Settings, folder: TempDir) -> (Self, mpsc::Receiver<Committed>) {
        Self::random(settings, folder, Arc::new(SystemRandom)).await
    }

    pub(crate) async fn random(
        settings: Settings,
        folder: TempDir,
        random: Arc<dyn Random>,
    ) -> (Self, mpsc::Receiver<Committed>) {
        let store = open(&folder).await;
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let shutdown = CancellationToken::new();
        let tasks = Tasks::new(shutdown.clone());
        let (chat, committed) =
            Chat::start(store.clone(), clock.clone(), random, settings, shutdown.clone(), &tasks)
                .await
                .unwrap();
        let published = Arc::default();
        (Self { chat, store, clock, shutdown, tasks, folder, published }, committed)
    }

    /// Ends every task, then gives what was published, by room.
    pub(crate) async fn stop(self) -> (TempDir, BTreeMap<String, Vec<Arc<Event>>>) {
        self.shutdown.cancel();
        self.tasks.finish().await.unwrap();
        self.store.close().await;
        let mut rooms: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for event in self.published.lock().unwrap().iter() {
            rooms.entry(event.room_id().to_string()).or_default().push(event.clone());
        }
        (self.folder, rooms)
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        self.chat.new_guest(name).await.unwrap().0.user
    }

    pub(crate) async fn account(&self, name: &str) -> User {
        let credentials = Credentials { name: name.into(), password: "correct horse".into() };
        self.chat.register(credentials, "").await.unwrap().user
    }

    /// Makes a group with these members; the first owns it.
    pub(crate) async fn group(&self, members: &[&User]) -> RoomId {
        let created = self.chat.create_room(members[0], create("Group", RoomKind::Group, None)).await;
        let room = created.unwrap().room.id;
        for member in &members[1..] {
            let request = plaza_protocol::AddMember {
                room_id: room.clone(),
                user: member.id.as_str().to_owned().try_into().unwrap(),
            };
            self.chat.add_member(members[0], request).await.unwrap();
        }
        room
    }

    pub(crate) async fn join(&self, user: &User, room: &str) {
        self.chat.join_room(user, join(room)).await.unwrap();
    }

    /// The whole log of a room, checked to be without a hole.
    pub(crate) async fn log(&self, room: &RoomId) -> Vec<Arc<Event>> {
        let mut events: Vec<Arc<Event>> = Vec::new();
        loop {
            let page = self.chat.range(room, events.len() as u64, 1_000).await.unwrap();
            if page.is_empty() {
                return events;
            }
            for event in page {
                assert_eq!(event.seq(), events.len() as u64 + 1, "no hole in {room}");
                events.push(event);
            }
        }
    }
}

pub(crate) async fn open(folder: &TempDir) -> Store {
    open_at(folder, MIGRATIONS).await
}

/// As a Plaza opens it that knows these migrations.
pub(crate) async fn open_at(folder: &TempDir, migrations: &[Migration]) -> Store {
    Store::open(options(folder).await, migrations).await.unwrap()
}

/// Whether stores are on a PostgreSQL for tests: then there is no file of SQLite's, nor one of its early layouts.
pub(crate) fn on_a_server() -> bool {
    std::env::var_os("PLAZA_TEST_POSTGRES").is_some()
}

/// A store that is this folder's: a file in it, or where there is a PostgreSQL for tests, a schema there.
pub(crate) async fn options(folder: &TempDir) -> StoreOptions {
    let place = match plaza_testkit::postgres::schema(folder.path()).await.unwrap() {
        Some(url) => Place::Server(url.parse().unwrap()),
        None => Place::File(folder.path().join("plaza.db")),
    };
    StoreOptions { durability: Durability::None, ..StoreOptions::at(place, [7; 16]) }
}

pub(crate) fn id(room: &str) -> RoomId {
    room.parse().unwrap()
}

pub(crate) fn join(room: &str) -> JoinRoom {
    JoinRoom { room_id: id(room) }
}

pub(crate) fn create(name: &str, kind: RoomKind, id: Option<&str>) -> CreateRoom {
    let name = name.to_owned();
    match kind {
        RoomKind::Public => CreateRoom::Public { name, id: id.map(|id| id.parse().unwrap()) },
        RoomKind::Group => CreateRoom::Group { name },
        RoomKind::Direct => panic!("a direct room has no name"),
    }
}

pub(crate) fn message(room: &RoomId, client_id: &str, text: &str) -> SendMessage {
    SendMessage {
        room_id: room.clone(),
        client_id: client_id.parse().unwrap(),
        content: Content::Text(TextBody { text: text.into() }),
    }
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    result.unwrap_err().code
}
