//! Closing gaps: what was not told, or came too late, is read from the log.

use super::{Held, Message, Subscriber, room::Room, task::Task};
use plaza_protocol::{Event, RoomId, Seq};
use std::{sync::Arc, time::Duration};

/// How long an event may be overtaken by later ones before the log is asked for it.
const OVERTAKING: Duration = Duration::from_millis(20);
/// How long to wait before the log is asked again, after it could not be read.
const HEAL_AGAIN: Duration = Duration::from_millis(200);

impl<S: Subscriber> Task<S> {
    /// What is passed on here, and how far.
    pub(super) fn held(&self) -> Held {
        let rooms = self.rooms.iter().map(|(name, room)| (name.clone(), room.position())).collect();
        Held { rooms, users: self.audience.live_users() }
    }

    /// What the log has that nobody told of.
    pub(super) fn compare(&mut self, tops: Vec<(RoomId, Seq)>) {
        for (name, top) in tops {
            if let Some(after) = self.rooms.get_mut(&name).and_then(|room| room.is_behind(top)) {
                self.heal(name, after, Duration::ZERO);
            }
        }
    }

    /// Gives what is missing the time to come by itself: events of two nodes overtake each other on their way.
    pub(super) fn wait_for_missing(&self, room: RoomId) {
        let mailbox = self.mailbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(OVERTAKING).await;
            if let Some(mailbox) = mailbox.upgrade() {
                let _ = mailbox.send(Message::StillMissing { room }).await;
            }
        });
    }

    pub(super) fn still_missing(&mut self, room: RoomId) {
        if let Some(after) = self.rooms.get_mut(&room).and_then(Room::still_missing) {
            self.heal(room, after, Duration::ZERO);
        }
    }

    /// Asks the log, beside this task, for what a room is missing.
    pub(super) fn heal(&self, room: RoomId, after: Seq, wait: Duration) {
        tracing::debug!(%room, after, "Closing a gap from the log");
        let (range, mailbox) = (Arc::clone(&self.range), self.mailbox.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let mut fetched = range(room.clone(), after).await;
            while let Err(error) = fetched {
                if mailbox.strong_count() == 0 {
                    return;
                }
                tracing::warn!(%room, %error, "A gap cannot be closed yet");
                tokio::time::sleep(HEAL_AGAIN).await;
                fetched = range(room.clone(), after).await;
            }
            if let (Ok(events), Some(mailbox)) = (fetched, mailbox.upgrade()) {
                let _ = mailbox.send(Message::Healed { room, events }).await;
            }
        });
    }

    pub(super) async fn healed(&mut self, name: &RoomId, events: &[Arc<Event>]) {
        if let (Some(room), Some(oldest)) = (self.rooms.get_mut(name), events.first())
            && room.is_cut(oldest.seq())
        {
            tracing::warn!(room = %name, "A gap cannot be closed: what is missing is kept no longer");
            room.begin_anew();
            return self.forget_if_empty(name);
        }
        for event in events {
            if self.rooms.get(name).is_some_and(|room| room.is_next(event.seq())) {
                self.pass(event);
                self.give_way().await;
            }
        }
        if let Some(after) = self.rooms.get_mut(name).and_then(|room| room.healed(events.len())) {
            // Told of something the log does not show yet: give it a moment.
            let wait = if events.is_empty() { HEAL_AGAIN } else { Duration::ZERO };
            self.heal(name.clone(), after, wait);
        }
    }
}
