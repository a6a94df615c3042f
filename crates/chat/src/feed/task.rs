//! The task that owns the feed's state.

use super::{
    Caught, ConnectionId, Encoded, FeedStats, Item, Live, Message, Range, Subscriber,
    audience::{Audience, Stage},
    receipts::Gathering,
    room::{Next, Room},
    typing::Typing,
};
use crate::{Committed, Courier, courier::Heard};
use plaza_bus::Subscription;
use plaza_protocol::{Event, RoomId, RoomResumed, RoomsResumed, Seq, UserId};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

/// How long one who comes in waits to hear of their rooms from other nodes. What is said before that is found later.
const LISTENING: Duration = Duration::from_secs(1);
/// How much a connection may be sent before it gets a turn to write it: as much as `plaza_socketio` does not let wait for others.
const GIVE_WAY: usize = 64 * 1024;

pub(super) struct Task<S: Subscriber> {
    pub(super) rooms: HashMap<RoomId, Room<S>>,
    pub(super) audience: Audience<S>,
    pub(super) range: Range,
    pub(super) courier: Option<Courier>,
    pub(super) mailbox: mpsc::WeakSender<Message<S>>,
    /// Passed on since the task last gave way.
    pub(super) passed: usize,
    pub(super) reading: Gathering,
    pub(super) typing: Typing,
    pub(super) stats: Arc<FeedStats>,
}

impl<S: Subscriber> Task<S> {
    pub(super) fn new(
        range: Range,
        courier: Option<Courier>,
        mailbox: mpsc::WeakSender<Message<S>>,
        stats: Arc<FeedStats>,
    ) -> Self {
        Self {
            rooms: HashMap::new(),
            audience: Audience::new(),
            range,
            courier,
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
    pub(super) async fn give_way(&mut self) {
        if self.passed >= GIVE_WAY {
            self.passed = 0;
            tokio::task::yield_now().await;
        }
    }

    async fn handle(&mut self, message: Message<S>) {
        match message {
            Message::Connect { user, subscriber, answer } => {
                let courier = self.courier.as_ref();
                let id = self.audience.connect(user, subscriber, |user| courier?.follow_user(user));
                if answer.send(id).is_err() {
                    self.disconnect(id);
                }
            }
            Message::Watch { connection, rooms, answer } => {
                let unheard = self.watch(connection, rooms);
                listen(unheard, answer);
            }
            Message::GoLive { connection, rooms, answer } => {
                let _ = answer.send(self.go_live(connection, rooms));
            }
            Message::Disconnect { connection } => self.disconnect(connection),
            Message::Read { user, event, except, shared } => self.read(&user, event, except, shared),
            Message::Typing { event } => self.typing(event),
            Message::Heard(Heard::Event(event)) => {
                self.told(&event);
                self.give_way().await;
            }
            Message::Heard(Heard::Read(user, event)) => self.tell_own(&user, event, None),
            Message::Heard(Heard::Receipts(receipts)) => self.mention_receipts(receipts),
            Message::Heard(Heard::Typing(event)) => {
                self.mention_typing(event);
            }
            Message::Held { answer } => {
                let _ = answer.send(self.held());
            }
            Message::Tops(tops) => self.compare(tops),
            Message::CloseAll { user } => self.close_all(&user),
            Message::StillMissing { room } => self.still_missing(room),
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
                    let followed = self.courier.as_ref().and_then(|courier| courier.follow_room(room));
                    self.rooms.insert(room.clone(), Room::new(followed));
                }
                _ => return,
            }
        }
        match self.rooms.get_mut(room).map(|held| held.next(event)) {
            Some(Next::Pass) => {
                self.pass(event);
                while let Some(event) = self.rooms.get_mut(room).and_then(Room::was_ahead) {
                    self.pass(&event);
                }
            }
            Some(Next::Wait) => self.wait_for_missing(room.clone()),
            Some(Next::Heal(after)) => self.heal(room.clone(), after, Duration::ZERO),
            Some(Next::Drop) | None => {}
        }
    }

    pub(super) fn pass(&mut self, event: &Arc<Event>) {
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
                    connection.subscriber.entered(name);
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
                        connection.subscriber.left(name);
                        connection.rooms.remove(name);
                    }
                }
            }
        }
    }

    /// Gives what is not heard of yet from other nodes.
    fn watch(&mut self, id: ConnectionId, rooms: Vec<RoomId>) -> Vec<Arc<Subscription>> {
        let mut followed: Vec<_> = self.audience.followed(id).cloned().into_iter().collect();
        let Some(connection) = self.audience.get_mut(id) else { return Vec::new() };
        if let Stage::ComingIn { changed } = &mut connection.stage {
            *changed = false;
        }
        for name in rooms {
            let courier = self.courier.as_ref();
            let follow = || Room::new(courier.and_then(|courier| courier.follow_room(&name)));
            let room = self.rooms.entry(name.clone()).or_insert_with(follow);
            room.watch(id);
            followed.extend(room.followed().cloned());
            connection.rooms.insert(name);
        }
        followed.retain(|subscription| !subscription.is_subscribed());
        followed
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
                    connection.subscriber.entered(&room);
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

    fn close_all(&mut self, user: &UserId) {
        for id in self.audience.of_user(user) {
            if let Some(connection) = self.audience.get_mut(id) {
                connection.subscriber.close();
            }
        }
    }

    pub(super) fn forget_if_empty(&mut self, name: &RoomId) {
        if self.rooms.get(name).is_some_and(Room::is_empty) {
            self.rooms.remove(name);
        }
    }
}

/// Answers when all of this is heard of from other nodes.
fn listen(unheard: Vec<Arc<Subscription>>, answer: oneshot::Sender<()>) {
    if unheard.is_empty() {
        let _ = answer.send(());
        return;
    }
    tokio::spawn(async move {
        let all = async {
            for subscription in &unheard {
                // The bus has ended: nothing is heard any more.
                let _ = subscription.ready().await;
            }
        };
        let _ = timeout(LISTENING, all).await;
        let _ = answer.send(());
    });
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
