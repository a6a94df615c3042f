//! A view: what one client was told is a piece of each room's log without hole, repetition or change.
//!
//! It may begin in a room only with the viewer's own `member:added`, with a page that was asked for, or where
//! `resumed` says that the room stands. From there on each connection must go on where the one before ended: from the
//! position claimed, through what `resumed` says was sent, to what is live. After one's own removal nothing follows
//! until one is added again.

use super::{Seen, View, Violation, at, top};
use plaza_protocol::{Event, EventsPage, Positions, Reload, RoomId, RoomResumed, Seq, User};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(view: &View, logs: &BTreeMap<RoomId, Vec<Event>>, found: &mut Vec<Violation>) {
    let mut viewer = Viewer { view, logs, found, rooms: BTreeMap::new(), claimed: None, live: false };
    for seen in &view.seen {
        match seen {
            Seen::Connected(claimed) => viewer.connected(claimed),
            Seen::Event(event) => viewer.event(event),
            Seen::Resumed(rooms) => viewer.resumed(rooms),
            Seen::Reloaded(room, page) => viewer.reloaded(room, page.as_ref()),
            Seen::Fault(what) => viewer.report(|client| Violation::Fault { client, what: what.clone() }),
        }
    }
    viewer.ended();
}

/// A client as it should stand after what it was told.
struct Viewer<'a> {
    view: &'a View,
    logs: &'a BTreeMap<RoomId, Vec<Event>>,
    found: &'a mut Vec<Violation>,
    rooms: BTreeMap<RoomId, Room>,
    /// What it said on the connection it has.
    claimed: Option<&'a Positions>,
    /// `resumed` has come on the connection it has.
    live: bool,
}

/// One room as the client has it.
#[derive(Debug, Default)]
struct Room {
    /// All since the view's beginning is held up to here; none where nothing is held.
    held: Option<Seq>,
    /// Where it must be reloaded: the least position that the page must reach.
    stale: Option<Seq>,
    next: Next,
    /// First and last event that came while catching up.
    caught: Option<(Seq, Seq)>,
    /// Positions passed over, which may still come, too late.
    gaps: BTreeSet<Seq>,
}

/// What this connection may bring next of a room.
#[derive(Debug, Default, Clone, Copy)]
enum Next {
    /// Nothing but the event that makes the viewer a member.
    #[default]
    OwnJoin,
    /// This one.
    At(Seq),
    /// Any: where the room stands is not known yet.
    Any,
    /// This one, or one before it that the page held already.
    UpTo(Seq),
}

impl Viewer<'_> {
    fn report(&mut self, violation: impl FnOnce(String) -> Violation) {
        self.found.push(violation(self.view.client.clone()));
    }

    /// Whether the log says that the viewer was ever taken out of this room.
    fn was_removed(&self, room: &RoomId) -> bool {
        let own = |user: &User| user.id == self.view.user.id;
        self.logs.get(room).into_iter().flatten().any(|event| event.taken_out().is_some_and(own))
    }
}

impl<'a> Viewer<'a> {
    fn connected(&mut self, claimed: &'a Positions) {
        self.close_gaps();
        (self.claimed, self.live) = (Some(claimed), false);
        for name in claimed.keys() {
            if let Ok(room) = name.parse::<RoomId>() {
                self.rooms.entry(room).or_default();
            }
        }
        let view = self.view;
        for (name, room) in &mut self.rooms {
            let claimed = claimed.get(name.as_str()).copied();
            if claimed != room.held {
                let (client, held) = (view.client.clone(), room.held);
                self.found.push(Violation::ClaimDiffers { client, room: name.clone(), held, claimed });
            }
            room.held = claimed;
            room.caught = None;
            room.next = claimed.map_or(Next::Any, |position| Next::At(position.saturating_add(1)));
        }
    }

    fn event(&mut self, event: &Event) {
        let (name, seq) = (event.room_id().clone(), event.seq());
        if !self.is_in_log(event) {
            return;
        }
        let first = if self.live { Next::OwnJoin } else { Next::Any };
        let room = self.rooms.entry(name.clone()).or_insert_with(|| Room { next: first, ..Room::default() });
        let next = match room.next {
            Next::Any => seq,
            Next::OwnJoin => {
                let own = matches!(event, Event::MemberAdded(change) if change.user.id == self.view.user.id);
                if !own {
                    self.report(|client| Violation::NotBegun { client, room: name.clone(), seq });
                }
                seq
            }
            Next::UpTo(next) => seq.min(next),
            Next::At(next) => next,
        };
        self.step(&name, next, seq);
        if event.taken_out().is_some_and(|user| user.id == self.view.user.id) {
            self.own_removal(&name);
        }
    }

    /// One event has come, and `next` was to come.
    fn step(&mut self, name: &RoomId, next: Seq, seq: Seq) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        if seq < next {
            let late = room.gaps.remove(&seq);
            let room = name.clone();
            return self.report(|client| match late {
                true => Violation::OutOfOrder { client, room, seq, after: next - 1 },
                false => Violation::SeenTwice { client, room, seq },
            });
        }
        room.gaps.extend(next..seq);
        room.next = Next::At(seq + 1);
        if !self.live {
            room.caught = Some((room.caught.map_or(seq, |(first, _)| first), seq));
        }
        if room.stale.is_none() {
            room.held = room.held.max(Some(seq));
        }
    }

    /// A client lets go of the room then. While it catches up more may follow, if it was added again.
    fn own_removal(&mut self, name: &RoomId) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.held = None;
        if self.live {
            room.next = Next::OwnJoin;
        }
    }

    fn resumed(&mut self, rooms: &BTreeMap<String, RoomResumed>) {
        if std::mem::replace(&mut self.live, true) {
            let what = "it was told twice that it resumed".into();
            return self.report(|client| Violation::Fault { client, what });
        }
        for (name, outcome) in rooms {
            let Ok(name) = name.parse::<RoomId>() else { continue };
            self.rooms.entry(name.clone()).or_insert_with(|| Room { next: Next::Any, ..Room::default() });
            match *outcome {
                RoomResumed::Span { from, to } => self.span(&name, from, to),
                RoomResumed::Reload { reload } => self.must_reload(&name, reload),
            }
        }
        let unanswered: Vec<_> = self
            .rooms
            .iter_mut()
            .filter(|(name, _)| !rooms.contains_key(name.as_str()))
            .filter_map(|(name, room)| {
                room.next = Next::OwnJoin;
                (room.held.is_some() || room.caught.is_some()).then(|| name.clone())
            })
            .collect();
        for room in unanswered {
            self.report(|client| Violation::Unanswered { client, room });
        }
    }

    /// The span begins where the client stood, and exactly what it spans has been sent.
    fn span(&mut self, name: &RoomId, from: Seq, to: Seq) {
        let claimed = self.claimed.and_then(|claimed| claimed.get(name.as_str())).copied();
        let last = top(self.logs, name);
        let Some(room) = self.rooms.get_mut(name) else { return };
        let sent = room.caught;
        let right = (from < to).then(|| (from + 1, to));
        let last_sent = sent.map_or(to, |(_, last)| last.max(to));
        room.next = Next::At(last_sent.saturating_add(1));
        if room.stale.is_none() {
            room.held = room.held.max(Some(last_sent));
        }
        if sent != right || from > to || to > last || claimed.is_some_and(|claimed| claimed != from) {
            let room = name.clone();
            self.report(|client| Violation::SpanDiffers { client, room, from, to, sent });
        }
    }

    fn must_reload(&mut self, name: &RoomId, reason: Reload) {
        let claimed = self.claimed.and_then(|claimed| claimed.get(name.as_str())).copied();
        let missed = claimed.map_or(0, |claimed| top(self.logs, name).saturating_sub(claimed));
        let sent = self.rooms.get(name).and_then(|room| room.caught);
        let right = match reason {
            Reload::Unknown => self.was_removed(name),
            Reload::TooFar => missed > Reload::MAX_MISSED && sent.is_none(),
            // The log is one and the same from the beginning of a record to its end.
            Reload::Epoch | Reload::Trimmed => false,
        };
        if let Some(room) = self.rooms.get_mut(name) {
            room.held = None;
            (room.next, room.stale) = match reason {
                Reload::Unknown => (Next::OwnJoin, None),
                Reload::TooFar => {
                    (Next::Any, Some(claimed.unwrap_or(0).saturating_add(Reload::MAX_MISSED + 1)))
                }
                Reload::Epoch | Reload::Trimmed => (Next::Any, Some(1)),
            };
        }
        if !right {
            let room = name.clone();
            self.report(|client| Violation::FalseReload { client, room, reason });
        }
    }

    /// A page of the newest events, as it is in the log, that what is live goes on from.
    fn reloaded(&mut self, name: &RoomId, page: Option<&EventsPage>) {
        let Some(page) = page else {
            if !self.was_removed(name) {
                let (room, reason) = (name.clone(), Reload::Unknown);
                self.report(|client| Violation::FalseReload { client, room, reason });
            }
            self.rooms.insert(name.clone(), Room::default());
            return;
        };
        self.check_page(name, page);
        let last = page.events.last().map_or(0, Event::seq);
        let room = self.rooms.entry(name.clone()).or_default();
        let least = room.stale.take().unwrap_or(0);
        let goes_on_at = match room.next {
            Next::At(next) => next,
            Next::Any | Next::OwnJoin | Next::UpTo(_) => {
                room.next = Next::UpTo(last + 1);
                last + 1
            }
        };
        room.held = Some(last.max(goes_on_at - 1));
        // Older than what it was told it lacks, or than what is live: what lies between never comes.
        if last < least || last + 1 < goes_on_at {
            let (room, reaches) = (name.clone(), least.max(goes_on_at - 1));
            self.report(|client| Violation::OldPage { client, room, last, reaches });
        }
    }

    fn check_page(&mut self, name: &RoomId, page: &EventsPage) {
        let mut before = None;
        for event in &page.events {
            let (room, seq) = (name.clone(), event.seq());
            if event.room_id() != name {
                self.report(|client| Violation::NotInLog { client, room: room.clone(), seq });
            } else {
                self.is_in_log(event);
            }
            match before {
                Some(after) if seq <= after => {
                    self.report(|client| Violation::OutOfOrder { client, room, seq, after });
                }
                Some(after) if seq > after + 1 => {
                    self.report(|client| Violation::Missing {
                        client,
                        room,
                        first: after + 1,
                        last: seq - 1,
                    });
                }
                _ => {}
            }
            before = Some(seq);
        }
        let first = page.events.first().map_or(1, Event::seq);
        if page.more != (first > 1) {
            let room = name.clone();
            self.report(|client| Violation::MoreDiffers { client, room, first });
        }
    }

    fn is_in_log(&mut self, event: &Event) -> bool {
        let (room, seq) = (event.room_id().clone(), event.seq());
        match self.logs.get(&room).and_then(|log| at(log, seq)) {
            Some(logged) if logged == event => return true,
            Some(_) => self.report(|client| Violation::SeenDiffers { client, room, seq }),
            None => {
                self.report(|client| Violation::NotInLog { client, room, seq });
                return false;
            }
        }
        true
    }

    /// What was passed over and has not come is missing.
    fn close_gaps(&mut self) {
        for (name, room) in &mut self.rooms {
            let mut gaps = std::mem::take(&mut room.gaps).into_iter().peekable();
            while let Some(first) = gaps.next() {
                let mut last = first;
                while let Some(next) = gaps.next_if(|next| *next == last + 1) {
                    last = next;
                }
                let (client, room) = (self.view.client.clone(), name.clone());
                self.found.push(Violation::Missing { client, room, first, last });
            }
        }
    }

    fn ended(&mut self) {
        self.close_gaps();
        for room in &self.view.complete {
            let (room, top) = (room.clone(), top(self.logs, room));
            let held = self.rooms.get(&room).filter(|_| self.live).and_then(|room| room.held).unwrap_or(0);
            if held < top || top == 0 {
                self.report(|client| Violation::Behind { client, room, seen: held, top });
            }
        }
    }
}
