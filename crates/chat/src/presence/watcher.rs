//! One connection as a watcher: whom it watches, and what it was told of them.

use super::person::View;
use crate::{Item, SPARE, Subscriber};
use plaza_protocol::{PresenceEvent, UserId};
use std::{collections::HashMap, sync::Arc};

/// A connection.
pub(super) struct Watcher<S: Subscriber> {
    pub(super) user: Arc<UserId>,
    subscriber: Arc<S>,
    pub(super) watching: HashMap<Arc<UserId>, Watch>,
}

/// One who is watched, to one watcher.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    /// They do not want to be seen by this watcher.
    pub(super) blocked: bool,
    /// What the watcher was told last.
    pub(super) online: bool,
}

impl<S: Subscriber> Watcher<S> {
    pub(super) fn new(user: Arc<UserId>, subscriber: Arc<S>) -> Self {
        Self { user, subscriber, watching: HashMap::new() }
    }

    /// Whether something that can wait is sent to it now.
    pub(super) fn has_room(&self) -> bool {
        self.subscriber.free() >= SPARE
    }

    /// Tells it how it may see somebody, if that has changed. `false`: it has to be told later.
    pub(super) fn tell<'f>(
        &mut self,
        user: &UserId,
        view: impl FnOnce(&Watch) -> View,
        frame: impl FnOnce(View) -> &'f S::Frame,
    ) -> bool {
        let has_room = self.has_room();
        let Some(watch) = self.watching.get_mut(user) else { return true };
        let view = view(watch);
        let online = view == View::Online;
        if online != watch.online {
            if !has_room {
                return false;
            }
            watch.online = online;
            self.subscriber.send(frame(view));
        }
        true
    }
}

/// One coming or going, encoded at most once for each way in which it may be seen.
pub(super) struct Edge<S: Subscriber> {
    online: Option<S::Frame>,
    offline: Option<S::Frame>,
    hidden: Option<S::Frame>,
}

impl<S: Subscriber> Default for Edge<S> {
    fn default() -> Self {
        Self { online: None, offline: None, hidden: None }
    }
}

impl<S: Subscriber> Edge<S> {
    pub(super) fn frame(&mut self, view: View, event: impl FnOnce() -> PresenceEvent) -> &S::Frame {
        let frame = match view {
            View::Online => &mut self.online,
            View::Offline(Some(_)) => &mut self.offline,
            View::Offline(None) => &mut self.hidden,
        };
        frame.get_or_insert_with(|| S::encode(&Item::Presence(event())))
    }
}
