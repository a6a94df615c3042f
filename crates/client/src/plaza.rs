//! One connection to Plaza, typed: requests and answers, and what the server sends in the order it sends it.
//!
//! Nothing is hidden or mended here: what came twice is given twice. [`reconnect`](crate::reconnect) is for those
//! who want to stay.

use crate::{
    Address, Closed, ConnectError, Options, Request, RequestError,
    socket::{Events, ReceivedEvent, Socket},
};
use plaza_protocol::{
    AddMember, Answer, Auth, ClientId, Content, CreateRoom, EVENTS, Ending, Event, EventsPage, GetPresence,
    History, JoinRoom, JoinedRoom, LeaveRoom, ListMembers, ListRooms, MarkRead, MembersPage, Position,
    PresenceEvent, PresenceList, ReadEvent, Receipts, RemoveMember, Resume, Resumed, RoomId, RoomSummary,
    RoomsResumed, SendMessage, SentMessage, Seq, Session, SetPresence, TextBody, Typing, TypingEvent,
    UserRef, WatchPresence,
};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The asking side of a connection. Clones share it.
#[derive(Debug, Clone)]
pub struct Connection {
    socket: Socket,
    request_timeout: Duration,
}

/// The receiving side of a connection.
#[derive(Debug)]
pub struct Inbox {
    events: Events,
}

/// What the server sends by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// Something happened in a room.
    Event(Event),
    /// The catching up is over; what follows is live.
    Resumed(RoomsResumed),
    /// One's own read position moved on another connection.
    Read(ReadEvent),
    /// Others' read positions moved, in a room small enough for it.
    Receipts(Receipts),
    /// Somebody else is writing.
    Typing(TypingEvent),
    /// Somebody who is watched came or went.
    Presence(PresenceEvent),
    /// The server is about to close this connection.
    Ending(Ending),
    /// An event of a newer server; to be passed over.
    Unknown(String),
    /// An event whose payload is not what its name says.
    Malformed {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

impl Connection {
    /// Connects and takes the `session` event, which comes before all others.
    pub async fn open(
        address: &Address,
        auth: &Auth,
        options: &Options,
    ) -> Result<(Self, Session, Inbox), ConnectError> {
        let (socket, mut events) = Socket::connect(address, auth, options).await?;
        let first = tokio::time::timeout(options.connect_timeout, events.next())
            .await
            .map_err(|_| ConnectError::TimedOut)?
            .map_err(|why| ConnectError::Unreachable {
                address: address.authority(),
                why: why.to_string(),
            })?;
        if first.name != "session" {
            return Err(ConnectError::NotPlaza(format!("its first event was {:?}, not session", first.name)));
        }
        let session = payload(&first).map_err(ConnectError::NotPlaza)?;
        Ok((Self { socket, request_timeout: options.request_timeout }, session, Inbox { events }))
    }

    /// The socket's public id.
    pub fn sid(&self) -> &str {
        self.socket.sid()
    }

    /// Any request, with its typed answer, within [`Options::request_timeout`].
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Answer, RequestError> {
        let answer = self.socket.request(R::EVENT, request, self.request_timeout).await?;
        let answer: Answer<R::Answer> =
            serde_json::from_str(answer.get()).map_err(|error| RequestError::Malformed(error.to_string()))?;
        Ok(answer.0?)
    }

    /// `room:create`
    pub async fn create_room(&self, room: &CreateRoom) -> Result<RoomSummary, RequestError> {
        Ok(self.request(room).await?.room)
    }

    /// `room:join`
    pub async fn join_room(&self, room_id: &RoomId) -> Result<JoinedRoom, RequestError> {
        self.request(&JoinRoom { room_id: room_id.clone() }).await
    }

    /// `room:leave`
    pub async fn leave_room(&self, room_id: &RoomId) -> Result<Position, RequestError> {
        self.request(&LeaveRoom { room_id: room_id.clone() }).await
    }

    /// `room:list`
    pub async fn list_rooms(&self) -> Result<Vec<RoomSummary>, RequestError> {
        Ok(self.request(&ListRooms {}).await?.rooms)
    }

    /// `room:members`, one page; `after` is `next` of the page before.
    pub async fn list_members(
        &self,
        room_id: &RoomId,
        after: Option<String>,
    ) -> Result<MembersPage, RequestError> {
        self.request(&ListMembers { room_id: room_id.clone(), after }).await
    }

    /// `member:add`
    pub async fn add_member(&self, room_id: &RoomId, user: UserRef) -> Result<Position, RequestError> {
        self.request(&AddMember { room_id: room_id.clone(), user }).await
    }

    /// `member:remove`
    pub async fn remove_member(&self, room_id: &RoomId, user: UserRef) -> Result<Position, RequestError> {
        self.request(&RemoveMember { room_id: room_id.clone(), user }).await
    }

    /// `message:send`, once. Whoever sends it again uses the same `client_id`.
    pub async fn send_message(
        &self,
        room_id: &RoomId,
        client_id: &ClientId,
        text: &str,
    ) -> Result<SentMessage, RequestError> {
        self.request(&SendMessage {
            room_id: room_id.clone(),
            client_id: client_id.clone(),
            content: Content::Text(TextBody { text: text.to_owned() }),
        })
        .await
    }

    /// `room:history`
    pub async fn history(&self, page: &History) -> Result<EventsPage, RequestError> {
        self.request(page).await
    }

    /// `room:resume`
    pub async fn resume(&self, resume: &Resume) -> Result<Resumed, RequestError> {
        self.request(resume).await
    }

    /// `room:read`
    pub async fn mark_read(&self, room_id: &RoomId, seq: Seq) -> Result<Position, RequestError> {
        self.request(&MarkRead { room_id: room_id.clone(), seq }).await
    }

    /// `presence:get`
    pub async fn presence(&self, users: Vec<UserRef>) -> Result<PresenceList, RequestError> {
        self.request(&GetPresence { users }).await
    }

    /// `presence:watch`, on this connection.
    pub async fn watch_presence(
        &self,
        add: Vec<UserRef>,
        remove: Vec<UserRef>,
    ) -> Result<PresenceList, RequestError> {
        self.request(&WatchPresence { add, remove }).await
    }

    /// `presence:set`
    pub async fn set_visible(&self, visible: bool) -> Result<(), RequestError> {
        self.request(&SetPresence { visible }).await.map(|_| ())
    }

    /// `typing`
    pub async fn typing(&self, room_id: &RoomId) -> Result<(), RequestError> {
        self.request(&Typing { room_id: room_id.clone() }).await.map(|_| ())
    }

    /// Closes the connection in good order.
    pub fn close(&self) {
        self.socket.close();
    }
}

impl Inbox {
    /// What comes next; after the end, why it ended.
    pub async fn next(&mut self) -> Result<Incoming, Closed> {
        self.events.next().await.map(|event| typed(&event))
    }
}

fn typed(received: &ReceivedEvent) -> Incoming {
    let incoming = match received.name.as_str() {
        name if EVENTS.iter().any(|known| known.logged && known.event == name) => logged(received),
        "resumed" => payload(received).map(Incoming::Resumed),
        "read" => payload(received).map(Incoming::Read),
        "receipts" => payload(received).map(Incoming::Receipts),
        "typing" => payload(received).map(Incoming::Typing),
        "presence" => payload(received).map(Incoming::Presence),
        "session:ending" => payload(received).map(Incoming::Ending),
        other => Ok(Incoming::Unknown(other.to_owned())),
    };
    incoming.unwrap_or_else(|why| Incoming::Malformed { name: received.name.clone(), why })
}

fn logged(received: &ReceivedEvent) -> Result<Incoming, String> {
    let event: Event = payload(received)?;
    if event.name() == received.name {
        Ok(Incoming::Event(event))
    } else {
        Err(format!("its type is {}", event.name()))
    }
}

fn payload<T: DeserializeOwned>(received: &ReceivedEvent) -> Result<T, String> {
    let [argument] = received.args.as_slice() else {
        return Err(format!("{} arguments where one belongs", received.args.len()));
    };
    serde_json::from_str(argument.get()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, value::to_raw_value};

    fn received(name: &str, args: &[serde_json::Value]) -> ReceivedEvent {
        ReceivedEvent {
            name: name.to_owned(),
            args: args.iter().map(|arg| to_raw_value(arg).unwrap()).collect(),
        }
    }

    #[test]
    fn events_get_their_types_and_bad_ones_are_named() {
        let change = json!({"type": "member:added", "roomId": "r", "seq": 1, "at": "2024-01-01T00:00:00.000Z",
            "user": {"id": "u_1", "name": "Ana", "guest": false}, "by": {"id": "u_1", "name": "Ana", "guest": false}});
        let good = typed(&received("member:added", std::slice::from_ref(&change)));
        assert!(matches!(good, Incoming::Event(Event::MemberAdded(_))), "{good:?}");
        assert!(matches!(typed(&received("member:removed", &[change])), Incoming::Malformed { .. }));
        let banned = json!({"type": "member:banned", "roomId": "r", "seq": 2, "at": "2024-01-01T00:00:00.000Z",
            "user": {"id": "u_1", "name": "Ana", "guest": false}, "by": {"id": "u_2", "name": "Ben", "guest": false}});
        let banned = typed(&received("member:banned", &[banned]));
        assert!(matches!(banned, Incoming::Event(Event::MemberBanned(_))), "{banned:?}");
        assert!(matches!(typed(&received("message", &[json!({"seq": -1})])), Incoming::Malformed { .. }));
        assert!(matches!(typed(&received("resumed", &[])), Incoming::Malformed { .. }));
        assert!(matches!(typed(&received("brand:new", &[])), Incoming::Unknown(_)));
    }
}
