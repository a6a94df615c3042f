//! A guest with one raw connection, for tests that look at every single event. What is not as it should be panics,
//! as a test does.

use crate::{Plaza, program::DEADLINE};
use plaza_client::{Closed, ConnectError, Connection, Inbox, Incoming, Options};
use plaza_protocol::{
    Auth, ClientId, Event, Positions, RoomId, RoomsResumed, Secret, SentMessage, Seq, Session, User, UserRef,
};
use std::future::Future;

/// Bounds a wait.
pub async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("it took too long")
}

/// A room's id.
pub fn room(id: &str) -> RoomId {
    id.parse().expect("a room's id")
}

/// `@name`
pub fn at(name: &str) -> UserRef {
    UserRef::Name(name.to_owned())
}

/// With room for whatever a test does not take at once.
fn options() -> Options {
    Options { event_queue: 65_536, ..Options::default() }
}

/// One connection, as it is.
#[derive(Debug)]
pub struct Guest {
    /// To ask with.
    pub connection: Connection,
    /// What comes by itself.
    pub inbox: Inbox,
    /// Who it is.
    pub user: User,
    /// To come back with.
    pub token: Secret,
    /// Of the store.
    pub epoch: String,
    /// The first event.
    pub session: Session,
    fences: usize,
}

impl Guest {
    /// A new guest.
    pub async fn connect(plaza: &Plaza, name: &str) -> Self {
        Self::connect_with(plaza, name, &options()).await
    }

    /// A new guest.
    pub async fn connect_with(plaza: &Plaza, name: &str, options: &Options) -> Self {
        let auth = Auth { guest: Some(name.to_owned()), ..Auth::default() };
        Self::open(plaza, &auth, options).await.expect("connect")
    }

    /// Another connection of somebody.
    pub async fn with_token(plaza: &Plaza, token: &Secret) -> Self {
        let auth = Auth { token: Some(token.clone()), ..Auth::default() };
        Self::open(plaza, &auth, &options()).await.expect("connect")
    }

    /// Comes back with what was held.
    pub async fn resume(plaza: &Plaza, token: &Secret, epoch: &str, positions: &[(&str, Seq)]) -> Self {
        let positions: Positions = positions.iter().map(|(room, seq)| ((*room).to_owned(), *seq)).collect();
        let auth = Auth {
            token: Some(token.clone()),
            positions: Some(positions),
            epoch: Some(epoch.to_owned()),
            ..Auth::default()
        };
        Self::open(plaza, &auth, &options()).await.expect("connect")
    }

    /// Any connect.
    pub async fn open(plaza: &Plaza, auth: &Auth, options: &Options) -> Result<Self, ConnectError> {
        let (connection, session, inbox) =
            Connection::open(&plaza.address().expect("address"), auth, options).await?;
        let token = session.token.clone().or_else(|| auth.token.clone()).expect("a new guest gets a token");
        let (user, epoch) = (session.user.clone(), session.epoch.clone());
        Ok(Self { connection, inbox, user, token, epoch, session, fences: 0 })
    }

    /// The next thing that comes.
    pub async fn next(&mut self) -> Incoming {
        within(self.inbox.next()).await.expect("the connection ended")
    }

    /// The next event of a room. What others are seen to do beside the log may come before it.
    pub async fn next_event(&mut self) -> Event {
        loop {
            match self.next().await {
                Incoming::Event(event) => return event,
                Incoming::Receipts(_) | Incoming::Typing(_) | Incoming::Presence(_) => {}
                other => panic!("instead of an event: {other:?}"),
            }
        }
    }

    /// Passes over everything until `wanted`, and gives that.
    pub async fn until(&mut self, wanted: impl Fn(&Incoming) -> bool) -> Incoming {
        loop {
            let incoming = self.next().await;
            assert!(!matches!(incoming, Incoming::Malformed { .. }), "{incoming:?}");
            if wanted(&incoming) {
                return incoming;
            }
        }
    }

    /// What was missed, and then what became of the rooms.
    pub async fn until_resumed(&mut self) -> (Vec<Event>, RoomsResumed) {
        let mut missed = Vec::new();
        loop {
            match self.next().await {
                Incoming::Event(event) => missed.push(event),
                Incoming::Resumed(resumed) => return (missed, resumed),
                other => panic!("before resumed came {other:?}"),
            }
        }
    }

    /// Passes over everything until the end, and tells why it ended.
    pub async fn until_closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = within(self.inbox.next()).await {
                return closed;
            }
        }
    }

    /// Sends one message.
    pub async fn say(&self, room: &RoomId, client_id: &str, text: &str) -> SentMessage {
        let client_id: ClientId = client_id.parse().expect("a room's id");
        self.connection.send_message(room, &client_id, text).await.expect("send")
    }

    /// Proves that nothing more has been sent to this user: makes a room, whose first event comes after whatever
    /// there is. Other such rooms' events are passed over, since all connections of a user get them.
    pub async fn nothing_more(&mut self) {
        self.fences += 1;
        let fence = room(&format!("fence-{}-{}", self.connection.sid(), self.fences));
        self.connection.join_room(&fence).await.expect("join");
        loop {
            let event = self.next_event().await;
            if *event.room_id() == fence {
                return;
            }
            assert!(event.room_id().as_str().starts_with("fence-"), "unexpected: {event:?}");
        }
    }
}
