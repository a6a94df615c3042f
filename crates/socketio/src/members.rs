//! Who is in a namespace on this node, and in which rooms. A room exists while somebody is in it.

use crate::{adapter::Adapter, id::SocketId, socket::Socket};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};

/// A room's name.
pub type Room = Arc<str>;

/// Whom a broadcast is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Everybody in any of these; in none: everybody. A socket's id is a room with that socket in it.
    pub rooms: Vec<Room>,
    /// But nobody in any of these.
    pub except: Vec<Room>,
}

pub(crate) struct Members {
    state: RwLock<State>,
    told: Told,
}

/// Who is told which rooms have members here.
#[derive(Clone)]
struct Told {
    namespace: Arc<str>,
    adapter: Arc<dyn Adapter>,
}

/// Rooms that are occupied for one who is away. They are vacated when this is dropped.
pub(crate) struct Held {
    rooms: Vec<Room>,
    told: Told,
}

#[derive(Default)]
struct State {
    sockets: HashMap<SocketId, Arc<Socket>>,
    rooms: HashMap<Room, HashMap<SocketId, Arc<Socket>>>,
}

impl Members {
    pub(crate) fn new(namespace: &str, adapter: Arc<dyn Adapter>) -> Self {
        Self { state: RwLock::default(), told: Told { namespace: namespace.into(), adapter } }
    }

    pub(crate) fn len(&self) -> usize {
        self.read(|state| state.sockets.len())
    }

    /// Into the namespace, and into the rooms it has joined on its way.
    pub(crate) fn insert(&self, socket: Arc<Socket>) {
        self.write(|state| {
            for room in socket.with_rooms(|rooms| rooms.clone()) {
                socket.came_into(&room);
                state.put_in(room, Arc::clone(&socket), &self.told);
            }
            let id = socket.id();
            if state.sockets.insert(id, socket).is_none() {
                self.told.adapter.occupied(&self.told.namespace, id.as_str());
            }
        });
    }

    /// Has what others send to these rooms be heard, though nobody else may be in them.
    pub(crate) fn hold<'a>(&self, rooms: impl Iterator<Item = &'a Room>) -> Held {
        let mut held = Held { rooms: Vec::new(), told: self.told.clone() };
        rooms.for_each(|room| held.enter(room));
        held
    }

    /// Out of the namespace and all of its rooms.
    pub(crate) fn remove(&self, socket: &Socket) {
        let gone = self.write(|state| {
            for room in socket.with_rooms(std::mem::take) {
                state.take_out(&room, socket, &self.told);
            }
            state.member(socket)?;
            self.told.adapter.vacated(&self.told.namespace, socket.id().as_str());
            state.sockets.remove(&socket.id())
        });
        // Dropped here, outside the lock.
        drop(gone);
    }

    /// For a socket that is a member or on its way to be one. Its own room it is in already.
    pub(crate) fn join(&self, socket: &Socket, room: &str) {
        if room == socket.id().as_str() {
            return;
        }
        self.write(|state| {
            let Some(member) = state.member(socket).cloned() else {
                if socket.may_come() {
                    let room = Room::from(room);
                    // What is sent there before it is let in may be for it, if it was a member before.
                    socket.came_into(&room);
                    socket.with_rooms(|rooms| {
                        if !rooms.contains(&room) {
                            rooms.push(room);
                        }
                    });
                }
                return;
            };
            let room = match state.rooms.get_key_value(room) {
                Some((room, _)) => Arc::clone(room),
                None => Room::from(room),
            };
            if state.put_in(Arc::clone(&room), member, &self.told) {
                socket.came_into(&room);
                socket.with_rooms(|rooms| rooms.push(room));
            }
        });
    }

    pub(crate) fn leave(&self, socket: &Socket, room: &str) {
        self.write(|state| {
            state.take_out(room, socket, &self.told);
            socket.went_out_of(room);
            socket.with_rooms(|rooms| rooms.retain(|held| &**held != room));
        });
    }

    /// Calls `each` for every socket of a target, once. It must not change the members.
    pub(crate) fn for_each(&self, target: &Target, each: impl FnMut(&Arc<Socket>)) {
        self.for_each_after(|| {}, target, each);
    }

    /// The same after doing something else first, without letting anybody come or go in between.
    pub(crate) fn for_each_after(
        &self,
        first: impl FnOnce(),
        target: &Target,
        mut each: impl FnMut(&Arc<Socket>),
    ) {
        self.read(|state| {
            first();
            let excepted = |socket: &Socket| target.except.iter().any(|room| state.is_in(room, socket.id()));
            match target.rooms.as_slice() {
                [] => state.sockets.values().filter(|socket| !excepted(socket)).for_each(&mut each),
                [room] => state.of_room(room).filter(|socket| !excepted(socket)).for_each(&mut each),
                rooms => {
                    let mut seen = HashSet::new();
                    rooms
                        .iter()
                        .flat_map(|room| state.of_room(room))
                        .filter(|socket| seen.insert(socket.id()) && !excepted(socket))
                        .for_each(&mut each);
                }
            }
        });
    }

    /// The sockets of a target, to do what changes the members.
    pub(crate) fn select(&self, target: &Target) -> Vec<Arc<Socket>> {
        let mut selected = Vec::new();
        self.for_each(target, |socket| selected.push(Arc::clone(socket)));
        selected
    }

    fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Held {
    /// One more.
    pub(crate) fn enter(&mut self, room: &Room) {
        if !self.rooms.contains(room) {
            self.told.adapter.occupied(&self.told.namespace, room);
            self.rooms.push(Room::clone(room));
        }
    }

    /// One of them no more.
    pub(crate) fn leave(&mut self, room: &str) {
        if let Some(at) = self.rooms.iter().position(|held| **held == *room) {
            self.rooms.swap_remove(at);
            self.told.adapter.vacated(&self.told.namespace, room);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for room in &self.rooms {
            self.told.adapter.vacated(&self.told.namespace, room);
        }
    }
}

impl State {
    /// The socket as a member. Another may be one under its id, which goes on with what it was.
    fn member(&self, socket: &Socket) -> Option<&Arc<Socket>> {
        self.sockets.get(&socket.id()).filter(|member| std::ptr::eq(&***member, socket))
    }

    /// Whether it was not there before.
    fn put_in(&mut self, room: Room, socket: Arc<Socket>, told: &Told) -> bool {
        let members = self.rooms.entry(room).or_insert_with_key(|room| {
            told.adapter.occupied(&told.namespace, room);
            HashMap::new()
        });
        members.insert(socket.id(), socket).is_none()
    }

    fn take_out(&mut self, room: &str, socket: &Socket, told: &Told) {
        if let Some(members) = self.rooms.get_mut(room) {
            if members.get(&socket.id()).is_some_and(|member| std::ptr::eq(&**member, socket)) {
                members.remove(&socket.id());
            }
            if members.is_empty() {
                self.rooms.remove(room);
                told.adapter.vacated(&told.namespace, room);
            }
        }
    }

    fn is_in(&self, room: &str, id: SocketId) -> bool {
        room == id.as_str() || self.rooms.get(room).is_some_and(|members| members.contains_key(&id))
    }

    fn of_room(&self, room: &str) -> impl Iterator<Item = &Arc<Socket>> {
        let own = SocketId::from_text(room).and_then(|id| self.sockets.get(&id));
        self.rooms.get(room).into_iter().flat_map(HashMap::values).chain(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Identity;
    use crate::{Random, adapter::Alone, engine::Session, namespace::Namespace, outgoing::Parser};
    use std::sync::Weak;

    fn connected(namespace: &Arc<Namespace>) -> Arc<Socket> {
        let session = Session::alone("secret");
        let socket = Socket::new(
            Arc::clone(namespace),
            session,
            Arc::default(),
            Parser::Json,
            Identity::New(&Random::default()),
        );
        assert!(socket.connected());
        socket
    }

    #[test]
    fn a_room_is_kept_no_longer_than_its_members() {
        let namespace = Namespace::new("/", Arc::default(), Arc::new(Alone), Weak::new(), None);
        let (members, ana, ben) =
            (Members::new("/", Arc::new(Alone)), connected(&namespace), connected(&namespace));
        members.insert(Arc::clone(&ana));
        members.insert(Arc::clone(&ben));
        for room in ["red", "blue"] {
            members.join(&ana, room);
            members.join(&ben, room);
        }
        members.leave(&ana, "red");
        members.leave(&ben, "red");
        members.leave(&ben, "red");
        assert_eq!(members.read(|state| state.rooms.keys().cloned().collect::<Vec<_>>()), ["blue".into()]);
        members.remove(&ana);
        members.remove(&ben);
        assert!(members.read(|state| state.rooms.is_empty() && state.sockets.is_empty()));
        // A room that is only looked for comes into being no more than one that nobody could join.
        members.join(&ben, "red");
        assert!(members.select(&Target { rooms: vec!["red".into()], except: vec![] }).is_empty());
        assert!(members.read(|state| state.rooms.is_empty()));
    }
}
