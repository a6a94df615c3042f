//! This node among others: its end of the bus, and who on it is given what comes in.
//!
//! Events of rooms go out as Socket.IO broadcasts in the format of the official Redis adapters, so that Node.js services
//! that share the rooms hear them too; what makes them chat's rides among the flags. What those services broadcast into a
//! room reaches the room's members here, outside the log and outside the promise, and never under the name of an event of
//! Plaza's own.

use super::{Member, NAMESPACE};
use anyhow::Context as _;
use plaza_bus::{
    Bus, BusOptions, BusStats, Channel, Incoming, Receiver, ServerState,
    adapter::{AdapterFigures, AdapterOptions, ClusterAdapter, FromPlaza, Hooks},
    wire::Channels,
};
use plaza_chat::{
    Chat, Courier, Feed, Hearing, JoinError, Membership, Presence, Random, RecentStats, Rooms, Sealed, Tasks,
    check,
};
use plaza_protocol::{EVENTS, RoomId};
use plaza_socketio::{Outgoing, Target};
use plaza_store::Store;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How this node is one of several.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// What carries what nodes tell each other.
    pub bus: BusOptions,
    /// How Socket.IO's rooms are shared.
    pub adapter: AdapterOptions,
    /// The bus reaches no other node: so there must be none on the store.
    pub alone: bool,
}

/// This node's end of the bus, before anybody is let in.
pub(crate) struct Cluster {
    bus: Bus,
    receiver: Receiver,
    pub(crate) adapter: ClusterAdapter,
    pub(crate) courier: Courier,
    from_plaza: FromRooms,
    node: String,
    /// The bus reaches no other node.
    alone: bool,
}

/// Where it is counted what nodes and other servers say.
pub(crate) struct Counted {
    bus: Bus,
    adapter: ClusterAdapter,
    courier: Courier,
}

impl Counted {
    pub(crate) fn read(&self) -> BusFigures {
        let refused = self.courier.stats().refused();
        let recent = self.courier.recent_stats();
        BusFigures { bus: self.bus.stats(), adapter: self.adapter.figures(), refused, recent }
    }
}

/// What was said on the bus, and by other servers.
pub(crate) struct BusFigures {
    pub(crate) bus: BusStats,
    pub(crate) adapter: AdapterFigures,
    /// Said as if by a node of this cluster.
    pub(crate) refused: u64,
    /// Of the copies of newest events, where there are such.
    pub(crate) recent: Option<RecentStats>,
}

/// What the adapter has found among the broadcasts that is chat's: at most one at a time.
type FromRooms = Arc<Mutex<Option<InRoom>>>;

struct InRoom {
    room: String,
    event: String,
    object: String,
    sealed: String,
}

impl Cluster {
    /// Joins the bus. It ends with `shutdown`, which should come after the last client has gone.
    pub(crate) async fn start(
        options: ClusterOptions,
        store: &Store,
        random: &dyn Random,
        node: &str,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let ClusterOptions { bus, adapter, alone } = options;
        let (bus, receiver) =
            Bus::start(bus, shutdown.clone()).await.context("Cannot join the other nodes")?;
        tracing::info!(bus = bus.found(), "Joined the bus");
        let from_plaza = FromRooms::default();
        let channels = Channels::new(&adapter.prefix, adapter.format);
        let found = Arc::clone(&from_plaza);
        let hooks = Hooks::default()
            .reserve(|namespace, event| namespace == NAMESPACE && is_ours(event))
            .on_plaza(move |said| *lock(&found) = InRoom::of(&said));
        let adapter = ClusterAdapter::start(bus.clone(), adapter, hooks, shutdown);
        let rooms = Arc::new(Broadcasts { adapter: adapter.clone(), channels });
        let courier = Courier::new(store, random, bus.clone(), rooms, node)
            .await
            .context("Cannot join the other nodes")?;
        Ok(Self { bus, receiver, adapter, courier, from_plaza, node: node.to_owned(), alone })
    }

    /// What is counted of it, for as long as the node serves.
    pub(crate) fn counted(&self) -> Counted {
        Counted { bus: self.bus.clone(), adapter: self.adapter.clone(), courier: self.courier.clone() }
    }

    /// How the servers that carry the bus are.
    pub(crate) fn state(&self) -> watch::Receiver<Vec<ServerState>> {
        self.bus.state()
    }

    /// Takes this node's place among the others and begins to hear them.
    ///
    /// # Errors
    /// [`JoinError`].
    pub(super) async fn join(
        self,
        chat: &Chat,
        feed: &Feed<Member>,
        presence: &Presence<Member>,
        connections: impl Fn() -> u64 + Send + Sync + 'static,
        tasks: &Tasks,
        shutdown: CancellationToken,
    ) -> Result<(), JoinError> {
        let Self { receiver, adapter, courier, from_plaza, node, alone, .. } = self;
        let member = Membership::join(chat, &courier, &node, alone).await?;
        let keeping = member.keep(Some(presence.clone()), connections, shutdown.clone());
        tasks.spawn("this node's lease", keeping);
        let checking = check(courier.clone(), chat.clone(), feed.clone(), presence.clone());
        tasks.spawn("what the bus has lost", async move {
            shutdown.run_until_cancelled(checking).await;
        });
        let hearing = Hearing::new(courier, chat.clone(), feed.clone(), presence.clone());
        tasks.spawn("what other nodes tell", hear(receiver, adapter, hearing, from_plaza));
        Ok(())
    }

    /// Takes its place as one that has no clients. It hears nothing, since nobody here would.
    ///
    /// # Errors
    /// [`JoinError`].
    pub(crate) async fn join_behind(
        self,
        chat: &Chat,
        tasks: &Tasks,
        shutdown: CancellationToken,
    ) -> Result<(), JoinError> {
        let Self { courier, node, alone, .. } = self;
        let member = Membership::join(chat, &courier, &node, alone).await?;
        let no_presence: Option<Presence<Member>> = None;
        tasks.spawn("this node's lease", member.keep(no_presence, || 0, shutdown));
        Ok(())
    }
}

/// Until the bus ends.
async fn hear(
    mut receiver: Receiver,
    adapter: ClusterAdapter,
    hearing: Hearing<Member>,
    from_rooms: FromRooms,
) {
    while let Some(incoming) = receiver.recv().await {
        match incoming {
            Incoming::Message { channel, payload } => {
                if adapter.handle(&channel, &payload) {
                    let said = lock(&from_rooms).take();
                    if let Some(InRoom { room, event, object, sealed }) = said {
                        hearing.in_room(&room, &event, &object, &sealed).await;
                    }
                } else {
                    hearing.on(&channel, &payload).await;
                }
            }
            Incoming::Interrupted { direction, .. } => {
                adapter.interrupted(direction);
                hearing.missed();
            }
            Incoming::Restored { direction, .. } => {
                adapter.restored(direction);
                hearing.missed();
            }
        }
    }
}

/// Whether an event is Plaza's own, which nobody else may send its clients.
fn is_ours(event: &str) -> bool {
    EVENTS.iter().any(|ours| ours.event == event)
}

impl InRoom {
    fn of(said: &FromPlaza<'_>) -> Option<Self> {
        let [room] = said.target.rooms.as_slice() else { return None };
        let (event, object): (String, &RawValue) = serde_json::from_str(&said.event.json).ok()?;
        Some(Self {
            room: room.to_string(),
            event,
            object: object.get().to_owned(),
            sealed: said.plaza.to_owned(),
        })
    }
}

/// Events of rooms as Socket.IO broadcasts.
struct Broadcasts {
    adapter: ClusterAdapter,
    channels: Channels,
}

impl Broadcasts {
    fn target(room: &RoomId) -> Target {
        Target { rooms: vec![room.as_str().into()], except: Vec::new() }
    }
}

impl Rooms for Broadcasts {
    fn channel(&self, room: &RoomId) -> Option<Channel> {
        Channel::new(self.channels.of_broadcast(NAMESPACE, &Self::target(room))).ok()
    }

    fn say(&self, room: &RoomId, event: &str, object: &RawValue, sealed: &Sealed) {
        let said =
            Outgoing::event(NAMESPACE, event, &[object]).map_err(anyhow::Error::from).and_then(|said| {
                Ok(self.adapter.publish_plaza(NAMESPACE, &Self::target(room), &said, sealed)?)
            });
        if let Err(error) = said {
            tracing::error!(%error, event, "An event cannot be told to other nodes");
        }
    }
}

fn lock(found: &Mutex<Option<InRoom>>) -> std::sync::MutexGuard<'_, Option<InRoom>> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}
