//! What is told and not kept: how far people have read, and who is writing.

use super::{ConnectionId, Encoded, Item, Subscriber, audience::Stage, task::Task};
use crate::courier::ForUser;
use plaza_protocol::{ReadEvent, Receipts, RoomId, Seq, TypingEvent, UserId};
use std::collections::BTreeMap;
use tokio::time::Instant;

impl<S: Subscriber> Task<S> {
    pub(super) fn read(
        &mut self,
        user: &UserId,
        event: ReadEvent,
        except: Option<ConnectionId>,
        shared: bool,
    ) {
        let ReadEvent { room_id: room, seq } = event.clone();
        if shared && self.rooms.contains_key(&room) && self.reading.moved(&room, user, seq, Instant::now()) {
            self.tell_read(&room, [(user.clone(), seq)].into());
        }
        if let Some(courier) = &self.courier {
            courier.tell_user(user, &ForUser::Read(event.clone()));
        }
        self.tell_own(user, event, except);
    }

    /// Tells a user's connections how far another one of theirs has read.
    pub(super) fn tell_own(&mut self, user: &UserId, event: ReadEvent, except: Option<ConnectionId>) {
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

    /// Tells a room, on every node, how far some of its members have read.
    pub(super) fn tell_read(&self, name: &RoomId, read: BTreeMap<UserId, Seq>) {
        let read = read.into_iter().map(|(user, seq)| (user.into(), seq)).collect();
        let receipts = Receipts { room_id: name.clone(), read };
        if let Some(courier) = &self.courier {
            courier.tell_receipts(&receipts);
        }
        self.mention_receipts(receipts);
    }

    pub(super) fn mention_receipts(&self, receipts: Receipts) {
        let Some(room) = self.rooms.get(&receipts.room_id) else { return };
        let mut users = receipts.read.keys();
        // Who alone has read knows it. With others, one frame serves them all.
        let own = match (users.next().and_then(|user| user.parse().ok()), users.next()) {
            (Some(reader), None) => self.audience.of_user(&reader),
            _ => Vec::new(),
        };
        room.mention(Item::Receipts(receipts), |id| !own.contains(&id));
    }

    pub(super) fn typing(&mut self, event: TypingEvent) {
        let courier = self.courier.clone();
        let told = courier.as_ref().map(|_| event.clone());
        if let (true, Some(courier), Some(event)) = (self.mention_typing(event), courier, told) {
            courier.tell_typing(&event);
        }
    }

    /// Whether it is news.
    pub(super) fn mention_typing(&mut self, event: TypingEvent) -> bool {
        let Some(room) = self.rooms.get(&event.room_id) else { return false };
        if !self.typing.is_news(&event.room_id, &event.user.id, Instant::now()) {
            return false;
        }
        let own = self.audience.of_user(&event.user.id);
        room.mention(Item::Typing(event), |id| !own.contains(&id));
        true
    }
}
