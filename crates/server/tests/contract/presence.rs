//! Who is here: answers and edges, over real sockets.

use crate::{code, refused};
use plaza_client::{Incoming, Options};
use plaza_protocol::{
    Auth, BlockUser, Code, GetPresence, PresenceEvent, PresenceList, Timestamp, UnblockUser, UserRef,
};
use plaza_testkit::{
    Guest, Plaza, Setup,
    guest::{at, room, within},
};
use std::{collections::BTreeMap, time::Duration};

/// So short that a test waits for it, so long that a reconnect is within it on a busy machine.
const GRACE: Duration = Duration::from_millis(1_500);

/// Everything else as it is by default.
fn with_grace(grace: Duration) -> Setup {
    Setup::default().env("PLAZA_CHAT__PRESENCE_GRACE_MS", &grace.as_millis().to_string())
}

async fn guest(plaza: &Plaza, name: &str) -> Guest {
    let mut guest = Guest::connect(plaza, name).await;
    guest.until_resumed().await;
    guest
}

async fn another_device(plaza: &Plaza, of: &Guest) -> Guest {
    let mut guest = Guest::with_token(plaza, &of.token).await;
    guest.until_resumed().await;
    guest
}

/// The names of those online, and of the others with whether it is told since when.
fn told(list: &PresenceList) -> (Vec<&str>, Vec<(&str, bool)>) {
    let offline = list.offline.iter().map(|seen| (seen.user.name.as_str(), seen.last_seen.is_some()));
    (list.online.iter().map(|user| user.name.as_str()).collect(), offline.collect())
}

/// The next thing that comes, which is an edge.
async fn edge(guest: &mut Guest) -> PresenceEvent {
    match guest.next().await {
        Incoming::Presence(event) => event,
        other => panic!("instead of an edge: {other:?}"),
    }
}

async fn watch(guest: &Guest, names: &[&str]) -> PresenceList {
    guest.connection.watch_presence(names.iter().copied().map(at).collect(), Vec::new()).await.unwrap()
}

async fn get(guest: &Guest, names: &[&str]) -> PresenceList {
    guest.connection.presence(names.iter().copied().map(at).collect()).await.unwrap()
}

/// Asks until somebody looks as they should.
async fn until_seen(guest: &Guest, name: &str, seen: impl Fn(&PresenceList) -> bool) -> PresenceList {
    let asking = async {
        loop {
            let list = get(guest, &[name]).await;
            if seen(&list) {
                return list;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(asking).await
}

#[tokio::test]
async fn somebody_is_online_as_long_as_one_of_their_devices_is() {
    let plaza = with_grace(GRACE).start().await.unwrap();
    let mut watcher = guest(&plaza, "Watcher").await;
    let ana = guest(&plaza, "Ana").await;
    let list = watch(&watcher, &["Ana", "Nobody", "ana"]).await;
    assert_eq!(told(&list), (vec!["Ana"], vec![]), "each once, and nobody who is none");
    let other = another_device(&plaza, &ana).await;
    ana.connection.close();
    tokio::time::sleep(GRACE + Duration::from_millis(300)).await;
    watcher.nothing_more().await;
    assert_eq!(told(&get(&watcher, &["Ana"]).await).0, ["Ana"]);

    // Loaded again: gone and back within the grace.
    other.connection.close();
    let back = another_device(&plaza, &ana).await;
    tokio::time::sleep(GRACE + Duration::from_millis(300)).await;
    watcher.nothing_more().await;

    back.connection.close();
    let gone = edge(&mut watcher).await;
    assert_eq!((gone.user.name.as_str(), gone.online), ("Ana", false));
    let list = get(&watcher, &["Ana"]).await;
    assert_eq!(list.offline[0].last_seen, gone.last_seen, "the same is answered");
    assert!(gone.last_seen.is_some());
    let _back = another_device(&plaza, &ana).await;
    let came = edge(&mut watcher).await;
    assert_eq!((came.user.id, came.online, came.last_seen), (ana.user.id, true, None));
}

#[tokio::test]
async fn one_whose_connection_dies_without_a_word_is_noticed_by_the_missing_pong() {
    let setup = with_grace(Duration::ZERO);
    let setup =
        setup.env("PLAZA_SOCKET__PING_INTERVAL_MS", "200").env("PLAZA_SOCKET__PING_TIMEOUT_MS", "800");
    let plaza = setup.start().await.unwrap();
    let mut watcher = guest(&plaza, "Watcher").await;
    let ana = guest(&plaza, "Ana").await;
    // A device that reads no more once there are two things for it to read, pings included.
    let auth = Auth { token: Some(ana.token.clone()), ..Auth::default() };
    let deaf = Options { event_queue: 1, ..Options::default() };
    let mut deaf = Guest::open(&plaza, &auth, &deaf).await.unwrap();
    // What comes from now on is sent to it, and not what it finds when it comes in.
    deaf.until_resumed().await;
    assert_eq!(told(&watch(&watcher, &["Ana"]).await).0, ["Ana"]);
    for name in ["one", "two", "three"] {
        ana.connection.join_room(&room(name)).await.unwrap();
    }
    ana.connection.close();
    let gone = edge(&mut watcher).await;
    assert!(!gone.online && gone.last_seen.is_some(), "{gone:?}");
    drop(deaf);
}

#[tokio::test]
async fn the_invisible_look_offline_to_everybody_but_themselves() {
    let mut plaza = with_grace(Duration::ZERO).start().await.unwrap();
    let mut watcher = guest(&plaza, "Watcher").await;
    let ana = guest(&plaza, "Ana").await;
    let mut own = another_device(&plaza, &ana).await;
    watch(&watcher, &["Ana"]).await;
    assert_eq!(told(&watch(&own, &["Ana"]).await).0, ["Ana"]);
    ana.connection.set_visible(false).await.unwrap();
    let gone = edge(&mut watcher).await;
    assert_eq!((gone.online, gone.last_seen), (false, None));
    assert_eq!(told(&get(&watcher, &["Ana"]).await), (vec![], vec![("Ana", false)]));
    assert_eq!(told(&get(&ana, &["Ana"]).await).0, ["Ana"]);
    own.nothing_more().await;

    // It is kept: over connections, and over a stop.
    ana.connection.close();
    own.connection.close();
    plaza.terminate().await.unwrap();
    plaza.start().await.unwrap();
    let mut watcher = another_device(&plaza, &watcher).await;
    assert_eq!(told(&watch(&watcher, &["Ana"]).await), (vec![], vec![("Ana", false)]));
    let ana = another_device(&plaza, &ana).await;
    watcher.nothing_more().await;
    ana.connection.set_visible(true).await.unwrap();
    assert!(edge(&mut watcher).await.online);
}

#[tokio::test]
async fn one_who_has_blocked_somebody_looks_offline_to_them() {
    let plaza = with_grace(Duration::ZERO).start().await.unwrap();
    let mut eve = guest(&plaza, "Eve").await;
    let ana = guest(&plaza, "Ana").await;
    let ben = guest(&plaza, "Ben").await;
    watch(&eve, &["Ana"]).await;
    ana.connection.request(&BlockUser { user: at("Eve") }).await.unwrap();
    let gone = edge(&mut eve).await;
    assert_eq!((gone.online, gone.last_seen), (false, None));
    assert_eq!(told(&get(&eve, &["Ana"]).await), (vec![], vec![("Ana", false)]));
    assert_eq!(told(&get(&ben, &["Ana"]).await).0, ["Ana"]);
    // One who watches anew does not see more.
    let eve_too = another_device(&plaza, &eve).await;
    assert_eq!(told(&watch(&eve_too, &["Ana"]).await), (vec![], vec![("Ana", false)]));
    ana.connection.request(&UnblockUser { user: at("Eve") }).await.unwrap();
    assert!(edge(&mut eve).await.online);
}

#[tokio::test]
async fn when_somebody_was_last_seen_outlives_the_server() {
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let watcher = guest(&plaza, "Watcher").await;
    let ana = guest(&plaza, "Ana").await;
    assert_eq!(told(&get(&watcher, &["Ana"]).await).0, ["Ana"]);
    // Whoever is here when the server stops was seen then.
    plaza.terminate().await.unwrap();
    plaza.start().await.unwrap();
    let watcher = another_device(&plaza, &watcher).await;
    // Where there may be other nodes, not before the lease of the one that stopped has ended: she may have come to them.
    until_seen(&watcher, "Ana", |list| list.online.is_empty()).await;
    let stopped = get(&watcher, &["Ana"]).await;
    assert_eq!(told(&stopped), (vec![], vec![("Ana", true)]));
    let minute = 60_000;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let seen = stopped.offline[0].last_seen.map_or(0, Timestamp::as_millis);
    assert!((now - minute..=now).contains(&seen), "{seen} and {now}");
    drop(ana);
}

#[tokio::test]
async fn watching_ends_where_it_is_said_and_with_the_connection() {
    let plaza = with_grace(Duration::ZERO).start().await.unwrap();
    let mut watcher = guest(&plaza, "Watcher").await;
    let (ana, ben) = (guest(&plaza, "Ana").await, guest(&plaza, "Ben").await);
    watch(&watcher, &["Ana", "Ben"]).await;
    let drop = vec![at("ANA"), at("Nobody")];
    let list = watcher.connection.watch_presence(Vec::new(), drop).await.unwrap();
    assert_eq!(list, PresenceList::default());
    let mut other = another_device(&plaza, &watcher).await;
    ana.connection.close();
    until_seen(&watcher, "Ana", |list| list.online.is_empty()).await;
    watcher.nothing_more().await;
    // By id, of one who is watched already and of one who is not there.
    let by_id = |id: &str| UserRef::try_from(id.to_owned()).unwrap();
    let again = vec![by_id(ben.user.id.as_str()), by_id("u_nobody"), by_id(ana.user.id.as_str())];
    let list = watcher.connection.watch_presence(again, Vec::new()).await.unwrap();
    assert_eq!(told(&list), (vec!["Ben"], vec![("Ana", true)]));
    ben.connection.close();
    assert_eq!(edge(&mut watcher).await.user.name, "Ben");
    other.nothing_more().await;
}

#[tokio::test]
async fn what_one_may_ask_and_watch_is_bounded_and_said() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let watcher = guest(&plaza, "Watcher").await;
    let people = |n: usize| (0..n).map(|n| at(&format!("Nobody{n}"))).collect::<Vec<_>>();
    watcher.connection.presence(people(100)).await.unwrap();
    let error = refused(watcher.connection.presence(people(101)).await);
    assert_eq!(
        (error.code, error.message.as_str()),
        (Code::BadRequest, "There are 101 people in this request, and at most 100 fit.")
    );
    watcher.connection.watch_presence(people(500), people(500)).await.unwrap();
    assert_eq!(code(watcher.connection.watch_presence(people(501), Vec::new()).await), Code::BadRequest);
    assert_eq!(code(watcher.connection.watch_presence(Vec::new(), people(501)).await), Code::BadRequest);
    let nothing = watcher.connection.request(&GetPresence { users: Vec::new() }).await.unwrap();
    assert_eq!(nothing, PresenceList::default());
}

#[tokio::test]
async fn one_may_watch_five_hundred_and_no_more() {
    let setup = Setup::default().env("PLAZA_STORE__DURABILITY", "none");
    let plaza = setup.start().await.unwrap();
    let mut people = Vec::new();
    for number in 0..501 {
        let guest = Guest::connect(&plaza, &format!("Guest{number}")).await;
        people.push(UserRef::Id(guest.user.id.clone()));
        guest.connection.close();
    }
    let watcher = guest(&plaza, "Watcher").await;
    let watched = watcher.connection.watch_presence(people[..500].to_vec(), Vec::new()).await.unwrap();
    assert_eq!(watched.online.len() + watched.offline.len(), 500);
    let error = refused(watcher.connection.watch_presence(vec![people[500].clone()], Vec::new()).await);
    assert_eq!(
        (error.code, error.message.as_str()),
        (
            Code::BadRequest,
            "With these you would watch 501 people on this connection, and 500 is the most. Drop some."
        )
    );
    let one_for_one = watcher.connection.watch_presence(vec![people[500].clone()], vec![people[0].clone()]);
    assert_eq!(told(&one_for_one.await.unwrap()).0.len(), 1);
}

/// The same numbers in the same order every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What a watcher makes of all it was told.
fn fold(view: &mut BTreeMap<String, bool>, incoming: &Incoming) {
    if let Incoming::Presence(event) = incoming {
        let before = view.insert(event.user.name.clone(), event.online);
        assert_eq!(before, Some(!event.online), "an edge: {event:?}");
    }
}

/// Somebody who begins to watch these people now, and what they are told at first.
async fn watcher(plaza: &Plaza, name: &str, people: &[&str]) -> (Guest, BTreeMap<String, bool>) {
    let watcher = guest(plaza, name).await;
    let list = watch(&watcher, people).await;
    let online = list.online.iter().map(|user| (user.name.clone(), true));
    let offline = list.offline.iter().map(|seen| (seen.user.name.clone(), false));
    (watcher, online.chain(offline).collect())
}

/// Waits until everybody looks as they are. Once they do it stays so: who has gone is noticed, and nobody is on the way out
/// any more.
async fn until_settled(plaza: &Plaza, truth: &BTreeMap<String, bool>) {
    let prober = guest(plaza, "Prober").await;
    for (name, online) in truth {
        until_seen(&prober, name, |list| list.online.is_empty() != *online).await;
    }
}

/// What a watcher holds true in the end, after all they were sent.
async fn last_view((mut watcher, mut view): (Guest, BTreeMap<String, bool>)) -> BTreeMap<String, bool> {
    let fence = room(&format!("fence-{}", watcher.connection.sid()));
    watcher.connection.join_room(&fence).await.unwrap();
    loop {
        match watcher.next().await {
            Incoming::Event(_) => return view,
            incoming => fold(&mut view, &incoming),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_and_goes_every_view_adds_up_to_the_truth() {
    const PEOPLE: [&str; 4] = ["Ana", "Ben", "Cem", "Dan"];
    let setup = with_grace(Duration::from_millis(20)).env("PLAZA_STORE__DURABILITY", "none");
    let plaza = setup.start().await.unwrap();
    let mut tokens = Vec::new();
    for name in PEOPLE {
        let guest = Guest::connect(&plaza, name).await;
        tokens.push(guest.token.clone());
        guest.connection.close();
    }
    let mut watchers = Vec::new();
    let mut devices: Vec<(usize, Guest)> = Vec::new();
    let mut dice = Dice(7);
    for step in 0..160 {
        if step % 40 == 0 {
            // In the middle of it all.
            watchers.push(watcher(&plaza, &format!("Watcher{step}"), &PEOPLE).await);
        }
        let who = dice.below(4) as usize;
        match dice.below(5) {
            0 | 1 => devices.push((who, Guest::with_token(&plaza, &tokens[who]).await)),
            2 | 3 if !devices.is_empty() => {
                let (_, device) = devices.swap_remove(dice.below(devices.len() as u64) as usize);
                device.connection.close();
            }
            _ => {
                if let Some((_, device)) = devices.iter().find(|(of, _)| *of == who) {
                    device.connection.set_visible(dice.below(3) > 0).await.unwrap();
                }
            }
        }
    }
    // Everybody to be seen again, so that the truth is simply who has a device.
    for (_, device) in &devices {
        device.connection.set_visible(true).await.unwrap();
    }
    let is_here = |who: usize| devices.iter().any(|(of, _)| *of == who);
    let truth: BTreeMap<String, bool> =
        PEOPLE.iter().enumerate().map(|(who, name)| ((*name).to_owned(), is_here(who))).collect();
    until_settled(&plaza, &truth).await;
    for (number, watcher) in watchers.into_iter().enumerate() {
        assert_eq!(last_view(watcher).await, truth, "watcher {number}");
    }
}
