//! The auditor must catch what it is there for: each fault is planted alone in a clean record, and must be found
//! and nothing else.

use super::*;
use plaza_protocol::{MemberChange, Message, Timestamp, User};

fn room() -> RoomId {
    "general".parse().unwrap()
}

fn user(name: &str) -> User {
    User { id: format!("u_{name}").parse().unwrap(), name: name.into(), guest: false }
}

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

fn joined(seq: Seq, name: &str) -> Event {
    let (user, by) = (user(name), user(name));
    Event::MemberAdded(MemberChange { room_id: room(), seq, user, by, at: Timestamp::from_millis(0) })
}

/// Two people join, ten messages follow, all acknowledged, and both see everything since they joined.
fn clean() -> Record {
    let log: Vec<Event> =
        [joined(1, "ana"), joined(2, "ben")].into_iter().chain((3..=12).map(message)).collect();
    let acks = log
        .iter()
        .filter_map(|event| match event {
            Event::Message(message) => Some(Ack {
                client: message.sender.name.clone(),
                sender: message.sender.id.clone(),
                room: room(),
                client_id: message.client_id.clone(),
                text: format!("text {}", message.seq),
                seq: message.seq,
                id: message.id.clone(),
            }),
            _ => None,
        })
        .collect();
    let view = |client: &str, from: usize| View {
        client: client.into(),
        seen: log[from..].iter().cloned().map(Seen::Event).collect(),
        complete: BTreeSet::from([room()]),
    };
    let views = vec![view("ana", 0), view("ben", 1)];
    Record { acks, views, logs: BTreeMap::from([(room(), log)]) }
}

/// Plants one fault and expects exactly this to be found.
fn planted(fault: impl FnOnce(&mut Record), expected: &[&str]) {
    let mut record = clean();
    fault(&mut record);
    let sentences: Vec<String> = audit(&record).iter().map(ToString::to_string).collect();
    assert_eq!(sentences, expected);
}

fn log(record: &mut Record) -> &mut Vec<Event> {
    record.logs.get_mut(&room()).unwrap()
}

fn reworded(event: &mut Event) {
    let Event::Message(message) = event else { panic!("not a message") };
    message.content = Content::Text(TextBody { text: "something else".into() });
}

#[test]
fn a_clean_record_has_no_violation() {
    planted(|_| {}, &[]);
}

#[test]
fn acknowledged_before_it_was_committed() {
    // The server dies between the acknowledgement and the commit: nobody has seen it, the log does not hold it.
    planted(
        |record| {
            log(record).pop();
            for view in &mut record.views {
                view.seen.pop();
            }
        },
        &["ana was told that c12 is at 12 of general, and it is not there."],
    );
}

#[test]
fn acknowledged_at_the_place_of_another() {
    planted(
        |record| record.acks[0].seq = 4,
        &["ben was told that c3 is at 4 of general, and it is not there."],
    );
}

#[test]
fn acknowledged_where_somebody_joined() {
    planted(
        |record| record.acks[0].seq = 1,
        &["ben was told that c3 is at 1 of general, and it is not there."],
    );
}

#[test]
fn acknowledged_with_another_id_or_body() {
    planted(
        |record| {
            record.acks[0].id = "m_other".into();
            record.acks[1].text = "what was really sent".into();
        },
        &[
            "c3 of ben is at 3 of general, but not as it was acknowledged.",
            "c4 of ana is at 4 of general, but not as it was acknowledged.",
        ],
    );
}

#[test]
fn an_event_twice() {
    planted(
        |record| {
            let again = record.views[0].seen[5].clone();
            record.views[0].seen.insert(6, again);
        },
        &["ana saw 6 of general twice."],
    );
    // Also when it comes much later.
    planted(
        |record| {
            let again = record.views[1].seen[1].clone();
            record.views[1].seen.push(again);
        },
        &["ben saw 3 of general twice."],
    );
}

#[test]
fn an_event_dropped() {
    planted(
        |record| drop(record.views[0].seen.remove(5)),
        &["ana never saw 6 of general, but what comes before and after."],
    );
    planted(
        |record| drop(record.views[0].seen.drain(5..8)),
        &["ana never saw 6 to 8 of general, but what comes before and after."],
    );
}

#[test]
fn the_last_event_dropped() {
    planted(|record| drop(record.views[1].seen.pop()), &["ben saw general up to 11, and it ends at 12."]);
    planted(|record| record.views[1].seen.clear(), &["ben saw general up to 0, and it ends at 12."]);
}

#[test]
fn two_events_swapped() {
    planted(|record| record.views[0].seen.swap(5, 6), &["ana saw 6 of general after 7."]);
}

#[test]
fn an_event_with_another_body() {
    planted(
        |record| {
            let Seen::Event(event) = &mut record.views[0].seen[5] else { panic!() };
            reworded(event);
        },
        &["What ana saw as 6 of general is not what the log holds there."],
    );
}

#[test]
fn an_event_that_is_not_in_the_log() {
    planted(
        |record| record.views[0].seen.push(Seen::Event(message(13))),
        &["ana saw 13 of general, which the log does not hold."],
    );
}

#[test]
fn a_log_with_a_hole() {
    planted(
        |record| {
            log(record).remove(11);
            let shifted = &mut log(record)[10];
            assert_eq!(shifted.seq(), 11);
            *shifted = message(12);
            record.acks.remove(8);
            for view in &mut record.views {
                view.seen.pop();
                view.seen.pop();
                view.seen.push(Seen::Restart(room()));
                view.seen.push(Seen::Event(message(12)));
            }
        },
        &["The log of general has 12 where 11 belongs."],
    );
}

#[test]
fn one_send_and_one_id_in_the_log_twice() {
    planted(
        |record| {
            let Event::Message(mut twice) = message(12) else { panic!() };
            twice.seq = 13;
            log(record).push(Event::Message(twice.clone()));
            for view in &mut record.views {
                view.seen.push(Seen::Event(Event::Message(twice.clone())));
            }
        },
        &[
            "The id m_12 is in use twice, the second time in general.",
            "One send, c12, is in the log of general twice, at 12 and 13.",
        ],
    );
}

#[test]
fn what_a_client_noted_itself_is_passed_on() {
    planted(
        |record| record.views[0].seen.push(Seen::Fault("a payload that cannot be read".into())),
        &["ana noted: a payload that cannot be read."],
    );
}

#[test]
fn a_reload_may_leave_out_and_show_again_but_not_within_itself() {
    // Left out: told to reload after 5, goes on from 10.
    planted(|record| drop(record.views[0].seen.splice(5..9, [Seen::Restart(room())])), &[]);
    // Shown again: the page it reloads from begins before what it had seen.
    planted(
        |record| {
            let page = record.views[0].seen[3..].to_vec();
            record.views[0].seen.truncate(6);
            record.views[0].seen.push(Seen::Restart(room()));
            record.views[0].seen.extend(page);
        },
        &[],
    );
    // But a hole before or after a reload is a hole.
    planted(
        |record| {
            record.views[0].seen.insert(6, Seen::Restart(room()));
            record.views[0].seen.remove(8);
            record.views[0].seen.remove(2);
        },
        &[
            "ana never saw 3 of general, but what comes before and after.",
            "ana never saw 8 of general, but what comes before and after.",
        ],
    );
}
