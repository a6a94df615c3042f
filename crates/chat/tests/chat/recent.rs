//! Copies of newest events on a real Redis: whatever becomes of them, what is shown is what the log has.

use crate::world::*;
use plaza_bus::{Bus, BusOptions, Channel, Endpoint, Layout, Link, RedisOptions};
use plaza_chat::{
    Chat, Clock, Courier, RecentStats, Retention, Rooms, Sealed, Settings, SystemRandom, Tasks,
};
use plaza_protocol::{BanMember, BlockUser, Code, CreateRoom, Event, History, Resume, RoomId, Seq, User};
use plaza_store::Store;
use plaza_testkit::{Redis, program::DEADLINE};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Nobody hears what is said here.
struct Silent;

impl Rooms for Silent {
    fn channel(&self, _: &RoomId) -> Option<Channel> {
        None
    }
    fn say(&self, _: &RoomId, _: &str, _: &RawValue, _: &Sealed) {}
}

/// A node that keeps copies.
pub(crate) struct Node {
    pub(crate) chat: Chat,
    courier: Courier,
    _stop: DropGuard,
}

async fn node(redis: &Redis, store: &Store, world: &World) -> Node {
    node_with(redis, store, world.clock.clone(), true).await
}

/// With copies, or without.
pub(crate) async fn node_with(redis: &Redis, store: &Store, clock: Arc<dyn Clock>, cache: bool) -> Node {
    let stop = CancellationToken::new();
    let layout = Layout::One(Endpoint::parse(&redis.url()).unwrap());
    let options = BusOptions::new(Link::Redis(RedisOptions { cache, ..RedisOptions::new(layout) }));
    let (bus, _) = Bus::start(options, stop.clone()).await.unwrap();
    let random = Arc::new(SystemRandom);
    let courier = Courier::new(store, &*random, bus, Arc::new(Silent), "node").await.unwrap();
    let tasks = Tasks::new(stop.clone());
    let (chat, mut committed) = Chat::start_among(
        Some(courier.clone()),
        store.clone(),
        clock,
        random,
        Settings::default(),
        stop.clone(),
        &tasks,
    )
    .await
    .unwrap();
    tokio::spawn(async move { while committed.recv().await.is_some() {} });
    Node { chat, courier, _stop: stop.drop_guard() }
}

impl Node {
    pub(crate) fn stats(&self) -> RecentStats {
        self.courier.recent_stats().unwrap()
    }

    /// Everything that may be asked about a room's newest events, answered as a node without copies does.
    async fn shows_what_the_log_has(&self, log: &Chat, user: &User, room: &RoomId, top: Seq) {
        let page = |before, after, limit| History { room_id: room.clone(), before, after, limit };
        for request in [
            page(None, None, None),
            page(None, None, Some(1)),
            page(None, None, Some(200)),
            page(Some(top), None, Some(7)),
            page(None, Some(top.saturating_sub(10)), None),
            page(None, Some(0), Some(200)),
            page(None, Some(top), None),
        ] {
            let expected = log.history(&user.id, request.clone()).await;
            assert_eq!(self.chat.history(&user.id, request.clone()).await, expected, "{request:?}");
        }
        for held in [top, top.saturating_sub(10), top.saturating_sub(100), 0] {
            let positions = [(room.to_string(), held)].into();
            let request = Resume { positions, epoch: log.epoch().to_owned() };
            let expected = log.resume(&user.id, request.clone()).await;
            assert_eq!(self.chat.resume(&user.id, request).await, expected, "since {held}");
        }
    }

    /// Until it is served from copies again.
    async fn serves(&self, user: &User, room: &RoomId) {
        self.until(user, room, |stats| stats.hits).await;
    }

    /// Has the newest page read until this figure grows: copies are written and connected to beside everything, and a
    /// server that was too slow once is not asked for a second.
    async fn until(&self, user: &User, room: &RoomId, figure: impl Fn(RecentStats) -> u64) {
        let (before, deadline) = (figure(self.stats()), Instant::now() + DEADLINE);
        let request = History { room_id: room.clone(), before: None, after: None, limit: None };
        while figure(self.stats()) == before {
            assert!(Instant::now() < deadline, "still {:?}", self.stats());
            self.chat.history(&user.id, request.clone()).await.unwrap();
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn say(&self, user: &User, room: &RoomId, numbers: std::ops::Range<u32>) -> Seq {
        let said: Vec<_> = numbers
            .map(|n| self.chat.send_message(user, message(room, &format!("c{n}"), &format!("hello {n}"))))
            .collect();
        let mut top = 0;
        for sent in said {
            top = sent.await.unwrap().seq;
        }
        top
    }
}

/// All copies there are, by name.
async fn copies(redis: &Redis) -> Vec<(String, Vec<u8>)> {
    let keys: Vec<String> =
        redis::from_redis_value(redis.ask(&["KEYS", "plaza:recent:*"]).await.unwrap()).unwrap();
    let mut copies = Vec::new();
    for key in keys {
        let copy = redis.ask(&["GET", &key]).await.unwrap();
        copies.push((key, redis::from_redis_value(copy).unwrap()));
    }
    copies
}

async fn put(redis: &Redis, copies: &[(String, Vec<u8>)]) {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for (key, copy) in copies {
        let _: () = redis::cmd("SET").arg(key).arg(copy).query_async(&mut connection).await.unwrap();
    }
}

async fn until(redis: &Redis, count: i64) {
    redis.ask_until(&["DBSIZE"], |size| *size == redis::Value::Int(count)).await.unwrap();
}

#[tokio::test]
async fn newest_events_are_served_from_copies_also_of_another_node() {
    let (redis, world) = (Redis::new().await.unwrap(), World::start().await);
    let (a, b) = (node(&redis, &world.store, &world).await, node(&redis, &world.store, &world).await);
    let ana = world.user("Ana").await;
    let hall = id("hall");
    // The connection that writes may not be there yet.
    a.chat.join_room(&ana, join("hall")).await.unwrap();
    let mut top = a.say(&ana, &hall, 0..300).await;
    a.serves(&ana, &hall).await;
    until(&redis, 256).await;
    b.serves(&ana, &hall).await;
    let missed = b.chat.missed(&hall, top - 10, top).await.unwrap();
    let missed: Vec<_> = missed.iter().map(|event| event.seq()).collect();
    assert_eq!(missed, ((top - 9)..=top).collect::<Vec<_>>());
    b.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;

    // The next one is seen at once, whether or not there is a copy of it by then.
    for number in 300..320 {
        top = a.say(&ana, &hall, number..number + 1).await;
        b.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    }
    // What is too large has no copy.
    let large = message(&hall, "large", &"x".repeat(5_000));
    top = a.chat.send_message(&ana, large).await.unwrap().seq;
    b.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    assert_eq!((a.stats().refused, b.stats().refused), (0, 0));
}

#[tokio::test]
async fn what_is_missing_is_read_from_the_log_and_kept_anew() {
    let (redis, world) = (Redis::new().await.unwrap(), World::start().await);
    let node = node(&redis, &world.store, &world).await;
    let ana = world.user("Ana").await;
    let hall = id("hall");
    node.chat.join_room(&ana, join("hall")).await.unwrap();
    let top = node.say(&ana, &hall, 0..99).await;
    node.serves(&ana, &hall).await;
    let (key, _) = copies(&redis).await.into_iter().find(|(key, _)| key.ends_with(":77")).unwrap();
    redis.ask(&["DEL", &key]).await.unwrap();
    node.until(&ana, &hall, |stats| stats.misses).await;
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    redis.ask_until(&["EXISTS", &key], |there| *there == redis::Value::Int(1)).await.unwrap();
    node.serves(&ana, &hall).await;

    redis.ask(&["FLUSHALL"]).await.unwrap();
    let before = node.stats();
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    assert_eq!(node.stats().hits, before.hits);
    // A room of which there is no copy is not busy, and none are made because somebody looks.
    until(&redis, 0).await;
}

#[tokio::test]
async fn a_redis_that_stands_still_or_dies_is_not_waited_for() {
    let (mut redis, world) = (Redis::new().await.unwrap(), World::start().await);
    let node = node(&redis, &world.store, &world).await;
    let ana = world.user("Ana").await;
    let hall = id("hall");
    node.chat.join_room(&ana, join("hall")).await.unwrap();
    let top = node.say(&ana, &hall, 0..99).await;
    node.serves(&ana, &hall).await;
    redis.pause().await.unwrap();
    node.until(&ana, &hall, |stats| stats.errors).await;
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    let top = node.say(&ana, &hall, 99..120).await;
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    redis.resume().await.unwrap();
    node.serves(&ana, &hall).await;
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    redis.kill().await.unwrap();
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    redis.start().await.unwrap();
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
}

#[tokio::test]
async fn copies_that_are_old_forged_or_of_another_place_are_never_shown() {
    let (redis, world) = (Redis::new().await.unwrap(), World::start().await);
    let node = node(&redis, &world.store, &world).await;
    let ana = world.user("Ana").await;
    let hall = id("hall");
    for room in ["hall", "other"] {
        node.chat.join_room(&ana, join(room)).await.unwrap();
        node.say(&ana, &id(room), 0..199).await;
        node.serves(&ana, &id(room)).await;
    }
    let saved = copies(&redis).await;
    // An old snapshot: where they have a place, the positions are others by now.
    let top = node.say(&ana, &hall, 199..430).await;
    put(&redis, &saved).await;
    node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    assert_eq!(node.stats().refused, 0, "old ones are no forgeries");

    let fresh: Vec<_> = copies(&redis).await.into_iter().filter(|(key, _)| key.contains(":hall}")).collect();
    let number = |key: &str| key.rsplit(':').next().unwrap().parse::<u64>().unwrap();
    let forge = |by: &dyn Fn(u64, &[u8]) -> Vec<u8>| -> Vec<_> {
        fresh.iter().map(|(key, copy)| (key.clone(), by(number(key), copy))).collect()
    };
    let with =
        |copy: &[u8], at: usize, bytes: &[u8]| [&copy[..at], bytes, &copy[at + bytes.len()..]].concat();
    let said = |copy: &[u8]| String::from_utf8_lossy(&copy[40..]).replace("hello", "hullo");
    let of_other = |place: u64| saved.iter().find(|(key, _)| key.contains(":other}") && number(key) == place);
    let forgeries = [
        forge(&|_, _| b"garbage".to_vec()),
        forge(&|_, _| vec![0xff; 1 << 16]),
        forge(&|_, copy| copy[..40].to_vec()),
        forge(&|_, copy| copy[..copy.len() - 1].to_vec()),
        forge(&|_, copy| with(copy, 8, &[0; 32])),
        forge(&|_, copy| [&copy[..40], said(copy).as_bytes()].concat()),
        // The next one, which is sealed, in the place of this one; also with this one's position before it.
        forge(&|place, _| fresh.iter().find(|(key, _)| number(key) == (place + 1) % 256).unwrap().1.clone()),
        forge(&|place, copy| {
            let next = fresh.iter().find(|(key, _)| number(key) == (place + 1) % 256).unwrap();
            with(&next.1, 0, &copy[..8])
        }),
        // Another room's, as it was sealed there.
        forge(&|place, copy| of_other(place).map_or_else(Vec::new, |(_, other)| with(other, 0, &copy[..8]))),
    ];
    for forgery in &forgeries {
        put(&redis, forgery).await;
        node.until(&ana, &hall, |stats| stats.refused).await;
        put(&redis, forgery).await;
        node.shows_what_the_log_has(&world.chat, &ana, &hall, top).await;
    }
}

#[tokio::test]
async fn an_older_epoch_is_another_place() {
    let (redis, world) = (Redis::new().await.unwrap(), World::start().await);
    let ana = world.user("Ana").await;
    let hall = id("hall");
    let old = node(&redis, &world.store, &world).await;
    old.chat.join_room(&ana, join("hall")).await.unwrap();
    old.say(&ana, &hall, 0..99).await;
    old.serves(&ana, &hall).await;
    let saved = copies(&redis).await;
    let mut tx = world.store.write().await.unwrap();
    let change = sqlx::query("UPDATE store SET value = 'anew' WHERE name = 'epoch'");
    change.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    drop(old);
    world.store.close().await;
    let store = open(&world.folder).await;
    assert_eq!(store.epoch(), "anew");
    let new = node(&redis, &store, &world).await;
    // The same room and positions, and the same key.
    let moved: Vec<_> = saved
        .iter()
        .map(|(key, copy)| {
            let (before, rest) = key.split_once('{').unwrap();
            (format!("{before}{{anew:{}", rest.split_once(':').unwrap().1), copy.clone())
        })
        .collect();
    new.until(&ana, &hall, |stats| stats.misses).await;
    assert_eq!((new.stats().hits, new.stats().refused), (0, 0));
    put(&redis, &moved).await;
    new.until(&ana, &hall, |stats| stats.refused).await;
    assert_eq!(new.stats().hits, 0);
}

#[tokio::test]
async fn who_may_read_and_from_where_is_what_the_log_says() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let retention = Retention { days: 7, ..Retention::default() };
    let (redis, world) =
        (Redis::new().await.unwrap(), World::with(Settings { retention, ..Settings::default() }).await);
    let node = node(&redis, &world.store, &world).await;
    let (ana, ben, cem) = (world.user("Ana").await, world.user("Ben").await, world.user("Cem").await);
    let hall = id("hall");
    for user in [&ana, &ben] {
        node.chat.join_room(user, join("hall")).await.unwrap();
    }
    node.say(&ana, &hall, 0..60).await;
    world.clock.forward(8 * DAY);
    let mut top = node.say(&ana, &hall, 60..100).await;
    node.serves(&ben, &hall).await;
    node.shows_what_the_log_has(&world.chat, &ben, &hall, top).await;

    // What is cut is shown no more, although there are copies.
    assert!(world.chat.cut().await.unwrap().events > 0);
    let page = History { room_id: hall.clone(), before: None, after: None, limit: Some(200) };
    let kept = node.chat.history(&ben.id, page.clone()).await.unwrap();
    assert_eq!(kept.events.len(), 40);
    assert!(kept.events.iter().all(|event| matches!(event, Event::Message(_))) && !kept.more);
    node.shows_what_the_log_has(&world.chat, &ben, &hall, top).await;

    // Strangers, and who is a member no more.
    node.shows_what_the_log_has(&world.chat, &cem, &hall, top).await;
    let whom = |user: &User| user.id.as_str().to_owned().try_into().unwrap();
    let ban = BanMember { room_id: hall.clone(), user: whom(&ben) };
    node.chat.ban_member(&ana, ban).await.unwrap();
    top = node.say(&ana, &hall, 100..110).await;
    node.serves(&ana, &hall).await;
    for stranger in [&ben, &cem] {
        assert_eq!(code(node.chat.history(&stranger.id, page.clone()).await), Code::NotFound);
        node.shows_what_the_log_has(&world.chat, stranger, &hall, top).await;
    }

    // Whom one has blocked.
    let direct = CreateRoom::Direct { user: whom(&cem) };
    let direct = node.chat.create_room(&ana, direct).await.unwrap().room.id;
    top = node.say(&cem, &direct, 0..60).await;
    node.serves(&ana, &direct).await;
    world.chat.block_user(&ana.id, BlockUser { user: whom(&cem) }).await.unwrap();
    for user in [&ana, &cem] {
        node.shows_what_the_log_has(&world.chat, user, &direct, top).await;
    }
}
