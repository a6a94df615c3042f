//! Which event carries which request, and what answers it.

use plaza_protocol::{
    AddMember, CreateRoom, CreatedRoom, EventsPage, History, JoinRoom, JoinedRoom, LeaveRoom, ListMembers,
    ListRooms, MarkRead, MembersPage, Position, RemoveMember, Resume, Resumed, RoomList, SendMessage,
    SentMessage, command_names as names,
};
use serde::{Serialize, de::DeserializeOwned};

/// A request of Plaza's wire.
pub trait Request: Serialize + Sync {
    /// The socket event.
    const EVENT: &'static str;
    /// What an accepted one is answered by.
    type Answer: DeserializeOwned;
}

macro_rules! requests {
    ($($request:ident => $name:ident, $answer:ident;)*) => {$(
        impl Request for $request {
            const EVENT: &'static str = names::$name;
            type Answer = $answer;
        }
    )*};
}

requests! {
    CreateRoom => ROOM_CREATE, CreatedRoom;
    JoinRoom => ROOM_JOIN, JoinedRoom;
    LeaveRoom => ROOM_LEAVE, Position;
    ListRooms => ROOM_LIST, RoomList;
    ListMembers => ROOM_MEMBERS, MembersPage;
    History => ROOM_HISTORY, EventsPage;
    Resume => ROOM_RESUME, Resumed;
    MarkRead => ROOM_READ, Position;
    AddMember => MEMBER_ADD, Position;
    RemoveMember => MEMBER_REMOVE, Position;
    SendMessage => MESSAGE_SEND, SentMessage;
}
