//! Who is here, and who is writing. None of it is stored in a room's log.

use crate::{RoomId, Timestamp, User, UserRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `presence:get`: which of these people are online now. At most 100.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetPresence {
    /// Whom; whoever there is not is left out of the answer.
    pub users: Vec<UserRef>,
}

/// `presence:watch`: be told when these people come and go, until they are dropped or the connection ends. At most 500
/// a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchPresence {
    /// From now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<UserRef>,
    /// No more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<UserRef>,
}

/// Answer to `presence:get`, and to `presence:watch` for those added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PresenceList {
    /// Those with at least one connection who let themselves be seen.
    pub online: Vec<User>,
    /// The others.
    pub offline: Vec<LastSeen>,
}

/// Somebody who is not online, or does not let themselves be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastSeen {
    /// Who.
    pub user: User,
    /// When their last connection ended; absent where that is not known or not to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// `presence:set`: whether others are told that one is online, on all of one's connections. It is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPresence {
    /// `true`, as at first: one is seen.
    pub visible: bool,
}

/// `typing`: one is writing into a room. Say it again every few seconds while it is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Typing {
    /// The room.
    pub room_id: RoomId,
}
