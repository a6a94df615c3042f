//! One guest of the load, from its first connection to what it has noted.

use super::{
    Shared,
    changing::Changer,
    observer::{Observer, Reached},
    options,
    sender::{Lane, Sender},
};
use crate::{
    audit::{Ask, Asked, Record, Stood},
    program::DEADLINE,
};
use anyhow::{Context as _, bail, ensure};
use plaza_client::{Address, Connection, Identity, RequestError, Update};
use plaza_protocol::{JoinRoom, RoomId, Secret, UserId};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{task::JoinSet, time::timeout};

/// What a guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Sends into two rooms, and reads on one connection or two.
    Talker {
        /// Two.
        doubled: bool,
    },
    /// Sends, and does not read for long.
    Slow,
    /// Writes long texts where the slow ones are.
    Writer,
    /// Leaves its room and joins it again.
    Wanderer,
    /// Has made the rooms, and has the say about wanderers there.
    Keeper,
}

/// A guest that has joined its rooms.
pub(super) struct Guest {
    role: Role,
    who: Who,
    token: Secret,
    rooms: BTreeSet<RoomId>,
    rng: StdRng,
    observers: Vec<Observer>,
    asks: Vec<Asked>,
}

/// A guest by name.
#[derive(Clone)]
pub(super) struct Who {
    pub(super) shared: Arc<Shared>,
    pub(super) name: String,
    pub(super) user: UserId,
}

/// A guest that does nothing more.
pub(super) struct Finishing {
    guest: Guest,
    done: Lane,
}

impl Guest {
    pub(super) async fn start(
        number: usize,
        role: Role,
        address: Address,
        mut rng: StdRng,
        shared: Arc<Shared>,
    ) -> anyhow::Result<Self> {
        let name = format!("guest-{number}");
        let identity = Identity::Guest(name.clone());
        let mut first = Observer::start(&name, address.clone(), identity, options(role), &mut rng, &shared);
        let (user, token) = first_session(&mut first).await?;
        first.read((role == Role::Slow).then(|| StdRng::from_rng(&mut rng)));
        let mut observers = vec![first];
        if role == (Role::Talker { doubled: true }) {
            let (name, identity) = (format!("{name} (second connection)"), Identity::Token(token.clone()));
            let mut second = Observer::start(&name, address, identity, options(role), &mut rng, &shared);
            second.read(None);
            observers.push(second);
        }
        let who = Who { shared, name, user };
        let rooms = role.rooms(number, &who.shared);
        let mut asks = Vec::new();
        for room in &rooms {
            let joined = observers[0].client.request(&JoinRoom { room_id: room.clone() }).await;
            asks.push(who.asked(room, Ask::Join, Some(joined.context("cannot join")?.seq)));
        }
        Ok(Self { role, who, token, rooms, rng, observers, asks })
    }

    /// Whom the keeper keeps, and where: this one, if it wanders.
    pub(super) fn wandering(&self) -> Option<(RoomId, UserId)> {
        let room = self.rooms.first().filter(|_| self.role == Role::Wanderer)?;
        Some((room.clone(), self.who.user.clone()))
    }

    /// Does what its role is until it is enough.
    pub(super) async fn act(mut self, wandering: Vec<(RoomId, UserId)>) -> anyhow::Result<Finishing> {
        let mut done = Lane::default();
        match self.role {
            Role::Wanderer => {
                let room = self.rooms.first().context("no room to leave")?.clone();
                self.asks = self.changer().wander(room).await?;
            }
            Role::Keeper => self.asks = self.changer().keep(wandering).await?,
            Role::Talker { .. } | Role::Slow | Role::Writer => done = self.send().await?,
        }
        Ok(Finishing { guest: self, done })
    }

    fn changer(&mut self) -> Changer {
        let (who, client) = (self.who.clone(), self.observers[0].client.clone());
        let (rng, asks) = (StdRng::from_rng(&mut self.rng), std::mem::take(&mut self.asks));
        Changer { who, client, rng, asks }
    }

    async fn send(&mut self) -> anyhow::Result<Lane> {
        let mut lanes = JoinSet::new();
        for lane in 0..self.role.in_flight(&self.who.shared) {
            let sender = Sender {
                who: self.who.clone(),
                client: self.observers[0].client.clone(),
                reached: self.observers[0].reached.clone(),
                rooms: self.rooms.iter().cloned().collect(),
                long: self.role == Role::Writer,
                rng: StdRng::from_rng(&mut self.rng),
            };
            lanes.spawn(sender.run(lane));
        }
        let mut all = Lane::default();
        while let Some(lane) = lanes.join_next().await {
            let lane = lane??;
            all.sends.extend(lane.sends);
            for (room, seq) in lane.read {
                let read = all.read.entry(room).or_default();
                *read = seq.max(*read);
            }
        }
        Ok(all)
    }
}

impl Role {
    /// Messages it has in flight. What the writers write is to be more than the slow ones can bear.
    fn in_flight(self, shared: &Shared) -> usize {
        let in_flight = shared.load.in_flight;
        if self == Self::Writer { 4 * in_flight } else { in_flight }
    }

    fn rooms(self, number: usize, shared: &Shared) -> BTreeSet<RoomId> {
        let room = |number: usize| shared.rooms[number % shared.rooms.len()].clone();
        match self {
            Self::Talker { .. } => [room(number), room(number + 1)].into(),
            Self::Slow => [room(number), shared.crowded.clone()].into(),
            Self::Writer => [shared.crowded.clone()].into(),
            Self::Wanderer => [room(number)].into(),
            Self::Keeper => shared.rooms.iter().chain([&shared.crowded]).cloned().collect(),
        }
    }
}

impl Who {
    pub(super) fn asked(&self, room: &RoomId, what: Ask, seq: Option<u64>) -> Asked {
        let (client, user, room) = (self.name.clone(), self.user.clone(), room.clone());
        Asked { client, user, room, what, seq }
    }
}

impl Finishing {
    pub(super) fn rooms(&self) -> &BTreeSet<RoomId> {
        &self.guest.rooms
    }

    pub(super) fn token(&self) -> &Secret {
        &self.guest.token
    }

    pub(super) async fn connection(&self) -> Result<Connection, RequestError> {
        self.guest.observers[0].client.connection().await
    }

    /// How its rooms stand, as the server lists them.
    pub(super) async fn stood(&self) -> anyhow::Result<Vec<Stood>> {
        let (client, user) = (&self.guest.who.name, &self.guest.who.user);
        let listed = self.connection().await?.list_rooms().await?;
        let here: BTreeSet<_> = listed.iter().map(|room| room.id.clone()).collect();
        ensure!(here == self.guest.rooms, "{client} is in {:?} and listed in {here:?}", self.guest.rooms);
        let stood = listed.into_iter().map(|listed| Stood {
            client: client.clone(),
            user: user.clone(),
            read: self.done.read.get(&listed.id).copied().unwrap_or(0),
            listed,
        });
        Ok(stood.collect())
    }

    /// Adds what was noted, once each view has reached the rooms' ends.
    pub(super) async fn finish(self, tops: &Reached, record: &mut Record) {
        record.sends.extend(self.done.sends);
        record.asks.extend(self.guest.asks);
        for observer in self.guest.observers {
            record.views.push(observer.finish(&self.guest.rooms, tops).await);
        }
    }
}

async fn first_session(observer: &mut Observer) -> anyhow::Result<(UserId, Secret)> {
    let online = async {
        loop {
            match observer.next().await {
                Some(Update::Online(session)) => {
                    let token = session.token.context("a new guest was given no token")?;
                    return Ok((session.user.id, token));
                }
                Some(Update::Offline { .. }) => {}
                other => bail!("instead of a session: {other:?}"),
            }
        }
    };
    timeout(DEADLINE, online).await.context("no session in time")?
}
