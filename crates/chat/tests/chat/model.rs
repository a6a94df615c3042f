//! Random commands against a naive model of the rules: lists of events in memory.

use crate::world::*;
use plaza_chat::Settings;
use plaza_protocol::{
    AddMember, Code, Error, Event, History, LeaveRoom, ListMembers, MarkRead, RemoveMember, RoomId, RoomKind,
    User, UserRef,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const USERS: usize = 4;
/// Two public rooms that joining makes, and a group that the first user has.
const ROOMS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Step {
    Join { user: usize, room: usize },
    Leave { user: usize, room: usize },
    Add { by: usize, room: usize, whom: usize },
    Remove { by: usize, room: usize, whom: usize },
    Send { user: usize, room: usize, client_id: u8, text: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let (user, room) = (0..USERS, 0..ROOMS);
    prop_oneof![
        2 => (user.clone(), room.clone()).prop_map(|(user, room)| Step::Join { user, room }),
        1 => (user.clone(), room.clone()).prop_map(|(user, room)| Step::Leave { user, room }),
        2 => (user.clone(), room.clone(), user.clone()).prop_map(|(by, room, whom)| Step::Add { by, room, whom }),
        1 => (user.clone(), room.clone(), user.clone()).prop_map(|(by, room, whom)| Step::Remove { by, room, whom }),
        // Few names and texts, so that retries and conflicts are common.
        8 => (user, room, 0..6_u8, 0..2_u8)
            .prop_map(|(user, room, client_id, text)| Step::Send { user, room, client_id, text }),
    ]
}

/// A user, a room, and how far the user says to have read there.
type Read = (usize, usize, u64);

/// Commands that are under way at once, and what is read when they are done.
fn burst() -> impl Strategy<Value = (Vec<Step>, Vec<Read>)> {
    let reads = prop::collection::vec((0..USERS, 0..ROOMS, 0..60_u64), 0..6);
    (prop::collection::vec(step(), 1..40), reads)
}

#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Added(usize),
    Removed(usize),
    Message { user: usize, client_id: u8, text: u8 },
}

#[derive(Debug, Default, Clone)]
struct ModelRoom {
    log: Vec<Entry>,
    members: BTreeMap<usize, u64>,
}

impl ModelRoom {
    fn push(&mut self, entry: Entry) -> u64 {
        self.log.push(entry);
        self.log.len() as u64
    }

    fn take_in(&mut self, user: usize) -> u64 {
        let seq = self.push(Entry::Added(user));
        self.members.insert(user, seq);
        seq
    }

    fn take_out(&mut self, user: usize) -> u64 {
        self.members.remove(&user);
        self.push(Entry::Removed(user))
    }

    /// The position that the answer must name, or the code it must have.
    fn apply(&mut self, group: bool, step: Step) -> Result<u64, Code> {
        let top = self.log.len() as u64;
        match step {
            Step::Join { user, .. } if self.members.contains_key(&user) => Ok(top),
            Step::Join { user, .. } if !group => Ok(self.take_in(user)),
            Step::Send { user, client_id, text, .. } => self.send(user, client_id, text),
            Step::Join { .. } => Err(Code::NotFound),
            Step::Leave { user: by, .. } | Step::Add { by, .. } | Step::Remove { by, .. }
                if !self.members.contains_key(&by) =>
            {
                Err(Code::NotFound)
            }
            Step::Leave { user, .. } => Ok(self.take_out(user)),
            Step::Remove { by, whom, .. } if by == whom => Ok(self.take_out(by)),
            Step::Add { .. } | Step::Remove { .. } if !group => Err(Code::Forbidden),
            Step::Add { whom, .. } if self.members.contains_key(&whom) => Ok(top),
            Step::Add { whom, .. } => Ok(self.take_in(whom)),
            Step::Remove { whom, .. } if self.members.contains_key(&whom) => Ok(self.take_out(whom)),
            Step::Remove { .. } => Err(Code::NotFound),
        }
    }

    fn read(&mut self, user: usize, seq: u64) -> Result<(u64, bool), Code> {
        let top = self.log.len() as u64;
        match self.members.get_mut(&user) {
            None => Err(Code::NotFound),
            Some(_) if seq > top => Err(Code::BadRequest),
            Some(read) => {
                let moved = seq > *read;
                *read = seq.max(*read);
                Ok((*read, moved))
            }
        }
    }

    /// Others' messages behind a position, counted.
    fn unread(&self, user: usize, read: u64) -> u64 {
        let behind = self.log.iter().skip(read as usize);
        behind.filter(|entry| matches!(entry, Entry::Message { user: by, .. } if *by != user)).count() as u64
    }

    fn send(&mut self, user: usize, client_id: u8, text: u8) -> Result<u64, Code> {
        let is_member = self.members.contains_key(&user);
        let first = self.log.iter().enumerate().find_map(|(index, entry)| match entry {
            Entry::Message { user: by, client_id: id, text } if (*by, *id) == (user, client_id) => {
                Some((index, *text))
            }
            _ => None,
        });
        match first {
            Some((index, same)) if same == text => Ok(index as u64 + 1),
            Some(_) if is_member => Err(Code::Conflict),
            None if is_member => Ok(self.push(Entry::Message { user, client_id, text })),
            _ => Err(Code::NotFound),
        }
    }
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<u64, Error>>>>;

/// Queues the step; the answer names a position.
fn ask(world: &World, users: &[User], rooms: &[RoomId], step: Step) -> Answer {
    let chat = &world.chat;
    match step {
        Step::Join { user, room } => {
            let pending = chat.join_room(&users[user], join(rooms[room].as_str()));
            Box::pin(async { pending.await.map(|joined| joined.seq) })
        }
        Step::Leave { user, room } => {
            let pending = chat.leave_room(&users[user], LeaveRoom { room_id: rooms[room].clone() });
            Box::pin(async { pending.await.map(|position| position.seq) })
        }
        Step::Add { by, room, whom } => {
            let user = UserRef::Id(users[whom].id.clone());
            let pending = chat.add_member(&users[by], AddMember { room_id: rooms[room].clone(), user });
            Box::pin(async { pending.await.map(|position| position.seq) })
        }
        Step::Remove { by, room, whom } => {
            let user = UserRef::Name(users[whom].name.clone());
            let pending = chat.remove_member(&users[by], RemoveMember { room_id: rooms[room].clone(), user });
            Box::pin(async { pending.await.map(|position| position.seq) })
        }
        Step::Send { user, room, client_id, text } => {
            let request = message(&rooms[room], &client_id.to_string(), &text.to_string());
            let pending = chat.send_message(&users[user], request);
            Box::pin(async { pending.await.map(|sent| sent.seq) })
        }
    }
}

/// The model's entry that an event stands for.
fn entry(event: &Event, users: &[User]) -> Entry {
    let index = |user: &User| users.iter().position(|known| known == user).unwrap();
    match event {
        Event::MemberAdded(change) => Entry::Added(index(&change.user)),
        Event::MemberRemoved(change) => Entry::Removed(index(&change.user)),
        Event::Message(message) => {
            let plaza_protocol::Content::Text(body) = &message.content;
            Entry::Message {
                user: index(&message.sender),
                client_id: message.client_id.as_str().parse().unwrap(),
                text: body.text.parse().unwrap(),
            }
        }
        other => panic!("nobody asked for {other:?}"),
    }
}

/// What a user sees of a room must be what the model says.
async fn check_view(world: &World, user: &User, index: usize, room: &RoomId, model: &ModelRoom) {
    let history = History { room_id: room.clone(), before: None, after: Some(0), limit: Some(200) };
    let members = ListMembers { room_id: room.clone(), after: None };
    let listed = world.chat.list_rooms(&user.id).await.unwrap().rooms;
    let listed = listed.into_iter().find(|summary| summary.id == *room);
    let Some(read) = model.members.get(&index) else {
        assert_eq!(world.chat.history(&user.id, history).await, Err(Error::no_such_room()));
        assert_eq!(world.chat.room_members(&user.id, members).await, Err(Error::no_such_room()));
        assert_eq!(listed, None);
        return;
    };
    let seen = world.chat.history(&user.id, history).await.unwrap();
    assert_eq!(seen.events.len(), model.log.len().min(200));
    let listed = listed.unwrap();
    let expected = (model.log.len() as u64, *read, model.unread(index, *read));
    assert_eq!((listed.seq, listed.read_seq, listed.unread), expected);
    let joined = world.chat.join_room(user, join(room.as_str())).await.unwrap();
    assert_eq!((joined.seq, joined.room), (listed.seq, listed), "a member who joins is told the same");
    let there = world.chat.room_members(&user.id, members).await.unwrap();
    assert_eq!(there.members.len(), model.members.len());
}

async fn play(bursts: Vec<(Vec<Step>, Vec<Read>)>) {
    let world = World::with(Settings { log_batch: 16, ..Settings::default() }).await;
    let mut users = Vec::new();
    for name in ["Ana", "Ben", "Cleo", "Dan"] {
        users.push(world.user(name).await);
    }
    let group = world.chat.create_room(&users[0], create("Group", RoomKind::Group, None)).await.unwrap();
    let rooms = [id("one"), id("two"), group.room.id];
    let mut model = vec![ModelRoom::default(); ROOMS];
    model[2].take_in(0);

    // In bursts, so that many commands share a transaction.
    for (steps, reads) in bursts {
        let answers: Vec<_> = steps.iter().map(|step| ask(&world, &users, &rooms, *step)).collect();
        for (step, answer) in steps.iter().zip(answers) {
            let (Step::Join { room, .. }
            | Step::Leave { room, .. }
            | Step::Add { room, .. }
            | Step::Remove { room, .. }
            | Step::Send { room, .. }) = *step;
            let expected = model[room].apply(room == 2, *step);
            assert_eq!(answer.await.map_err(|error| error.code), expected, "{step:?}");
        }
        for (user, room, seq) in reads {
            let asked = MarkRead { room_id: rooms[room].clone(), seq };
            let answer = world.chat.mark_read(&users[user].id, asked).await;
            let answer = answer.map(|marked| (marked.position.seq, marked.moved));
            assert_eq!(answer.map_err(|error| error.code), model[room].read(user, seq));
        }
        for (room, model) in rooms.iter().zip(&model) {
            for (index, user) in users.iter().enumerate() {
                check_view(&world, user, index, room, model).await;
            }
        }
    }
    for (room, model) in rooms.iter().zip(&model) {
        let log = world.log(room).await;
        let entries: Vec<_> = log.iter().map(|event| entry(event, &users)).collect();
        assert_eq!(entries, model.log);
        let fold = entries.iter().fold(BTreeSet::new(), |mut members, entry| {
            match entry {
                Entry::Added(user) => assert!(members.insert(*user)),
                Entry::Removed(user) => assert!(members.remove(user)),
                Entry::Message { user, .. } => assert!(members.contains(user)),
            }
            members
        });
        assert_eq!(fold, model.members.keys().copied().collect(), "members are the fold of the log");
    }
    let (_folder, published) = world.stop().await;
    for (room, model) in rooms.iter().zip(&model) {
        let seqs = published.get(room.as_str()).map(Vec::as_slice).unwrap_or_default().iter();
        assert!(seqs.map(|event| event.seq()).eq(1..=model.log.len() as u64), "published once, in order");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_for_any_sequence(bursts in prop::collection::vec(burst(), 1..6)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(bursts));
    }
}
