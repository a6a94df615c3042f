//! What the auditor can find, each as a sentence.

use plaza_protocol::{ClientId, RoomId, Seq};

/// A way in which the promise was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The log's positions are not 1 to n.
    Hole {
        /// Where.
        room: RoomId,
        /// The position that belongs there.
        expected: Seq,
        /// The one that is there.
        got: Seq,
    },
    /// Two messages bear one id.
    IdTwice {
        /// Where the second is.
        room: RoomId,
        /// The id.
        id: String,
    },
    /// One send is in the log twice.
    SentTwice {
        /// Where.
        room: RoomId,
        /// The sender's name for it.
        client_id: ClientId,
        /// Position of the first.
        first: Seq,
        /// Position of the second.
        second: Seq,
    },
    /// Acknowledged, and not in the log where it was said to be.
    Lost {
        /// Who was told.
        client: String,
        /// Where.
        room: RoomId,
        /// The sender's name for it.
        client_id: ClientId,
        /// The position in the acknowledgement.
        seq: Seq,
    },
    /// In the log with another body or id than was acknowledged.
    AckDiffers {
        /// Who was told.
        client: String,
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// The sender's name for it.
        client_id: ClientId,
    },
    /// A client was given an event twice.
    SeenTwice {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// Which.
        seq: Seq,
    },
    /// A client was given an event after a later one.
    OutOfOrder {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// Which.
        seq: Seq,
        /// The later one.
        after: Seq,
    },
    /// A client saw what came before and after, and not these.
    Missing {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The first it did not see.
        first: Seq,
        /// The last it did not see.
        last: Seq,
    },
    /// A client saw what the log does not hold.
    NotInLog {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The position it was said to have.
        seq: Seq,
    },
    /// A client saw something else than the log holds.
    SeenDiffers {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// Which.
        seq: Seq,
    },
    /// A client that was connected to the end did not see the end.
    Behind {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The last it saw; 0 for nothing.
        seen: Seq,
        /// The last there is.
        top: Seq,
    },
    /// A client noted something that a right server does not do.
    Fault {
        /// Who.
        client: String,
        /// What.
        what: String,
    },
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hole { room, expected, got } => {
                write!(f, "The log of {room} has {got} where {expected} belongs.")
            }
            Self::IdTwice { room, id } => {
                write!(f, "The id {id} is in use twice, the second time in {room}.")
            }
            Self::SentTwice { room, client_id, first, second } => {
                write!(f, "One send, {client_id}, is in the log of {room} twice, at {first} and {second}.")
            }
            Self::Lost { client, room, client_id, seq } => {
                write!(f, "{client} was told that {client_id} is at {seq} of {room}, and it is not there.")
            }
            Self::AckDiffers { client, room, seq, client_id } => {
                write!(f, "{client_id} of {client} is at {seq} of {room}, but not as it was acknowledged.")
            }
            Self::SeenTwice { client, room, seq } => write!(f, "{client} saw {seq} of {room} twice."),
            Self::OutOfOrder { client, room, seq, after } => {
                write!(f, "{client} saw {seq} of {room} after {after}.")
            }
            Self::Missing { client, room, first, last } if first == last => {
                write!(f, "{client} never saw {first} of {room}, but what comes before and after.")
            }
            Self::Missing { client, room, first, last } => {
                write!(f, "{client} never saw {first} to {last} of {room}, but what comes before and after.")
            }
            Self::NotInLog { client, room, seq } => {
                write!(f, "{client} saw {seq} of {room}, which the log does not hold.")
            }
            Self::SeenDiffers { client, room, seq } => {
                write!(f, "What {client} saw as {seq} of {room} is not what the log holds there.")
            }
            Self::Behind { client, room, seen, top } => {
                write!(f, "{client} saw {room} up to {seen}, and it ends at {top}.")
            }
            Self::Fault { client, what } => write!(f, "{client} noted: {what}."),
        }
    }
}
