//! What nodes tell each other, whichever format says it.

use super::{Content, Flags};
use plaza_socketio::{Room, SocketInfo, Target};

/// What one node tells others of a namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// The uid of who says it. Empty where the classic format says none.
    pub from: String,
    /// The namespace, where the payload names it; else its channel does.
    pub namespace: Option<String>,
    /// What.
    pub body: Body<'a>,
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<'a> {
    /// Send this to them.
    Broadcast(Broadcast<'a>),
    /// Put them into rooms.
    Join {
        /// Whom.
        target: Target,
        /// Where.
        rooms: Vec<Room>,
    },
    /// Take them out of rooms.
    Leave {
        /// Whom.
        target: Target,
        /// Of where.
        rooms: Vec<Room>,
    },
    /// Let go of them.
    Disconnect {
        /// Whom.
        target: Target,
        /// Their sessions too.
        close: bool,
    },
    /// Say what there is to tell of them.
    Fetch {
        /// What the answer is to bear.
        request: String,
        /// Of whom.
        target: Target,
    },
    /// Name them; the classic format's alone.
    Ids {
        /// What the answer is to bear.
        request: String,
        /// Whom.
        target: Target,
    },
    /// Name all rooms; the classic format's alone.
    Rooms {
        /// What the answer is to bear.
        request: String,
    },
    /// An event for servers.
    Emit {
        /// What an answer is to bear, if one is wanted.
        request: Option<String>,
        /// The array with the event's name in front.
        event: Content<'a>,
    },
    /// Here is a node, which has just come (`first`) or is still there.
    Heartbeat {
        /// It wants to hear who else is there.
        first: bool,
    },
    /// The node goes.
    Close,
    /// To what somebody asked.
    Answer {
        /// What the question bore.
        request: String,
        /// What is answered.
        answer: Answer<'a>,
    },
}

/// An event for the sockets of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast<'a> {
    /// What answers are to bear, if acknowledgements are wanted.
    pub request: Option<String>,
    /// For whom.
    pub target: Target,
    /// How.
    pub flags: Flags<'a>,
    /// The array with the event's name in front.
    pub event: Content<'a>,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<'a> {
    /// The node's sockets.
    Sockets(Vec<SocketInfo>),
    /// Their ids.
    Ids(Vec<String>),
    /// The node's rooms.
    Rooms(Vec<Room>),
    /// What a server answers to an event, if anything.
    Emit(Option<Content<'a>>),
    /// How many of the node's sockets were asked.
    Count(u64),
    /// What one of them acknowledged with, if anything.
    Ack(Option<Content<'a>>),
    /// It is done; the classic format's alone, to those that name a socket by its id.
    Done,
}
