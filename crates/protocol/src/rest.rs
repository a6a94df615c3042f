//! Bodies of the REST interface under `/api/v1`, and of `/health`.

use crate::{Code, RoomId, Secret, Seq, Timestamp, User};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `POST /register` and `POST /login`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 1 to 32 letters, digits, `.`, `_` or `-`.
    #[schemars(length(min = 1, max = 32))]
    pub name: String,
    /// 8 to 1,024 bytes.
    pub password: Secret,
}

/// Answer to `POST /register`, `/login` and `/refresh`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// Whose they are.
    pub user: User,
    /// For `Authorization: Bearer` and for CONNECT.
    pub access_token: Secret,
    /// How long the access token holds, in milliseconds.
    pub access_token_expires_in_ms: u64,
    /// For one `POST /refresh`, which gives the next.
    pub refresh_token: Secret,
}

/// Body of `POST /refresh` and `POST /logout`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshRequest {
    /// The newest refresh token.
    pub refresh_token: Secret,
}

/// Answer to `GET /me`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Me {
    /// Who the token says one is.
    pub user: User,
}

/// One of the nodes in the answer to `GET /nodes`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// Clients connected to it.
    pub connections: u64,
    /// When it said so: nodes do it several times in the time of a lease.
    pub updated_at: Timestamp,
}

/// One of one's sessions: one log-in on one device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    /// To end it by.
    pub id: String,
    /// What the client called itself when it logged in: the page's browser and system, or the `User-Agent`, at most 200
    /// characters; empty if it said nothing.
    pub device: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    pub last_used_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Answer to `GET /sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SessionList {
    /// The newest use first.
    pub sessions: Vec<SessionInfo>,
}

/// Body of `POST /password`: every other session ends.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePassword {
    /// The one that holds.
    pub current: Secret,
    /// 8 to 1,024 bytes.
    pub new: Secret,
}

/// Body of `POST /password/reset`: every session ends.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetPassword {
    /// From the link that an administrator gave. It works once.
    pub token: Secret,
    /// 8 to 1,024 bytes.
    pub new: Secret,
}

/// Body of `POST /admin/reset-links`, for administrators.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResetLink {
    /// Whose password is to be set anew.
    pub name: String,
}

/// Answer to `POST /admin/reset-links`: what is given to the account's owner.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetLink {
    /// Whose it is.
    pub user: User,
    /// The page where the password is set, once. It begins with `/` where the server was not told by which address
    /// people reach it: put that before it.
    pub link: Secret,
    /// When it holds no more.
    pub expires_at: Timestamp,
}

/// Body of `POST /admin/drain`, for administrators: the node that answers is to let its clients go, and stop.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainNode {
    /// Its name. Another node answers `conflict`: what stands in front of several may have chosen any of them.
    pub node: String,
}

/// Answer to `GET /health`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, or `degraded`: everything works, and what other nodes do is known a second or two later than usual.
    pub status: String,
    /// This node's name.
    pub node: String,
    /// Plaza's version.
    pub version: String,
    /// Seconds since this process began to serve.
    pub uptime_seconds: u64,
    /// Sockets connected here.
    pub connections: u64,
}

/// An error on HTTP: problem details, RFC 9457, with Plaza's code beside its fields.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the status and `code` say it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// For people: what is wrong, and the bound or what to do.
    pub detail: String,
    /// For programs.
    pub code: Code,
    /// Whether the same request, sent again later, may succeed.
    pub retryable: bool,
    /// How long to wait before that, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_ms: Option<u64>,
    /// The field of the body that is wrong, where it is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
}

/// Body of `POST /webhook`: a text for a room.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostedMessage {
    /// The room.
    pub room_id: RoomId,
    /// 1 byte to 8 KiB of UTF-8, not only white space.
    #[schemars(length(min = 1, max = 8192))]
    pub message: String,
    /// The name to show, 1 to 32 characters; the webhook's own if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sender: Option<String>,
}

/// Answer to `POST /webhook` and `POST /webhook/<kind>`: the message is in the store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WrittenByWebhook {
    /// Always true.
    pub ok: bool,
    /// The room.
    pub room_id: RoomId,
    /// The message's position there.
    pub seq: Seq,
    /// The message's id.
    pub id: String,
}
