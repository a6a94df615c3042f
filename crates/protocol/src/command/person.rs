//! People: whom one does not want to hear from.

use crate::{User, UserRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `user:block`: somebody can neither start a direct room with the asker nor write in the one there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockUser {
    /// Whom. At most 1,000 may be blocked at once.
    pub user: UserRef,
}

/// `user:unblock`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnblockUser {
    /// Whom.
    pub user: UserRef,
}

/// `user:blocked`: whom the asker has blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBlocked {}

/// Answer to `user:blocked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlockedList {
    /// By name.
    pub users: Vec<User>,
}

/// Answer that has nothing to say but `ok`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}
