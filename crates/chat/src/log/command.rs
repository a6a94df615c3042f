//! What may be asked of the log, checked for form before it is queued.

use crate::{Random, names};
use plaza_protocol::{
    ClientId, Code, Content, CreateRoom, CreatedRoom, Error, JoinedRoom, Position, RenameRoom, Role, RoomId,
    RoomKind, SendMessage, SentMessage, User, UserRef,
};

/// One command of the queue.
pub(crate) enum Command {
    Create {
        user: User,
        room: RoomId,
        name: String,
        kind: RoomKind,
    },
    Direct {
        user: User,
        whom: UserRef,
    },
    Rename {
        by: User,
        room: RoomId,
        name: String,
    },
    Join {
        user: User,
        room: RoomId,
    },
    Leave {
        user: User,
        room: RoomId,
    },
    Add {
        by: User,
        room: RoomId,
        whom: UserRef,
    },
    Remove {
        by: User,
        room: RoomId,
        whom: UserRef,
    },
    SetRole {
        by: User,
        room: RoomId,
        whom: UserRef,
        role: Role,
    },
    Ban {
        by: User,
        room: RoomId,
        whom: UserRef,
    },
    Unban {
        by: User,
        room: RoomId,
        whom: UserRef,
    },
    Message(NewMessage),
    /// Of somebody who is no member of the room.
    Webhook(NewMessage),
}

/// A message that has no position yet. What can be made outside the log's one task is made already.
pub(crate) struct NewMessage {
    pub(super) sender: User,
    pub(super) room: RoomId,
    pub(super) client_id: ClientId,
    pub(super) content: Content,
    pub(super) kind: &'static str,
    /// JSON, as it is stored.
    pub(super) body: String,
    pub(super) id: String,
}

/// What became of a command.
pub(crate) enum Done {
    Created(CreatedRoom),
    Joined(JoinedRoom),
    At(Position),
    Sent(SentMessage),
}

macro_rules! picked {
    ($($variant:ident => $answer:ty),*) => {$(
        impl TryFrom<Done> for $answer {
            type Error = ();
            fn try_from(done: Done) -> Result<Self, ()> {
                match done {
                    Done::$variant(answer) => Ok(answer),
                    _ => Err(()),
                }
            }
        }
    )*};
}
picked!(Created => CreatedRoom, Joined => JoinedRoom, At => Position, Sent => SentMessage);

impl Command {
    pub(super) fn create(random: &dyn Random, user: &User, request: CreateRoom) -> Result<Self, Error> {
        let (name, kind, room) = match request {
            CreateRoom::Group { name } => (names::room_name(&name)?, RoomKind::Group, group_id(random)?),
            CreateRoom::Public { name, id } => {
                let name = names::room_name(&name)?;
                let room = public_id(id, &name)?;
                (name, RoomKind::Public, room)
            }
            CreateRoom::Direct { user: whom } => return Ok(Self::Direct { user: user.clone(), whom }),
        };
        Ok(Self::Create { user: user.clone(), room, name, kind })
    }

    pub(super) fn rename(by: &User, request: RenameRoom) -> Result<Self, Error> {
        let name = names::room_name(&request.name)?;
        Ok(Self::Rename { by: by.clone(), room: request.room_id, name })
    }

    pub(super) fn message(random: &dyn Random, user: &User, request: SendMessage) -> Result<Self, Error> {
        Ok(Self::Message(NewMessage::checked(random, user, request)?))
    }

    pub(super) fn webhook(random: &dyn Random, user: &User, request: SendMessage) -> Result<Self, Error> {
        Ok(Self::Webhook(NewMessage::checked(random, user, request)?))
    }
}

impl NewMessage {
    fn checked(random: &dyn Random, user: &User, request: SendMessage) -> Result<Self, Error> {
        let SendMessage { room_id: room, client_id, content } = request;
        if client_id.as_str().chars().any(char::is_control) {
            return Err(Error::bad_request("A clientId must not have control characters."));
        }
        content.check()?;
        let (kind, body) = (content.kind().as_str(), content.body_json());
        let body =
            body.map_err(|error| Error::bad_request(format!("The message cannot be stored: {error}.")))?;
        let id = random.id("m_");
        Ok(Self { sender: user.clone(), room, client_id, content, kind, body, id })
    }
}

fn group_id(random: &dyn Random) -> Result<RoomId, Error> {
    // The id is well formed, so this cannot fail; if it ever does, it is a fault of ours.
    random
        .id("g_")
        .parse()
        .map_err(|_| Error::new(Code::Internal, "The server could not make an id. Try again."))
}

/// The id of a new public room: the one chosen, or its name.
fn public_id(chosen: Option<RoomId>, name: &str) -> Result<RoomId, Error> {
    match chosen {
        Some(id) if id.is_choosable() => Ok(id),
        Some(_) => Err(Error::bad_request(
            "This id cannot be chosen: it must not start with g_ or d_, be 20 characters long, or be one of . .. and __proto__.",
        )),
        None => name.parse().ok().filter(RoomId::is_choosable).ok_or_else(|| {
            Error::bad_request("This name cannot be the room's id too. Give an id: 1 to 64 of the characters A-Z a-z 0-9 . _ ~ and -.")
        }),
    }
}
