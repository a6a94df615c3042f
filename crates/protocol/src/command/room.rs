//! Rooms: making, finding, entering and leaving them.

use crate::{Role, RoomId, Seq, Timestamp, User, UserRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What sort of room it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// Anybody who knows the id may join.
    Public,
    /// Members bring members.
    Group,
    /// Two people and nobody else; there is one a pair.
    Direct,
}

impl RoomKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Public, Self::Group, Self::Direct];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Group => "group",
            Self::Direct => "direct",
        }
    }
}

/// `room:create`: a room with the asker as owner and first member. A pair's direct room is made once; later it is
/// given back as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum CreateRoom {
    /// One that anybody may find and join.
    Public {
        /// 1 to 80 characters, for people.
        #[schemars(length(min = 1, max = 80))]
        name: String,
        /// Chosen; absent: the name, if it can be an id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<RoomId>,
    },
    /// One whose members bring members. Its id is made by the server.
    Group {
        /// 1 to 80 characters, for people.
        #[schemars(length(min = 1, max = 80))]
        name: String,
    },
    /// The one room of the asker and somebody else.
    Direct {
        /// The other.
        user: UserRef,
    },
}

/// A room as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomSummary {
    /// The room.
    pub id: RoomId,
    /// Its name for people; of a direct room, the other's.
    pub name: String,
    /// What sort.
    pub kind: RoomKind,
    /// Of a direct room: the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<User>,
    /// Position of its newest event.
    pub seq: Seq,
    /// When that happened; absent where it has been cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How many members it has.
    pub members: u64,
    /// How far the asker has read.
    pub read_seq: Seq,
    /// Messages of others above `readSeq`.
    pub unread: u64,
    /// What the asker may do there.
    pub role: Role,
}

/// Answer to `room:create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedRoom {
    /// The room made; or, of a pair that has one, theirs.
    pub room: RoomSummary,
}

/// `room:join`: become a member of a public room. Joining again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRoom {
    /// The room.
    pub room_id: RoomId,
}

/// Answer to `room:join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JoinedRoom {
    /// The room joined.
    pub room: RoomSummary,
    /// Position of the event that made the asker a member; for one who was a member already, the room's top.
    pub seq: Seq,
}

/// `room:leave`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaveRoom {
    /// The room.
    pub room_id: RoomId,
}

/// `room:list`: the rooms the asker is a member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRooms {}

/// Answer to `room:list`, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomList {
    /// Every room the asker is a member of.
    pub rooms: Vec<RoomSummary>,
}

/// `room:discover`: public rooms that anybody may join, 50 a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscoverRooms {
    /// What the name or the id has in it, upper and lower case alike, at most 80 characters; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A public room, as anybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicRoom {
    /// The room.
    pub id: RoomId,
    /// Its name for people.
    pub name: String,
    /// How many members it has.
    pub members: u64,
    /// Whether the asker is one of them.
    pub joined: bool,
}

/// Answer to `room:discover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomsPage {
    /// In the order of their ids.
    pub rooms: Vec<PublicRoom>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `room:rename`: for its owners and moderators; a direct room has no name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenameRoom {
    /// The room.
    pub room_id: RoomId,
    /// 1 to 80 characters, for people.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
}
