//! One guest of the load, from its first connection to what it has noted.

use super::{
    Shared,
    observer::{Observer, Reached},
    options,
    sender::{Sender, Wanderer},
};
use crate::{
    audit::{Ask, Asked, Record, Sent},
    program::DEADLINE,
};
use anyhow::{Context as _, bail};
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
    sends: Vec<Sent>,
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

    /// Does what its role is until it is enough.
    pub(super) async fn act(mut self) -> anyhow::Result<Finishing> {
        let mut sends = Vec::new();
        if self.role == Role::Wanderer {
            let room = self.rooms.first().context("no room to leave")?.clone();
            let (who, client) = (self.who.clone(), self.observers[0].client.clone());
            let rng = StdRng::from_rng(&mut self.rng);
            self.asks.extend(Wanderer { who, client, room, rng }.run().await?);
        } else {
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
            while let Some(sent) = lanes.join_next().await {
                sends.extend(sent??);
            }
        }
        Ok(Finishing { guest: self, sends })
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

    /// Adds what was noted, once each view has reached the rooms' ends.
    pub(super) async fn finish(self, tops: &Reached, record: &mut Record) {
        record.sends.extend(self.sends);
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
