//! What other nodes say, checked and done.

use super::{ClusterAdapter, Inner, hooks::FromPlaza};
use crate::Direction;
use crate::wire::{Body, Broadcast, Format, Kind, Malformed, Message, Text, classic, sharded};
use plaza_socketio::{Namespace, Outgoing, Room, Target, ToOthers};
use std::sync::{Arc, atomic::Ordering::Relaxed};
use tokio::time::Instant;

/// Where in a payload of the sharded format the uid stands: in front of the namespace, which is at most so long.
const TAIL: usize = 1_100;

impl ClusterAdapter {
    /// Takes what came in on a channel, and says whether it was one of this adapter's. Does not wait; it must be called in
    /// the order in which messages came, inside a runtime.
    pub fn handle(&self, channel: &str, payload: &[u8]) -> bool {
        let Inner { channels, uid, counts, .. } = &*self.0;
        let Some(kind) = channels.kind(channel, uid) else { return false };
        if self.is_own(payload) {
            return true;
        }
        counts.received.fetch_add(1, Relaxed);
        if let Err(error) = self.understand(kind, channel, payload) {
            counts.malformed.fetch_add(1, Relaxed);
            tracing::debug!(%channel, %error, "passed over what another node said");
        }
        true
    }

    /// To be called when the bus is interrupted in a direction. What other nodes say may not come in: who was away
    /// meanwhile is not recovered.
    pub fn interrupted(&self, direction: Direction) {
        if direction == Direction::In {
            self.0.spaces.interrupted();
        }
    }

    /// To be called when the bus is in force again in that direction.
    pub fn restored(&self, direction: Direction) {
        if direction == Direction::In {
            self.0.spaces.restored();
        }
        if self.0.options.heartbeats {
            for name in self.0.spaces.names() {
                self.say(&name, &Body::Heartbeat { first: true });
            }
        }
    }

    /// Whether this node said it, without reading it: half of what comes in on a busy node is its own.
    fn is_own(&self, payload: &[u8]) -> bool {
        let uid = self.0.uid.as_bytes();
        let near = match self.0.channels.format() {
            Format::Classic => &payload[..payload.len().min(24)],
            Format::Sharded | Format::ShardedPrivate => &payload[payload.len().saturating_sub(TAIL)..],
        };
        let named = |before: &[u8]| {
            near.windows(before.len() + uid.len()).any(|part| part.strip_prefix(before) == Some(uid))
        };
        match (self.0.channels.format(), payload.first()) {
            (_, Some(b'{')) => named(br#""uid":""#),
            // An array with the uid in front, or a map that begins with it.
            (Format::Classic, _) => named(&[0x93, 0xA6]) || named(b"\xA3uid\xA6"),
            (Format::Sharded | Format::ShardedPrivate, _) => named(b"\xA3uid\xB0"),
        }
    }

    fn understand(&self, kind: Kind<'_>, channel: &str, payload: &[u8]) -> Result<(), Malformed> {
        let Inner { options, channels, uid, .. } = &*self.0;
        let text = Text::read(payload, &options.limits)?;
        let message = match (options.format, kind) {
            (Format::Sharded | Format::ShardedPrivate, _) => sharded::decode(&text)?,
            (Format::Classic, Kind::Message) => classic::decode_broadcast(&text)?,
            (Format::Classic, Kind::Request(_)) => classic::decode_request(&text)?,
            (Format::Classic, Kind::Response(_)) => classic::decode_response(&text)?,
        };
        if message.from == *uid {
            return Ok(());
        }
        let namespace = match (kind, &message.namespace) {
            (Kind::Request(namespace) | Kind::Response(namespace), _) => namespace.to_owned(),
            (Kind::Message, Some(namespace)) if channels.belongs(channel, namespace) => namespace.clone(),
            (Kind::Message, _) => return Err(Malformed("of another namespace than its channel")),
        };
        self.act(&namespace, message)
    }

    fn act(&self, name: &str, message: Message<'_>) -> Result<(), Malformed> {
        let Inner { options, counts, peers, pending, .. } = &*self.0;
        if options.heartbeats && message.has_sender() {
            peers.heard(name, &message.from, Instant::now());
        }
        if let Body::Answer { request, answer } = message.body {
            // In the classic format most answers are for other nodes.
            if !pending.answered(&request, answer) && options.format != Format::Classic {
                counts.answers_dropped.fetch_add(1, Relaxed);
            }
            return Ok(());
        }
        let found = self.0.spaces.find(name);
        if found.is_none() {
            // It went while its channel lingers. Whoever counted this node waits all the same.
            counts.unknown.fetch_add(1, Relaxed);
        }
        let (from, namespace) = (message.from.as_str(), found.as_ref());
        match message.body {
            Body::Broadcast(broadcast) => return self.broadcast(name, from, namespace, &broadcast),
            Body::Join { target, rooms } => {
                each(namespace, rooms, |room| ToOthers::Join { target: target.clone(), room });
            }
            Body::Leave { target, rooms } => {
                each(namespace, rooms, |room| ToOthers::Leave { target: target.clone(), room });
            }
            Body::Disconnect { target, close } => {
                if let Some(namespace) = namespace {
                    namespace.apply(&ToOthers::Disconnect { target, close });
                }
            }
            Body::Fetch { request, target } => self.tell_sockets(name, from, &request, namespace, &target),
            Body::Ids { request, target } => self.tell_ids(name, from, &request, namespace, &target),
            Body::Rooms { request } => self.tell_rooms(name, from, &request, namespace),
            Body::Emit { request, event } => {
                let event_name = event.event_name().ok_or(Malformed("no event"))?.into_owned();
                self.server_event(name, from, request, namespace, event_name, event.arguments()?);
            }
            Body::Heartbeat { first: true } if options.heartbeats => {
                self.say(name, &Body::Heartbeat { first: false });
            }
            Body::Close => peers.gone(name, from),
            Body::Heartbeat { .. } | Body::Answer { .. } => {}
        }
        Ok(())
    }

    fn broadcast(
        &self,
        name: &str,
        from: &str,
        namespace: Option<&Arc<Namespace>>,
        broadcast: &Broadcast<'_>,
    ) -> Result<(), Malformed> {
        let Broadcast { request, target, flags, event } = broadcast;
        let nobody = |result| {
            if let Some(request) = request {
                self.tell_count(name, from, request, 0);
            }
            result
        };
        if let Some(plaza) = &flags.plaza {
            if let Some(on_plaza) = &self.0.hooks.plaza {
                on_plaza(FromPlaza { namespace: name, target, plaza, event });
            }
            return nobody(Ok(()));
        }
        let Some(namespace) = namespace else { return nobody(Ok(())) };
        let event_name = event.event_name().ok_or(Malformed("no event"))?;
        if self.0.hooks.is_reserved(name, &event_name) {
            self.0.counts.reserved.fetch_add(1, Relaxed);
            return nobody(Ok(()));
        }
        let Ok(message) = Outgoing::from_json(name, &event.json, &event.attachments) else {
            return nobody(Err(Malformed("an event that may not be sent")));
        };
        match request {
            Some(request) => self.ask_for(from, request, namespace, target, &message, flags.timeout),
            None => {
                let target: Target = target.clone();
                namespace.apply(&ToOthers::Send { target, message, volatile: flags.volatile });
            }
        }
        Ok(())
    }
}

fn each(namespace: Option<&Arc<Namespace>>, rooms: Vec<Room>, message: impl Fn(Room) -> ToOthers) {
    if let Some(namespace) = namespace {
        rooms.into_iter().for_each(|room| namespace.apply(&message(room)));
    }
}
