//! Several nodes on one store, each with a feed, over a bus in memory that goes down and comes back.

mod doubt;
mod presence;

use crate::world::{Seeded, TestClock, World, message};
use plaza_bus::{Bus, BusOptions, Channel, Incoming, Link, LocalBus, Receiver};
use plaza_chat::{
    Caught, Chat, Clock, Courier, Feed, Hearing, Item, JoinError, Live, Membership, Presence, Rooms, Sealed,
    Settings, Subscriber, SystemRandom, Tasks, check, decide,
};
use plaza_protocol::{AddMember, Event, MarkRead, RoomId, Seq, TypingEvent, User};
use plaza_store::Store;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// What one connection was sent.
#[derive(Default)]
struct Seen {
    items: Mutex<Vec<Item>>,
    more: Notify,
}

impl Subscriber for Seen {
    type Frame = Item;
    fn encode(item: &Item) -> Item {
        item.clone()
    }
    fn cost(_: &Item) -> usize {
        1
    }
    fn send(&self, frame: &Item) {
        self.items.lock().unwrap().push(frame.clone());
        self.more.notify_waiters();
    }
    fn free(&self) -> usize {
        usize::MAX
    }
    fn close(&self) {
        panic!("nobody is closed here");
    }
}

impl Seen {
    /// Waits until what was sent is so.
    async fn until<T>(&self, met: impl Fn(&[Item]) -> Option<T>) -> T {
        let deadline = Duration::from_secs(20);
        let found = timeout(deadline, async {
            loop {
                let more = self.more.notified();
                if let Some(found) = met(&self.items.lock().unwrap()) {
                    return found;
                }
                more.await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("only {:?}", self.items.lock().unwrap()))
    }

    /// The positions seen in a room, once they reach the last.
    async fn seqs(&self, room: &RoomId, last: Seq) -> Vec<Seq> {
        self.until(|items| {
            let seqs: Vec<_> = events(items, room).map(Event::seq).collect();
            (seqs.last() >= Some(&last)).then_some(seqs)
        })
        .await
    }
}

fn events<'a>(items: &'a [Item], room: &'a RoomId) -> impl Iterator<Item = &'a Event> {
    items.iter().filter_map(move |item| match item {
        Item::Event(event) if event.room_id() == room => Some(&**event),
        _ => None,
    })
}

/// One node: its chat on the store that all share, and its feed.
struct Node {
    chat: Chat,
    feed: Feed<Seen>,
    presence: Presence<Seen>,
    /// Ends it without a word, as if it were killed.
    kill: CancellationToken,
}

/// How events of rooms are said here.
struct Spoken {
    node: String,
    bus: Bus,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    node: String,
    event: String,
    object: Box<RawValue>,
    sealed: Box<RawValue>,
}

const OF_ROOM: &str = "room#";

impl Rooms for Spoken {
    fn channel(&self, room: &RoomId) -> Option<Channel> {
        Channel::new(format!("{OF_ROOM}{room}")).ok()
    }

    fn say(&self, room: &RoomId, event: &str, object: &RawValue, sealed: &Sealed) {
        let sealed = serde_json::value::to_raw_value(sealed).unwrap();
        let payload =
            Payload { node: self.node.clone(), event: event.into(), object: object.to_owned(), sealed };
        self.bus.publish(&self.channel(room).unwrap(), serde_json::to_vec(&payload).unwrap().into());
    }
}

async fn hear(node: String, mut receiver: Receiver, hearing: Hearing<Seen>) {
    while let Some(incoming) = receiver.recv().await {
        let Incoming::Message { channel, payload } = incoming else {
            hearing.missed();
            continue;
        };
        if let Some(room) = channel.strip_prefix(OF_ROOM) {
            if let Ok(said) = serde_json::from_slice::<Payload>(&payload)
                && said.node != node
            {
                hearing.in_room(room, &said.event, said.object.get(), said.sealed.get()).await;
            }
        } else {
            assert!(hearing.on(&channel, &payload).await, "{channel}");
        }
    }
}

struct Cluster {
    world: World,
    bus: LocalBus,
    nodes: Vec<Node>,
    stop: CancellationToken,
}

impl Cluster {
    async fn of(count: usize) -> Self {
        let world = World::start().await;
        let (bus, stop) = (LocalBus::new(), CancellationToken::new());
        let mut nodes = Vec::new();
        for number in 0..count {
            nodes.push(node(&world, &bus, number, &stop).await);
        }
        Self { world, bus, nodes, stop }
    }

    /// Comes in on a node, as the gateway has them do.
    async fn come(&self, node: usize, user: &User) -> Arc<Seen> {
        let Node { chat, feed, .. } = &self.nodes[node];
        let seen = Arc::new(Seen::default());
        let connection = feed.connect(user.id.clone(), Arc::clone(&seen)).await.unwrap();
        loop {
            let rooms = chat.memberships(&user.id).await.unwrap();
            feed.watch(connection, rooms.into_iter().map(|(room, _)| room).collect()).await;
            let tops = chat.memberships(&user.id).await.unwrap();
            let caught = tops.iter().map(|(room, extent)| Caught {
                name: room.to_string(),
                position: Some((room.clone(), extent.top)),
                resumed: decide(None, true, Some(*extent)),
            });
            match feed.go_live(connection, caught.collect()).await {
                Live::Yes => return seen,
                Live::LookAgain => tokio::task::yield_now().await,
                Live::Gone => panic!("the feed has ended"),
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn node(world: &World, bus: &LocalBus, number: usize, stop: &CancellationToken) -> Node {
    node_on(&world.store, world, 1_000, bus, number, stop).await
}

/// One that compares positions this often, in milliseconds.
async fn node_on(
    store: &Store,
    world: &World,
    position_check_ms: u32,
    bus: &LocalBus,
    number: usize,
    stop: &CancellationToken,
) -> Node {
    let kill = stop.child_token();
    let options = BusOptions::new(Link::Local(bus.clone()));
    let (bus, receiver) = Bus::start(options, kill.clone()).await.unwrap();
    let random: Arc<dyn plaza_chat::Random> = Arc::new(Seeded::new(number as u64));
    let name = format!("node{number}");
    let courier =
        Courier::new(store, &*random, bus.clone(), Arc::new(Spoken { node: name.clone(), bus }), &name)
            .await
            .unwrap();
    let tasks = Tasks::new(kill.clone());
    let settings =
        Settings { position_check_ms, lease_ms: 1_000, presence_grace_ms: 0, ..Settings::default() };
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&world.clock);
    let (store, stop_chat) = (store.clone(), CancellationToken::new());
    let (chat, committed) =
        Chat::start_among(Some(courier.clone()), store, clock, random, settings, stop_chat, &tasks)
            .await
            .unwrap();
    let feed = Feed::start(&chat, committed, &tasks);
    // Killed, it does not say who has left it.
    let presence = Presence::start(&chat, CancellationToken::new(), &tasks);
    let until = |ends: CancellationToken, task: futures_util::future::BoxFuture<'static, ()>| {
        tokio::spawn(async move { ends.run_until_cancelled(task).await })
    };
    let hearing = Hearing::new(courier.clone(), chat.clone(), feed.clone(), presence.clone());
    until(kill.clone(), Box::pin(hear(name.clone(), receiver, hearing)));
    until(kill.clone(), Box::pin(check(courier.clone(), chat.clone(), feed.clone(), presence.clone())));
    let membership = Membership::join(&chat, &courier, &name, false).await.unwrap();
    until(kill.clone(), Box::pin(membership.keep(Some(presence.clone()), || 1, kill.clone())));
    Node { chat, feed, presence, kill }
}

#[tokio::test]
async fn what_one_node_commits_every_member_sees_in_one_order() {
    let cluster = Cluster::of(3).await;
    let (ana, ben, cem) =
        (cluster.world.user("Ana").await, cluster.world.user("Ben").await, cluster.world.user("Cem").await);
    let room = cluster.world.group(&[&ana, &ben, &cem]).await;
    let people = [&ana, &ben, &cem];
    let mut seen = Vec::new();
    for (node, user) in people.iter().enumerate() {
        seen.push(cluster.come(node, user).await);
    }
    let top = cluster.world.log(&room).await.len() as Seq;
    for number in 0..60_u64 {
        let node = number as usize % 3;
        // The bus is away for a third of the time.
        cluster.bus.set_down((20..40).contains(&number));
        let request = message(&room, &format!("c{number}"), "hi");
        let sending = cluster.nodes[node].chat.send_message(people[node], request);
        if number % 5 == 0 {
            sending.await.unwrap();
        }
    }
    cluster.bus.set_down(false);
    let last = top + 60;
    for seen in &seen {
        assert_eq!(seen.seqs(&room, last).await, ((top + 1)..=last).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_last_message_that_the_bus_lost_is_found() {
    let cluster = Cluster::of(2).await;
    let (ana, ben) = (cluster.world.user("Ana").await, cluster.world.user("Ben").await);
    let room = cluster.world.group(&[&ana, &ben]).await;
    let seen = cluster.come(1, &ben).await;
    cluster.bus.set_down(true);
    let sent = cluster.nodes[0].chat.send_message(&ana, message(&room, "c1", "hi")).await.unwrap();
    // It stays down.
    assert_eq!(seen.seqs(&room, sent.seq).await, [sent.seq]);
}

#[tokio::test]
async fn one_who_is_added_on_another_node_is_fed_from_then_on_whether_or_not_they_were_told() {
    for down in [false, true] {
        let cluster = Cluster::of(2).await;
        let (ana, ben) = (cluster.world.user("Ana").await, cluster.world.user("Ben").await);
        let room = cluster.world.group(&[&ana]).await;
        let seen = cluster.come(1, &ben).await;
        cluster.bus.set_down(down);
        let chat = &cluster.nodes[0].chat;
        let user = ben.id.as_str().to_owned().try_into().unwrap();
        let added = chat.add_member(&ana, AddMember { room_id: room.clone(), user }).await.unwrap();
        let sent = chat.send_message(&ana, message(&room, "c1", "hi")).await.unwrap();
        assert_eq!(seen.seqs(&room, sent.seq).await, [added.seq, sent.seq], "down: {down}");
    }
}

#[tokio::test]
async fn one_who_is_still_coming_in_is_left_alone_by_what_compares() {
    let cluster = Cluster::of(1).await;
    let ana = cluster.world.user("Ana").await;
    let room = cluster.world.group(&[&ana]).await;
    let Node { chat, feed, .. } = &cluster.nodes[0];
    // More than are searched for how she came into the room.
    for number in 0..201 {
        chat.send_message(&ana, message(&room, &format!("c{number}"), "hi")).await.unwrap();
    }
    // Known, and in none of her rooms yet. `Seen` panics when it is closed.
    let coming = feed.connect(ana.id.clone(), Arc::new(Seen::default())).await.unwrap();
    let mut looks = chat.looks().unwrap();
    for _ in 0..2 {
        cluster.bus.set_down(true);
        cluster.bus.set_down(false);
        looks.next().await;
    }
    assert!(
        matches!(feed.go_live(coming, Vec::new()).await, Live::LookAgain | Live::Yes),
        "it is still known"
    );
}

#[tokio::test]
async fn what_is_not_kept_reaches_other_nodes_too() {
    let cluster = Cluster::of(2).await;
    let (ana, ben) = (cluster.world.user("Ana").await, cluster.world.user("Ben").await);
    let room = cluster.world.group(&[&ana, &ben]).await;
    let (own, other) = (cluster.come(0, &ana).await, cluster.come(1, &ben).await);
    let elsewhere = cluster.come(1, &ana).await;
    let typing = TypingEvent { room_id: room.clone(), user: ana.clone(), for_ms: 5_000 };
    cluster.nodes[0].feed.typing(typing.clone()).await;
    let writes = |items: &[Item]| items.iter().any(|item| matches!(item, Item::Typing(_))).then_some(());
    other.until(writes).await;
    let request = MarkRead { room_id: room.clone(), seq: 1 };
    let marked = cluster.nodes[0].chat.mark_read(&ana.id, request).await.unwrap();
    let read = plaza_protocol::ReadEvent { room_id: room.clone(), seq: marked.position.seq };
    cluster.nodes[0].feed.read(ana.id.clone(), read.clone(), None, true).await;
    other.until(|items| items.iter().any(|item| matches!(item, Item::Receipts(_))).then_some(())).await;
    elsewhere
        .until(|items| {
            items.iter().any(|item| matches!(item, Item::Read(event) if *event == read)).then_some(())
        })
        .await;
    assert!(writes(&own.items.lock().unwrap()).is_none(), "one does not see oneself write");
    assert!(writes(&elsewhere.items.lock().unwrap()).is_none(), "nor elsewhere");
}

#[tokio::test]
async fn a_session_that_ends_on_one_node_ends_on_all() {
    let cluster = Cluster::of(2).await;
    let mut ended = cluster.nodes[1].chat.revocations();
    let (guest, _) = cluster.nodes[0].chat.new_guest("Ana").await.unwrap();
    cluster.nodes[0].chat.end_sessions(&guest, false).await.unwrap();
    let told = timeout(Duration::from_secs(20), ended.recv()).await.unwrap().unwrap();
    assert_eq!(told, guest.session);
}

#[tokio::test]
async fn nothing_is_heard_from_one_who_has_not_the_key() {
    let cluster = Cluster::of(2).await;
    let (ana, ben) = (cluster.world.user("Ana").await, cluster.world.user("Ben").await);
    let room = cluster.world.group(&[&ana, &ben]).await;
    let seen = cluster.come(1, &ben).await;
    let stranger = BusOptions::new(Link::Local(cluster.bus.clone()));
    let (stranger, mut heard) = Bus::start(stranger, cluster.stop.clone()).await.unwrap();
    let channel = Channel::new(format!("{OF_ROOM}{room}")).unwrap();
    let listening = stranger.subscribe(&channel);
    listening.ready().await.unwrap();
    let first = cluster.nodes[0].chat.send_message(&ana, message(&room, "c1", "first")).await.unwrap();
    let Some(Incoming::Message { payload, .. }) = heard.recv().await else { panic!("nothing") };
    let said = String::from_utf8(payload.to_vec()).unwrap();
    let at = |seq: u64| format!("\"seq\":{seq}");
    let forged = said.replace(&at(first.seq), &at(first.seq + 1)).replace("first", "forged");
    assert_ne!(forged, said);
    for garbage in [forged.as_str(), "", "{}", "\u{0}", "[1]"] {
        stranger.publish(&channel, garbage.to_owned().into());
    }
    for channel in ["plaza#all", &format!("plaza#user#{}", ben.id), &format!("plaza#seen#{}", ben.id)] {
        for garbage in [r#"{"node":"n","said":{"ended":[]},"seal":""}"#, "", "{}"] {
            stranger.publish(&Channel::new(channel).unwrap(), garbage.to_owned().into());
        }
    }
    let second = cluster.nodes[0].chat.send_message(&ana, message(&room, "c2", "second")).await.unwrap();
    assert_eq!(seen.seqs(&room, second.seq).await, [first.seq, second.seq]);
    let items = seen.items.lock().unwrap();
    assert!(events(&items, &room).all(|event| !format!("{event:?}").contains("forged")));
}

#[tokio::test]
async fn a_name_is_for_one_node_at_a_time() {
    let cluster = Cluster::of(1).await;
    let Node { chat, .. } = &cluster.nodes[0];
    let options = BusOptions::new(Link::Local(cluster.bus.clone()));
    let (bus, _receiver) = Bus::start(options, cluster.stop.clone()).await.unwrap();
    let again = Courier::new(
        &cluster.world.store,
        &SystemRandom,
        bus.clone(),
        Arc::new(Spoken { node: "again".into(), bus }),
        "node0",
    )
    .await
    .unwrap();
    let taken = Membership::join(chat, &again, "node0", false).await;
    assert!(matches!(taken, Err(JoinError::NameTaken(name)) if name == "node0"));
    let beside = Membership::join(chat, &again, "node1", true).await;
    assert!(matches!(beside, Err(JoinError::NotAlone(name)) if name == "node0"));
    cluster.nodes[0].kill.cancel();
    Membership::join(chat, &again, "node0", false).await.unwrap();
}
