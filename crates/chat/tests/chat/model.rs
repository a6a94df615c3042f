//! Random commands against a plain model of the rules. After every burst of them each room's log, and each user's view
//! of each room, is what the model says, and what is unread is what a count of the whole log says.

mod plain;

use crate::world::*;
use plain::{Blocks, Entry, Room, Step};
use plaza_chat::{ManagedBy, Settings};
use plaza_protocol::{
    AddMember, BanMember, BlockUser, Content, CreateRoom, DiscoverRooms, Error, Event, History, LeaveRoom,
    ListBans, ListMembers, MarkRead, RemoveMember, RenameRoom, Role, RoomId, RoomKind, SetRole, UnbanMember,
    UnblockUser, User, UserRef,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const USERS: usize = 4;
/// The direct rooms that there may be: of each two.
const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
/// Two public rooms that joining makes, a group that the first user has, and then the direct ones.
const DIRECT: usize = 3;
const ROOMS: usize = DIRECT + PAIRS.len();

fn room() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![2 => 0..DIRECT, 1 => DIRECT..ROOMS]
}

/// What is asked of which room.
fn step() -> impl Strategy<Value = (usize, Step)> {
    let (by, whom) = (0..USERS, 0..USERS);
    let two = (by.clone(), whom);
    let role = prop::sample::select(Role::ALL.to_vec());
    let asked = prop_oneof![
        4 => by.clone().prop_map(|by| Step::Join { by }),
        1 => by.clone().prop_map(|by| Step::Leave { by }),
        4 => two.clone().prop_map(|(by, whom)| Step::Add { by, whom }),
        2 => two.clone().prop_map(|(by, whom)| Step::Remove { by, whom }),
        4 => (two.clone(), role).prop_map(|((by, whom), role)| Step::SetRole { by, whom, role }),
        2 => two.clone().prop_map(|(by, whom)| Step::Ban { by, whom }),
        2 => two.prop_map(|(by, whom)| Step::Unban { by, whom }),
        2 => (by.clone(), 0..2_u8).prop_map(|(by, name)| Step::Rename { by, name }),
        // Few names and texts, so that retries and conflicts are common.
        16 => (by, 0..6_u8, 0..2_u8).prop_map(|(by, client_id, text)| Step::Send { by, client_id, text }),
    ];
    let direct = (0..PAIRS.len(), any::<bool>()).prop_map(|(pair, turned)| {
        let (one, other) = PAIRS[pair];
        let (by, whom) = if turned { (other, one) } else { (one, other) };
        (DIRECT + pair, Step::Direct { by, whom })
    });
    prop_oneof![12 => (room(), asked), 1 => direct]
}

/// Commands that are under way at once; who then reads where, and up to how many events before the newest one, or one past
/// it; and who then blocks whom, or no more.
#[derive(Debug, Clone)]
struct Burst {
    steps: Vec<(usize, Step)>,
    reads: Vec<(usize, usize, i64)>,
    blocks: Vec<(usize, usize, bool)>,
}

fn burst() -> impl Strategy<Value = Burst> {
    let steps = prop::collection::vec(step(), 1..60);
    let reads = prop::collection::vec((0..USERS, room(), -1..12_i64), 0..24);
    let blocks = prop::collection::vec((0..USERS, 0..USERS, prop::bool::weighted(0.3)), 0..3);
    (steps, reads, blocks).prop_map(|(steps, reads, blocks)| Burst { steps, reads, blocks })
}

struct Played {
    world: World,
    users: Vec<User>,
    /// A direct room's only once it is known.
    ids: Vec<RoomId>,
    rooms: Vec<Room>,
    blocks: Blocks,
    anyone_manages: bool,
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<(RoomId, u64), Error>>>>;

impl Played {
    async fn start(anyone_manages: bool) -> Self {
        let managed_by = if anyone_manages { ManagedBy::Anyone } else { ManagedBy::Owners };
        let settings = Settings { log_batch: 16, members_managed_by: managed_by, ..Settings::default() };
        let world = World::with(settings).await;
        let mut users = Vec::new();
        for name in ["Ana", "Ben", "Cleo", "Dan"] {
            users.push(world.user(name).await);
        }
        let group = world.chat.create_room(&users[0], create("Group", RoomKind::Group, None)).await.unwrap();
        let mut ids = vec![id("one"), id("two"), group.room.id];
        ids.extend((0..PAIRS.len()).map(|pair| id(&format!("d_unknown-{pair}"))));
        let mut rooms = vec![
            Room::new(RoomKind::Public, "one"),
            Room::new(RoomKind::Public, "two"),
            Room::new(RoomKind::Group, "Group"),
        ];
        rooms.extend(PAIRS.map(|_| Room::new(RoomKind::Direct, "")));
        rooms[2].take_in(0, 0).unwrap();
        let mut played = Self { world, users, ids, rooms, blocks: Blocks::new(), anyone_manages };
        // Enough of them are there for something to happen.
        let there = [(0, 0), (0, 1), (0, 2), (1, 3), (1, 1)].map(|(room, by)| (room, Step::Join { by }));
        let added = [1, 2].map(|whom| (2, Step::Add { by: 0, whom }));
        let direct =
            [(DIRECT, Step::Direct { by: 0, whom: 1 }), (DIRECT + 3, Step::Direct { by: 2, whom: 1 })];
        let steps = there.into_iter().chain(added).chain(direct).collect();
        played.burst(Burst { steps, reads: Vec::new(), blocks: Vec::new() }).await;
        played
    }

    fn by_id(&self, user: usize) -> UserRef {
        UserRef::Id(self.users[user].id.clone())
    }

    /// Queues the step; the answer names a position.
    fn ask(&self, room: usize, step: Step) -> Answer {
        let (chat, users, room_id) = (&self.world.chat, &self.users, self.ids[room].clone());
        let id = room_id.clone();
        let pending = match step {
            Step::Direct { by, whom } => {
                let pending = chat.create_room(&users[by], CreateRoom::Direct { user: self.by_id(whom) });
                return Box::pin(async { pending.await.map(|made| (made.room.id, made.room.seq)) });
            }
            Step::Join { by } => {
                let pending = chat.join_room(&users[by], join(room_id.as_str()));
                return Box::pin(async { pending.await.map(|joined| (id, joined.seq)) });
            }
            Step::Send { by, client_id, text } => {
                let request = message(&room_id, &client_id.to_string(), &text.to_string());
                let pending = chat.send_message(&users[by], request);
                return Box::pin(async { pending.await.map(|sent| (id, sent.seq)) });
            }
            Step::Leave { by } => chat.leave_room(&users[by], LeaveRoom { room_id }),
            Step::Add { by, whom } => {
                chat.add_member(&users[by], AddMember { room_id, user: self.by_id(whom) })
            }
            Step::Remove { by, whom } => {
                let user = UserRef::Name(users[whom].name.clone());
                chat.remove_member(&users[by], RemoveMember { room_id, user })
            }
            Step::SetRole { by, whom, role } => {
                chat.set_role(&users[by], SetRole { room_id, user: self.by_id(whom), role })
            }
            Step::Ban { by, whom } => {
                chat.ban_member(&users[by], BanMember { room_id, user: self.by_id(whom) })
            }
            Step::Unban { by, whom } => {
                chat.unban_member(&users[by], UnbanMember { room_id, user: self.by_id(whom) })
            }
            Step::Rename { by, name } => {
                chat.rename_room(&users[by], RenameRoom { room_id, name: name.to_string() })
            }
        };
        Box::pin(async { pending.await.map(|position| (id, position.seq)) })
    }

    async fn burst(&mut self, Burst { steps, reads, blocks }: Burst) {
        let answers: Vec<_> = steps.iter().map(|(room, step)| self.ask(*room, *step)).collect();
        let known: Vec<bool> = self.ids.iter().map(|id| !id.as_str().starts_with("d_unknown")).collect();
        for ((room, step), answer) in steps.into_iter().zip(answers) {
            let anew = matches!(step, Step::Direct { .. });
            let answer = answer.await.map_err(|error| error.code);
            if !known[room] && !anew {
                // Whoever asks does not know its id, nor does the store know the one they gave.
                assert_eq!(answer, Err(plaza_protocol::Code::NotFound), "{step:?}");
                continue;
            }
            if let (true, Ok((id, _))) = (anew, &answer) {
                assert!(!known[room] || self.ids[room] == *id, "a pair has one room");
                self.ids[room] = id.clone();
            }
            let expected = self.rooms[room].apply(step, self.anyone_manages, &self.blocks);
            assert_eq!(answer.map(|(_, seq)| seq), expected, "{step:?} in {:?}", self.rooms[room]);
        }
        for (user, room, before) in reads {
            let seq = self.rooms[room].top().saturating_add_signed(-before);
            let asked = MarkRead { room_id: self.ids[room].clone(), seq };
            let answer = self.world.chat.mark_read(&self.users[user].id, asked).await;
            let answer = answer.map(|marked| (marked.position.seq, marked.moved));
            assert_eq!(answer.map_err(|error| error.code), self.rooms[room].read(user, seq));
        }
        for (user, whom, on) in blocks.into_iter().filter(|(user, whom, _)| user != whom) {
            let (chat, id, user_ref) = (&self.world.chat, &self.users[user].id, self.by_id(whom));
            if on {
                chat.block_user(id, BlockUser { user: user_ref }).await.unwrap();
                self.blocks.insert((user, whom));
            } else {
                chat.unblock_user(id, UnblockUser { user: user_ref }).await.unwrap();
                self.blocks.remove(&(user, whom));
            }
        }
        self.check().await;
    }

    async fn check(&self) {
        for (room, model) in self.ids.iter().zip(&self.rooms) {
            let log = self.world.log(room).await;
            let entries: Vec<_> = log.iter().map(|event| entry(event, &self.users)).collect();
            assert_eq!(entries, model.log);
            let roles: BTreeMap<_, _> = model.members.iter().map(|(user, it)| (*user, it.role)).collect();
            assert_eq!(model.folded(), roles, "members are the fold of the log");
            for user in 0..USERS {
                self.check_view(user, room, model).await;
            }
        }
    }

    /// What a user sees of a room must be what the model says.
    async fn check_view(&self, index: usize, room: &RoomId, model: &Room) {
        let (chat, user) = (&self.world.chat, &self.users[index]);
        let history = History { room_id: room.clone(), before: None, after: Some(0), limit: Some(200) };
        let members = ListMembers { room_id: room.clone(), after: None };
        let bans = ListBans { room_id: room.clone(), after: None };
        let listed = chat.list_rooms(&user.id).await.unwrap().rooms;
        let listed = listed.into_iter().find(|summary| summary.id == *room);
        let bans = chat.room_bans(&user.id, bans).await;
        if model.kind == RoomKind::Public && model.top() > 0 {
            let found = chat.discover_rooms(&user.id, DiscoverRooms::default()).await.unwrap().rooms;
            let found = found.iter().find(|found| found.id == *room).unwrap();
            let expected = (&model.name, model.members.len() as u64, model.members.contains_key(&index));
            assert_eq!((&found.name, found.members, found.joined), expected);
        }
        let Some(member) = model.members.get(&index) else {
            assert_eq!(chat.history(&user.id, history).await, Err(Error::no_such_room()));
            assert_eq!(chat.room_members(&user.id, members).await, Err(Error::no_such_room()));
            assert_eq!((listed, bans), (None, Err(Error::no_such_room())));
            return;
        };
        let seen = chat.history(&user.id, history).await.unwrap();
        assert_eq!(seen.events.len(), model.log.len().min(200));
        let listed = listed.unwrap();
        let expected = (model.top(), member.read, member.role, model.members.len() as u64);
        assert_eq!((listed.seq, listed.read_seq, listed.role, listed.members), expected);
        assert_eq!(listed.unread, model.unread(index, member.read), "unread is what a recount says");
        let other =
            model.members.keys().find(|other| **other != index).map(|other| self.users[*other].clone());
        let with = other.filter(|_| model.kind == RoomKind::Direct);
        assert_eq!(listed.name, with.as_ref().map_or(&model.name, |with| &with.name).as_str());
        assert_eq!(listed.with, with);
        let joined = chat.join_room(user, join(room.as_str())).await.unwrap();
        assert_eq!((joined.seq, joined.room), (listed.seq, listed), "a member who joins is told the same");
        let there = chat.room_members(&user.id, members).await.unwrap().members;
        let there: BTreeMap<_, _> =
            there.into_iter().map(|member| (position(&self.users, &member.user), member.role)).collect();
        assert_eq!(there, model.folded());
        match bans {
            Ok(bans) => {
                let mut bans: Vec<_> = bans.users.iter().map(|user| position(&self.users, user)).collect();
                bans.sort_unstable();
                assert_eq!(bans, Vec::from_iter(model.bans.iter().copied()));
                assert_ne!(member.role, Role::Member);
            }
            Err(_) => assert!(member.role == Role::Member),
        }
    }
}

fn position(users: &[User], user: &User) -> usize {
    users.iter().position(|known| known == user).unwrap()
}

/// The model's entry that an event stands for.
fn entry(event: &Event, users: &[User]) -> Entry {
    let index = |user: &User| position(users, user);
    match event {
        Event::MemberAdded(it) => Entry::Added { user: index(&it.user), by: index(&it.by) },
        Event::MemberRemoved(it) => Entry::Removed { user: index(&it.user), by: index(&it.by) },
        Event::MemberBanned(it) => Entry::Banned { user: index(&it.user), by: index(&it.by) },
        Event::MemberUnbanned(it) => Entry::Unbanned { user: index(&it.user), by: index(&it.by) },
        Event::MemberChanged(it) => {
            Entry::Changed { user: index(&it.user), role: it.role, by: index(&it.by) }
        }
        Event::RoomChanged(it) => Entry::Renamed { name: it.name.clone().unwrap(), by: index(&it.by) },
        Event::Message(message) => {
            let Content::Text(body) = &message.content else { panic!("{message:?}") };
            Entry::Message {
                by: index(&message.sender),
                client_id: message.client_id.as_str().parse().unwrap(),
                text: body.text.parse().unwrap(),
            }
        }
    }
}

async fn play(anyone_manages: bool, bursts: Vec<Burst>) {
    let mut played = Played::start(anyone_manages).await;
    for burst in bursts {
        played.burst(burst).await;
    }
    let (_folder, published) = played.world.stop().await;
    for (room, model) in played.ids.iter().zip(&played.rooms) {
        let seqs = published.get(room.as_str()).map(Vec::as_slice).unwrap_or_default().iter();
        assert!(seqs.map(|event| event.seq()).eq(1..=model.top()), "published once, in order");
    }
}

/// Fewer where each takes a schema on a server and every commit a round trip.
fn cases() -> u32 {
    if on_a_server() { 4 } else { 40 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_for_any_sequence(anyone in any::<bool>(), bursts in prop::collection::vec(burst(), 1..6)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(anyone, bursts));
    }
}
