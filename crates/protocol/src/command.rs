//! What a client may ask, and what it is answered. Each request is one socket event with one object and an
//! acknowledgement, see [`names`].

use crate::{
    ClientId, Content, Event, Positions, Reload, Role, RoomId, Seq, TextBody, Timestamp, User, UserRef,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The socket events' names.
pub mod names {
    /// [`CreateRoom`](super::CreateRoom) → [`CreatedRoom`](super::CreatedRoom)
    pub const ROOM_CREATE: &str = "room:create";
    /// [`JoinRoom`](super::JoinRoom) → [`JoinedRoom`](super::JoinedRoom)
    pub const ROOM_JOIN: &str = "room:join";
    /// [`LeaveRoom`](super::LeaveRoom) → [`Position`](super::Position)
    pub const ROOM_LEAVE: &str = "room:leave";
    /// [`ListRooms`](super::ListRooms) → [`RoomList`](super::RoomList)
    pub const ROOM_LIST: &str = "room:list";
    /// [`ListMembers`](super::ListMembers) → [`MembersPage`](super::MembersPage)
    pub const ROOM_MEMBERS: &str = "room:members";
    /// [`History`](super::History) → [`EventsPage`](super::EventsPage)
    pub const ROOM_HISTORY: &str = "room:history";
    /// [`Resume`](super::Resume) → [`Resumed`](super::Resumed)
    pub const ROOM_RESUME: &str = "room:resume";
    /// [`MarkRead`](super::MarkRead) → [`Position`](super::Position)
    pub const ROOM_READ: &str = "room:read";
    /// [`AddMember`](super::AddMember) → [`Position`](super::Position)
    pub const MEMBER_ADD: &str = "member:add";
    /// [`RemoveMember`](super::RemoveMember) → [`Position`](super::Position)
    pub const MEMBER_REMOVE: &str = "member:remove";
    /// [`SendMessage`](super::SendMessage) → [`SentMessage`](super::SentMessage)
    pub const MESSAGE_SEND: &str = "message:send";
}

/// What sort of room it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// Anybody who knows the id may join.
    Public,
    /// Members bring members.
    Group,
}

impl RoomKind {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Group => "group",
        }
    }
}

/// `room:create`: a room with the asker as owner and first member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// 1 to 80 characters, for people.
    pub name: String,
    /// What sort.
    pub kind: RoomKind,
    /// The id of a public room, chosen; a group's is made by the server and must not be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RoomId>,
}

/// A room as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomSummary {
    /// The room.
    pub id: RoomId,
    /// Its name for people.
    pub name: String,
    /// What sort.
    pub kind: RoomKind,
    /// Position of its newest event.
    pub seq: Seq,
    /// How far the asker has read.
    pub read_seq: Seq,
    /// Messages of others above `readSeq`.
    pub unread: u64,
    /// What the asker may do there.
    pub role: Role,
}

/// Answer to `room:create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedRoom {
    /// The room made.
    pub room: RoomSummary,
}

/// `room:join`: become a member of a public room. Joining again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRoom {
    /// The room.
    pub room_id: RoomId,
}

/// Answer to `room:join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedRoom {
    /// The room joined.
    pub room: RoomSummary,
    /// Position of the event that made the asker a member; for one who was a member already, the room's top.
    pub seq: Seq,
}

/// `room:leave`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaveRoom {
    /// The room.
    pub room_id: RoomId,
}

/// Answer that names one position: of the event that the request made, or the read position that now holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The position.
    pub seq: Seq,
}

/// `room:list`: the rooms the asker is a member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRooms {}

/// Answer to `room:list`, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomList {
    /// Every room the asker is a member of.
    pub rooms: Vec<RoomSummary>,
}

/// `room:members`: who is in a room, 100 a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMembers {
    /// The room.
    pub room_id: RoomId,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    #[serde(flatten)]
    pub user: User,
    /// What they may do.
    pub role: Role,
}

/// Answer to `room:members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersPage {
    /// In the order of their ids.
    pub members: Vec<Member>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `member:add`: bring somebody into a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddMember {
    /// The room.
    pub room_id: RoomId,
    /// Whom.
    pub user: UserRef,
}

/// `member:remove`: put somebody out of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveMember {
    /// The room.
    pub room_id: RoomId,
    /// Whom.
    pub user: UserRef,
}

/// `message:send`: write into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "FlatMessage")]
pub struct SendMessage {
    /// The room.
    pub room_id: RoomId,
    /// The sender's own name for it; the same again is answered as the first time.
    pub client_id: ClientId,
    /// `kind` and `body`.
    #[serde(flatten)]
    pub content: Content,
}

/// [`SendMessage`] as it is read: serde cannot refuse unknown fields beside a flattened one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FlatMessage {
    room_id: RoomId,
    client_id: ClientId,
    kind: MessageKind,
    body: TextBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum MessageKind {
    Text,
}

impl From<FlatMessage> for SendMessage {
    fn from(FlatMessage { room_id, client_id, kind, body }: FlatMessage) -> Self {
        let content = match kind {
            MessageKind::Text => Content::Text(body),
        };
        Self { room_id, client_id, content }
    }
}

/// Answer to `message:send`: the message is in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMessage {
    /// Its position.
    pub seq: Seq,
    /// Its id.
    pub id: String,
    /// When the server accepted it.
    pub at: Timestamp,
}

/// `room:history`: a page of a room's log. `before` and `after` exclude each other and the position they name;
/// with neither, the newest page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct History {
    /// The room.
    pub room_id: RoomId,
    /// Events below this position, the nearest ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Events above this position, the nearest ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// 1 to 200, 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl History {
    /// Events a page when `limit` is absent.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// Most events a page.
    pub const MAX_LIMIT: u32 = 200;
}

/// A page of a room's log, ascending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventsPage {
    /// Without a hole.
    pub events: Vec<Event>,
    /// Whether there are more in the direction asked for.
    pub more: bool,
}

/// `room:resume`: what was missed since these positions. It may overlap live events; a client drops what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// What the client holds, by room.
    pub positions: Positions,
    /// The store's epoch those positions belong to.
    pub epoch: String,
}

/// Answer to `room:resume`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// By room, for each position asked about.
    pub rooms: BTreeMap<String, ResumePage>,
}

/// One room's part of the answer to `room:resume`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ResumePage {
    /// The log cannot serve the position: reload the room.
    Reload {
        /// Why.
        reload: Reload,
    },
    /// What was missed.
    Events(EventsPage),
}

/// `room:read`: read up to here. It never moves back; a position above the room's top is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkRead {
    /// The room.
    pub room_id: RoomId,
    /// The newest position seen.
    pub seq: Seq,
}

#[cfg(test)]
mod tests {
    use super::SendMessage;
    use serde_json::json;

    #[test]
    fn a_message_is_flat_and_has_nothing_else() {
        let object = json!({"roomId": "r", "clientId": "c", "kind": "text", "body": {"text": "hi"}});
        let request: SendMessage = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(serde_json::to_value(&request).unwrap(), object);
        for (field, value) in
            [("kind", json!("image")), ("body", json!({"text": "hi", "x": 1})), ("x", json!(1))]
        {
            let mut other = object.clone();
            other[field] = value;
            assert!(serde_json::from_value::<SendMessage>(other).is_err(), "{field}");
        }
    }
}
