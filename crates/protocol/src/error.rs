//! How a request fails: a closed list of codes, a sentence, and whether trying again can help.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Every way a request can fail. The list is closed: a client may match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request is malformed or breaks a bound; the message says which.
    BadRequest,
    /// No credentials, or none that hold (any more).
    Unauthorized,
    /// One may see it, and may not do this to it.
    Forbidden,
    /// No such thing, or not for you to see: the two are told apart nowhere.
    NotFound,
    /// It clashes with what is there: a name or id taken, the same `clientId` with another body.
    Conflict,
    /// Longer than allowed.
    TooLarge,
    /// Too many of these from you; `retryAfterMs` says when to come again.
    RateLimited,
    /// Its time ran out before its turn came: it was not carried out, and may be sent again.
    Expired,
    /// The server is at its limit; `retryAfterMs` says when to come again.
    Busy,
    /// The store cannot take it now. Nothing was acknowledged; the same request may be sent again.
    Unavailable,
    /// A fault of the server's. Nothing was acknowledged; the same request may be sent again.
    Internal,
}

impl Code {
    /// Every code, for documents and tests.
    pub const ALL: [Self; 11] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::TooLarge,
        Self::RateLimited,
        Self::Expired,
        Self::Busy,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code as it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Expired => "expired",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request, sent again later, may succeed.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Expired | Self::Busy | Self::Unavailable | Self::Internal)
    }

    /// The HTTP status that says the same.
    pub fn http_status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Expired | Self::Busy | Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, JsonSchema)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// For programs.
    pub code: Code,
    /// For people: what is wrong, and the bound or what to do.
    pub message: String,
    /// Whether the same request, sent again later, may succeed.
    pub retryable: bool,
    /// How long to wait before that, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_ms: Option<u64>,
}

impl Error {
    /// With the sentence to show.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retryable: code.is_retryable(), retry_after_ms: None }
    }

    /// With a time to wait, in milliseconds.
    #[must_use]
    pub fn retry_after_ms(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }

    /// [`Code::BadRequest`] with its sentence.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// [`Code::BadRequest`] for `what`, such as "request", that could not be read. Where one of our own types says
    /// why, its sentence is told; serde's reasons are for whoever wrote the client.
    pub fn misfit(what: &str, error: &impl fmt::Display) -> Self {
        let why = error.to_string();
        // Where in the text it is helps nobody who has sent an object.
        let why = why.rfind(" at line ").map_or(why.as_str(), |end| &why[..end]);
        // No reason of serde's ends as a sentence does.
        if why.ends_with('.') {
            return Self::bad_request(why);
        }
        Self::bad_request(format!("The {what} does not fit: {why}."))
    }

    /// A request whose time ran out before its turn came.
    pub fn expired() -> Self {
        let message =
            "The request waited for longer than it had time, so it was not carried out. Send it again.";
        Self::new(Code::Expired, message)
    }

    /// The one answer for a room that does not exist and a room that the asker may not see.
    pub fn no_such_room() -> Self {
        Self::new(Code::NotFound, "There is no such room, or you are not a member of it.")
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Error};
    use crate::{JoinRoom, SendMessage};

    #[test]
    fn codes_travel_as_written() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn what_does_not_fit_is_told_in_a_sentence() {
        let room =
            |json: &str| Error::misfit("request", &serde_json::from_str::<JoinRoom>(json).unwrap_err());
        assert_eq!(
            room(r#"{"roomId":"a b"}"#).message,
            "A room's id has 1 to 64 of the characters A-Z a-z 0-9 . _ ~ and -."
        );
        assert_eq!(room("{}").message, "The request does not fit: missing field `roomId`.");
        assert_eq!(
            room(r#"{"roomId":7}"#).message,
            "The request does not fit: invalid type: integer `7`, expected a string."
        );
        let json = r#"{"roomId":"a","clientId":"","kind":"text","body":{"text":"hi"}}"#;
        let message = serde_json::from_str::<SendMessage>(json).unwrap_err();
        assert_eq!(Error::misfit("request", &message).message, "A clientId has 1 to 64 bytes.");
    }
}
