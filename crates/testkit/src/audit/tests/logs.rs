//! Faults in the logs, and in what the asking side was told of them.

use super::*;

fn log(record: &mut Record) -> &mut Vec<Event> {
    record.logs.get_mut(&room()).unwrap()
}

/// Everybody saw this last.
fn show(record: &mut Record, event: &Event) {
    log(record).push(event.clone());
    for view in &mut record.views {
        view.seen.push(seen(event));
    }
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
        |record| record.sends[0].answers[0].seq = 4,
        &["ben was told that c3 is at 4 of general, and it is not there."],
    );
}

#[test]
fn acknowledged_where_somebody_joined() {
    planted(
        |record| (record.sends[0].answers[0].seq, record.sends[0].after) = (1, 0),
        &["ben was told that c3 is at 1 of general, and it is not there."],
    );
}

#[test]
fn acknowledged_with_another_id_or_time() {
    planted(
        |record| {
            record.sends[0].answers[0].id = "m_other".into();
            record.sends[1].answers[0].at = Timestamp::from_millis(99);
        },
        &[
            "c3 of ben is at 3 of general, but not as it was acknowledged.",
            "c4 of ana is at 4 of general, but not as it was acknowledged.",
        ],
    );
}

#[test]
fn a_retry_that_is_answered_otherwise_than_the_first_time() {
    planted(
        |record| {
            let again = SentMessage { seq: 5, ..record.sends[0].answers[0].clone() };
            record.sends[0].answers.push(again);
        },
        &["ben was told that c3 is at 5 of general, and it is not there."],
    );
}

#[test]
fn another_text_than_was_sent() {
    let expected = &["c4 of ana is at 4 of general, but not as it was sent."];
    planted(|record| record.sends[1].text = "what was really sent".into(), expected);
    // Also where it was never acknowledged.
    planted(
        |record| {
            record.sends[1].answers.clear();
            record.sends[1].text = "what was really sent".into();
        },
        expected,
    );
}

#[test]
fn never_acknowledged_may_be_in_the_log_or_not() {
    planted(
        |record| {
            record.sends[1].answers.clear();
            let Event::Message(lost) = message(99) else { panic!() };
            record.sends.push(Sent { answers: Vec::new(), ..sent(&lost) });
        },
        &[],
    );
}

#[test]
fn put_before_what_its_sender_had_seen() {
    planted(
        |record| record.sends[1].after = 4,
        &["ana had seen 4 of general before it sent c4, which was put at 4."],
    );
}

#[test]
fn a_log_with_a_hole() {
    planted(
        |record| {
            log(record).remove(10);
            record.sends.remove(8);
            for view in &mut record.views {
                view.seen.truncate(view.seen.len() - 2);
                view.complete.clear();
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
            show(record, &Event::Message(twice));
        },
        &[
            "The id m_12 is in use twice, the second time in general.",
            "One send, c12, is in the log of general twice, at 12 and 13.",
        ],
    );
    // With an id of its own, and also with another text.
    planted(
        |record| {
            let Event::Message(mut twice) = message(13) else { panic!() };
            (twice.client_id, twice.sender) = ("c12".parse().unwrap(), user("ana"));
            show(record, &Event::Message(twice));
        },
        &[
            "One send, c12, is in the log of general twice, at 12 and 13.",
            "c12 of ana is at 13 of general, but not as it was sent.",
        ],
    );
}

#[test]
fn one_id_in_two_rooms() {
    planted(
        |record| {
            let other: RoomId = "other".parse().unwrap();
            let (mut came, Event::Message(mut twice)) = (change(1, "ben"), message(3)) else { panic!() };
            (came.room_id, twice.room_id, twice.seq) = (other.clone(), other.clone(), 2);
            let answers = vec![SentMessage { seq: 2, id: twice.id.clone(), at: twice.at }];
            record.sends.push(Sent { room: other.clone(), after: 1, answers, ..record.sends[0].clone() });
            record.asks.push(Asked { room: other.clone(), ..asked("ben", Ask::Join, 1) });
            record.logs.insert(other, vec![Event::MemberAdded(came), Event::Message(twice)]);
        },
        &["The id m_3 is in use twice, the second time in other."],
    );
}

#[test]
fn a_message_that_nobody_sent() {
    planted(
        |record| show(record, &message(13)),
        &["The log of general holds at 13 what nobody asked for (message)."],
    );
    // Or that was sent, but to another room.
    planted(
        |record| {
            let Event::Message(elsewhere) = message(13) else { panic!() };
            let other = "other".parse().unwrap();
            record.sends.push(Sent { room: other, answers: Vec::new(), ..sent(&elsewhere) });
            show(record, &Event::Message(elsewhere));
        },
        &["The log of general holds at 13 what nobody asked for (message)."],
    );
}

#[test]
fn an_event_of_another_room() {
    planted(
        |record| {
            let Event::Message(mut stray) = message(13) else { panic!() };
            record.sends.push(Sent { answers: Vec::new(), ..sent(&stray) });
            stray.room_id = "other".parse().unwrap();
            log(record).push(Event::Message(stray));
            record.views.iter_mut().for_each(|view| view.complete.clear());
        },
        &["The log of general holds at 13 an event of other."],
    );
}

#[test]
fn somebody_unknown_or_by_another_name() {
    planted(
        |record| {
            record.asks.push(asked("eve", Ask::Join, 13));
            show(record, &joined(13, "eve"));
        },
        &["At 13 of general stands u_eve, whom nobody knows as such."],
    );
    planted(
        |record| {
            let Event::Message(mut renamed) = message(14) else { panic!() };
            renamed.seq = 13;
            renamed.sender.name = "Anna".into();
            record.sends.push(sent(&renamed));
            record.sends.last_mut().unwrap().text = "text 14".into();
            show(record, &Event::Message(renamed));
        },
        &["At 13 of general stands u_ana, whom nobody knows as such."],
    );
}

#[test]
fn one_who_is_no_member() {
    let left_and_wrote = |record: &mut Record| {
        record.asks.push(asked("ben", Ask::Leave, 13));
        record.sends.push(sent(&{
            let Event::Message(mut message) = message(15) else { panic!() };
            message.seq = 14;
            message
        }));
        let Event::Message(mut wrote) = message(15) else { panic!() };
        wrote.seq = 14;
        record.sends.last_mut().unwrap().text = "text 15".into();
        show(record, &left(13, "ben"));
        log(record).push(Event::Message(wrote.clone()));
        record.views[0].seen.push(seen(&Event::Message(wrote)));
        record.views[1].complete.clear();
    };
    planted(left_and_wrote, &["At 14 of general u_ben is no member, and is treated as one."]);
}

#[test]
fn a_member_added_again_or_taken_out_twice() {
    planted(
        |record| {
            record.asks.push(asked("ben", Ask::Join, 13));
            show(record, &joined(13, "ben"));
        },
        &["At 13 of general u_ben is added, and is a member already."],
    );
    planted(
        |record| {
            record.asks.extend([asked("ben", Ask::Leave, 13), asked("ben", Ask::Leave, 14)]);
            show(record, &left(13, "ben"));
            log(record).push(left(14, "ben"));
            record.views[0].seen.push(seen(&left(14, "ben")));
            record.views[1].complete.clear();
        },
        &["At 14 of general u_ben is no member, and is treated as one."],
    );
}

#[test]
fn one_who_left_or_came_without_asking() {
    planted(
        |record| {
            show(record, &left(13, "ben"));
            record.views[1].complete.clear();
        },
        &["The log of general holds at 13 what nobody asked for (member:removed)."],
    );
    planted(
        |record| drop(record.asks.remove(0)),
        &["The log of general holds at 1 what nobody asked for (member:added)."],
    );
}

#[test]
fn told_to_have_come_or_gone_where_it_is_not_so() {
    planted(
        |record| record.asks[1].seq = Some(1),
        &["ben was told that what it asked for is at 1 of general, and it is not."],
    );
    planted(
        |record| record.asks.push(asked("ana", Ask::Leave, 13)),
        &["ana was told that what it asked for is at 13 of general, and it is not."],
    );
}

#[test]
fn a_room_without_a_log() {
    planted(
        |record| {
            record.views[0].complete.insert("empty".parse().unwrap());
        },
        &["ana saw empty up to 0, and it ends at 0."],
    );
}
