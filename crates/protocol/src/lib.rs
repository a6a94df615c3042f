//! Plaza's wire: every event, command and answer, defined once.
//!
//! The server, the Rust client, the console and the tests use these types, so none of them can disagree about
//! a field. The crate knows serde and nothing else: no sockets, no SQL. `docs/protocol.md` is the prose beside it.
//!
//! Conventions: socket events are `noun:verb`, JSON keys camelCase, ids are strings, times are RFC 3339 with
//! milliseconds in UTC, durations carry their unit in the key. A request is answered by
//! `{"ok":true, …}` or `{"ok":false,"error":{…}}`, see [`Answer`].

mod answer;
mod command;
mod connect;
mod error;
mod event;
mod id;
mod kind;
mod rest;
mod secret;
mod time;
mod user;

pub use answer::Answer;
pub use command::{
    AddMember, BanMember, BansPage, BlockUser, BlockedList, CreateRoom, CreatedRoom, Described,
    DiscoverRooms, Done, EventsPage, GetPresence, History, JoinRoom, JoinedRoom, LastSeen, LeaveRoom,
    ListBans, ListBlocked, ListMembers, ListRooms, Locate, MarkRead, Member, MembersPage, Position,
    PresenceList, PublicRoom, REQUESTS, RemoveMember, RenameRoom, Request, RequestOptions, Resume,
    ResumePage, Resumed, RoomKind, RoomList, RoomSummary, RoomsPage, SendMessage, SentMessage, SetPresence,
    SetRole, Typing, UnbanMember, UnblockUser, WatchPresence,
};
pub use connect::{Auth, Ending, ManagedBy, Reload, RoomResumed, RoomsResumed, Session};
pub use error::{Code, Error};
pub use event::{
    DescribedEvent, EVENTS, Event, MemberChange, Message, PresenceEvent, ReadEvent, Receipts, RoleChange,
    RoomChange, Told, TypingEvent,
};
pub use id::{ClientId, InvalidId, MAX_CLIENT_ID_BYTES, MAX_ROOM_ID_BYTES, RoomId, UserId, UserRef};
pub use kind::{
    AudioBody, Body, Content, FileBody, HttpsUrl, ImageBody, Invalid, Kind, Latitude, LocationBody,
    Longitude, NewContent, Posted, PostedAudio, PostedFile, PostedImage, PostedLocation, PostedText,
    PostedZalo, Seconds, SendAudio, SendFile, SendImage, SendKind, SendLocation, SendText, SendZalo,
    TextBody, ZaloBody, ZaloUser,
};
pub use rest::{
    ChangePassword, Credentials, DrainNode, Health, Me, NewResetLink, NodeStatus, PostedMessage, Problem,
    RefreshRequest, ResetLink, ResetPassword, SessionInfo, SessionList, Tokens, WrittenByWebhook,
};
pub use secret::Secret;
pub use time::Timestamp;
pub use user::{Role, User};

/// Position in a room's log: the first event is 1, there are no holes, and 0 is "before the first".
pub type Seq = u64;

/// Positions by room, as a client holds them.
pub type Positions = std::collections::BTreeMap<String, Seq>;
