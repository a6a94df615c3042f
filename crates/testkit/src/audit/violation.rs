//! What the auditor can find, each as a sentence.

use plaza_protocol::{ClientId, Reload, RoomId, Seq, UserId};

/// A way in which the promise was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The log's positions are not 1 to n.
    #[error("The log of {room} has {got} where {expected} belongs.")]
    Hole {
        /// Where.
        room: RoomId,
        /// The position that belongs there.
        expected: Seq,
        /// The one that is there.
        got: Seq,
    },
    /// The log of one room holds an event of another.
    #[error("The log of {room} holds at {seq} an event of {bears}.")]
    OtherRoom {
        /// Whose log.
        room: RoomId,
        /// Where in it.
        seq: Seq,
        /// The room that the event bears.
        bears: RoomId,
    },
    /// Two messages bear one id.
    #[error("The id {id} is in use twice, the second time in {room}.")]
    IdTwice {
        /// Where the second is.
        room: RoomId,
        /// The id.
        id: String,
    },
    /// A send is in the log twice.
    #[error("One send, {client_id}, is in the log of {room} twice, at {first} and {second}.")]
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
    /// The log holds what nobody asked for.
    #[error("The log of {room} holds at {seq} what nobody asked for ({what}).")]
    NobodyAsked {
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// The name of the event.
        what: &'static str,
    },
    /// Somebody did what only a member may, or was taken out, without being a member.
    #[error("At {seq} of {room} {user} is no member, and is treated as one.")]
    NoMember {
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// Who.
        user: UserId,
    },
    /// A member was added again.
    #[error("At {seq} of {room} {user} is added, and is a member already.")]
    MemberTwice {
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// Who.
        user: UserId,
    },
    /// Somebody came in who is kept out.
    #[error("At {seq} of {room} {user} is added, and is banned.")]
    Banned {
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// Who.
        user: UserId,
    },
    /// A member did what their role does not allow.
    #[error("At {seq} of {room} {user} did what is not for them to do.")]
    NotAllowed {
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// Who did it.
        user: UserId,
    },
    /// An event says what is so already.
    #[error("The log of {room} holds at {seq} what changes nothing.")]
    ChangesNothing {
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
    },
    /// A room that people are in lost its last owner.
    #[error("From {seq} of {room} on nobody who is there owns it.")]
    NoOwner {
        /// Where.
        room: RoomId,
        /// Position of the event that took the last one.
        seq: Seq,
    },
    /// The log names somebody who took no part, or somebody by another name.
    #[error("At {seq} of {room} stands {user}, whom nobody knows as such.")]
    Stranger {
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// Who.
        user: UserId,
    },
    /// Acknowledged, and not in the log where it was said to be.
    #[error("{client} was told that {client_id} is at {seq} of {room}, and it is not there.")]
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
    /// In the log with another id or time than was acknowledged.
    #[error("{client_id} of {client} is at {seq} of {room}, but not as it was acknowledged.")]
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
    /// In the log with another text than was sent.
    #[error("{client_id} of {client} is at {seq} of {room}, but not as it was sent.")]
    OtherText {
        /// Who sent it.
        client: String,
        /// Where.
        room: RoomId,
        /// At which position.
        seq: Seq,
        /// The sender's name for it.
        client_id: ClientId,
    },
    /// A message was given a position below what its sender had been shown before sending it.
    #[error("{client} had seen {after} of {room} before it sent {client_id}, which was put at {seq}.")]
    BeforeItsCause {
        /// Who sent it.
        client: String,
        /// Where.
        room: RoomId,
        /// The sender's name for it.
        client_id: ClientId,
        /// The position it was given.
        seq: Seq,
        /// What the sender had been shown.
        after: Seq,
    },
    /// Somebody was answered that what they asked for was done, and the log does not hold it there.
    #[error("{client} was told that what it asked for is at {seq} of {room}, and it is not.")]
    NotAsked {
        /// Who was told.
        client: String,
        /// Where.
        room: RoomId,
        /// The position in the answer.
        seq: Seq,
    },
    /// A client was given an event of a room without having been told how it came to it.
    #[error("{client} was given {seq} of {room} without being a member as far as it was told.")]
    NotBegun {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// Which.
        seq: Seq,
    },
    /// A client was given an event that it held.
    #[error("{client} saw {seq} of {room} twice.")]
    SeenTwice {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// Which.
        seq: Seq,
    },
    /// A client was given an event after a later one.
    #[error("{client} saw {seq} of {room} after {after}.")]
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
    #[error("{client} never saw {} of {room}, but what comes before and after.", span(*first, *last))]
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
    #[error("{client} saw {seq} of {room}, which the log does not hold.")]
    NotInLog {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The position it was said to have.
        seq: Seq,
    },
    /// A client saw something else than the log holds.
    #[error("What {client} saw as {seq} of {room} is not what the log holds there.")]
    SeenDiffers {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// Which.
        seq: Seq,
    },
    /// A client that was connected to the end did not see the end.
    #[error("{client} saw {room} up to {seen}, and it ends at {top}.")]
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
    /// A client came back with another position than it had come to.
    #[error("{client} held {} of {room} and came back with {}.", position(*held), position(*claimed))]
    ClaimDiffers {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// Where it was.
        held: Option<Seq>,
        /// Where it said it was.
        claimed: Option<Seq>,
    },
    /// A client was not told what became of a room that it held, or was given events of.
    #[error("{client} was not told what became of {room}.")]
    Unanswered {
        /// Who.
        client: String,
        /// Which.
        room: RoomId,
    },
    /// A client was told that a span was sent, and it does not begin where the client was, or something else was sent.
    #[error(
        "{client} was told that what is above {from} of {room} up to {to} was sent, and it was {}.",
        sent.map_or("nothing".into(), |(first, last)| span(first, last))
    )]
    SpanDiffers {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The position before the span.
        from: Seq,
        /// Its last position.
        to: Seq,
        /// The first and the last position that were sent.
        sent: Option<(Seq, Seq)>,
    },
    /// A client was told to reload, without the reason that was given.
    #[error("{client} was told to reload {room} ({reason:?}) without reason.")]
    FalseReload {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The reason.
        reason: Reload,
    },
    /// A client that reloads was given a page that ends before what it was told of.
    #[error("{client} reloaded {room} with a page that ends at {last} and not at {reaches} or later.")]
    OldPage {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The page's last position.
        last: Seq,
        /// How far it should have reached.
        reaches: Seq,
    },
    /// A page said wrongly whether there is more before it.
    #[error("{client} reloaded {room} with a page from {first} that says the wrong thing of what is before.")]
    MoreDiffers {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// The page's first position.
        first: Seq,
    },
    /// A room is listed for one who is no member.
    #[error("{room} is listed for {client}, who is no member.")]
    ListedStranger {
        /// For whom.
        client: String,
        /// Which.
        room: RoomId,
    },
    /// A room is listed otherwise than its log says.
    #[error("{client} was told that the {what} of {room} is {told}, and it is {right}.")]
    ListedDiffers {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// What of it.
        what: &'static str,
        /// What it was told.
        told: String,
        /// What the log says.
        right: String,
    },
    /// A read position is listed below what was acknowledged, or below where its user came in.
    #[error("{client} is said to have read {room} to {listed}, and has to {least} at the least.")]
    ReadLost {
        /// Who.
        client: String,
        /// Where.
        room: RoomId,
        /// What it was told.
        listed: Seq,
        /// What it was told before.
        least: Seq,
    },
    /// A client noted something that a right server does not do.
    #[error("{client} noted: {what}.")]
    Fault {
        /// Who.
        client: String,
        /// What.
        what: String,
    },
}

/// `3`, or `3 to 5`.
fn span(first: Seq, last: Seq) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

fn position(held: Option<Seq>) -> String {
    held.map_or("nothing".into(), |seq| seq.to_string())
}
