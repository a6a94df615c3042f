//! What a batch of commands is about, so that no other node's batch is meanwhile: each room, whose log and members it
//! changes; and each user for whom a rule counts or looks beyond the room, such as in how many rooms they are.

use super::{
    command::{Command, NewMessage},
    direct,
};
use crate::{
    failure::Outcome,
    log::parsed,
    names,
    words::{rows, words},
};
use plaza_protocol::{RoomId, UserId, UserRef};
use plaza_store::{Store, Subject};
use sqlx::Row as _;
use std::collections::HashMap;

/// A room: its log, its members, how far they have read, who is kept out.
pub(crate) fn room(room: &RoomId) -> Subject {
    Subject::of("room", room.as_str())
}

/// The rooms that somebody is in, and whether they are somebody at all.
pub(crate) fn user(user: &str) -> Subject {
    Subject::of("user", user)
}

/// The subjects of all these commands. A name that is given to somebody else meanwhile leaves that one without a lock:
/// at worst they get into one room more than is allowed.
pub(super) async fn of(store: &Store, commands: &[&Command]) -> Outcome<Vec<Subject>> {
    let named = named(store, commands).await?;
    let id = |whom: &UserRef| match whom {
        UserRef::Id(id) => Some(id.clone()),
        UserRef::Name(name) => named.get(name).cloned(),
    };
    let mut subjects = Vec::with_capacity(commands.len());
    for command in commands {
        match command {
            Command::Message(NewMessage { room: it, .. })
            | Command::Webhook(NewMessage { room: it, .. })
            | Command::Rename { room: it, .. }
            | Command::Leave { room: it, .. }
            | Command::Remove { room: it, .. }
            | Command::SetRole { room: it, .. }
            | Command::Unban { room: it, .. } => subjects.push(room(it)),
            Command::Create { user: by, room: it, .. } | Command::Join { user: by, room: it } => {
                subjects.extend([room(it), user(by.id.as_str())]);
            }
            Command::Add { room: it, whom, .. } | Command::Ban { room: it, whom, .. } => {
                subjects.push(room(it));
                subjects.extend(id(whom).map(|whom| user(whom.as_str())));
            }
            Command::Direct { user: by, whom } => {
                subjects.push(user(by.id.as_str()));
                if let Some(whom) = id(whom) {
                    subjects.extend([user(whom.as_str()), room(&direct::id(&by.id, &whom)?)]);
                }
            }
        }
    }
    Ok(subjects)
}

/// Who has the names by which commands mean somebody of whom more than the membership counts.
async fn named(store: &Store, commands: &[&Command]) -> Outcome<HashMap<String, UserId>> {
    let mut wanted = Vec::new();
    let mut names = Vec::new();
    for command in commands {
        if let Command::Add { whom, .. } | Command::Ban { whom, .. } | Command::Direct { whom, .. } = command
            && let UserRef::Name(name) = whom
            && let Ok(valid) = names::user_name(name)
        {
            wanted.push((names.len(), names::key(&valid)));
            names.push(name);
        }
    }
    let mut named = HashMap::new();
    if wanted.is_empty() {
        return Ok(named);
    }
    let mut reader = store.read().await?;
    let found = sqlx::query(words(&reader).presence_by_key).bind(rows(&wanted)?).bind("");
    for row in found.fetch_all(&mut *reader).await? {
        named.insert(names[row.try_get::<i64, _>(0)? as usize].clone(), parsed(&row, 1)?);
    }
    Ok(named)
}
