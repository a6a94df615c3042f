//! Reading: pages of the log, what was missed, and how far one has read.

use crate::{Event, Positions, Reload, RoomId, Seq, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `room:history`: a page of a room's log. `before` and `after` exclude each other and the position they name;
/// with neither, the newest page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(range(min = 1, max = 200))]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventsPage {
    /// Without a hole.
    pub events: Vec<Event>,
    /// Whether there are more in the direction asked for.
    pub more: bool,
}

/// `room:resume`: what was missed since these positions. It may overlap live events; a client drops what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// What the client holds, by room.
    pub positions: Positions,
    /// The store's epoch those positions belong to.
    pub epoch: String,
}

/// Answer to `room:resume`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// By room, for each position asked about.
    pub rooms: BTreeMap<String, ResumePage>,
}

/// One room's part of the answer to `room:resume`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// `room:locate`: the position of a moment: of the first event accepted at that time or later; one past the newest
/// where there is none. A server's clock that was set back makes it a guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Locate {
    /// The room.
    pub room_id: RoomId,
    /// The moment.
    pub at: Timestamp,
}

/// Answer that names one position: of the event that the request made, or the read position that now holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The position.
    pub seq: Seq,
}

/// `room:read`: read up to here. It never moves back; a position above the room's top is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkRead {
    /// The room.
    pub room_id: RoomId,
    /// The newest position seen.
    pub seq: Seq,
}
