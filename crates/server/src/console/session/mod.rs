//! One log-in: its connection, its outbox, and the commands that need one.

mod managing;
mod people;

use super::{
    command::Command,
    directory::Directory,
    outbox::Outbox,
    output::Output,
    shared::Shared,
    show,
    style::{Style, safe},
    watcher::Watcher,
};
use plaza_client::{Address, Client, Identity, Options, RequestError, Rest, Update, Updates};
use plaza_protocol::{
    AddMember, ClientId, Code, CreateRoom, Event, History, JoinRoom, LeaveRoom, ListMembers, ListRooms,
    MarkRead, Position, RemoveMember, Role, RoomId, Seq, User, UserRef,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{task::JoinHandle, time::timeout};

/// Events read ahead: many, since the rooms' names may be asked for while they wait.
const EVENT_QUEUE: usize = 4_096;
/// How long a script waits for one message to be acknowledged.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// A log-in and its connection.
pub(super) struct Session {
    client: Client,
    shared: Arc<Shared>,
    outbox: Outbox,
    watcher: JoinHandle<()>,
    interactive: bool,
    rng: StdRng,
}

impl Session {
    /// Connects. The first attempt must succeed; from then on the connection mends itself.
    pub(super) async fn open(
        address: Address,
        identity: Identity,
        output: Output,
        style: Style,
        interactive: bool,
        directory: Arc<Mutex<Directory>>,
        mut rng: StdRng,
    ) -> Result<Self, String> {
        let options = Options { event_queue: EVENT_QUEUE, ..Options::default() };
        let (client, mut updates) = Client::start(address, identity, options, StdRng::from_rng(&mut rng));
        let me = first_session(&mut updates).await?;
        let shared = Arc::new(Shared::new(me, output, style, directory));
        let watcher = Watcher::new(client.clone(), Arc::clone(&shared));
        let outbox = Outbox::start(client.clone(), Arc::clone(&shared));
        let watcher = tokio::spawn(watcher.run(updates));
        let session = Self { client, shared, outbox, watcher, interactive, rng };
        session.list_rooms().await?;
        Ok(session)
    }

    pub(super) fn name(&self) -> &str {
        &self.shared.me.name
    }

    /// The server has signed this one out.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.has_ended()
    }

    /// Carries out a command that needs a log-in.
    pub(super) async fn execute(&mut self, command: Command) -> Result<(), String> {
        match command {
            Command::CreateChat { name, users } => self.create_chat(name, &users).await,
            Command::Join { room, users } if users.is_empty() => self.join(&room).await,
            Command::Join { room, users } => self.add_all(&self.find(&room)?, &users).await,
            Command::Direct { user } => self.direct(&user).await,
            Command::Leave { room } => self.leave_room(&room).await,
            Command::Remove { room, user } => self.remove(&room, &user).await,
            Command::Write { room, text } => self.write(&room, text).await,
            Command::Rooms => {
                let rooms = self.list_rooms().await?;
                self.show_all(show::rooms(&self.shared.style, &rooms));
                Ok(())
            }
            Command::Members { room } => self.members(&room).await,
            Command::History { room, count } => self.history(&room, count).await,
            Command::Online { users } => self.online(&users).await,
            Command::Subs { add, remove } => self.subs(&add, &remove).await,
            Command::Visible(visible) => self.set_visible(visible).await,
            Command::Block { user, blocked } => self.block(&user, blocked).await,
            Command::Blocked => self.blocked().await,
            Command::Discover { query } => self.discover(query).await,
            Command::Rename { room, name } => self.rename(&room, name).await,
            Command::Role { room, user, role } => self.set_role(&room, &user, role).await,
            Command::Ban { room, user, banned } => self.ban(&room, &user, banned).await,
            // The console itself carries these out.
            Command::Auth { .. }
            | Command::Register { .. }
            | Command::Expect { .. }
            | Command::Help { .. }
            | Command::Logout
            | Command::Quit => Ok(()),
        }
    }

    async fn create_chat(&self, name: String, users: &[String]) -> Result<(), String> {
        let room = self.ask(&CreateRoom::Group { name }).await?.room;
        self.shared.directory().add_room(&room);
        self.shared.output.line(&format!("Room {} was created", safe(&room.name)));
        self.shared.until_shown(&room.id, room.seq).await;
        self.add_all(&room.id, users).await
    }

    async fn join(&self, room: &str) -> Result<(), String> {
        let id = match self.shared.directory().find(room)? {
            Some(id) => id,
            None => room.parse::<RoomId>().map_err(|_| no_such_room(room))?,
        };
        let before = self.shared.shown(&id);
        let joined = self.ask(&JoinRoom { room_id: id.clone() }).await?;
        let was_there = self.shared.directory().name(&id).is_some() && joined.seq <= before.max(1);
        self.shared.directory().add_room(&joined.room);
        if was_there {
            self.shared.output.line(&format!("You are in {} already", safe(&joined.room.name)));
        } else {
            self.shared.until_shown(&id, joined.seq).await;
        }
        Ok(())
    }

    async fn add_all(&self, room: &RoomId, users: &[String]) -> Result<(), String> {
        for user in users {
            self.add(room, user).await?;
        }
        Ok(())
    }

    async fn add(&self, room: &RoomId, user: &str) -> Result<(), String> {
        let before = self.shared.shown(room);
        let done = self.ask(&AddMember { room_id: room.clone(), user: person(user)? }).await?;
        if before > 0 && done.seq <= before {
            self.shared.output.line("Nothing to do: the member is there already");
        }
        self.shared.until_shown(room, done.seq).await;
        Ok(())
    }

    async fn remove(&self, room: &str, user: &str) -> Result<(), String> {
        let (id, user) = (self.find(room)?, person(user)?);
        let Position { seq } = self.ask(&RemoveMember { room_id: id.clone(), user }).await?;
        self.shared.until_shown(&id, seq).await;
        Ok(())
    }

    async fn leave_room(&self, room: &str) -> Result<(), String> {
        let id = self.find(room)?;
        let Position { seq } = self.ask(&LeaveRoom { room_id: id.clone() }).await?;
        self.shared.until_shown(&id, seq).await;
        Ok(())
    }

    async fn write(&mut self, room: &str, text: String) -> Result<(), String> {
        let id = self.find(room)?;
        let client_id: ClientId =
            format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64()).parse().map_err(sentence)?;
        let sent = self.outbox.put(id.clone(), self.shared.name(&id), client_id, text)?;
        if self.interactive {
            if !self.client.is_online() {
                let waiting = "The connection is away: it waits, and goes out when the connection is back.";
                self.shared.output.line(&self.shared.style.notice(waiting));
            }
            return Ok(());
        }
        match timeout(SEND_TIMEOUT, sent).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("Not sent: the log-in has ended.".to_owned()),
            Err(_) => {
                Err(format!("Not acknowledged within {} s; it is tried further.", SEND_TIMEOUT.as_secs()))
            }
        }
    }

    async fn members(&self, room: &str) -> Result<(), String> {
        let room_id = self.find(room)?;
        let mut after = None;
        loop {
            let page = self.ask(&ListMembers { room_id: room_id.clone(), after }).await?;
            for member in &page.members {
                self.shared.directory().add_person(&member.user.name);
                let guest = if member.user.guest { " (guest)" } else { "" };
                let role = match member.role {
                    Role::Member => String::new(),
                    role => format!(" ({})", role.as_str()),
                };
                self.shared.output.line(&format!("  {}{guest}{role}", safe(&member.user.name)));
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn history(&self, room: &str, count: u32) -> Result<(), String> {
        let id = self.find(room)?;
        let events = self.newest(&id, count as usize).await?;
        let name = self.shared.name(&id);
        for event in &events {
            if let Event::Message(message) = event {
                self.shared.directory().add_person(&message.sender.name);
            }
            let seq = self.shared.style.dim(&format!("{:>5}", event.seq()));
            self.shared.output.line(&format!("{seq} {}", show::past_line(&self.shared.style, event, &name)));
        }
        if let Some(newest) = events.last() {
            // One may have been removed meanwhile; what was asked for has been shown.
            let _ = self.ask(&MarkRead { room_id: id, seq: newest.seq() }).await;
        }
        Ok(())
    }

    /// The newest events, ascending.
    async fn newest(&self, room: &RoomId, count: usize) -> Result<Vec<Event>, String> {
        let mut events: Vec<Event> = Vec::new();
        let mut before: Option<Seq> = None;
        while events.len() < count {
            let limit = u32::try_from(count - events.len()).unwrap_or(u32::MAX).min(History::MAX_LIMIT);
            let page = History { room_id: room.clone(), before, after: None, limit: Some(limit) };
            let page = self.ask(&page).await?;
            before = page.events.first().map(Event::seq);
            let more = page.more && before.is_some();
            events.splice(0..0, page.events);
            if !more {
                break;
            }
        }
        Ok(events)
    }

    async fn list_rooms(&self) -> Result<Vec<plaza_protocol::RoomSummary>, String> {
        let rooms = self.ask(&ListRooms {}).await?.rooms;
        self.shared.directory().set_rooms(&rooms);
        Ok(rooms)
    }

    /// Ends the log-in on the server too. A guest is gone then.
    pub(super) async fn log_out(self, rest: &Rest) -> Result<(), String> {
        let token = self.client.tokens().map(|tokens| tokens.refresh_token);
        let token = token.or_else(|| self.client.guest_token());
        // First, so that nobody is told that the server ended what was ended here.
        self.leave().await;
        let Some(token) = token else { return Ok(()) };
        match rest.logout(&token).await {
            // It had ended already.
            Err(RequestError::Refused(error)) if error.code == Code::Unauthorized => Ok(()),
            Err(error) => Err(format!("The server was not told: {error}")),
            Ok(()) => Ok(()),
        }
    }

    /// Closes the connection in good order. A guest's name stays taken, so that nobody who comes by that name at once is
    /// believed to be the same.
    pub(super) async fn leave(self) {
        let waiting = self.outbox.waiting();
        if waiting > 0 {
            self.shared.output.error(&format!("{waiting} messages were not sent."));
        }
        self.client.close();
        let _ = timeout(Duration::from_secs(1), self.watcher).await;
        self.shared.directory().set_rooms(&[]);
    }

    async fn ask<R: plaza_client::Request>(&self, request: &R) -> Result<R::Answer, String> {
        self.client.request(request).await.map_err(sentence)
    }

    fn find(&self, room: &str) -> Result<RoomId, String> {
        self.shared.directory().find(room)?.ok_or_else(|| no_such_room(room))
    }

    fn show_all(&self, lines: Vec<String>) {
        for line in lines {
            self.shared.output.line(&line);
        }
    }
}

async fn first_session(updates: &mut Updates) -> Result<User, String> {
    match updates.next().await {
        Some(Update::Online(session)) => Ok(session.user),
        Some(Update::Refused(error)) => Err(sentence(error)),
        Some(Update::Offline { why, .. }) => Err(sentence(format!("Cannot connect: {why}"))),
        _ => Err("Cannot connect.".to_owned()),
    }
}

fn person(name: &str) -> Result<UserRef, String> {
    let name = if name.starts_with('@') { name.to_owned() } else { format!("@{name}") };
    UserRef::try_from(name).map_err(sentence)
}

fn no_such_room(room: &str) -> String {
    format!("You are in no room {}. Type rooms to see where you are.", safe(room))
}

/// What went wrong, as a person reads it: the server's sentence, or a reason of this side's made into one.
pub(super) fn sentence(error: impl std::fmt::Display) -> String {
    let text = safe(&error.to_string());
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().collect::<String>());
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), rest.as_str())
}
