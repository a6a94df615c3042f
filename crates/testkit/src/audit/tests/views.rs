//! Faults in what a client was told.

use super::*;

fn reworded(seen: &mut Seen) {
    let Seen::Event(event) = seen else { panic!("not an event") };
    let Event::Message(message) = Arc::make_mut(event) else { panic!("not a message") };
    message.content = Content::Text(TextBody { text: "something else".into() });
}

#[test]
fn an_event_twice() {
    planted(|record| record.views[0].seen.insert(ana(7), event(6)), &["ana saw 6 of general twice."]);
    // Also when it comes much later, or on a later connection.
    planted(|record| record.views[0].seen.push(event(3)), &["ana saw 3 of general twice."]);
    planted(|record| record.views[1].seen.push(event(3)), &["ben saw 3 of general twice."]);
    planted(|record| record.views[1].seen.insert(BACK + 1, event(7)), &["ben saw 7 of general twice."]);
}

#[test]
fn an_event_dropped() {
    planted(
        |record| drop(record.views[0].seen.remove(ana(6))),
        &["ana never saw 6 of general, but what comes before and after."],
    );
    planted(
        |record| drop(record.views[0].seen.drain(ana(6)..ana(9))),
        &["ana never saw 6 to 8 of general, but what comes before and after."],
    );
}

#[test]
fn the_first_event_dropped() {
    // One's own join is what a view begins with.
    planted(
        |record| drop(record.views[0].seen.remove(ana(1))),
        &["ana was given 2 of general without being a member as far as it was told."],
    );
    planted(
        |record| drop(record.views[1].seen.drain(2..4)),
        &["ben was given 4 of general without being a member as far as it was told."],
    );
    // Of what was missed.
    planted(
        |record| drop(record.views[1].seen.remove(BACK + 1)),
        &[
            "ben was told that what is above 7 of general up to 9 was sent, and it was 9.",
            "ben never saw 8 of general, but what comes before and after.",
        ],
    );
    // Of what is live.
    planted(
        |record| drop(record.views[1].seen.remove(BACK + 4)),
        &["ben never saw 10 of general, but what comes before and after."],
    );
}

#[test]
fn the_last_event_dropped() {
    planted(|record| drop(record.views[1].seen.pop()), &["ben saw general up to 11, and it ends at 12."]);
    planted(|record| record.views[1].seen.clear(), &["ben saw general up to 0, and it ends at 12."]);
    // Of what was missed.
    planted(
        |record| drop(record.views[1].seen.remove(BACK + 2)),
        &["ben was told that what is above 7 of general up to 9 was sent, and it was 8."],
    );
}

#[test]
fn two_events_swapped() {
    planted(|record| record.views[0].seen.swap(ana(6), ana(7)), &["ana saw 6 of general after 7."]);
    planted(|record| record.views[1].seen.swap(BACK + 4, BACK + 5), &["ben saw 10 of general after 11."]);
}

#[test]
fn an_event_with_another_body() {
    planted(
        |record| reworded(&mut record.views[0].seen[ana(6)]),
        &["What ana saw as 6 of general is not what the log holds there."],
    );
}

#[test]
fn an_event_that_is_not_in_the_log() {
    planted(
        |record| record.views[0].seen.push(event(13)),
        &["ana saw 13 of general, which the log does not hold."],
    );
}

#[test]
fn an_event_of_a_room_one_is_not_in() {
    let other: RoomId = "other".parse().unwrap();
    let mut came = change(1, "ben");
    came.room_id = other.clone();
    planted(
        |record| {
            record.asks.push(Asked { room: other.clone(), ..asked("ben", Ask::Join, 1) });
            record.logs.insert(other, vec![Event::MemberAdded(came.clone())]);
            record.views[0].seen.push(seen(&Event::MemberAdded(came.clone())));
        },
        &["ana was given 1 of other without being a member as far as it was told."],
    );
    // Nor while it comes back.
    planted(
        |record| {
            record.asks.push(Asked { room: came.room_id.clone(), ..asked("ben", Ask::Join, 1) });
            record.logs.insert(came.room_id.clone(), vec![Event::MemberAdded(came.clone())]);
            let back = [connected(&[("general", 12)]), seen(&Event::MemberAdded(came))];
            record.views[0].seen.extend(back);
            record.views[0].seen.push(resumed(&[("general", span(12, 12))]));
        },
        &["ana was not told what became of other."],
    );
}

/// Ben leaves at 13, ana writes 14, ben joins again at 15, ana writes 16.
fn away() -> Record {
    let mut record = clean();
    let more = [left(13, "ben"), message(14), joined(15, "ben"), message(16)];
    let log: Vec<Event> = record.logs[&room()].iter().cloned().chain(more).collect();
    record.views[0].seen.extend(log[12..].iter().map(seen));
    Record { views: record.views, ..super::record(log) }
}

#[test]
fn an_event_after_ones_own_removal() {
    let with = |rest: &[Seen]| {
        let mut record = away();
        record.views[1].seen.extend(rest.iter().cloned());
        record
    };
    let (out, back) = (seen(&left(13, "ben")), seen(&joined(15, "ben")));
    found(&with(&[out.clone(), back.clone(), event(16)]), &[]);
    found(
        &with(&[out.clone(), event(14), back.clone(), event(16)]),
        &["ben was given 14 of general without being a member as far as it was told."],
    );
    found(
        &with(&[out.clone(), event(16)]),
        &["ben was given 16 of general without being a member as far as it was told."],
    );
    // Who comes back as a member of now may be given all of it, and who is none is told so.
    let all = [connected(&[("general", 12)]), out.clone(), event(14), back.clone(), event(16)];
    let mut whole = all.to_vec();
    whole.push(resumed(&[("general", span(12, 16))]));
    found(&with(&whole), &[]);
    let told = [
        connected(&[("general", 12)]),
        resumed(&[("general", reload(Reload::Unknown))]),
        Seen::Reloaded(room(), None),
    ];
    found(&with(&[&told[..], &[back.clone(), event(16)]].concat()), &[]);
    found(
        &with(&[&told[..], &[event(14), back, event(16)]].concat()),
        &["ben was given 14 of general without being a member as far as it was told."],
    );
}

#[test]
fn a_span_that_says_more_or_less_than_was_sent() {
    let told = |from, to| {
        move |record: &mut Record| record.views[1].seen[BACK + 3] = resumed(&[("general", span(from, to))])
    };
    planted(
        |record| {
            told(7, 10)(record);
            record.views[1].seen.remove(BACK + 4);
        },
        &["ben was told that what is above 7 of general up to 10 was sent, and it was 8 to 9."],
    );
    planted(
        |record| {
            told(7, 8)(record);
            record.views[1].seen.insert(BACK + 4, event(9));
        },
        &[
            "ben was told that what is above 7 of general up to 8 was sent, and it was 8 to 9.",
            "ben saw 9 of general twice.",
        ],
    );
    // From elsewhere than claimed: what lies between was never sent.
    planted(
        |record| {
            told(8, 9)(record);
            record.views[1].seen.remove(BACK + 1);
        },
        &[
            "ben was told that what is above 8 of general up to 9 was sent, and it was 9.",
            "ben never saw 8 of general, but what comes before and after.",
        ],
    );
    // Nothing missed, they say.
    planted(
        |record| {
            told(9, 9)(record);
            record.views[1].seen.drain(BACK + 1..BACK + 3);
        },
        &["ben was told that what is above 9 of general up to 9 was sent, and it was nothing."],
    );
}

#[test]
fn a_room_listed_above_its_top() {
    let listed = |top| {
        let mut record = clean();
        record.views[1].seen = vec![connected(&[]), resumed(&[("general", span(top, top))])];
        record
    };
    found(&listed(12), &[]);
    found(
        &listed(u64::MAX),
        &[
            "ben was told that what is above 18446744073709551615 of general up to 18446744073709551615 was sent, \
             and it was nothing.",
        ],
    );
    // Above its top of then: what he sends after that comes before it.
    let mut record = listed(12);
    record.sends[8].after = 12;
    found(&record, &["ben had seen 12 of general before it sent c11, which was put at 11."]);
}

#[test]
fn a_room_that_is_passed_over() {
    planted(
        |record| {
            record.views[1].seen[BACK + 3] = resumed(&[]);
            record.views[1].seen.truncate(BACK + 4);
            record.views[1].complete.clear();
        },
        &["ben was not told what became of general."],
    );
}

#[test]
fn a_client_that_comes_back_with_another_position() {
    let claimed = |positions: &'static [(&'static str, Seq)]| {
        move |record: &mut Record| record.views[1].seen[BACK] = connected(positions)
    };
    planted(
        |record| {
            claimed(&[("general", 8)])(record);
            record.views[1].seen.remove(BACK + 1);
            record.views[1].seen[BACK + 2] = resumed(&[("general", span(8, 9))]);
        },
        &["ben held 7 of general and came back with 8."],
    );
    planted(claimed(&[]), &["ben held 7 of general and came back with nothing."]);
    planted(
        |record| record.views[0].seen[0] = connected(&[("general", 1)]),
        &["ana held nothing of general and came back with 1.", "ana was not told what became of general."],
    );
}

#[test]
fn a_connection_that_never_got_to_the_end_of_catching_up() {
    planted(
        |record| record.views[0].seen.push(connected(&[("general", 12)])),
        &["ana saw general up to 0, and it ends at 12."],
    );
    planted(
        |record| record.views[1].seen.insert(BACK + 4, resumed(&[("general", span(9, 9))])),
        &["ben noted: it was told twice that it resumed."],
    );
}

#[test]
fn what_a_client_noted_itself_is_passed_on() {
    planted(
        |record| record.views[0].seen.push(Seen::Fault("a payload that cannot be read".into())),
        &["ana noted: a payload that cannot be read."],
    );
}

/// Ana and ben join, and a long log follows. Ben's connection breaks after 7; he comes back, is told to reload at
/// 1,500, and goes on.
fn far() -> Record {
    let log: Vec<Event> =
        [joined(1, "ana"), joined(2, "ben")].into_iter().chain((3..=1_510).map(message)).collect();
    let ana = vec![connected(&[]), resumed(&[("general", span(1_510, 1_510))])];
    let ben = [connected(&[]), resumed(&[])]
        .into_iter()
        .chain(log[1..7].iter().map(seen))
        .chain([
            connected(&[("general", 7)]),
            resumed(&[("general", reload(Reload::TooFar))]),
            page(1_452..=1_501),
        ])
        .chain((1_501..=1_510).map(event))
        .collect();
    Record { views: vec![view("ana", ana), view("ben", ben)], ..record(log) }
}

/// Where ben's page is.
const PAGE: usize = BACK + 2;

#[test]
fn a_reload_may_leave_out_and_show_again() {
    found(&far(), &[]);
    // The connection breaks before he has asked for the page, and he asks on the next.
    let mut record = far();
    record.views[1].seen.splice(
        PAGE..PAGE,
        [event(1_490), event(1_491), connected(&[]), resumed(&[("general", span(1_500, 1_500))])],
    );
    found(&record, &[]);
}

#[test]
fn a_reload_that_loses_something() {
    let with = |fault: &dyn Fn(&mut Vec<Seen>)| {
        let mut record = far();
        fault(&mut record.views[1].seen);
        record
    };
    found(&with(&|seen| drop(seen.remove(PAGE + 1))), &[]);
    found(
        &with(&|seen| drop(seen.drain(PAGE + 1..PAGE + 4))),
        &["ben never saw 1502 to 1503 of general, but what comes before and after."],
    );
    found(
        &with(&|seen| drop(seen.remove(PAGE + 5))),
        &["ben never saw 1505 of general, but what comes before and after."],
    );
    found(
        &with(&|seen| seen[PAGE] = page(3..=52)),
        &[
            "ben reloaded general with a page that ends at 52 and not at 1008 or later.",
            "ben never saw 53 to 1500 of general, but what comes before and after.",
        ],
    );
    found(
        &with(&|seen| {
            seen[PAGE] = page(1_452..=1_501);
            let Seen::Reloaded(_, Some(page)) = &mut seen[PAGE] else { panic!() };
            page.events.remove(3);
            page.more = false;
        }),
        &[
            "ben never saw 1455 of general, but what comes before and after.",
            "ben reloaded general with a page from 1452 that says the wrong thing of what is before.",
        ],
    );
    // The page is never given.
    found(&with(&|seen| drop(seen.remove(PAGE))), &["ben saw general up to 0, and it ends at 1510."]);
}

#[test]
fn a_reload_without_its_reason() {
    for (reason, told) in [(Reload::TooFar, "TooFar"), (Reload::Epoch, "Epoch"), (Reload::Unknown, "Unknown")]
    {
        let sentence = format!("ben was told to reload general ({told}) without reason.");
        planted(
            |record| {
                let outcome = resumed(&[("general", reload(reason))]);
                record.views[1].seen.splice(BACK + 1.., [outcome]);
                record.views[1].complete.clear();
            },
            &[&sentence],
        );
    }
    // After the page nobody can tell but by it: too little was missed then.
    let mut record = far();
    record.views[1].seen.splice(PAGE.., [page(952..=1_001)]);
    record.views[1].seen.extend((1_002..=1_510).map(event));
    found(&record, &["ben reloaded general with a page that ends at 1001 and not at 1008 or later."]);
}
