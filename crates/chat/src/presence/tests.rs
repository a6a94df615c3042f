//! The roster against a plain model: whatever comes and goes, what each watcher was told adds up to the truth.

use super::{
    Facts, PresenceId,
    roster::{Full, MOST_WATCHED, Roster},
};
use crate::{Item, Subscriber};
use plaza_protocol::{PresenceEvent, PresenceList, Timestamp, User, UserId};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

const GRACE: Duration = Duration::from_secs(5);

/// A connection that writes down what it is told, as long as it has room.
#[derive(Default)]
struct Told {
    events: Mutex<Vec<PresenceEvent>>,
    full: AtomicBool,
}

impl Subscriber for Told {
    type Frame = PresenceEvent;
    fn encode(item: &Item) -> PresenceEvent {
        let Item::Presence(event) = item else { panic!("{item:?}") };
        event.clone()
    }
    fn cost(_: &PresenceEvent) -> usize {
        1
    }
    fn send(&self, event: &PresenceEvent) {
        assert!(!self.full.load(Ordering::Relaxed), "it had no room");
        self.events.lock().unwrap().push(event.clone());
    }
    fn free(&self) -> usize {
        if self.full.load(Ordering::Relaxed) { 1_000 } else { usize::MAX }
    }
    fn close(&self) {}
}

fn id(user: usize) -> UserId {
    format!("u_{user}").parse().unwrap()
}

fn user(user: usize) -> User {
    User { id: id(user), name: format!("User {user}"), guest: false }
}

fn facts(of: usize) -> Facts {
    Facts { user: user(of), visible: true, last_seen: None, blocked: false, nodes: [].into() }
}

fn roster() -> Roster<Told> {
    Roster::new(GRACE, 1_000_000)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn came(roster: &mut Roster<Told>, number: u64, user: usize) -> Arc<Told> {
    let told = Arc::new(Told::default());
    roster.came(PresenceId(number), id(user), Arc::clone(&told));
    told
}

fn names(list: &PresenceList) -> (Vec<&str>, Vec<&str>) {
    let online = list.online.iter().map(|user| user.id.as_str()).collect();
    (online, list.offline.iter().map(|seen| seen.user.id.as_str()).collect())
}

#[derive(Debug, Clone)]
enum Step {
    Come { connection: u64, user: usize },
    Go { connection: u64 },
    Watch { connection: u64, add: Vec<usize>, remove: Vec<usize> },
    Hide { user: usize, hidden: bool },
    Block { by: usize, whom: usize, blocked: bool },
    Pass { millis: u64 },
    Fill { connection: u64, full: bool },
    CatchUp,
}

const USERS: usize = 4;
const CONNECTIONS: u64 = 6;

fn step() -> impl Strategy<Value = Step> {
    let some = || prop::collection::vec(0..USERS, 0..3);
    prop_oneof![
        4 => (0..CONNECTIONS, 0..USERS).prop_map(|(connection, user)| Step::Come { connection, user }),
        3 => (0..CONNECTIONS).prop_map(|connection| Step::Go { connection }),
        4 => (0..CONNECTIONS, some(), some())
            .prop_map(|(connection, add, remove)| Step::Watch { connection, add, remove }),
        1 => (0..USERS, any::<bool>()).prop_map(|(user, hidden)| Step::Hide { user, hidden }),
        1 => (0..USERS, 0..USERS, any::<bool>())
            .prop_map(|(by, whom, blocked)| Step::Block { by, whom, blocked }),
        3 => (0..8_000u64).prop_map(|millis| Step::Pass { millis }),
        2 => (0..CONNECTIONS, any::<bool>()).prop_map(|(connection, full)| Step::Fill { connection, full }),
        1 => Just(Step::CatchUp),
    ]
}

struct Connected {
    user: usize,
    told: Arc<Told>,
    /// What it knows by the answers and by the first so many events.
    view: BTreeMap<UserId, bool>,
    folded: usize,
    watching: BTreeSet<usize>,
}

/// What is so, kept in the plainest way.
struct Model {
    roster: Roster<Told>,
    now: Instant,
    connections: BTreeMap<u64, (PresenceId, Connected)>,
    numbers: u64,
    left: BTreeMap<usize, Instant>,
    hidden: BTreeSet<usize>,
    blocks: BTreeSet<(usize, usize)>,
}

impl Model {
    fn is_online(&self, who: usize, to: usize) -> bool {
        let here = self.connections.values().any(|(_, connected)| connected.user == who)
            || self.left.contains_key(&who);
        here && (who == to || (!self.hidden.contains(&who) && !self.blocks.contains(&(who, to))))
    }

    fn facts(&self, of: usize, to: usize) -> Facts {
        let (visible, blocked) = (!self.hidden.contains(&of), self.blocks.contains(&(of, to)));
        Facts { visible, blocked, ..facts(of) }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Come { connection, user } => {
                if !self.connections.contains_key(&connection) {
                    let number = PresenceId(self.numbers);
                    self.numbers += 1;
                    let told = came(&mut self.roster, number.0, user);
                    self.left.remove(&user);
                    let (view, watching) = (BTreeMap::new(), BTreeSet::new());
                    let connected = Connected { user, told, view, folded: 0, watching };
                    self.connections.insert(connection, (number, connected));
                }
            }
            Step::Go { connection } => self.go(connection),
            Step::Watch { connection, add, remove } => self.watch(connection, &add, &remove),
            Step::Hide { user, hidden } => {
                if hidden {
                    self.hidden.insert(user)
                } else {
                    self.hidden.remove(&user)
                };
                self.roster.set_visible(&id(user), !hidden);
            }
            Step::Block { by, whom, blocked } => {
                if by != whom {
                    let pair = (by, whom);
                    if blocked {
                        self.blocks.insert(pair)
                    } else {
                        self.blocks.remove(&pair)
                    };
                    self.roster.set_blocked(&id(by), &id(whom), blocked);
                }
            }
            Step::Pass { millis } => {
                self.now += Duration::from_millis(millis);
                self.left.retain(|_, until| *until > self.now);
                while self.roster.left(self.now).is_some() {}
            }
            Step::Fill { connection, full } => {
                if let Some((_, connected)) = self.connections.get(&connection) {
                    connected.told.full.store(full, Ordering::Relaxed);
                }
            }
            Step::CatchUp => self.roster.catch_up(),
        }
        self.fold();
    }

    fn go(&mut self, connection: u64) {
        let Some((number, gone)) = self.connections.remove(&connection) else { return };
        self.roster.went(number, self.now, at(7));
        if !self.connections.values().any(|(_, other)| other.user == gone.user) {
            self.left.insert(gone.user, self.now + GRACE);
        }
    }

    fn watch(&mut self, connection: u64, add: &[usize], remove: &[usize]) {
        let Some((_, connected)) = self.connections.get(&connection) else { return };
        let to = connected.user;
        let unique: BTreeSet<_> = add.iter().copied().collect();
        let add: Vec<_> = unique.iter().map(|who| self.facts(*who, to)).collect();
        let removed: Vec<_> = remove.iter().copied().map(id).collect();
        let Some((number, connected)) = self.connections.get_mut(&connection) else { return };
        let list = self.roster.watch(*number, add, HashMap::new(), &removed).unwrap();
        connected.fold();
        for user in remove {
            connected.watching.remove(user);
            connected.view.remove(&id(*user));
        }
        connected.watching.extend(unique);
        connected.view.extend(list.online.into_iter().map(|user| (user.id, true)));
        connected.view.extend(list.offline.into_iter().map(|seen| (seen.user.id, false)));
    }

    fn fold(&mut self) {
        self.connections.values_mut().for_each(|(_, connected)| connected.fold());
    }

    fn check(&self) {
        assert_eq!(self.roster.online(), self.roster.all_left(Timestamp::from_millis(0)).len());
        for (_, connected) in self.connections.values() {
            for who in &connected.watching {
                let truth = self.is_online(*who, connected.user);
                assert_eq!(connected.view.get(&id(*who)), Some(&truth), "{who} as {} sees", connected.user);
            }
            assert_eq!(connected.view.len(), connected.watching.len());
        }
    }
}

impl Connected {
    fn fold(&mut self) {
        let events = self.told.events.lock().unwrap();
        for event in &events[self.folded..] {
            // An edge: never what was said before, and of nobody who is not watched.
            let before = self.view.insert(event.user.id.clone(), event.online);
            assert_eq!(before, Some(!event.online), "{event:?}");
        }
        self.folded = events.len();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn every_view_adds_up_to_the_truth(steps in prop::collection::vec(step(), 1..80)) {
        let (connections, left) = (BTreeMap::new(), BTreeMap::new());
        let (hidden, blocks) = (BTreeSet::new(), BTreeSet::new());
        let now = Instant::now();
        let mut model = Model { roster: roster(), now, connections, numbers: 0, left, hidden, blocks };
        for step in steps {
            model.take(step);
        }
        for connection in 0..CONNECTIONS {
            model.take(Step::Fill { connection, full: false });
        }
        model.take(Step::CatchUp);
        model.check();
        for connection in 0..CONNECTIONS {
            model.take(Step::Go { connection });
        }
        model.take(Step::Pass { millis: 10_000 });
        prop_assert_eq!(model.roster.online(), 0);
        prop_assert_eq!(model.roster.sizes(), (0, 0, 0), "nothing is kept of those who have gone");
    }
}

#[test]
fn several_devices_are_one_person_and_a_reload_is_no_going() {
    let mut roster = roster();
    let began = Instant::now();
    let watcher = came(&mut roster, 0, 9);
    let list = roster.watch(PresenceId(0), vec![facts(1), facts(2)], HashMap::new(), &[]).unwrap();
    assert_eq!(names(&list), (vec![], vec!["u_1", "u_2"]));
    came(&mut roster, 1, 1);
    came(&mut roster, 2, 1);
    roster.went(PresenceId(1), began, at(10));
    assert_eq!(roster.next_leaving(), None, "one device is left");
    roster.went(PresenceId(2), began, at(20));
    assert_eq!(roster.next_leaving(), Some(began + GRACE));
    assert_eq!(roster.left(began + GRACE - Duration::from_millis(1)), None);
    came(&mut roster, 3, 1);
    assert_eq!(roster.left(began + GRACE), None, "back before the time was out");
    roster.went(PresenceId(3), began + GRACE, at(30));
    assert_eq!(roster.left(began + 2 * GRACE), Some((id(1), at(30))));
    let told = watcher.events.lock().unwrap().clone();
    let edge = |online, last_seen| PresenceEvent { user: user(1), online, last_seen };
    assert_eq!(told, [edge(true, None), edge(false, Some(at(30)))]);
}

#[test]
fn who_hides_or_has_blocked_one_looks_offline_since_nobody_knows_when() {
    let mut roster = roster();
    let began = Instant::now();
    let (stranger, own) = (came(&mut roster, 0, 9), came(&mut roster, 1, 1));
    for watcher in [0, 1] {
        roster.watch(PresenceId(watcher), vec![facts(1)], HashMap::new(), &[]).unwrap();
    }
    roster.set_visible(&id(1), false);
    assert_eq!(names(&roster.look(&id(9), vec![facts(1)])), (vec![], vec!["u_1"]));
    assert_eq!(names(&roster.look(&id(1), vec![facts(1)])), (vec!["u_1"], vec![]));
    roster.set_visible(&id(1), true);
    roster.set_blocked(&id(1), &id(9), true);
    roster.set_blocked(&id(1), &id(9), false);
    let told: Vec<_> = stranger.events.lock().unwrap().iter().map(|e| (e.online, e.last_seen)).collect();
    assert_eq!(told, [(false, None), (true, None), (false, None), (true, None)]);
    assert_eq!(*own.events.lock().unwrap(), [], "on one's own devices nothing changes");

    // One who goes while hiding has not been seen.
    roster.set_visible(&id(1), false);
    roster.went(PresenceId(1), began, at(5));
    roster.left(began + GRACE).unwrap();
    roster.set_visible(&id(1), true);
    let list = roster.look(&id(9), vec![facts(1)]);
    assert_eq!(list.offline[0].last_seen, None);
}

#[test]
fn what_is_watched_is_bounded_and_refused_whole() {
    let mut roster: Roster<Told> = Roster::new(GRACE, MOST_WATCHED + 3);
    let (_one, _other) = (came(&mut roster, 0, 9_000), came(&mut roster, 1, 9_001));
    let all: Vec<_> = (0..MOST_WATCHED).map(facts).collect();
    roster.watch(PresenceId(0), all.clone(), HashMap::new(), &[]).unwrap();
    roster.watch(PresenceId(0), all, HashMap::new(), &[]).unwrap();
    let more = roster.watch(PresenceId(0), vec![facts(500), facts(501)], HashMap::new(), &[id(7)]);
    assert_eq!(more, Err(Full::Connection(501)));
    assert_eq!(roster.sizes().2, MOST_WATCHED, "nothing of it was done");
    roster.watch(PresenceId(0), vec![facts(500)], HashMap::new(), &[id(7)]).unwrap();

    let four: Vec<_> = (0..4).map(facts).collect();
    assert_eq!(roster.watch(PresenceId(1), four.clone(), HashMap::new(), &[]), Err(Full::Node));
    roster.watch(PresenceId(1), four[..3].to_vec(), HashMap::new(), &[]).unwrap();
    roster.went(PresenceId(0), Instant::now(), at(0));
    roster.watch(PresenceId(1), four, HashMap::new(), &[]).unwrap();
    assert_eq!(roster.sizes().2, 4);
}

#[test]
fn one_who_goes_is_told_to_those_who_watch_and_nobody_else() {
    let mut roster = roster();
    let watchers: Vec<_> = (0..100).map(|number| came(&mut roster, number, number as usize + 100)).collect();
    for number in 0..99 {
        roster.watch(PresenceId(number), vec![facts(1)], HashMap::new(), &[]).unwrap();
    }
    came(&mut roster, 1_000, 1);
    let told = watchers.iter().map(|watcher| watcher.events.lock().unwrap().len());
    assert_eq!(told.collect::<Vec<_>>(), [vec![1; 99], vec![0]].concat());
}
