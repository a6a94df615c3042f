//! Who comes back as a new one, who is asked at the door again, and what happens on the way back.

use crate::support::{Client, Kept, Person, Server, Told, config, plain, recovering, soon, telling, until};
use plaza_socketio::{Config, ConnectError, Handlers, Recovery, SocketIo, Target};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

const KIB: usize = 1024;

#[tokio::test]
async fn one_that_left_or_was_sent_away_comes_back_as_a_new_one() {
    let server = plain();
    let mut ana = Person::join(&server, json!({})).await;
    ana.client.send("41").await;
    until("her to be gone", || server.root().is_empty()).await;
    assert!(!ana.kept.is_recovered_as(&ana.kept.back(&server).await));

    let mut ben = Person::join(&server, json!({})).await;
    server.root().to(&ben.kept.sid).disconnect(true);
    ben.client.end().await;
    assert!(!ben.kept.is_recovered_as(&ben.kept.back(&server).await));

    // Also while away.
    let cleo = Person::join(&server, json!({})).await;
    let kept = cleo.lost(&server).await;
    server.root().to(&kept.sid).disconnect(false);
    assert!(!kept.is_recovered_as(&kept.back(&server).await));

    // One that closed its connection, as a page that is left does, may come back.
    let dora = Person::join(&server, json!({})).await;
    let Person { client, kept } = dora;
    client.close().await;
    assert!(kept.is_recovered_as(&kept.back(&server).await));
    // What nobody had is nobody's.
    let nobody = Kept { sid: String::new(), pid: "x".repeat(20), offset: None };
    assert!(nobody.back(&server).await.kept.pid != nobody.pid);
}

#[tokio::test]
async fn past_what_is_kept_it_comes_back_as_a_new_one_but_not_if_it_missed_nothing() {
    let server = recovering(Recovery { bytes: 64 * KIB, ..Recovery::default() }, Handlers::default());
    let (mut ana, quiet) = (Person::join(&server, json!({})).await, Person::join(&server, json!({})).await);
    let root = server.root();
    root.to(&ana.kept.sid).join("loud");
    root.to("loud").emit("had", &[1]).unwrap();
    ana.event().await;
    let (ana, quiet) = (ana.lost(&server).await, quiet.lost(&server).await);
    let text = "x".repeat(KIB);
    for number in 0..100 {
        root.to("loud").emit("much", &(number, &text)).unwrap();
    }
    assert!(!ana.is_recovered_as(&ana.back(&server).await));
    assert!(!quiet.is_recovered_as(&quiet.back(&server).await), "who knows what was cut while it was away?");

    // What was cut while it was there it had had.
    let quiet = Person::join(&server, json!({})).await;
    for number in 0..100 {
        root.to("loud").emit("much", &(number, &text)).unwrap();
    }
    let kept = quiet.lost(&server).await;
    root.to(&kept.sid).emit("for you", &[1]).unwrap();
    let mut quiet = kept.back(&server).await;
    assert!(kept.is_recovered_as(&quiet));
    assert_eq!(quiet.event().await, json!(["for you", 1]));
}

#[tokio::test]
async fn one_that_missed_more_than_it_can_be_sent_at_once_comes_back_as_a_new_one() {
    let config = Config { outbox_bytes: 64 * KIB, ..config(Recovery::default()) };
    let server = Server::start(SocketIo::builder(config).namespace("/", Handlers::default()).build());
    let ana = Person::join(&server, json!({})).await;
    let kept = ana.lost(&server).await;
    let text = "x".repeat(8 * KIB);
    for number in 0..5 {
        server.root().emit("much", &(number, &text)).unwrap();
    }
    let mut ana = kept.back(&server).await;
    assert!(!kept.is_recovered_as(&ana));
    ana.nothing_more(&server).await;
}

#[tokio::test]
async fn those_away_too_long_or_too_many_come_back_as_new_ones() {
    let short = recovering(Recovery { window: Duration::ZERO, ..Recovery::default() }, Handlers::default());
    let kept = Person::join(&short, json!({})).await.lost(&short).await;
    assert!(!kept.is_recovered_as(&kept.back(&short).await));

    let few = recovering(Recovery { sockets: 2, ..Recovery::default() }, Handlers::default());
    let mut all = Vec::new();
    for _ in 0..3 {
        let person = Person::join(&few, json!({})).await;
        all.push(person.lost(&few).await);
    }
    let mut back = Vec::new();
    for kept in &all {
        back.push(kept.back(&few).await);
    }
    let recovered: Vec<_> = all.iter().zip(&back).map(|(kept, back)| kept.is_recovered_as(back)).collect();
    assert_eq!(recovered, [false, true, true]);
}

/// Whether the middleware was asked for one who is back, and which data that one had.
type Asked = (bool, Option<String>);

/// Lets nobody in who says `bar`, and waits with who says `wait` until it is told; tells whom it asked.
fn door() -> (Handlers, Arc<Notify>, Told<Asked>) {
    let (tell, told) = telling();
    let go_on = Arc::new(Notify::new());
    let waiting = Arc::clone(&go_on);
    let handlers = Handlers::default().middleware(move |socket, auth| {
        tell.send((socket.recovered(), socket.data::<String>().cloned())).unwrap();
        socket.set_data("first".to_owned());
        let waiting = Arc::clone(&waiting);
        async move {
            if auth["wait"] == true {
                waiting.notified().await;
            }
            if auth["bar"] == true { Err(ConnectError::new("barred")) } else { Ok(()) }
        }
    });
    (handlers, go_on, told)
}

#[tokio::test]
async fn the_middleware_is_asked_again_unless_it_is_to_be_skipped() {
    let (handlers, go_on, mut asked) = door();
    let (hers, new) = ((true, Some("first".to_owned())), (false, None));
    let server = recovering(Recovery::default(), handlers);
    let kept = Person::join(&server, json!({})).await.lost(&server).await;
    // Her connection breaks off once more while the middleware thinks. In the meantime more comes.
    server.root().emit("missed", &[1]).unwrap();
    let mut client = Client::open(&server).await;
    client.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    assert_eq!(asked.take(2).await, [new.clone(), hers.clone()]);
    server.root().emit("missed", &[2]).unwrap();
    drop(client);
    until("the server to know", || server.io.clients() == 0).await;
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    assert_eq!(ana.events(2).await, [json!(["missed", 1]), json!(["missed", 2])]);
    assert_eq!(asked.next().await, hers);

    // Or she comes again while it thinks, and the first of the two has no say any more.
    let kept = ana.lost(&server).await;
    let mut first = Client::open(&server).await;
    first.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    assert_eq!(asked.next().await, hers);
    let mut ana = kept.back(&server).await;
    assert!(kept.is_recovered_as(&ana));
    go_on.notify_waiters();
    first.end().await;
    ana.nothing_more(&server).await;
    assert_eq!(asked.next().await, hers);

    // One who is barred is not who she was any more.
    let kept = ana.lost(&server).await;
    let mut client = Client::open(&server).await;
    client.send(&format!("40{}", kept.auth(&json!({ "bar": true })))).await;
    assert_eq!(client.text().await, r#"44{"message":"barred"}"#);
    assert!(!kept.is_recovered_as(&kept.back(&server).await));

    let (handlers, _, mut asked) = door();
    let trusting = recovering(Recovery { skip_middleware: true, ..Recovery::default() }, handlers);
    let kept = Person::join(&trusting, json!({})).await.lost(&trusting).await;
    assert!(kept.is_recovered_as(&kept.back(&trusting).await));
    assert_eq!(asked.now(), [new]);
}

#[tokio::test]
async fn one_who_is_on_the_way_back_is_moved_too() {
    let (handlers, go_on, mut asked) = door();
    let server = recovering(Recovery::default(), handlers);
    let ana = Person::join(&server, json!({})).await;
    server.root().broadcast().join("red");
    let kept = ana.lost(&server).await;
    let mut client = Client::open(&server).await;
    client.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    asked.take(2).await;
    server.root().to("red").emit("in red", &[1]).unwrap();
    server.root().to(&kept.sid).leave("red");
    server.root().to("red").emit("not in red", &[2]).unwrap();
    server.root().to("blue").emit("not yet in blue", &[3]).unwrap();
    server.root().to(&kept.sid).join("blue");
    server.root().to("blue").emit("in blue", &[4]).unwrap();
    go_on.notify_waiters();
    assert!(client.text().await.starts_with("40{"));
    assert!(client.text().await.starts_with(r#"42["in red",1,"#));
    assert!(client.text().await.starts_with(r#"42["in blue",4,"#));
    drop(client);
    until("the server to know", || server.root().is_empty()).await;
    let mut client = Client::open(&server).await;
    client.send(&format!("40{}", kept.auth(&json!({ "wait": true })))).await;
    asked.next().await;
    server.root().to(&kept.sid).disconnect(false);
    client.end().await;
    assert!(!kept.is_recovered_as(&kept.back(&server).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_is_moved_is_found_wherever_it_is_at_the_moment() {
    let server = plain();
    let (mut dice, mut kept) = (Dice(1), Person::join(&server, json!({})).await.lost(&server).await);
    for round in 0..300 {
        let (root, sid, room, wait) = (server.root(), kept.sid.clone(), round.to_string(), dice.roll(600));
        let mover = std::thread::spawn(move || {
            // While it comes, or just before or after that.
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(wait) {}
            root.to(&sid).join(&room);
        });
        let ana = kept.back(&server).await;
        assert!(kept.is_recovered_as(&ana), "round {round}");
        soon("the mover to end", tokio::task::spawn_blocking(|| mover.join())).await.unwrap().unwrap();
        let rooms = server.root().sockets(&Target::default()).pop().unwrap().rooms();
        assert_eq!(rooms.len(), round + 1, "{rooms:?}");
        kept = ana.lost(&server).await;
    }
}

#[tokio::test]
async fn a_namespace_made_on_demand_waits_for_its_clients() {
    let window = Duration::from_millis(400);
    let config = config(Recovery { window, ..Recovery::default() });
    let server =
        Server::start(SocketIo::builder(config).namespaces(|_, _| true, Handlers::default()).build());
    let mut client = Client::open(&server).await;
    client.send("40/shop,").await;
    let answer = client.text().await;
    let pid = answer.split(r#""pid":""#).nth(1).unwrap()[..20].to_owned();
    drop(client);
    until("the server to know", || server.io.of("/shop").unwrap().is_empty()).await;
    server.io.of("/shop").unwrap().emit("sale", &[1]).unwrap();
    let mut client = Client::open(&server).await;
    client.send(&format!(r#"40/shop,{{"pid":"{pid}"}}"#)).await;
    assert_eq!(client.text().await, answer);
    assert!(client.text().await.starts_with(r#"42/shop,["sale",1,"#));
    drop(client);
    // And not for ever, though nothing else happens.
    until("it to be gone", || server.io.of("/shop").is_none()).await;
}

#[tokio::test]
async fn what_nobody_comes_back_for_is_let_go_of_where_nothing_happens() {
    let data = Arc::new(());
    let hers = Arc::downgrade(&data);
    let first = Mutex::new(Some(data));
    let handlers = Handlers::default().middleware(move |socket, _| {
        socket.set_data(first.lock().unwrap().take());
        async { Ok(()) }
    });
    let server = recovering(Recovery { window: Duration::from_millis(300), ..Recovery::default() }, handlers);
    Person::join(&server, json!({})).await.lost(&server).await;
    assert_eq!(hers.strong_count(), 1);
    until("her data to be let go of", || hers.strong_count() == 0).await;
}

/// A small generator, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Ana, who is here or lost, in rooms that she comes into and leaves meanwhile; what she is to be told, and was.
struct Story {
    server: Server,
    dice: Dice,
    ana: Person,
    /// What she comes back with, while she is lost.
    lost: Option<Kept>,
    rooms: Vec<&'static str>,
    sent: usize,
    expected: Vec<Value>,
    got: Vec<Value>,
}

impl Story {
    async fn begin(seed: u64) -> Self {
        let server = plain();
        let ana = Person::join(&server, json!({})).await;
        let (dice, lost, rooms) = (Dice(seed), None, Vec::new());
        Self { server, dice, ana, lost, rooms, sent: 0, expected: Vec::new(), got: Vec::new() }
    }

    async fn go_on(&mut self) {
        match self.dice.roll(8) {
            0..=3 => self.send(),
            4 | 5 => self.come_or_leave(),
            6 if self.lost.is_none() => self.read_some().await,
            _ => match self.lost.take() {
                Some(kept) => self.come_back(kept).await,
                None => self.lose().await,
            },
        }
    }

    fn room(&mut self) -> &'static str {
        ["red", "blue"][self.dice.roll(2) as usize]
    }

    fn send(&mut self) {
        self.sent += 1;
        let room = self.room();
        let inside = self.rooms.contains(&room);
        let root = self.server.root();
        let (broadcast, hers) = match self.dice.roll(4) {
            0 => (root.broadcast(), true),
            1 => (root.except(room), !inside),
            _ => (root.to(room), inside),
        };
        broadcast.emit("n", &[self.sent]).unwrap();
        self.expected.extend(hers.then_some(json!(["n", self.sent])));
    }

    fn come_or_leave(&mut self) {
        let room = self.room();
        let root = self.server.root();
        let her = root.to(&self.lost.as_ref().unwrap_or(&self.ana.kept).sid);
        if self.rooms.contains(&room) {
            her.leave(room);
            self.rooms.retain(|held| *held != room);
        } else {
            her.join(room);
            self.rooms.push(room);
        }
    }

    async fn read_some(&mut self) {
        let waiting = self.expected.len() - self.got.len();
        let count = self.dice.roll(waiting as u64 + 1) as usize;
        self.got.extend(self.ana.events(count).await);
    }

    /// The server knows of it, or not yet.
    async fn lose(&mut self) {
        let Kept { sid, pid, offset } = &self.ana.kept;
        self.lost = Some(Kept { sid: sid.clone(), pid: pid.clone(), offset: offset.clone() });
        if self.dice.roll(2) == 0 {
            self.ana.client.try_send("1").await.unwrap();
            self.ana.client.end().await;
            let root = self.server.root();
            until("the server to know", || root.len() == 1).await;
        }
    }

    async fn come_back(&mut self, kept: Kept) {
        self.ana = kept.back(&self.server).await;
        assert!(kept.is_recovered_as(&self.ana));
    }
}

#[tokio::test]
async fn whatever_happens_nothing_is_missing_and_nothing_comes_twice() {
    for seed in 0..8 {
        let mut story = Story::begin(seed).await;
        let mut other = Client::open(&story.server).await;
        other.send("40").await;
        for _ in 0..150 {
            story.go_on().await;
        }
        if let Some(kept) = story.lost.take() {
            story.come_back(kept).await;
        }
        story.got.extend(story.ana.events(story.expected.len() - story.got.len()).await);
        assert_eq!(story.got, story.expected, "seed {seed}");
        story.ana.nothing_more(&story.server).await;
    }
}
