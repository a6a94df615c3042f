//! Faults in who may do what, who is kept out, and how rooms are listed at the end. Ana made the room and owns it.

use super::*;
use plaza_protocol::{RoleChange, RoomChange, RoomKind, RoomSummary};

fn by(seq: Seq, by: &str, name: &str) -> MemberChange {
    MemberChange { by: user(by), ..change(seq, name) }
}

fn removed(seq: Seq, who: &str, name: &str) -> Event {
    Event::MemberRemoved(by(seq, who, name))
}

fn banned(seq: Seq, who: &str, name: &str) -> Event {
    Event::MemberBanned(by(seq, who, name))
}

fn unbanned(seq: Seq, who: &str, name: &str) -> Event {
    Event::MemberUnbanned(by(seq, who, name))
}

fn role(seq: Seq, who: &str, name: &str, role: Role) -> Event {
    let at = Timestamp::from_millis(0);
    Event::MemberChanged(RoleChange { room_id: room(), seq, user: user(name), role, by: user(who), at })
}

fn renamed(seq: Seq, who: &str, name: &str) -> Event {
    let at = Timestamp::from_millis(0);
    Event::RoomChanged(RoomChange { room_id: room(), seq, name: Some(name.into()), by: user(who), at })
}

/// The clean record, then these events, each asked for by who did it; ana saw them all.
fn with(events: &[Event]) -> Record {
    let mut record = clean();
    record.views.push(view("cleo", Vec::new()));
    for view in &mut record.views {
        view.complete.clear();
    }
    for event in events {
        if let Some((user, what)) = Ask::behind(event) {
            let (client, user, seq) = (user.to_string(), user.clone(), Some(event.seq()));
            record.asks.push(Asked { client, user, room: room(), what, seq });
        }
        record.logs.get_mut(&room()).unwrap().push(event.clone());
        record.views[0].seen.push(seen(event));
    }
    record
}

fn planted(events: &[Event], expected: &[&str]) {
    found(&with(events), expected);
}

#[test]
fn what_owners_and_moderators_may_is_clean() {
    planted(
        &[
            joined(13, "cleo"),
            role(14, "ana", "ben", Role::Moderator),
            removed(15, "ben", "cleo"),
            joined(16, "cleo"),
            banned(17, "ben", "cleo"),
            unbanned(18, "ben", "cleo"),
            joined(19, "cleo"),
            renamed(20, "ben", "The hall"),
            role(21, "ana", "cleo", Role::Owner),
            role(22, "cleo", "ana", Role::Member),
            left(23, "ana"),
        ],
        &[],
    );
}

#[test]
fn one_who_is_banned_comes_in() {
    planted(
        &[banned(13, "ana", "ben"), joined(14, "ben")],
        &["At 14 of general u_ben is added, and is banned."],
    );
}

#[test]
fn one_who_may_not() {
    const NOT_HIS: &[&str] = &["At 13 of general u_ben did what is not for them to do."];
    planted(
        &[removed(13, "ben", "ana")],
        &[NOT_HIS[0], "From 13 of general on nobody who is there owns it."],
    );
    planted(&[banned(13, "ben", "ana")], &[NOT_HIS[0], "From 13 of general on nobody who is there owns it."]);
    planted(&[banned(13, "ben", "cleo")], NOT_HIS);
    planted(&[role(13, "ben", "ben", Role::Moderator)], NOT_HIS);
    planted(&[renamed(13, "ben", "Mine")], NOT_HIS);
    // A moderator neither gives roles nor puts out one like himself.
    let moderator = role(13, "ana", "ben", Role::Moderator);
    let late = ["At 16 of general u_ben did what is not for them to do."];
    let cleo = [moderator, joined(14, "cleo"), role(15, "ana", "cleo", Role::Moderator)];
    for fault in [removed(16, "ben", "cleo"), banned(16, "ben", "cleo"), role(16, "ben", "cleo", Role::Owner)]
    {
        planted(&[&cleo[..], &[fault]].concat(), &late);
    }
    // Nor does one who was put out.
    planted(
        &[banned(13, "ana", "ben"), renamed(14, "ben", "Mine")],
        &["At 14 of general u_ben is no member, and is treated as one."],
    );
    // In a group plain members may put each other out, in a public room they may not.
    planted(
        &[joined(13, "cleo"), removed(14, "cleo", "ben")],
        &["At 14 of general u_cleo did what is not for them to do."],
    );
}

#[test]
fn a_room_loses_its_last_owner() {
    planted(&[left(13, "ana")], &["From 13 of general on nobody who is there owns it."]);
    planted(&[role(13, "ana", "ana", Role::Member)], &["From 13 of general on nobody who is there owns it."]);
    planted(&[left(13, "ben"), left(14, "ana")], &[]);
}

#[test]
fn what_changes_nothing() {
    const NOTHING: &[&str] = &["The log of general holds at 14 what changes nothing."];
    planted(&[banned(13, "ana", "cleo"), banned(14, "ana", "cleo")], NOTHING);
    planted(&[renamed(13, "ana", "a"), renamed(14, "ana", "a")], NOTHING);
    let again = role(14, "ana", "ben", Role::Moderator);
    planted(&[role(13, "ana", "ben", Role::Moderator), again], NOTHING);
    planted(&[unbanned(13, "ana", "ben")], &["The log of general holds at 13 what changes nothing."]);
}

#[test]
fn what_nobody_asked_for_and_what_was_not_done() {
    let events = [banned(13, "ana", "ben"), unbanned(14, "ana", "ben"), role(15, "ana", "cleo", Role::Owner)];
    let mut record = with(&[&[joined(13, "cleo")], &[role(14, "ana", "cleo", Role::Owner)][..]].concat());
    // Another role than was asked for.
    record.asks.last_mut().unwrap().what = Ask::SetRole(user("cleo").id, Role::Moderator);
    found(
        &record,
        &[
            "The log of general holds at 14 what nobody asked for (member:changed).",
            "u_ana was told that what it asked for is at 14 of general, and it is not.",
        ],
    );
    let mut record = with(&events[..2]);
    record.asks.pop();
    found(&record, &["The log of general holds at 14 what nobody asked for (member:unbanned)."]);
    // A ban that was acknowledged and lost.
    let mut record = with(&events[..1]);
    record.logs.get_mut(&room()).unwrap().pop();
    record.views[0].seen.pop();
    found(&record, &["u_ana was told that what it asked for is at 13 of general, and it is not."]);
}

#[test]
fn one_who_is_banned_is_told_of_what_follows() {
    let mut record = with(&[banned(13, "ana", "ben"), message(14)]);
    let Event::Message(after) = message(14) else { panic!() };
    record.sends.push(sent(&after));
    record.views[1].seen.extend([seen(&banned(13, "ana", "ben")), event(14)]);
    found(&record, &["ben was given 14 of general without being a member as far as it was told."]);
    // And may be told to let go of the room when he comes back.
    let mut record = with(&[banned(13, "ana", "ben")]);
    let back = [connected(&[("general", 12)]), resumed(&[("general", reload(Reload::Unknown))])];
    record.views[1].seen.extend(back);
    found(&record, &[]);
}

fn stood(name: &str, read: Seq) -> Stood {
    // Ana wrote the even ones of 3 to 12, ben the odd ones.
    let listed = RoomSummary {
        id: room(),
        name: "general".into(),
        kind: RoomKind::Public,
        with: None,
        seq: 12,
        at: None,
        members: 2,
        read_seq: read,
        unread: (read + 1..=12).filter(|seq| seq.is_multiple_of(2) == (name == "ben")).count() as u64,
        role: if name == "ana" { Role::Owner } else { Role::Member },
    };
    Stood { client: name.into(), user: user(name).id, read, listed }
}

#[test]
fn a_room_is_listed_otherwise_than_it_is() {
    let mut clean = clean();
    clean.stood = vec![stood("ana", 4), stood("ben", 7), stood("ben", 2)];
    found(&clean, &[]);
    let listed = |change: fn(&mut Stood), expected: &[&str]| {
        let mut record = clean.clone();
        change(&mut record.stood[1]);
        found(&record, expected);
    };
    listed(|stood| stood.listed.unread += 1, &["ben was told that the unread of general is 4, and it is 3."]);
    listed(
        |stood| stood.listed.seq = 11,
        &["ben was told that the newest position of general is 11, and it is 12."],
    );
    listed(
        |stood| stood.listed.members = 3,
        &["ben was told that the number of members of general is 3, and it is 2."],
    );
    listed(
        |stood| stood.listed.role = Role::Moderator,
        &["ben was told that the role of general is moderator, and it is member."],
    );
    listed(|stood| stood.read = 8, &["ben is said to have read general to 7, and has to 8 at the least."]);
    listed(
        |stood| (stood.user, stood.client) = (user("cleo").id, "cleo".into()),
        &["general is listed for cleo, who is no member."],
    );
    let mut renamed = with(&[renamed(13, "ana", "The hall")]);
    let mut ana = stood("ana", 4);
    ana.listed.seq = 13;
    renamed.stood.push(ana);
    found(&renamed, &["ana was told that the name of general is general, and it is The hall."]);
    // One who came back has read up to there.
    let mut back = with(&[left(13, "ben"), joined(14, "ben")]);
    let mut ben = stood("ben", 7);
    ben.listed.seq = 14;
    back.stood.push(ben);
    found(&back, &["ben is said to have read general to 7, and has to 14 at the least."]);
}
