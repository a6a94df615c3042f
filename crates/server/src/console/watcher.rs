//! Shows what comes from the server, and tells the truth about the connection.

use super::{shared::Shared, show};
use plaza_client::{Client, Update, Updates};
use plaza_protocol::{Ending, Event, ListRooms};
use std::sync::Arc;

/// Takes one log-in's updates until its end.
pub(super) struct Watcher {
    client: Client,
    shared: Arc<Shared>,
    /// The connection was away, and people were told.
    away: bool,
    /// Since it came back and until it is live: events shown.
    missed: Option<u64>,
    /// Rooms reloaded since it came back.
    reloaded: usize,
    /// The first resumption says nothing: there was nothing to resume.
    first: bool,
}

impl Watcher {
    pub(super) fn new(client: Client, shared: Arc<Shared>) -> Self {
        Self { client, shared, away: false, missed: None, reloaded: 0, first: true }
    }

    pub(super) async fn run(mut self, mut updates: Updates) {
        while let Some(update) = updates.next().await {
            self.take(update).await;
        }
        self.shared.end();
    }

    async fn take(&mut self, update: Update) {
        match update {
            Update::Event(event) => self.event(&event).await,
            Update::Online(_) => self.missed = Some(0),
            Update::Resumed { .. } => {
                if !self.first {
                    self.notice(&show::resumed(self.missed.unwrap_or(0), self.reloaded));
                }
                self.missed = None;
                (self.first, self.away, self.reloaded) = (false, false, 0);
                self.learn_rooms().await;
            }
            Update::Reloaded { room, reason, page } => {
                self.reloaded += 1;
                self.notice(&show::reloaded(&self.shared.name(&room), reason));
                match page.as_ref().and_then(|page| page.events.last()) {
                    Some(newest) => self.shared.has_shown(&room, newest.seq()),
                    None => self.shared.directory().forget_room(&room),
                }
            }
            Update::Offline { why, .. } => {
                if !self.away {
                    let why = super::style::safe(why.trim_end_matches('.'));
                    self.notice(&format!("Connection lost: {why}. Reconnecting…"));
                }
                self.away = true;
            }
            Update::Ending(ending) => self.notice(&sent_away(&ending)),
            Update::Refused(error) => {
                self.notice(&format!("You are signed out: {error}"));
                self.shared.end();
            }
            Update::Presence(presence) => {
                self.shared.directory().add_person(&presence.user.name);
                self.shared.output.line(&show::presence(&self.shared.style, &presence));
            }
            // Who reads and who is about to write is not shown. What a server gets wrong has been put right by the client.
            Update::Read(_)
            | Update::Receipts(_)
            | Update::Typing(_)
            | Update::Repeated(_)
            | Update::Gap { .. } => {}
            Update::Malformed { name, why } => {
                self.notice(&format!(
                    "The server sent a {name} that cannot be read: {}",
                    super::style::safe(&why)
                ));
            }
        }
    }

    async fn event(&mut self, event: &Event) {
        let room = event.room_id();
        if self.shared.directory().name(room).is_none() {
            self.learn_rooms().await;
        }
        let name = self.shared.name(room);
        let mine = match event {
            Event::Message(message) => {
                self.shared.directory().add_person(&message.sender.name);
                message.sender.id == self.shared.me.id && self.shared.is_own(&message.client_id)
            }
            Event::MemberAdded(change) => {
                self.shared.directory().add_person(&change.user.name);
                false
            }
            Event::RoomChanged(_) => {
                self.learn_rooms().await;
                false
            }
            event => {
                if event.taken_out().is_some_and(|user| user.id == self.shared.me.id) {
                    self.shared.directory().forget_room(room);
                }
                false
            }
        };
        if !mine {
            self.missed = self.missed.map(|missed| missed + 1);
            self.shared.output.line(&show::line(&self.shared.style, event, &name));
        }
        self.shared.has_shown(room, event.seq());
    }

    async fn learn_rooms(&self) {
        // Where this fails, rooms are called by their ids.
        if let Ok(list) = self.client.request(&ListRooms {}).await {
            self.shared.directory().set_rooms(&list.rooms);
        }
    }

    fn notice(&self, text: &str) {
        self.shared.output.line(&self.shared.style.notice(text));
    }
}

fn sent_away(ending: &Ending) -> String {
    match ending.reason.as_str() {
        "shutdown" => "The server is stopping.".to_owned(),
        "revoked" => "This log-in was ended on the server.".to_owned(),
        other => format!("The server ends this connection: {}", super::style::safe(other)),
    }
}
