//! Coming, coming back, and being sent away.

use crate::{Positions, Secret, Seq, User};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `auth` object of a CONNECT: a token, or a name to be a guest under; and what the client already holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Auth {
    /// An account's access token or a guest's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A name to be a new guest under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<String>,
    /// What the client holds, by room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<Positions>,
    /// The store's epoch those positions belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Whether to get each message a second time, under the name of its kind, such as `message:image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<bool>,
}

/// `session`: the first event after CONNECT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Who one is.
    pub user: User,
    /// A new guest's token: good for 30 days from its last use. It stands here once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<Secret>,
    /// The node that serves this connection.
    pub node: String,
    /// The store's epoch: positions of another epoch mean nothing.
    pub epoch: String,
    /// Who manages the members of groups here: a client need not offer what would be refused.
    #[serde(default)]
    pub members_managed_by: ManagedBy,
}

/// Who may add members to a group and remove them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ManagedBy {
    /// Every member; but remove only plain members, unless one is above the other.
    #[default]
    Anyone,
    /// Its owners and moderators.
    Owners,
}

/// `resumed`: everything missed has been sent; what follows is live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomsResumed {
    /// Every room of the user, and every room a position was given for.
    pub rooms: BTreeMap<String, RoomResumed>,
}

/// What became of one room on connecting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RoomResumed {
    /// Events above `from`, up to and including `to`, were sent. The same twice: nothing was missed, or no
    /// position was given and the room is listed at its top.
    Span {
        /// The position the client held.
        from: Seq,
        /// The position it holds now.
        to: Seq,
    },
    /// The log cannot serve the position: reload the room.
    Reload {
        /// Why.
        reload: Reload,
    },
}

/// Why a position cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reload {
    /// One is no member of that room (any more), or there is none.
    Unknown,
    /// More than 1,000 events were missed.
    TooFar,
    /// What came next has been cut by retention.
    Trimmed,
    /// The position is above the room's top or of another epoch: the store was replaced.
    Epoch,
}

impl Reload {
    /// More missed events than this are [`Reload::TooFar`].
    pub const MAX_MISSED: Seq = 1_000;
}

/// `session:ending`: the server is about to close this connection's transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// `shutdown` (come back soon) or `revoked` (sign in again).
    pub reason: String,
    /// When to come back, in milliseconds.
    pub retry_after_ms: u64,
    /// Where to, when not here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url: Option<String>,
}
