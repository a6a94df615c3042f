//! A log by itself: 1 to n, of one room, each id and each send once, and everything by somebody who may and who
//! asked for it.

use super::{Ask, Record, Violation};
use plaza_protocol::{Event, MemberChange, RoomId, Seq, User, UserId};
use std::collections::{HashMap, HashSet};

pub(super) fn check(record: &Record, found: &mut Vec<Violation>) {
    let users: HashMap<&UserId, &User> =
        record.views.iter().map(|view| (&view.user.id, &view.user)).collect();
    let mut ids = HashSet::new();
    for (room, log) in &record.logs {
        let mut checked = Log { room, members: HashSet::new(), users: &users, found };
        for (index, event) in log.iter().enumerate() {
            checked.place(index as Seq + 1, event);
            checked.fold(event);
        }
        check_sends(record, room, log, &mut ids, found);
        check_asks(record, room, log, found);
    }
}

struct Log<'a> {
    room: &'a RoomId,
    members: HashSet<&'a UserId>,
    users: &'a HashMap<&'a UserId, &'a User>,
    found: &'a mut Vec<Violation>,
}

impl<'a> Log<'a> {
    fn place(&mut self, expected: Seq, event: &Event) {
        let (room, seq) = (self.room.clone(), event.seq());
        if seq != expected {
            self.found.push(Violation::Hole { room: room.clone(), expected, got: seq });
        }
        if event.room_id() != self.room {
            self.found.push(Violation::OtherRoom { room, seq, bears: event.room_id().clone() });
        }
    }

    /// Who is a member after this event, and whether it could happen with those before.
    fn fold(&mut self, event: &'a Event) {
        match event {
            Event::Message(message) => self.must_be_member(&message.sender, message.seq),
            Event::MemberAdded(change) => {
                self.must_be_asked_by_one_who_may(change);
                if !self.members.insert(&change.user.id) {
                    let (room, user) = (self.room.clone(), change.user.id.clone());
                    self.found.push(Violation::MemberTwice { room, seq: change.seq, user });
                }
            }
            Event::MemberRemoved(change) => {
                self.must_be_asked_by_one_who_may(change);
                self.must_be_member(&change.user, change.seq);
                self.members.remove(&change.user.id);
            }
            Event::MemberBanned(change) => {
                self.must_be_asked_by_one_who_may(change);
                self.members.remove(&change.user.id);
            }
            Event::MemberUnbanned(change) => self.must_be_asked_by_one_who_may(change),
            Event::MemberChanged(change) => {
                self.must_be_member(&change.by, change.seq);
                self.must_be_member(&change.user, change.seq);
            }
            Event::RoomChanged(change) => self.must_be_member(&change.by, change.seq),
        }
    }

    fn must_be_asked_by_one_who_may(&mut self, change: &MemberChange) {
        self.must_be_known(&change.user, change.seq);
        if change.by != change.user {
            self.must_be_member(&change.by, change.seq);
        }
    }

    fn must_be_member(&mut self, user: &User, seq: Seq) {
        self.must_be_known(user, seq);
        if !self.members.contains(&user.id) {
            let (room, user) = (self.room.clone(), user.id.clone());
            self.found.push(Violation::NoMember { room, seq, user });
        }
    }

    fn must_be_known(&mut self, user: &User, seq: Seq) {
        if self.users.get(&user.id) != Some(&user) {
            let (room, user) = (self.room.clone(), user.id.clone());
            self.found.push(Violation::Stranger { room, seq, user });
        }
    }
}

/// Each message bears an id of its own, everywhere; and is a send that somebody made, once.
fn check_sends<'a>(
    record: &'a Record,
    room: &RoomId,
    log: &'a [Event],
    ids: &mut HashSet<&'a str>,
    found: &mut Vec<Violation>,
) {
    let asked: HashSet<_> = record
        .sends
        .iter()
        .filter(|sent| sent.room == *room)
        .map(|sent| (&sent.user, &sent.client_id))
        .collect();
    let mut first = HashMap::new();
    for event in log {
        let Event::Message(message) = event else { continue };
        let (room, seq, client_id) = (room.clone(), message.seq, message.client_id.clone());
        if !ids.insert(&message.id) {
            found.push(Violation::IdTwice { room: room.clone(), id: message.id.clone() });
        }
        let send = (&message.sender.id, &message.client_id);
        if let Some(first) = first.insert(send, seq) {
            found.push(Violation::SentTwice { room, client_id, first, second: seq });
        } else if !asked.contains(&send) {
            found.push(Violation::NobodyAsked { room, seq });
        }
    }
}

/// Nobody came or went more often than they asked to.
fn check_asks(record: &Record, room: &RoomId, log: &[Event], found: &mut Vec<Violation>) {
    let mut left: HashMap<(&UserId, Ask), usize> = HashMap::new();
    for asked in record.asks.iter().filter(|asked| asked.room == *room) {
        *left.entry((&asked.user, asked.what)).or_default() += 1;
    }
    for event in log {
        let (change, what) = match event {
            Event::Message(_) => continue,
            Event::MemberAdded(change) => (change, Ask::Join),
            Event::MemberRemoved(change) => (change, Ask::Leave),
            _ => continue,
        };
        match left.get_mut(&(&change.user.id, what)) {
            Some(asked @ 1..) => *asked -= 1,
            _ => found.push(Violation::NobodyAsked { room: room.clone(), seq: change.seq }),
        }
    }
}
