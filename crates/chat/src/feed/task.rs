//! The task that owns the feed's state.

use super::{
    Caught, ConnectionId, Encoded, FeedStats, Item, Live, Message, Range, Subscriber,
    audience::{Audience, Stage},
    receipts::Gathering,
    room::{Next, Room},
    typing::Typing,
};
use crate::Committed;
use plaza_protocol::{
    Event, ReadEvent, Receipts, RoomId, RoomResumed, RoomsResumed, Seq, TypingEvent, UserId,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// How long to wait before the log is asked again, after it could not be read.
const HEAL_AGAIN: Duration = Duration::from_millis(200);
/// How much a connection may be sent before it gets a turn to write it: a small part of any outbox.
const GIVE_WAY: usize = 16 * 1024;

pub(super) struct Task<S: Subscriber> {
    rooms: HashMap<RoomId, Room<S>>,
    audience: Audience<S>,
    range: Range,
    mailbox: mpsc::WeakSender<Message<S>>,
    /// Passed on since the task last gave way.
    passed: usize,
    reading: Gathering,
    typing: Typing,
    stats: Arc<FeedStats>,
}

impl<S: Subscriber> Task<S> {
    pub(super) fn new(range: Range, mailbox: mpsc::WeakSender<Message<S>>, stats: Arc<FeedStats>) -> Self {
        Self {
            rooms: HashMap::new(),
            audience: Audience::new(),
            range,
            mailbox,
            passed: 0,
            reading: Gathering::default(),
            typing: Typing::default(),
            stats,
        }
    }

    pub(super) async fn run(
        mut self,
        mut committed: mpsc::Receiver<Committed>,
        mut messages: mpsc::Receiver<Message<S>>,
    ) {
        loop {
            tokio::select! {
                commit = committed.recv() => match commit {
                    Some(commit) => for event in &commit.events {
                        self.told(event);
                        self.give_way().await;
                    },
                    None => return,
                },
                Some(message) = messages.recv() => self.handle(message).await,
                () = at(self.reading.next()) => {}
            }
            while let Some((room, read)) = self.reading.due(Instant::now()) {
                self.tell_read(&room, read);
            }
        }
    }

    /// Lets the connections write, when they have got enough for it.
    async fn give_way(&mut self) {
        if self.passed >= GIVE_WAY {
            self.passed = 0;
            tokio::task::yield_now().await;
        }
    }

    async fn handle(&mut self, message: Message<S>) {
        match message {
            Message::Connect { user, subscriber, answer } => {
                let id = self.audience.connect(user, subscriber);
                if answer.send(id).is_err() {
                    self.disconnect(id);
                }
            }
            Message::Watch { connection, rooms, answer } => {
                self.watch(connection, rooms);
                let _ = answer.send(());
            }
            Message::GoLive { connection, rooms, answer } => {
                let _ = answer.send(self.go_live(connection, rooms));
            }
            Message::Disconnect { connection } => self.disconnect(connection),
            Message::Read { user, event, except, shared } => self.read(&user, event, except, shared),
            Message::Typing { event } => self.typing(event),
            Message::Healed { room, events } => self.healed(&room, &events).await,
        }
    }

    /// An event was committed somewhere; here it may be new, known, or ahead of what is known.
    fn told(&mut self, event: &Arc<Event>) {
        let room = event.room_id();
        if !self.rooms.contains_key(room) {
            // Nobody here is in that room, unless this very event brings somebody.
            match &**event {
                Event::MemberAdded(change) if self.audience.is_here(&change.user.id) => {
                    self.rooms.insert(room.clone(), Room::new());
                }
                _ => return,
            }
        }
        match self.rooms.get_mut(room).map(|held| held.next(event.seq())) {
            Some(Next::Pass) => self.pass(event),
            Some(Next::Heal(after)) => self.heal(room.clone(), after, Duration::ZERO),
            Some(Next::Drop) | None => {}
        }
    }

    fn pass(&mut self, event: &Arc<Event>) {
        if let Event::MemberAdded(change) = &**event {
            self.member_added(event.room_id(), &change.user.id, event.seq());
        }
        if let Some(room) = self.rooms.get_mut(event.room_id()) {
            let (cost, receivers) = room.pass(event);
            self.passed += cost;
            self.stats.passed(event, receivers);
        }
        if let Some(user) = event.taken_out() {
            self.member_removed(event.room_id(), &user.id, event.seq());
        }
        self.forget_if_empty(event.room_id());
    }

    fn member_added(&mut self, name: &RoomId, user: &UserId, seq: Seq) {
        for id in self.audience.of_user(user) {
            let (Some(connection), Some(room)) = (self.audience.get_mut(id), self.rooms.get_mut(name)) else {
                continue;
            };
            match &mut connection.stage {
                Stage::ComingIn { changed } => *changed = true,
                Stage::Live => {
                    room.add(id, &connection.subscriber, seq);
                    connection.rooms.insert(name.clone());
                }
            }
        }
    }

    fn member_removed(&mut self, name: &RoomId, user: &UserId, seq: Seq) {
        self.reading.gone(name, user);
        for id in self.audience.of_user(user) {
            let (Some(connection), Some(room)) = (self.audience.get_mut(id), self.rooms.get_mut(name)) else {
                continue;
            };
            match &mut connection.stage {
                Stage::ComingIn { changed } => *changed = true,
                Stage::Live => {
                    if room.remove(id, seq) {
                        connection.rooms.remove(name);
                    }
                }
            }
        }
    }

    fn watch(&mut self, id: ConnectionId, rooms: Vec<RoomId>) {
        let Some(connection) = self.audience.get_mut(id) else { return };
        if let Stage::ComingIn { changed } = &mut connection.stage {
            *changed = false;
        }
        for name in rooms {
            self.rooms.entry(name.clone()).or_insert_with(Room::new).watch(id);
            connection.rooms.insert(name);
        }
    }

    fn go_live(&mut self, id: ConnectionId, caught: Vec<Caught>) -> Live {
        let Some(connection) = self.audience.get_mut(id) else { return Live::Gone };
        if connection.stage != (Stage::ComingIn { changed: false }) {
            return Live::LookAgain;
        }
        // All of them or none: nothing is sent before it is sure that every room can be reached, and that there is room
        // for what that takes.
        let mut cost = 0;
        for Caught { position, resumed, .. } in &caught {
            let Some((name, position)) = position else { continue };
            let Some(room) = self.rooms.get(name) else { return Live::LookAgain };
            match (room.reach(*position), resumed) {
                (None, _) => return Live::LookAgain,
                (Some(_), RoomResumed::Span { .. }) => cost += room.kept_above(*position),
                (Some(_), RoomResumed::Reload { .. }) => {}
            }
        }
        if cost > connection.subscriber.free() {
            return Live::LookAgain;
        }
        let mut held = HashSet::new();
        let mut rooms = BTreeMap::new();
        for Caught { name, position, mut resumed } in caught {
            if let Some((room, position)) = position {
                if let Some(state) = self.rooms.get_mut(&room) {
                    // Who must reload knows it by `resumed` only, and then reads what is kept here from the log.
                    let position = match resumed {
                        RoomResumed::Span { .. } => position,
                        RoomResumed::Reload { .. } => state.reach(position).unwrap_or(position),
                    };
                    let last = state.bring_in(id, &connection.subscriber, position);
                    if let RoomResumed::Span { to, .. } = &mut resumed {
                        *to = last;
                    }
                }
                held.insert(room);
            }
            rooms.insert(name, resumed);
        }
        connection.subscriber.send(Encoded::<S>::new(Item::Resumed(RoomsResumed { rooms })).frame());
        connection.stage = Stage::Live;
        // Rooms that were watched and are none of the user's any more.
        let left: Vec<_> = connection.rooms.iter().filter(|name| !held.contains(*name)).cloned().collect();
        for name in left {
            connection.rooms.remove(&name);
            if let Some(room) = self.rooms.get_mut(&name) {
                room.disconnect(id);
            }
            if self.rooms.get(&name).is_some_and(Room::is_empty) {
                self.rooms.remove(&name);
            }
        }
        Live::Yes
    }

    fn disconnect(&mut self, id: ConnectionId) {
        let Some(gone) = self.audience.disconnect(id) else { return };
        for name in gone.rooms {
            if let Some(room) = self.rooms.get_mut(&name) {
                room.disconnect(id);
            }
            self.forget_if_empty(&name);
        }
    }

    fn read(&mut self, user: &UserId, event: ReadEvent, except: Option<ConnectionId>, shared: bool) {
        let ReadEvent { room_id: room, seq } = event.clone();
        if shared && self.rooms.contains_key(&room) && self.reading.moved(&room, user, seq, Instant::now()) {
            self.tell_read(&room, [(user.clone(), seq)].into());
        }
        let mut encoded: Encoded<S> = Encoded::new(Item::Read(event));
        for id in self.audience.of_user(user) {
            if Some(id) != except
                && let Some(connection) = self.audience.get_mut(id)
                && connection.stage == Stage::Live
            {
                connection.subscriber.send(encoded.frame());
            }
        }
    }

    /// Tells a room how far some of its members have read.
    fn tell_read(&self, name: &RoomId, read: BTreeMap<UserId, Seq>) {
        let Some(room) = self.rooms.get(name) else { return };
        let mut users = read.keys();
        // Who alone has read knows it. With others, one frame serves them all.
        let own = match (users.next(), users.next()) {
            (Some(reader), None) => self.audience.of_user(reader),
            _ => Vec::new(),
        };
        let read = read.into_iter().map(|(user, seq)| (user.into(), seq)).collect();
        room.mention(Item::Receipts(Receipts { room_id: name.clone(), read }), |id| !own.contains(&id));
    }

    fn typing(&mut self, event: TypingEvent) {
        let Some(room) = self.rooms.get(&event.room_id) else { return };
        if self.typing.is_news(&event.room_id, &event.user.id, Instant::now()) {
            let own = self.audience.of_user(&event.user.id);
            room.mention(Item::Typing(event), |id| !own.contains(&id));
        }
    }

    /// Asks the log, beside this task, for what a room is missing.
    fn heal(&self, room: RoomId, after: Seq, wait: Duration) {
        tracing::debug!(%room, after, "Closing a gap from the log");
        let (range, mailbox) = (Arc::clone(&self.range), self.mailbox.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let mut fetched = range(room.clone(), after).await;
            while let Err(error) = fetched {
                if mailbox.strong_count() == 0 {
                    return;
                }
                tracing::warn!(%room, %error, "A gap cannot be closed yet");
                tokio::time::sleep(HEAL_AGAIN).await;
                fetched = range(room.clone(), after).await;
            }
            if let (Ok(events), Some(mailbox)) = (fetched, mailbox.upgrade()) {
                let _ = mailbox.send(Message::Healed { room, events }).await;
            }
        });
    }

    async fn healed(&mut self, name: &RoomId, events: &[Arc<Event>]) {
        if let (Some(room), Some(oldest)) = (self.rooms.get_mut(name), events.first())
            && room.is_cut(oldest.seq())
        {
            tracing::warn!(room = %name, "A gap cannot be closed: what is missing is kept no longer");
            room.begin_anew();
            return self.forget_if_empty(name);
        }
        for event in events {
            if self.rooms.get(name).is_some_and(|room| room.is_next(event.seq())) {
                self.pass(event);
                self.give_way().await;
            }
        }
        if let Some(after) = self.rooms.get_mut(name).and_then(|room| room.healed(events.len())) {
            // Told of something the log does not show yet: give it a moment.
            let wait = if events.is_empty() { HEAL_AGAIN } else { Duration::ZERO };
            self.heal(name.clone(), after, wait);
        }
    }

    fn forget_if_empty(&mut self, name: &RoomId) {
        if self.rooms.get(name).is_some_and(Room::is_empty) {
            self.rooms.remove(name);
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
