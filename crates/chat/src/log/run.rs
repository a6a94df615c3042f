//! One command that is no message: to the file with its rules. Each checks everything before it writes anything, so
//! that a refusal leaves nothing behind in the transaction it shares with others.

use super::{
    bans,
    batch::Memory,
    command::{Command, Done},
    direct, entering, membership, roles,
    rules::Rules,
    webhook,
};
use crate::failure::{Failure, Outcome};
use plaza_protocol::{Code, Error, Event, Position, Seq, Timestamp};
use sqlx::AnyConnection;

/// What a command has done.
pub(super) struct Made {
    pub(super) done: Done,
    /// What it added to the log.
    pub(super) events: Vec<Event>,
}

impl Made {
    /// One event, whose position is the answer.
    pub(super) fn one(event: Event) -> Self {
        Self { done: Done::At(Position { seq: event.seq() }), events: vec![event] }
    }

    /// It is so already; the answer is the room's top.
    pub(super) fn nothing(top: Seq) -> Self {
        Self { done: Done::At(Position { seq: top }), events: Vec::new() }
    }
}

pub(super) async fn run(
    tx: &mut AnyConnection,
    rules: &Rules,
    memory: &mut Memory,
    command: Command,
    at: Timestamp,
) -> Outcome<Made> {
    match command {
        Command::Create { user, room, name, kind } => {
            entering::create(tx, rules, room, name, kind, &user, at).await
        }
        Command::Direct { user, whom } => direct::create(tx, rules, &user, &whom, at).await,
        Command::Rename { by, room, name } => roles::rename(tx, &room, &by, &name, at).await,
        Command::Join { user, room } => entering::join(tx, rules, room, &user, at).await,
        Command::Leave { user, room } => membership::leave(tx, &room, &user, at).await,
        Command::Add { by, room, whom } => membership::add(tx, rules, &room, &by, &whom, at).await,
        Command::Remove { by, room, whom } => membership::remove(tx, rules, &room, &by, &whom, at).await,
        Command::SetRole { by, room, whom, role } => roles::set(tx, rules, &room, &by, &whom, role, at).await,
        Command::Ban { by, room, whom } => bans::ban(tx, rules, &room, &by, &whom, at).await,
        Command::Unban { by, room, whom } => bans::unban(tx, &room, &by, &whom, at).await,
        Command::Webhook(message) => webhook::write(tx, memory, message, at).await,
        Command::Message(_) => {
            Err(Failure::Refused(Error::new(Code::Internal, "The server mixed this request up. Try again.")))
        }
    }
}
