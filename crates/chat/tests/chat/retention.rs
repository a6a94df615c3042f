//! Retention: what is cut is gone, and everything else is as if it were not.

use crate::world::*;
use plaza_chat::{Cut, MIGRATIONS, Retention, RoomDays, Settings};
use plaza_protocol::{
    Code, Event, History, LeaveRoom, MarkRead, Reload, Resume, ResumePage, RoomId, RoomKind, RoomSummary,
    Seq, User,
};
use proptest::prelude::*;
use sqlx::Row;
use std::{collections::BTreeMap, time::Duration};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn days(days: u32) -> Settings {
    Settings { retention: Retention { days, ..Retention::default() }, ..Settings::default() }
}

fn page(room: &RoomId, before: Option<Seq>, after: Option<Seq>, limit: u32) -> History {
    History { room_id: room.clone(), before, after, limit: Some(limit) }
}

async fn seqs(world: &World, user: &User, request: History) -> (Vec<Seq>, bool) {
    let page = world.chat.history(&user.id, request).await.unwrap();
    (page.events.iter().map(Event::seq).collect(), page.more)
}

async fn resumed(world: &World, user: &User, room: &RoomId, held: Seq) -> ResumePage {
    let positions = [(room.to_string(), held)].into();
    let request = Resume { positions, epoch: world.chat.epoch().to_owned() };
    world.chat.resume(&user.id, request).await.unwrap().rooms.remove(room.as_str()).unwrap()
}

async fn listed(world: &World, user: &User, room: &RoomId) -> RoomSummary {
    let rooms = world.chat.list_rooms(&user.id).await.unwrap().rooms;
    rooms.into_iter().find(|summary| summary.id == *room).unwrap()
}

async fn unread(world: &World, user: &User, room: &RoomId) -> u64 {
    listed(world, user, room).await.unread
}

async fn say(world: &World, user: &User, room: &RoomId, client_ids: impl Iterator<Item = u64>) -> Vec<Seq> {
    let pending: Vec<_> =
        client_ids.map(|n| world.chat.send_message(user, message(room, &n.to_string(), "hi"))).collect();
    let mut seqs = Vec::new();
    for sent in pending {
        seqs.push(sent.await.unwrap().seq);
    }
    seqs
}

#[tokio::test]
async fn a_room_ends_where_it_was_cut() {
    let world = World::with(days(7)).await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    let hall = id("hall");
    world.join(&ana, "hall").await;
    world.join(&ben, "hall").await;
    say(&world, &ana, &hall, 3..=500).await;
    world.clock.forward(4 * DAY);
    say(&world, &ana, &hall, 501..=600).await;
    assert_eq!(world.chat.cut().await.unwrap(), Cut::default(), "nothing is old enough");
    assert_eq!(unread(&world, &ben, &hall).await, 598);
    world.clock.forward(4 * DAY);
    assert_eq!(world.chat.cut().await.unwrap(), Cut { events: 500, guests: 0 });
    assert_eq!(world.chat.cut().await.unwrap(), Cut::default());

    assert_eq!(seqs(&world, &ben, page(&hall, None, Some(0), 200)).await, ((501..=600).collect(), false));
    assert_eq!(seqs(&world, &ben, page(&hall, None, None, 100)).await, ((501..=600).collect(), false));
    assert_eq!(seqs(&world, &ben, page(&hall, None, None, 99)).await, ((502..=600).collect(), true));
    assert_eq!(seqs(&world, &ben, page(&hall, Some(501), None, 10)).await, (vec![], false));
    assert_eq!(unread(&world, &ben, &hall).await, 100, "what nobody can read is not unread");
    for held in [0, 1, 499] {
        let page = resumed(&world, &ben, &hall, held).await;
        assert_eq!(page, ResumePage::Reload { reload: Reload::Trimmed }, "{held}");
    }
    let ResumePage::Events(kept) = resumed(&world, &ben, &hall, 500).await else { panic!("it is kept") };
    assert_eq!(kept.events.len(), 100);

    // Members are who they were, and a retry gets the first answer, whatever it says now.
    let members = plaza_protocol::ListMembers { room_id: hall.clone(), after: None };
    assert_eq!(world.chat.room_members(&ben.id, members).await.unwrap().members.len(), 2);
    assert_eq!(say(&world, &ana, &hall, [3, 500, 501].into_iter()).await, [3, 500, 501]);
    let other = world.chat.send_message(&ana, message(&hall, "3", "something else")).await.unwrap();
    assert_eq!(other.seq, 3);
    assert_eq!(code(world.chat.send_message(&ana, message(&hall, "501", "else")).await), Code::Conflict);
    assert_eq!(say(&world, &ana, &hall, 601..=601).await, [601]);

    // All of it.
    assert!(listed(&world, &ben, &hall).await.at.is_some());
    world.clock.forward(8 * DAY);
    assert_eq!(world.chat.cut().await.unwrap().events, 101);
    assert_eq!(listed(&world, &ben, &hall).await.at, None);
    assert_eq!(seqs(&world, &ben, page(&hall, None, None, 10)).await, (vec![], false));
    assert_eq!(unread(&world, &ben, &hall).await, 0);
    assert_eq!(resumed(&world, &ben, &hall, 600).await, ResumePage::Reload { reload: Reload::Trimmed });
    assert!(matches!(resumed(&world, &ben, &hall, 601).await, ResumePage::Events(page) if !page.more));
    assert_eq!(say(&world, &ana, &hall, 602..=602).await, [602], "no position is given twice");
    assert_eq!(unread(&world, &ben, &hall).await, 1);
    let read = MarkRead { room_id: hall.clone(), seq: 602 };
    assert_eq!(world.chat.mark_read(&ben.id, read).await.unwrap().position.seq, 602);
    assert_eq!(unread(&world, &ben, &hall).await, 0);
}

#[tokio::test]
async fn rooms_have_days_of_their_own() {
    let rooms = vec![RoomDays { room: id("short"), days: 1 }, RoomDays { room: id("long"), days: 0 }];
    let retention = Retention { days: 10, guest_room_days: 5, rooms };
    let world = World::with(Settings { retention, ..Settings::default() }).await;
    let guest = world.user("Gil").await;
    let ana = world.account("Ana").await;
    for room in ["short", "long", "anas"] {
        world.join(&ana, room).await;
    }
    world.join(&guest, "gils").await;
    let left = async || {
        let mut reader = world.store.read().await.unwrap();
        let rows = sqlx::query("SELECT DISTINCT room_id FROM events ORDER BY room_id");
        let rows = rows.fetch_all(&mut *reader).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>()
    };
    for (days, expected) in [(2, vec!["anas", "gils", "long"]), (4, vec!["anas", "long"]), (5, vec!["long"])]
    {
        world.clock.forward(days * DAY);
        world.chat.cut().await.unwrap();
        assert_eq!(left().await, expected);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_costs_nobody_a_message() {
    let world = World::with(days(1)).await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    world.clock.forward(10 * DAY);
    say(&world, &ana, &id("hall"), 1..=3).await;
    world.clock.back(9 * DAY);
    say(&world, &ana, &id("hall"), 4..=6).await;
    world.clock.forward(9 * DAY + DAY / 2);
    // Those that seem old stand behind some that are not.
    assert_eq!(world.chat.cut().await.unwrap().events, 1);
    assert_eq!(seqs(&world, &ana, page(&id("hall"), None, None, 10)).await, ((2..=7).collect(), false));
}

#[tokio::test]
async fn guests_that_have_expired_and_that_nothing_refers_to_are_forgotten() {
    let world = World::with(Settings { guest_seconds: 3_600, ..Settings::default() }).await;
    let names = ["Gone", "Member", "Left", "Blocked", "Banned"];
    let mut guests = BTreeMap::new();
    for name in names {
        guests.insert(name, world.user(name).await);
    }
    let here = world.chat.new_guest("Here").await.unwrap().0.session;
    let ana = world.account("Ana").await;
    for name in ["Member", "Left", "Banned"] {
        world.join(&guests[name], "hall").await;
    }
    let leave = LeaveRoom { room_id: id("hall") };
    world.chat.leave_room(&guests["Left"], leave).await.unwrap();
    let mut tx = world.store.write().await.unwrap();
    for (statement, name) in [
        ("INSERT INTO blocks (user_id, blocked_id) VALUES ($2, $1)", "Blocked"),
        ("INSERT INTO blocks (user_id, blocked_id) VALUES ($1, $2)", "Gone"),
        ("INSERT INTO bans (room_id, user_id) SELECT 'hall', $1 WHERE $2 <> ''", "Banned"),
        ("DELETE FROM members WHERE room_id = 'hall' AND user_id = $1 AND $2 <> ''", "Banned"),
    ] {
        let done = sqlx::query(statement).bind(guests[name].id.as_str()).bind(ana.id.as_str());
        done.execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(world.chat.cut().await.unwrap(), Cut::default());
    world.clock.forward(Duration::from_secs(3_000));
    world.chat.sessions_seen(&[here]).await.unwrap();
    world.clock.forward(Duration::from_secs(1_000));
    assert_eq!(world.chat.cut().await.unwrap(), Cut { events: 0, guests: 2 }, "Gone and Left");
    let mut reader = world.store.read().await.unwrap();
    let rows = sqlx::query("SELECT name FROM users ORDER BY name").fetch_all(&mut *reader).await.unwrap();
    let left: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, ["Ana", "Banned", "Blocked", "Here", "Member"]);
    let blocks: i64 =
        sqlx::query("SELECT COUNT(*) FROM blocks").fetch_one(&mut *reader).await.unwrap().get(0);
    assert_eq!(blocks, 1);
}

#[tokio::test]
async fn who_writes_meanwhile_does_not_wait_for_the_end() {
    let world = World::with(days(1)).await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    say(&world, &ana, &id("hall"), 2..=3_000).await;
    world.clock.forward(2 * DAY);
    let chat = world.chat.clone();
    let cutting = tokio::spawn(async move { chat.cut().await.unwrap() });
    let mut written = 0;
    let next =
        |written: u64| world.chat.send_message(&ana, message(&id("hall"), &format!("w{written}"), "hi"));
    while !cutting.is_finished() {
        next(written).await.unwrap();
        written += 1;
    }
    // Fifteen transactions, with others between them.
    assert!(written > 10, "{written}");
    assert_eq!(cutting.await.unwrap().events, 3_000);
}

#[tokio::test]
async fn data_of_before_is_cut_too() {
    if on_a_server() {
        return;
    }
    let folder = crate::migrating::earlier().await;
    let before: Vec<_> = MIGRATIONS.iter().copied().filter(|step| step.version < 8).collect();
    open_at(&folder, &before).await.close().await;
    let (world, _committed) = World::unheard(days(1), folder).await;
    let [ana, ben] = crate::migrating::ana_and_ben();
    // The task that starts with the chat may have been first.
    world.chat.cut().await.unwrap();
    assert_eq!((unread(&world, &ana, &id("hall")).await, unread(&world, &ben, &id("hall")).await), (0, 0));
    assert_eq!(resumed(&world, &ana, &id("hall"), 9).await, ResumePage::Reload { reload: Reload::Trimmed });
    let hall = id("hall");
    assert_eq!(world.chat.send_message(&ana, message(&hall, "3", "hi")).await.unwrap().seq, 3);
    assert_eq!(world.chat.send_message(&ana, message(&hall, "11", "hi")).await.unwrap().seq, 11);
    assert_eq!((unread(&world, &ana, &hall).await, unread(&world, &ben, &hall).await), (0, 1));
}

const USERS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Step {
    Send { user: usize, client_id: u8, text: u8 },
    Join { user: usize },
    Leave { user: usize },
    Read { user: usize, of_ten: u64 },
    Wait { hours: u32 },
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    let user = 0..USERS;
    prop_oneof![
        12 => (user.clone(), 0..250_u8, 0..2_u8)
            .prop_map(|(user, client_id, text)| Step::Send { user, client_id, text }),
        2 => user.clone().prop_map(|user| Step::Join { user }),
        1 => user.clone().prop_map(|user| Step::Leave { user }),
        3 => (user, 0..=10_u64).prop_map(|(user, of_ten)| Step::Read { user, of_ten }),
        3 => (1..20_u32).prop_map(|hours| Step::Wait { hours }),
        3 => Just(Step::Cut),
    ]
}

/// Who wrote, under which name, and what; `None` for somebody who came or went.
type Entry = Option<(usize, u8, u8)>;

/// The room as lists in memory.
#[derive(Default)]
struct Model {
    /// Each with the time it was added at.
    log: Vec<(Entry, Duration)>,
    /// The position up to which it is cut.
    cut: u64,
    read: BTreeMap<usize, u64>,
    now: Duration,
}

impl Model {
    fn top(&self) -> u64 {
        self.log.len() as u64
    }

    fn push(&mut self, entry: Entry) -> u64 {
        self.log.push((entry, self.now));
        self.top()
    }

    fn send(&mut self, user: usize, client_id: u8, text: u8) -> Result<u64, Code> {
        let named = |(entry, _): &(Entry, Duration)| {
            entry.is_some_and(|(by, name, _)| (by, name) == (user, client_id))
        };
        let member = self.read.contains_key(&user);
        match self.log.iter().position(named) {
            Some(at) if (at as u64) < self.cut || self.log[at].0 == Some((user, client_id, text)) => {
                Ok(at as u64 + 1)
            }
            Some(_) if member => Err(Code::Conflict),
            None if member => Ok(self.push(Some((user, client_id, text)))),
            _ => Err(Code::NotFound),
        }
    }

    fn cut(&mut self) {
        let old = |(_, at): &&(_, Duration)| self.now - *at > DAY;
        self.cut = self.cut.max(self.log.iter().take_while(old).count() as u64);
        for read in self.read.values_mut() {
            *read = (*read).max(self.cut);
        }
    }

    /// Others' messages that are there and behind a position, counted.
    fn unread(&self, user: usize) -> u64 {
        let behind = self.log.iter().skip(self.read[&user] as usize);
        behind.filter(|(entry, _)| entry.is_some_and(|(by, ..)| by != user)).count() as u64
    }
}

async fn check(world: &World, users: &[User], room: &RoomId, model: &Model) {
    for (index, read) in &model.read {
        let user = &users[*index];
        assert_eq!(unread(world, user, room).await, model.unread(*index), "user {index} of {:?}", model.read);
        let joined = world.chat.join_room(user, join(room.as_str())).await.unwrap();
        assert_eq!((joined.room.read_seq, joined.seq), (*read, model.top()));
        let (first, top) = (model.cut + 1, model.top());
        let kept: Vec<_> = (first..=top).collect();
        let newest = seqs(world, user, page(room, None, None, 5)).await;
        assert_eq!(newest, (kept[kept.len().saturating_sub(5)..].to_vec(), kept.len() > 5));
        assert_eq!(seqs(world, user, page(room, None, Some(0), 200)).await.0, kept[..kept.len().min(200)]);
        assert_eq!(seqs(world, user, page(room, Some(first), None, 5)).await, (vec![], false));
        for held in [0, model.cut.saturating_sub(1), model.cut, top] {
            match resumed(world, user, room, held).await {
                ResumePage::Reload { reload } => {
                    assert_eq!((reload, held < model.cut), (Reload::Trimmed, true), "{held}");
                }
                ResumePage::Events(page) => {
                    let seqs: Vec<_> = page.events.iter().map(Event::seq).collect();
                    assert!(held >= model.cut, "{held}");
                    assert_eq!(seqs, (held + 1..=top.min(held + 200)).collect::<Vec<_>>());
                }
            }
        }
    }
}

async fn play(steps: Vec<Step>) {
    let (world, mut committed) = World::unheard(days(1), tempfile::tempdir().unwrap()).await;
    tokio::spawn(async move { while committed.recv().await.is_some() {} });
    let mut users = Vec::new();
    for name in ["Ana", "Ben", "Cleo"] {
        users.push(world.user(name).await);
    }
    let group =
        world.chat.create_room(&users[0], create("hall", RoomKind::Public, Some("hall"))).await.unwrap();
    let room = group.room.id;
    let mut model = Model::default();
    let seq = model.push(None);
    model.read.insert(0, seq);
    for step in steps {
        match step {
            Step::Send { user, client_id, text } => {
                let request = message(&room, &client_id.to_string(), &text.to_string());
                let sent = world.chat.send_message(&users[user], request).await;
                let expected = model.send(user, client_id, text);
                assert_eq!(sent.map(|sent| sent.seq).map_err(|error| error.code), expected);
            }
            Step::Join { user } if !model.read.contains_key(&user) => {
                let seq = model.push(None);
                assert_eq!(world.chat.join_room(&users[user], join("hall")).await.unwrap().seq, seq);
                model.read.insert(user, seq);
            }
            // The owner stays, and nobody comes or goes twice.
            Step::Leave { user } if user > 0 && model.read.remove(&user).is_some() => {
                let seq = model.push(None);
                let leave = LeaveRoom { room_id: room.clone() };
                assert_eq!(world.chat.leave_room(&users[user], leave).await.unwrap().seq, seq);
            }
            Step::Join { .. } | Step::Leave { .. } => {}
            Step::Read { user, of_ten } => {
                let seq = model.top() * of_ten / 10;
                if let Some(read) = model.read.get_mut(&user) {
                    *read = seq.max(*read);
                    let request = MarkRead { room_id: room.clone(), seq };
                    let marked = world.chat.mark_read(&users[user].id, request).await.unwrap();
                    assert_eq!(marked.position.seq, *read);
                }
            }
            Step::Wait { hours } => {
                let hours = Duration::from_secs(u64::from(hours) * 3_600);
                world.clock.forward(hours);
                model.now += hours;
            }
            Step::Cut => {
                let before = model.cut;
                model.cut();
                assert_eq!(world.chat.cut().await.unwrap().events, model.cut - before);
                check(&world, &users, &room, &model).await;
            }
        }
    }
    check(&world, &users, &room, &model).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_what_is_cut_is_gone(steps in prop::collection::vec(step(), 20..160)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(steps));
    }
}
