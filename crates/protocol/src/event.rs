//! What happened in a room: the events of its log, as members get them and as history gives them back.

use crate::{ClientId, Content, Ending, Role, RoomId, RoomsResumed, Seq, Session, Timestamp, User};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event of a room's log. As JSON it carries its event's name in `type`; on the socket the name is the
/// event's and `type` stands in the payload too, so that one encoding serves both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum Event {
    /// Somebody wrote.
    #[serde(rename = "message")]
    Message(Message),
    /// Somebody came, or was brought.
    #[serde(rename = "member:added")]
    MemberAdded(MemberChange),
    /// Somebody left, or was removed.
    #[serde(rename = "member:removed")]
    MemberRemoved(MemberChange),
    /// Somebody may do more or less than before.
    #[serde(rename = "member:changed")]
    MemberChanged(RoleChange),
    /// Somebody is kept out from now on; a member is none any more.
    #[serde(rename = "member:banned")]
    MemberBanned(MemberChange),
    /// Somebody is kept out no more.
    #[serde(rename = "member:unbanned")]
    MemberUnbanned(MemberChange),
    /// The room itself changed.
    #[serde(rename = "room:changed")]
    RoomChanged(RoomChange),
}

/// `message`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The room.
    pub room_id: RoomId,
    /// Position in the room's log.
    pub seq: Seq,
    /// The message's own id, unique everywhere.
    pub id: String,
    /// The sender's name for it.
    pub client_id: ClientId,
    /// Who wrote it.
    pub sender: User,
    /// Kind and body.
    #[serde(flatten)]
    pub content: Content,
    /// When the server accepted it.
    pub at: Timestamp,
}

/// `member:added`, `member:removed`, `member:banned`, `member:unbanned`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberChange {
    /// The room.
    pub room_id: RoomId,
    /// Position in the room's log.
    pub seq: Seq,
    /// Whom it is about.
    pub user: User,
    /// Who did it; the same as `user` for one who joined or left.
    pub by: User,
    /// When the server accepted it.
    pub at: Timestamp,
}

/// `member:changed`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleChange {
    /// The room.
    pub room_id: RoomId,
    /// Position in the room's log.
    pub seq: Seq,
    /// Whose.
    pub user: User,
    /// What they may do from now on.
    pub role: Role,
    /// Who did it.
    pub by: User,
    /// When the server accepted it.
    pub at: Timestamp,
}

/// `room:changed`; what is absent is as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomChange {
    /// The room.
    pub room_id: RoomId,
    /// Position in the room's log.
    pub seq: Seq,
    /// Its new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who did it.
    pub by: User,
    /// When the server accepted it.
    pub at: Timestamp,
}

impl Event {
    /// The socket event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::MemberAdded(_) => "member:added",
            Self::MemberRemoved(_) => "member:removed",
            Self::MemberChanged(_) => "member:changed",
            Self::MemberBanned(_) => "member:banned",
            Self::MemberUnbanned(_) => "member:unbanned",
            Self::RoomChanged(_) => "room:changed",
        }
    }

    /// Who is no member any more from this event on: the last one that they get.
    pub fn taken_out(&self) -> Option<&User> {
        match self {
            Self::MemberRemoved(change) | Self::MemberBanned(change) => Some(&change.user),
            _ => None,
        }
    }

    /// The room it happened in.
    pub fn room_id(&self) -> &RoomId {
        match self {
            Self::Message(message) => &message.room_id,
            Self::MemberAdded(change)
            | Self::MemberRemoved(change)
            | Self::MemberBanned(change)
            | Self::MemberUnbanned(change) => &change.room_id,
            Self::MemberChanged(change) => &change.room_id,
            Self::RoomChanged(change) => &change.room_id,
        }
    }

    /// Its position in the room's log.
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(message) => message.seq,
            Self::MemberAdded(change)
            | Self::MemberRemoved(change)
            | Self::MemberBanned(change)
            | Self::MemberUnbanned(change) => change.seq,
            Self::MemberChanged(change) => change.seq,
            Self::RoomChanged(change) => change.seq,
        }
    }

    /// When it was committed.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Message(message) => message.at,
            Self::MemberAdded(change)
            | Self::MemberRemoved(change)
            | Self::MemberBanned(change)
            | Self::MemberUnbanned(change) => change.at,
            Self::MemberChanged(change) => change.at,
            Self::RoomChanged(change) => change.at,
        }
    }
}

/// `read`: one's own read position moved on another of one's connections. Not part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadEvent {
    /// The room.
    pub room_id: RoomId,
    /// Read up to and including this.
    pub seq: Seq,
}

/// `receipts`: how far others have read, told together, at most once a second a room, and only in rooms of at most the
/// configured number of members. Not part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipts {
    /// The room.
    pub room_id: RoomId,
    /// Read up to and including, by user; those who have not moved are absent.
    pub read: BTreeMap<String, Seq>,
}

/// `typing`: somebody else is writing into a room. Not part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypingEvent {
    /// The room.
    pub room_id: RoomId,
    /// Who.
    pub user: User,
    /// Show it for so long, in milliseconds, unless it is said again or their message comes.
    pub for_ms: u64,
}

/// `presence`: somebody who is watched came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceEvent {
    /// Who.
    pub user: User,
    /// Whether they are online now.
    pub online: bool,
    /// Of one who has gone: when, unless that is not to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// What a server says of itself: one socket event with one object. Events of a room's log are an [`Event`].
pub trait Told: Serialize + JsonSchema {
    /// The socket event.
    const EVENT: &'static str;
}

/// An event as documents show it.
#[derive(Debug, Clone, Copy)]
pub struct DescribedEvent {
    /// The socket event.
    pub event: &'static str,
    /// The name of its object's type.
    pub object_type: &'static str,
    /// Whether it is part of a room's log: then it carries its name in `type` too.
    pub logged: bool,
    /// The schema of its object.
    pub object: fn(&mut SchemaGenerator) -> Schema,
}

macro_rules! events {
    (
        told: $($event:literal: $told:ident;)*
        logged: $($name:literal: $logged:ident;)*
        again: $($kind:literal: $message:ident;)*
    ) => {
        $(impl Told for $told {
            const EVENT: &'static str = $event;
        })*

        /// Every event that a server sends.
        pub const EVENTS: &[DescribedEvent] = &[
            $(DescribedEvent {
                event: $event,
                object_type: stringify!($told),
                logged: false,
                object: SchemaGenerator::subschema_for::<$told>,
            },)*
            $(DescribedEvent {
                event: $name,
                object_type: stringify!($logged),
                logged: true,
                object: SchemaGenerator::subschema_for::<$logged>,
            },)*
            // To those who connected with `kinds`: the object of `message`, under the name of its kind.
            $(DescribedEvent {
                event: $kind,
                object_type: stringify!($message),
                logged: false,
                object: SchemaGenerator::subschema_for::<$message>,
            },)*
        ];
    };
}

events! {
    told:
    "session": Session;
    "resumed": RoomsResumed;
    "session:ending": Ending;
    "read": ReadEvent;
    "receipts": Receipts;
    "typing": TypingEvent;
    "presence": PresenceEvent;
    logged:
    "message": Message;
    "member:added": MemberChange;
    "member:removed": MemberChange;
    "member:changed": RoleChange;
    "member:banned": MemberChange;
    "member:unbanned": MemberChange;
    "room:changed": RoomChange;
    again:
    "message:text": Message;
    "message:image": Message;
    "message:file": Message;
    "message:location": Message;
    "message:audio": Message;
    "message:zalo": Message;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TextBody;

    #[test]
    fn a_message_is_flat_json_with_its_type() {
        let event = Event::Message(Message {
            room_id: "general".parse().unwrap(),
            seq: 7,
            id: "m_1".into(),
            client_id: "c1".parse().unwrap(),
            sender: User { id: "u_1".parse().unwrap(), name: "Ana".into(), guest: false },
            content: Content::Text(TextBody { text: "hi".into() }),
            at: Timestamp::from_millis(0),
        });
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "message", "roomId": "general", "seq": 7, "id": "m_1", "clientId": "c1",
                "sender": {"id": "u_1", "name": "Ana", "guest": false},
                "kind": "text", "body": {"text": "hi"}, "at": "1970-01-01T00:00:00.000Z"
            })
        );
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }
}
