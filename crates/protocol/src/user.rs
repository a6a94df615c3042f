//! Who somebody is to others.

use crate::UserId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person as others see them, in events and answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Stable for the life of the account or guest.
    pub id: UserId,
    /// The name they chose.
    pub name: String,
    /// True for a guest: a name without a password.
    pub guest: bool,
}

/// What a member may do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Made the room, or was handed it: may do everything there.
    Owner,
    /// May rename the room, and remove and ban members.
    Moderator,
    /// Everybody else.
    Member,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Moderator, Self::Member];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Moderator => "moderator",
            Self::Member => "member",
        }
    }
}
