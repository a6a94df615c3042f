//! Several nodes on one database: the same rooms, half of the same messages, members who come and go, and nothing that
//! tells them of each other.

use crate::world::*;
use plaza_chat::{Chat, Retention, Settings, SystemClock, SystemRandom, Tasks};
use plaza_protocol::{
    Code, CreateRoom, Credentials, Error, Event, LeaveRoom, MarkRead, RemoveMember, RoomId, RoomKind, User,
    UserRef,
};
use plaza_store::{Durability, Place, Store, StoreOptions};
use plaza_testkit::Postgres;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One node, without a socket.
struct Node {
    chat: Chat,
    store: Store,
    published: Arc<Mutex<Vec<Arc<Event>>>>,
    shutdown: CancellationToken,
    tasks: Tasks,
}

struct Nodes {
    all: Vec<Node>,
    _server: Postgres,
}

impl Nodes {
    /// All of them start at once, on a database that is empty.
    async fn start(count: usize, settings: Settings) -> Self {
        let server = Postgres::start().await.unwrap();
        let mut starting = JoinSet::new();
        for number in 0..count {
            starting.spawn(node(server.url(), settings.clone(), number as u8));
        }
        let all = starting.join_all().await;
        assert!(all.iter().all(|node| node.chat.epoch() == all[0].chat.epoch()), "one epoch");
        Self { all, _server: server }
    }

    fn chat(&self, at: usize) -> Chat {
        self.all[at % self.all.len()].chat.clone()
    }

    async fn user(&self, name: &str) -> User {
        self.chat(name.len()).new_guest(name).await.unwrap().0.user
    }

    /// Stops them, and gives what each has published, by room.
    async fn stop(self) -> BTreeMap<RoomId, Vec<Arc<Event>>> {
        let mut rooms: BTreeMap<RoomId, Vec<_>> = BTreeMap::new();
        for node in self.all {
            node.shutdown.cancel();
            node.tasks.finish().await.unwrap();
            node.store.close().await;
            let mut last = BTreeMap::new();
            for event in node.published.lock().unwrap().iter() {
                let before = last.insert(event.room_id().clone(), event.seq());
                assert!(before < Some(event.seq()), "each publishes in order");
                rooms.entry(event.room_id().clone()).or_default().push(event.clone());
            }
        }
        rooms
    }
}

async fn node(url: String, settings: Settings, number: u8) -> Node {
    let place = Place::Server(url.parse().unwrap());
    let options = StoreOptions { durability: Durability::None, ..StoreOptions::at(place, [number; 16]) };
    let store = Store::open(options, plaza_chat::MIGRATIONS).await.unwrap();
    let shutdown = CancellationToken::new();
    let tasks = Tasks::new(shutdown.clone());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let started = Chat::start(store.clone(), clock, random, settings, shutdown.clone(), &tasks).await;
    let (chat, mut committed) = started.unwrap();
    let published = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&published);
    tasks.spawn("listening", async move {
        while let Some(commit) = committed.recv().await {
            sink.lock().unwrap().extend(commit.events);
        }
    });
    Node { chat, store, published, shutdown, tasks }
}

/// The whole log of a room, checked to be without a hole.
async fn log(chat: &Chat, room: &RoomId) -> Vec<Arc<Event>> {
    let mut events: Vec<Arc<Event>> = Vec::new();
    loop {
        let page = chat.range(room, events.len() as u64, 1_000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        for event in page {
            assert_eq!(event.seq(), events.len() as u64 + 1, "no hole in {room}");
            events.push(event);
        }
    }
}

const ROOMS: [&str; 3] = ["one", "two", "three"];

/// What somebody does on some node: mostly writes, under a name that another node may be given too.
async fn act(chat: Chat, seed: u64, me: User, other: User) -> Vec<(RoomId, String, u64)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut acks = Vec::new();
    for turn in 0..60 {
        let room = id(ROOMS[random.random_range(0..ROOMS.len())]);
        let by_id = |user: &User| UserRef::Id(user.id.clone());
        let done: Result<(), Error> = match random.next_u32() % 16 {
            0 => chat.join_room(&me, join(room.as_str())).await.map(drop),
            1 => chat.leave_room(&me, LeaveRoom { room_id: room }).await.map(drop),
            2 => {
                let request = RemoveMember { room_id: room, user: by_id(&other) };
                chat.remove_member(&me, request).await.map(drop)
            }
            3 => chat.create_room(&me, CreateRoom::Direct { user: by_id(&other) }).await.map(drop),
            4 | 5 => {
                let top = chat.list_rooms(&me.id).await.unwrap().rooms;
                let seq = top.iter().find(|listed| listed.id == room).map_or(0, |listed| listed.seq);
                let seq = random.random_range(0..=seq);
                chat.mark_read(&me.id, MarkRead { room_id: room, seq }).await.map(drop)
            }
            _ => {
                // Half of them are sent by two nodes at about the same time.
                let name = if turn % 2 == 0 { format!("shared-{turn}") } else { format!("{seed}-{turn}") };
                let sent = chat.send_message(&me, message(&room, &name, &name)).await;
                sent.map(|sent| acks.push((room, name, sent.seq)))
            }
        };
        if let Err(error) = done {
            let refused = [Code::NotFound, Code::Conflict, Code::Forbidden, Code::BadRequest];
            assert!(refused.contains(&error.code), "only rules refuse: {error:?}");
        }
    }
    acks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_nodes_keep_one_order_a_room() {
    const NODES: usize = 4;
    let nodes = Nodes::start(NODES, Settings { log_batch: 16, ..Settings::default() }).await;
    let mut users = Vec::new();
    for name in ["Ana", "Benn", "Cleo", "Danny", "Emil", "Fritz"] {
        let user = nodes.user(name).await;
        for room in ROOMS {
            nodes.chat(users.len()).join_room(&user, join(room)).await.unwrap();
        }
        users.push(user);
    }
    let mut acting = JoinSet::new();
    for (number, user) in users.iter().enumerate() {
        for node in 0..NODES {
            let other = users[(number + node + 1) % users.len()].clone();
            let (chat, seed, me) = (nodes.chat(node), (number * NODES + node) as u64, user.clone());
            acting.spawn(async move { (me.id.clone(), act(chat, seed, me, other).await) });
        }
    }
    let acks = acting.join_all().await;
    let mut rooms: Vec<_> = ROOMS.map(id).into();
    for user in &users {
        for listed in nodes.chat(1).list_rooms(&user.id).await.unwrap().rooms {
            if !rooms.contains(&listed.id) {
                rooms.push(listed.id);
            }
        }
    }
    let mut logs = BTreeMap::new();
    let mut stored = HashMap::new();
    for room in &rooms {
        let log = log(&nodes.chat(0), room).await;
        for event in &log {
            if let Event::Message(message) = &**event {
                let key = (message.sender.id.clone(), room.clone(), message.client_id.to_string());
                assert_eq!(stored.insert(key, message.seq), None, "each message once");
            }
        }
        logs.insert(room.clone(), log);
    }
    let mut shared = 0;
    for (user, acks) in acks {
        for (room, name, seq) in acks {
            shared += usize::from(name.starts_with("shared"));
            assert_eq!(stored.get(&(user.clone(), room, name)), Some(&seq), "what was acknowledged is there");
        }
    }
    // How many depends on who is in which room when; that there were many is all that is to be sure of.
    assert!(stored.len() > 200 && shared > 100, "{} stored, {shared} acknowledged twice", stored.len());
    for (number, user) in users.iter().enumerate() {
        for listed in nodes.chat(number).list_rooms(&user.id).await.unwrap().rooms {
            let log = &logs[&listed.id];
            let unread = log.iter().filter(|event| match &***event {
                Event::Message(message) => message.seq > listed.read_seq && message.sender.id != user.id,
                _ => false,
            });
            assert_eq!(listed.unread, unread.count() as u64, "unread is what a recount says");
            assert_eq!(listed.members, members(log), "so are the members");
        }
    }
    for (room, mut events) in nodes.stop().await {
        events.sort_by_key(|event| event.seq());
        assert_eq!(events, logs[&room], "each event is published by one node");
    }
}

/// How many members a log leaves in its room.
fn members(log: &[Arc<Event>]) -> u64 {
    log.iter().fold(0, |members, event| match &**event {
        Event::MemberAdded(_) => members + 1,
        Event::MemberRemoved(_) => members - 1,
        _ => members,
    })
}

/// Asks all nodes for the same at once.
async fn at_once<T: Send + 'static, F: Future<Output = Result<T, Error>> + Send + 'static>(
    nodes: &Nodes,
    times: usize,
    ask: impl Fn(Chat, usize) -> F,
) -> Vec<Result<T, Code>> {
    let mut asking = JoinSet::new();
    for number in 0..times {
        asking.spawn(ask(nodes.chat(number), number));
    }
    asking.join_all().await.into_iter().map(|answer| answer.map_err(|error| error.code)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_once_is_there_once_on_all_nodes() {
    let nodes = Nodes::start(3, Settings { rooms_per_user: 5, ..Settings::default() }).await;
    let ok = |answers: &[Result<(), Code>]| answers.iter().filter(|answer| answer.is_ok()).count();
    let conflict = |answers: &[Result<(), Code>]| {
        answers.iter().all(|answer| answer.is_ok() || *answer == Err(Code::Conflict))
    };
    for round in 0..5 {
        let (ana, ben) = (nodes.user(&format!("Ana{round}")).await, nodes.user(&format!("Ben{round}")).await);

        let room = format!("room{round}");
        let created = at_once(&nodes, 3, |chat, _| {
            let (ana, request) = (ana.clone(), create(&room, RoomKind::Public, None));
            async move { chat.create_room(&ana, request).await.map(drop) }
        });
        let created = created.await;
        assert!(ok(&created) == 1 && conflict(&created), "a room once: {created:?}");

        let name = format!("Account{round}");
        let registered = at_once(&nodes, 3, |chat, _| {
            let credentials = Credentials { name: name.clone(), password: "correct horse".into() };
            async move { chat.register(credentials, "").await.map(drop) }
        });
        let registered = registered.await;
        assert!(ok(&registered) == 1 && conflict(&registered), "a name once: {registered:?}");

        let direct = at_once(&nodes, 6, |chat, number| {
            let (by, whom) = if number % 2 == 0 { (&ana, &ben) } else { (&ben, &ana) };
            let (by, user) = (by.clone(), UserRef::Name(whom.name.clone()));
            async move { chat.create_room(&by, CreateRoom::Direct { user }).await.map(|made| made.room) }
        });
        let direct: Vec<_> = direct.await.into_iter().map(Result::unwrap).collect();
        assert!(direct.iter().all(|room| room.id == direct[0].id && room.members == 2), "{direct:?}");

        let joined = at_once(&nodes, 12, |chat, number| {
            let (ben, room) = (ben.clone(), join(&format!("many{round}-{number}")));
            async move { chat.join_room(&ben, room).await.map(drop) }
        });
        let joined = joined.await;
        assert!(ok(&joined) == 5 && conflict(&joined), "in as many rooms as are allowed: {joined:?}");
    }
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_cut_the_same_room_at_once_cut_it_once() {
    let retention = Retention { days: 1, ..Retention::default() };
    let nodes = Nodes::start(3, Settings { retention, ..Settings::default() }).await;
    let (ana, ben) = (nodes.user("Ana").await, nodes.user("Ben").await);
    for user in [&ana, &ben] {
        nodes.chat(0).join_room(user, join("hall")).await.unwrap();
    }
    let pending: Vec<_> = (0..1_500)
        .map(|n| nodes.chat(n % 3).send_message(&ana, message(&id("hall"), &n.to_string(), "hi")))
        .collect();
    for sent in pending {
        sent.await.unwrap();
    }
    // Long ago, but for the last ten.
    let mut tx = nodes.all[0].store.write().await.unwrap();
    sqlx::query("UPDATE events SET at = 0 WHERE seq <= 1492").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let cutting = at_once(&nodes, 3, |chat, _| async move { chat.cut().await.map(drop) });
    let reading = at_once(&nodes, 3, |chat, number| {
        let ben = ben.clone();
        async move {
            for step in 1..=50 {
                let seq = (step * 30 + number) as u64;
                match chat.mark_read(&ben.id, MarkRead { room_id: id("hall"), seq: seq.min(1_502) }).await {
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }
    });
    let (cut, read) = tokio::join!(cutting, reading);
    assert!(cut.iter().chain(&read).all(Result::is_ok), "{cut:?} {read:?}");
    let left = nodes.chat(0).range(&id("hall"), 0, 1_000).await.unwrap();
    assert!(left.iter().map(|event| event.seq()).eq(1_493..=1_502));
    let (_, extent) = nodes.chat(1).memberships(&ben.id).await.unwrap().remove(0);
    assert_eq!((extent.first, extent.top), (1_493, 1_502));
    let listed = nodes.chat(2).list_rooms(&ben.id).await.unwrap().rooms.remove(0);
    assert_eq!((listed.read_seq, listed.unread), (1_502, 0));
    let again = nodes.chat(1).send_message(&ana, message(&id("hall"), "7", "hi")).await.unwrap();
    assert!(again.seq < 1_493, "what was cut is answered as before");
    nodes.stop().await;
}

/// Webhooks write as nobody's member does, and one request of theirs may come to every node at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_webhook_sends_to_many_nodes_is_written_once() {
    let nodes = Nodes::start(4, Settings::default()).await;
    let ana = nodes.user("Ana").await;
    let room = id("hall");
    nodes.chat(0).create_room(&ana, create("hall", RoomKind::Public, Some("hall"))).await.unwrap();
    let made =
        nodes.chat(1).administration().add_webhook("Build", std::slice::from_ref(&room)).await.unwrap();
    let mut writing = JoinSet::new();
    for turn in 0..160 {
        let (chat, key, room, ana) = (nodes.chat(turn), made.key.clone(), room.clone(), ana.clone());
        writing.spawn(async move {
            // It holds on whichever node, and members write in between.
            let webhook = chat.webhook_by_key(&key, &room).await.unwrap().unwrap();
            assert!(webhook.may_write);
            let name = format!("k{}", turn / 8);
            chat.send_message(&ana, message(&room, &format!("c{turn}"), "between")).await.unwrap();
            let sent = chat.write_by_webhook(&webhook.sender, message(&room, &name, &name)).await.unwrap();
            (name, sent)
        });
    }
    let mut sent = BTreeMap::new();
    for (name, answer) in writing.join_all().await {
        assert_eq!(*sent.entry(name).or_insert_with(|| answer.clone()), answer, "each is answered alike");
    }
    let log = log(&nodes.chat(2), &room).await;
    let written = log.iter().filter(|event| {
        matches!(&***event, Event::Message(message) if message.sender.is_webhook()
            && sent.get(message.client_id.as_str()).is_some_and(|sent| sent.seq == message.seq))
    });
    assert_eq!((sent.len(), written.count(), log.len()), (20, 20, 1 + 160 + 20));
    let other = nodes.chat(3).write_by_webhook(
        &nodes.chat(3).webhook_by_key(&made.key, &room).await.unwrap().unwrap().sender,
        message(&room, "k0", "another"),
    );
    assert_eq!(code(other.await), Code::Conflict);
    assert_eq!(self::log(&nodes.chat(0), &room).await.len(), log.len(), "what is refused leaves no hole");
    nodes.stop().await;
}
