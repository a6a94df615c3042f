//! The auditor must catch what it is there for: each fault is planted alone in a clean record, and must be found
//! and nothing else.

mod logs;
mod roles;
mod views;

use super::*;
use plaza_protocol::{Content, MemberChange, Message, Reload, TextBody, Timestamp};

fn room() -> RoomId {
    "general".parse().unwrap()
}

fn user(name: &str) -> User {
    User { id: format!("u_{name}").parse().unwrap(), name: name.into(), guest: false }
}

/// Even ones are by ana, odd ones by ben.
fn message(seq: Seq) -> Event {
    Event::Message(Message {
        room_id: room(),
        seq,
        id: format!("m_{seq}"),
        client_id: format!("c{seq}").parse().unwrap(),
        sender: user(if seq.is_multiple_of(2) { "ana" } else { "ben" }),
        content: Content::Text(TextBody { text: format!("text {seq}") }),
        at: Timestamp::from_millis(seq as i64),
    })
}

fn change(seq: Seq, name: &str) -> MemberChange {
    let (user, by) = (user(name), user(name));
    MemberChange { room_id: room(), seq, user, by, at: Timestamp::from_millis(0) }
}

fn joined(seq: Seq, name: &str) -> Event {
    Event::MemberAdded(change(seq, name))
}

fn left(seq: Seq, name: &str) -> Event {
    Event::MemberRemoved(change(seq, name))
}

fn sent(message: &Message) -> Sent {
    Sent {
        client: message.sender.name.clone(),
        user: message.sender.id.clone(),
        room: room(),
        client_id: message.client_id.clone(),
        text: format!("text {}", message.seq),
        after: message.seq - 1,
        answers: vec![SentMessage { seq: message.seq, id: message.id.clone(), at: message.at }],
    }
}

fn asked(name: &str, what: Ask, seq: Seq) -> Asked {
    Asked { client: name.into(), user: user(name).id, room: room(), what, seq: Some(seq) }
}

fn event(seq: Seq) -> Seen {
    Seen::Event(Arc::new(message(seq)))
}

fn seen(event: &Event) -> Seen {
    Seen::Event(Arc::new(event.clone()))
}

fn connected(positions: &[(&str, Seq)]) -> Seen {
    Seen::Connected(positions.iter().map(|(room, seq)| ((*room).to_owned(), *seq)).collect())
}

fn resumed(rooms: &[(&str, RoomResumed)]) -> Seen {
    Seen::Resumed(rooms.iter().map(|(room, outcome)| ((*room).to_owned(), outcome.clone())).collect())
}

fn span(from: Seq, to: Seq) -> RoomResumed {
    RoomResumed::Span { from, to }
}

fn reload(reload: Reload) -> RoomResumed {
    RoomResumed::Reload { reload }
}

fn page(seqs: std::ops::RangeInclusive<Seq>) -> Seen {
    let more = *seqs.start() > 1;
    Seen::Reloaded(room(), Some(EventsPage { events: seqs.map(message).collect(), more }))
}

fn view(name: &str, seen: Vec<Seen>) -> View {
    View { client: name.into(), user: user(name), seen, complete: BTreeSet::from([room()]) }
}

/// What a log of messages and joins takes to be clean: who asked for it, and the views of nobody.
fn record(log: Vec<Event>) -> Record {
    let mut record = Record::default();
    for event in &log {
        match event {
            Event::Message(message) => record.sends.push(sent(message)),
            Event::MemberAdded(change) => record.asks.push(asked(&change.user.name, Ask::Join, change.seq)),
            Event::MemberRemoved(change) => {
                record.asks.push(asked(&change.user.name, Ask::Leave, change.seq));
            }
            _ => {}
        }
    }
    record.logs = BTreeMap::from([(room(), log)]);
    record
}

/// Ana and ben join, ten messages follow, all acknowledged. Ana's connection holds; ben's breaks after 7, and he
/// comes back when 9 is there.
fn clean() -> Record {
    let log: Vec<Event> =
        [joined(1, "ana"), joined(2, "ben")].into_iter().chain((3..=12).map(message)).collect();
    let start = || vec![connected(&[]), resumed(&[])];
    let ana = start().into_iter().chain(log.iter().map(seen)).collect();
    let ben = start()
        .into_iter()
        .chain(log[1..7].iter().map(seen))
        .chain([connected(&[("general", 7)]), event(8), event(9), resumed(&[("general", span(7, 9))])])
        .chain(log[9..].iter().map(seen))
        .collect();
    Record { views: vec![view("ana", ana), view("ben", ben)], ..record(log) }
}

/// Where the event with this position stands among what ana saw.
fn ana(seq: usize) -> usize {
    seq + 1
}

/// Where ben's second connection begins.
const BACK: usize = 8;

/// Plants one fault and expects exactly this to be found.
fn planted(fault: impl FnOnce(&mut Record), expected: &[&str]) {
    let mut record = clean();
    fault(&mut record);
    found(&record, expected);
}

fn found(record: &Record, expected: &[&str]) {
    let sentences: Vec<String> = audit(record).iter().map(ToString::to_string).collect();
    assert_eq!(sentences, expected);
}

#[test]
fn a_clean_record_has_no_violation() {
    let record = clean();
    assert!(matches!(record.views[1].seen[BACK], Seen::Connected(_)));
    found(&record, &[]);
}
