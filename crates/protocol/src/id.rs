//! Ids as they travel: checked when they are read, so that the rest of the code need not ask again.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};

/// Longest room id in bytes.
pub const MAX_ROOM_ID_BYTES: usize = 64;
/// Longest client id in bytes.
pub const MAX_CLIENT_ID_BYTES: usize = 64;
/// A Socket.IO socket id has this many characters; a chosen room id must not look like one.
const SOCKET_ID_LEN: usize = 20;

/// Why a string is not an id: a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub &'static str);

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        $(#[$doc])*
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

string_id! {
    /// A room: 1 to 64 of `[A-Za-z0-9._~-]`. Public rooms have chosen ids, see [`RoomId::is_choosable`];
    /// ids that start with `g_` (group) or `d_` (direct) are made by the server only.
    #[schemars(extend("pattern" = "^[A-Za-z0-9._~-]{1,64}$"))]
    RoomId
}
string_id! {
    /// An account or a guest: `u_` or `v_` (visitor) and 22 characters, made by the server. Read leniently: 1 to 64 bytes.
    #[schemars(extend("minLength" = 1, "maxLength" = 64))]
    UserId
}
string_id! {
    /// The sender's own name for a message, 1 to 64 bytes: the same one again is the same message again.
    #[schemars(extend("minLength" = 1, "maxLength" = 64))]
    ClientId
}

impl TryFrom<String> for RoomId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
        if text.is_empty() || text.len() > MAX_ROOM_ID_BYTES || !text.bytes().all(allowed) {
            return Err(InvalidId("A room's id has 1 to 64 of the characters A-Z a-z 0-9 . _ ~ and -."));
        }
        Ok(Self(text))
    }
}

impl RoomId {
    /// Whether a client may choose this id for a public room: not 20 characters long, since that is how a
    /// socket's id looks to Socket.IO adapters, not with the prefix of an id that the server makes, and not what means
    /// something else in an address (`.` and `..`) or as a key of JavaScript's (`__proto__`).
    pub fn is_choosable(&self) -> bool {
        self.0.len() != SOCKET_ID_LEN
            && !self.0.starts_with("g_")
            && !self.0.starts_with("d_")
            && !matches!(self.0.as_str(), "." | ".." | "__proto__")
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > 64 || text.starts_with('@') {
            return Err(InvalidId("A user's id has 1 to 64 bytes and does not start with @."));
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > MAX_CLIENT_ID_BYTES {
            return Err(InvalidId("A clientId has 1 to 64 bytes."));
        }
        Ok(Self(text))
    }
}

/// How a request names a user: by id, or as `@name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum UserRef {
    /// By id.
    Id(UserId),
    /// By name, without the `@`.
    Name(String),
}

/// A string, whatever it is in memory.
impl JsonSchema for UserRef {
    fn schema_name() -> Cow<'static, str> {
        "UserRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(@.{1,256}|[^@].{0,63})$",
            "description": "How a request names a user: by id, or as `@name`.",
        })
    }
}

impl TryFrom<String> for UserRef {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        match text.strip_prefix('@') {
            Some(name) if name.is_empty() || name.len() > 256 => {
                Err(InvalidId("After @ comes a name of 1 to 256 bytes."))
            }
            Some(name) => Ok(Self::Name(name.to_owned())),
            None => UserId::try_from(text).map(Self::Id),
        }
    }
}

impl From<UserRef> for String {
    fn from(user: UserRef) -> Self {
        match user {
            UserRef::Id(id) => id.into(),
            UserRef::Name(name) => format!("@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_ids_are_checked() {
        for good in ["general", "a", "A.b_c~d-9", &"x".repeat(64)] {
            assert!(good.parse::<RoomId>().is_ok(), "{good}");
        }
        for bad in ["", "has space", "ümlaut", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<RoomId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_the_server_makes_or_sockets_have_cannot_be_chosen() {
        for reserved in ["g_abc", "d_abc", &"s".repeat(20), ".", "..", "__proto__"] {
            assert!(!reserved.parse::<RoomId>().unwrap().is_choosable(), "{reserved}");
        }
        assert!("general".parse::<RoomId>().unwrap().is_choosable());
    }

    #[test]
    fn a_user_is_named_by_id_or_at_name() {
        let read = |text: &str| serde_json::from_value::<UserRef>(text.into());
        assert_eq!(read("@Ana").unwrap(), UserRef::Name("Ana".into()));
        assert_eq!(read("u_1").unwrap(), UserRef::Id("u_1".parse().unwrap()));
        assert!(read("@").is_err() && read("").is_err());
    }
}
