//! What a client may ask, and what it is answered. Each request is one socket event with one object and an
//! acknowledgement, see [`Request`].

use crate::kind::{SendAudio, SendFile, SendImage, SendLocation, SendText, SendZalo};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};

mod history;
mod member;
mod message;
mod options;
mod person;
mod presence;
mod room;

pub use history::{EventsPage, History, Locate, MarkRead, Position, Resume, ResumePage, Resumed};
pub use member::{
    AddMember, BanMember, BansPage, ListBans, ListMembers, Member, MembersPage, RemoveMember, SetRole,
    UnbanMember,
};
pub use message::{SendMessage, SentMessage};
pub use options::RequestOptions;
pub use person::{BlockUser, BlockedList, Done, ListBlocked, UnblockUser};
pub use presence::{GetPresence, LastSeen, PresenceList, SetPresence, Typing, WatchPresence};
pub use room::{
    CreateRoom, CreatedRoom, DiscoverRooms, JoinRoom, JoinedRoom, LeaveRoom, ListRooms, PublicRoom,
    RenameRoom, RoomKind, RoomList, RoomSummary, RoomsPage,
};

/// One request: the socket event that carries it, and what answers it when it is accepted.
pub trait Request: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The socket event.
    const EVENT: &'static str;
    /// What an accepted one is answered by, inside an [`Answer`](crate::Answer).
    type Answer: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
}

/// A request as documents show it.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// The socket event.
    pub event: &'static str,
    /// The name of the request's type.
    pub request_type: &'static str,
    /// The name of the answer's type.
    pub answer_type: &'static str,
    /// The schema of the request's object.
    pub request: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of the answer, beside its `ok`.
    pub answer: fn(&mut SchemaGenerator) -> Schema,
}

macro_rules! requests {
    ($($event:literal: $request:ident => $answer:ident;)*) => {
        $(impl Request for $request {
            const EVENT: &'static str = $event;
            type Answer = $answer;
        })*

        /// Every request there is.
        pub const REQUESTS: &[Described] = &[$(Described {
            event: $event,
            request_type: stringify!($request),
            answer_type: stringify!($answer),
            request: SchemaGenerator::subschema_for::<$request>,
            answer: SchemaGenerator::subschema_for::<$answer>,
        },)*];
    };
}

requests! {
    "room:create": CreateRoom => CreatedRoom;
    "room:join": JoinRoom => JoinedRoom;
    "room:leave": LeaveRoom => Position;
    "room:list": ListRooms => RoomList;
    "room:discover": DiscoverRooms => RoomsPage;
    "room:rename": RenameRoom => Position;
    "room:members": ListMembers => MembersPage;
    "room:bans": ListBans => BansPage;
    "room:history": History => EventsPage;
    "room:locate": Locate => Position;
    "room:resume": Resume => Resumed;
    "room:read": MarkRead => Position;
    "member:add": AddMember => Position;
    "member:remove": RemoveMember => Position;
    "member:role": SetRole => Position;
    "member:ban": BanMember => Position;
    "member:unban": UnbanMember => Position;
    "message:send": SendMessage => SentMessage;
    "message:text": SendText => SentMessage;
    "message:image": SendImage => SentMessage;
    "message:file": SendFile => SentMessage;
    "message:location": SendLocation => SentMessage;
    "message:audio": SendAudio => SentMessage;
    "message:zalo": SendZalo => SentMessage;
    "user:block": BlockUser => Done;
    "user:unblock": UnblockUser => Done;
    "user:blocked": ListBlocked => BlockedList;
    "presence:get": GetPresence => PresenceList;
    "presence:watch": WatchPresence => PresenceList;
    "presence:set": SetPresence => Done;
    "typing": Typing => Done;
}
