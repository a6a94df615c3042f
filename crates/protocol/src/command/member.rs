//! Members: who they are, bringing them in, putting them out, and what each may do.

use crate::{Role, RoomId, Seq, User, UserRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `room:members`: who is in a room, 100 a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMembers {
    /// The room.
    pub room_id: RoomId,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Who.
    #[serde(flatten)]
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// How far they have read; only in a room small enough for read positions to be shared.
    #[serde(default, rename = "readSeq", skip_serializing_if = "Option::is_none")]
    pub read_seq: Option<Seq>,
}

/// Answer to `room:members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MembersPage {
    /// In the order of their ids.
    pub members: Vec<Member>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `member:add`: bring somebody into a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddMember {
    /// The room.
    pub room_id: RoomId,
    /// Whom.
    pub user: UserRef,
}

/// `member:remove`: put somebody out. They may come back; see `member:ban`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveMember {
    /// The room.
    pub room_id: RoomId,
    /// Whom.
    pub user: UserRef,
}

/// `member:role`: what somebody may do in a room; for its owners. One who is made owner is so beside the asker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetRole {
    /// The room.
    pub room_id: RoomId,
    /// Whose.
    pub user: UserRef,
    /// From now on.
    pub role: Role,
}

/// `member:ban`: put somebody out and keep them out; for owners and moderators. It takes one who is no member, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BanMember {
    /// The room.
    pub room_id: RoomId,
    /// Whom.
    pub user: UserRef,
}

/// `member:unban`: somebody may come back; it does not bring them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnbanMember {
    /// The room.
    pub room_id: RoomId,
    /// Whom.
    pub user: UserRef,
}

/// `room:bans`: who is kept out of a room, 100 a page; for owners and moderators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListBans {
    /// The room.
    pub room_id: RoomId,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Answer to `room:bans`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BansPage {
    /// In the order of their ids.
    pub users: Vec<User>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
