//! What the commands, the outbox and the watcher of one log-in share.

use super::{directory::Directory, output::Output, style::Style};
use plaza_protocol::{ClientId, RoomId, Seq, User};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};

/// Of one log-in.
pub(super) struct Shared {
    pub(super) me: User,
    pub(super) output: Output,
    pub(super) style: Style,
    pub(super) directory: Arc<Mutex<Directory>>,
    /// What this console sends itself and need not be told.
    own: Mutex<HashSet<ClientId>>,
    /// The newest event of each room that has been shown.
    shown: watch::Sender<BTreeMap<RoomId, Seq>>,
    /// Signed out by the server.
    ended: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn new(me: User, output: Output, style: Style, directory: Arc<Mutex<Directory>>) -> Self {
        let (shown, ended) = (watch::Sender::default(), watch::Sender::default());
        Self { me, output, style, directory, own: Mutex::default(), shown, ended }
    }

    pub(super) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A room's name, or its id.
    pub(super) fn name(&self, room: &RoomId) -> String {
        self.directory().name(room).unwrap_or(room.as_str()).to_owned()
    }

    pub(super) fn sending(&self, message: ClientId) {
        self.own().insert(message);
    }

    pub(super) fn not_sent(&self, message: &ClientId) {
        self.own().remove(message);
    }

    /// Whether it was sent from here. Asked once, when it comes back.
    pub(super) fn is_own(&self, message: &ClientId) -> bool {
        self.own().remove(message)
    }

    fn own(&self) -> MutexGuard<'_, HashSet<ClientId>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_shown(&self, room: &RoomId, seq: Seq) {
        self.shown.send_modify(|shown| {
            shown.insert(room.clone(), seq);
        });
    }

    /// The newest event of a room that has been shown; 0 for none.
    pub(super) fn shown(&self, room: &RoomId) -> Seq {
        self.shown.borrow().get(room).copied().unwrap_or(0)
    }

    /// Waits until an event that was acknowledged has been shown too. The connection may be lost in between, so not
    /// for long.
    pub(super) async fn until_shown(&self, room: &RoomId, seq: Seq) {
        let mut shown = self.shown.subscribe();
        let there = shown.wait_for(|shown| shown.get(room).is_some_and(|newest| *newest >= seq));
        let _ = timeout(Duration::from_secs(5), there).await;
    }

    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }
}
