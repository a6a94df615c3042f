//! Socket.IO rooms on many nodes: Plaza's, and Node.js servers with the official adapters.
//!
//! [`ClusterAdapter`] is the other side of `plaza_socketio`'s seam. What this node broadcasts goes out in the official
//! format; what comes in is checked like any input and done to this node's sockets. A room's channel is subscribed while
//! the room has members here, and a little longer.
//!
//! Node counts who is subscribed to the channel of questions and waits for as many answers. So a node of Plaza is
//! subscribed to it once, and answers everything that it is asked, with nothing if it has nothing.
//!
//! Nothing of this is the log's: what other servers broadcast may be lost, and the promise does not cover it.

mod answering;
mod asking;
mod figures;
mod hooks;
mod incoming;
mod options;
mod peers;
mod spaces;

pub use asking::ServerAnswersError;
pub use figures::AdapterFigures;
pub use hooks::{FromPlaza, Hooks, ServerEvent};
pub use options::AdapterOptions;

use crate::{
    Bus, Channel, Incoming, Receiver,
    wire::{Body, Broadcast, Channels, Content, Flags, Format, classic, sharded},
};
use asking::Pending;
use figures::Counts;
use futures_util::future::BoxFuture;
use peers::Peers;
use plaza_socketio::{Adapter, Answers, FetchError, Namespace, Outgoing, SocketInfo, Target, ToOthers};
use serde::Serialize;
use spaces::Spaces;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Carries one Socket.IO server's broadcasts to the other nodes, and theirs to it. A clone is the same adapter.
#[derive(Clone)]
pub struct ClusterAdapter(Arc<Inner>);

struct Inner {
    bus: Bus,
    options: AdapterOptions,
    hooks: Hooks,
    channels: Channels,
    /// This node's, in all namespaces: 16 hexadecimal digits, or 6 characters in the classic format.
    uid: String,
    spaces: Spaces,
    pending: Pending,
    peers: Peers,
    counts: Counts,
    /// One for each question that is being answered.
    answering: Arc<Semaphore>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl ClusterAdapter {
    /// An adapter over this bus, to be given to one server. What it runs ends with `shutdown`; see
    /// [`closed`](Self::closed). Whoever has the bus's [`Receiver`] hands over what comes in, see
    /// [`handle`](Self::handle), or leaves that to [`run`](Self::run).
    pub fn start(bus: Bus, options: AdapterOptions, hooks: Hooks, shutdown: CancellationToken) -> Self {
        let heartbeats = options.format != Format::Classic && (options.heartbeats || !bus.counts());
        let options = AdapterOptions { heartbeats, ..options };
        let inner = Inner {
            channels: Channels::new(&options.prefix, options.format),
            uid: options.uid(),
            spaces: Spaces::default(),
            pending: Pending::default(),
            peers: Peers::default(),
            counts: Counts::default(),
            answering: Arc::new(Semaphore::new(options.most_answers)),
            tasks: TaskTracker::new(),
            bus,
            options,
            hooks,
            shutdown,
        };
        let adapter = Self(Arc::new(inner));
        if adapter.0.options.heartbeats {
            adapter.0.tasks.spawn(peers::beat(adapter.clone()));
        }
        adapter.0.tasks.close();
        adapter
    }

    /// Resolves when what it runs has ended, after its shutdown.
    pub async fn closed(&self) {
        self.0.tasks.wait().await;
    }

    /// Hands over all that comes in, until the bus is shut down. For a node on which nobody else listens.
    pub async fn run(&self, mut receiver: Receiver) {
        while let Some(incoming) = receiver.recv().await {
            match incoming {
                Incoming::Message { channel, payload } => drop(self.handle(&channel, &payload)),
                Incoming::Interrupted { direction, .. } => self.interrupted(direction),
                Incoming::Restored { direction, .. } => self.restored(direction),
            }
        }
    }

    /// Resolves when the namespaces that there are hear the other nodes. While a server is away that may be long.
    pub async fn ready(&self) {
        self.0.spaces.ready().await;
    }

    /// Resolves when what other nodes broadcast to a room is heard; at once if it has no member here. Node's servers
    /// never wait for that.
    pub async fn hears(&self, namespace: &str, room: &str) {
        self.0.spaces.hears(namespace, room).await;
    }

    /// What was counted since the start.
    pub fn figures(&self) -> AdapterFigures {
        self.0.counts.read()
    }

    /// Broadcasts an event of Plaza's own to the **other** nodes, with what Plaza adds. Node's servers pass it on to
    /// their sockets; Plaza's nodes hand it to [`Hooks::on_plaza`] and to no socket.
    pub fn publish_plaza(
        &self,
        namespace: &str,
        target: &Target,
        event: &Outgoing,
        plaza: &(impl Serialize + ?Sized),
    ) -> Result<(), serde_json::Error> {
        let flags = Flags { plaza: Some(serde_json::to_string(plaza)?.into()), ..Flags::default() };
        let event = Content::event(event);
        self.say(
            namespace,
            &Body::Broadcast(Broadcast { request: None, target: target.clone(), flags, event }),
        );
        Ok(())
    }

    /// Sends an event to the other servers of a namespace; Node's `serverSideEmit`. `args` is a tuple, an array or a
    /// slice, one element an argument.
    pub fn server_side_emit(
        &self,
        namespace: &str,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<(), plaza_socketio::EncodeError> {
        let event = Outgoing::event(namespace, event, args)?;
        self.say(namespace, &Body::Emit { request: None, event: Content::event(&event) });
        Ok(())
    }

    /// Says something where such things are said.
    fn say(&self, namespace: &str, body: &Body<'_>) {
        self.send(&self.0.channels.of(namespace, body), namespace, body);
    }

    fn send(&self, channel: &str, namespace: &str, body: &Body<'_>) {
        let Inner { bus, channels, uid, counts, .. } = &*self.0;
        let payload = match channels.format() {
            Format::Sharded | Format::ShardedPrivate => sharded::encode(uid, namespace, body),
            Format::Classic => classic::encode(uid, namespace, body),
        };
        // The classic format has no heartbeats.
        let Some(payload) = payload else { return };
        match Channel::new(channel) {
            Ok(channel) => {
                counts.sent.fetch_add(1, Relaxed);
                bus.publish(&channel, payload.into());
            }
            Err(error) => {
                counts.unsayable.fetch_add(1, Relaxed);
                tracing::debug!(%error, "a broadcast to a room whose name is too long for a channel");
            }
        }
    }
}

impl Adapter for ClusterAdapter {
    fn publish(&self, namespace: &str, message: &ToOthers) {
        if self.0.bus.is_alone() {
            return;
        }
        let target = message.target().clone();
        let body = match message {
            ToOthers::Send { message, volatile, .. } => {
                let flags = Flags { volatile: *volatile, ..Flags::default() };
                Body::Broadcast(Broadcast { request: None, target, flags, event: Content::event(message) })
            }
            ToOthers::Join { room, .. } => Body::Join { target, rooms: vec![Arc::clone(room)] },
            ToOthers::Leave { room, .. } => Body::Leave { target, rooms: vec![Arc::clone(room)] },
            ToOthers::Disconnect { close, .. } => Body::Disconnect { target, close: *close },
        };
        self.say(namespace, &body);
    }

    fn opened(&self, namespace: &Arc<Namespace>) {
        let Inner { bus, channels, uid, spaces, .. } = &*self.0;
        spaces.open(namespace, bus, channels, uid);
        if self.0.options.heartbeats {
            self.say(namespace.name(), &Body::Heartbeat { first: true });
        }
    }

    fn closed(&self, namespace: &str) {
        if self.0.spaces.close(namespace) && self.0.options.heartbeats {
            self.say(namespace, &Body::Close);
        }
    }

    fn occupied(&self, namespace: &str, room: &str) {
        if let Some(channel) = self.0.channels.room(namespace, room).and_then(|name| Channel::new(name).ok())
        {
            self.0.spaces.enter(namespace, room, || self.0.bus.subscribe(&channel));
        }
    }

    fn vacated(&self, namespace: &str, room: &str) {
        self.0.spaces.leave(namespace, room);
    }

    fn ask(
        &self,
        namespace: &str,
        target: &Target,
        event: &Outgoing,
        within: Duration,
    ) -> BoxFuture<'static, Answers> {
        let (adapter, namespace) = (self.clone(), namespace.to_owned());
        let (target, event) = (target.clone(), event.clone());
        Box::pin(async move { adapter.ask_clients(&namespace, target, &event, within).await })
    }

    fn fetch(
        &self,
        namespace: &str,
        target: &Target,
    ) -> BoxFuture<'static, Result<Vec<SocketInfo>, FetchError>> {
        let (adapter, namespace, target) = (self.clone(), namespace.to_owned(), target.clone());
        Box::pin(async move { adapter.fetch_sockets(&namespace, target).await })
    }
}
