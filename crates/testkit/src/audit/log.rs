//! A log by itself: 1 to n, of one room, each id and each send once, and everything by somebody who may, who asked for it,
//! and whom it left something to change.

use super::{Ask, Record, Violation, fold::Room};
use plaza_protocol::{Event, MemberChange, RoomId, Seq, User, UserId};
use std::collections::{HashMap, HashSet};

pub(super) fn check(record: &Record, found: &mut Vec<Violation>) {
    let users: HashMap<&UserId, &User> =
        record.views.iter().map(|view| (&view.user.id, &view.user)).collect();
    let mut ids = HashSet::new();
    for (room, log) in &record.logs {
        let mut checked = Log { room: Room::new(room), users: &users, found };
        for (index, event) in log.iter().enumerate() {
            checked.place(index as Seq + 1, event);
            checked.may_happen(event);
            checked.take(event);
        }
        check_sends(record, room, log, &mut ids, found);
        check_asks(record, room, log, found);
    }
}

struct Log<'a> {
    room: Room<'a>,
    users: &'a HashMap<&'a UserId, &'a User>,
    found: &'a mut Vec<Violation>,
}

impl<'a> Log<'a> {
    fn place(&mut self, expected: Seq, event: &Event) {
        let (room, seq) = (self.room.id.clone(), event.seq());
        if seq != expected {
            self.found.push(Violation::Hole { room: room.clone(), expected, got: seq });
        }
        if event.room_id() != self.room.id {
            self.found.push(Violation::OtherRoom { room, seq, bears: event.room_id().clone() });
        }
    }

    /// Whether an event could happen after those before.
    fn may_happen(&mut self, event: &Event) {
        let seq = event.seq();
        match event {
            // A webhook is a member of nothing: its key says where it writes.
            Event::Message(message) if message.sender.is_webhook() => {}
            Event::Message(message) => self.must_be_member(&message.sender, seq),
            Event::MemberAdded(change) => {
                self.must_be_asked_by_member(change);
                let (room, user) = (self.room.id.clone(), change.user.id.clone());
                if self.room.members.contains_key(&user) {
                    self.found.push(Violation::MemberTwice { room, seq, user });
                } else if self.room.bans.contains(&user) {
                    self.found.push(Violation::Banned { room, seq, user });
                }
            }
            Event::MemberRemoved(change) => {
                self.must_be_asked_by_member(change);
                self.must_be_member(&change.user, seq);
                let (by, user) = (&change.by.id, &change.user.id);
                self.must(by == user || self.room.may_remove(by, user), &change.by, seq);
            }
            Event::MemberBanned(change) => {
                self.must_be_asked_by_member(change);
                let (by, user) = (&change.by.id, &change.user.id);
                let above = self.room.rank(by) > Some(0) && self.room.is_above(by, user);
                self.must(above, &change.by, seq);
                self.must_change(!self.room.bans.contains(user), seq);
            }
            Event::MemberUnbanned(change) => {
                self.must_be_asked_by_member(change);
                self.must(self.room.rank(&change.by.id) > Some(0), &change.by, seq);
                self.must_change(self.room.bans.contains(&change.user.id), seq);
            }
            Event::MemberChanged(change) => {
                self.must_be_member(&change.by, seq);
                self.must_be_member(&change.user, seq);
                self.must(self.room.rank(&change.by.id) == Some(2), &change.by, seq);
                let before = self.room.members.get(&change.user.id).map(|member| member.role);
                self.must_change(before != Some(change.role), seq);
            }
            Event::RoomChanged(change) => {
                self.must_be_member(&change.by, seq);
                self.must(self.room.rank(&change.by.id) > Some(0), &change.by, seq);
                self.must_change(change.name.is_some() && change.name.as_deref() != self.room.name, seq);
            }
        }
    }

    fn take(&mut self, event: &'a Event) {
        let had_its_owner = self.room.has_its_owner();
        self.room.take(event);
        if had_its_owner && !self.room.has_its_owner() {
            self.found.push(Violation::NoOwner { room: self.room.id.clone(), seq: event.seq() });
        }
    }

    /// Whether one whose role was seen to may do it. Who is no member is told of already.
    fn must(&mut self, may: bool, by: &User, seq: Seq) {
        if !may && self.room.members.contains_key(&by.id) {
            let (room, user) = (self.room.id.clone(), by.id.clone());
            self.found.push(Violation::NotAllowed { room, seq, user });
        }
    }

    fn must_change(&mut self, changes: bool, seq: Seq) {
        if !changes {
            self.found.push(Violation::ChangesNothing { room: self.room.id.clone(), seq });
        }
    }

    fn must_be_asked_by_member(&mut self, change: &MemberChange) {
        self.must_be_known(&change.user, change.seq);
        if change.by != change.user {
            self.must_be_member(&change.by, change.seq);
        }
    }

    fn must_be_member(&mut self, user: &User, seq: Seq) {
        self.must_be_known(user, seq);
        if !self.room.members.contains_key(&user.id) {
            let (room, user) = (self.room.id.clone(), user.id.clone());
            self.found.push(Violation::NoMember { room, seq, user });
        }
    }

    fn must_be_known(&mut self, user: &User, seq: Seq) {
        if self.users.get(&user.id) != Some(&user) {
            let (room, user) = (self.room.id.clone(), user.id.clone());
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
            found.push(Violation::NobodyAsked { room, seq, what: event.name() });
        }
    }
}

/// Nothing was done more often than it was asked for.
fn check_asks(record: &Record, room: &RoomId, log: &[Event], found: &mut Vec<Violation>) {
    let mut left: HashMap<(&UserId, Ask), usize> = HashMap::new();
    for asked in record.asks.iter().filter(|asked| asked.room == *room) {
        *left.entry((&asked.user, asked.what.clone())).or_default() += 1;
    }
    for event in log {
        let Some(asked) = Ask::behind(event) else { continue };
        match left.get_mut(&asked) {
            Some(times @ 1..) => *times -= 1,
            _ => {
                let (room, seq, what) = (room.clone(), event.seq(), event.name());
                found.push(Violation::NobodyAsked { room, seq, what });
            }
        }
    }
}
