//! The one room of two people. Its id is made of theirs, so that two who start it at once, or again after years, come
//! to the same one: the store has each id once.

use super::{
    command::Done,
    entering,
    membership::take_in,
    rules::{Rules, has_room_for_one_more, known},
    run::Made,
};
use crate::{accounts::people, blocks, failure::Outcome, random, rooms::summary};
use plaza_protocol::{Code, CreatedRoom, Error, Role, RoomId, RoomKind, Timestamp, User, UserId, UserRef};
use sqlx::AnyConnection;

/// Gives the room of the asker and somebody else, and makes it if there is none.
pub(super) async fn create(
    tx: &mut AnyConnection,
    rules: &Rules,
    by: &User,
    whom: &UserRef,
    at: Timestamp,
) -> Outcome<Made> {
    let user = known(tx, whom).await?;
    if user.id == by.id {
        return Err(Error::bad_request("A direct room is for two: name somebody else.").into());
    }
    let room = id(&by.id, &user.id)?;
    let created = |room| Done::Created(CreatedRoom { room });
    if let Some(theirs) = summary(tx, &room, &by.id).await? {
        return Ok(Made { done: created(theirs), events: Vec::new() });
    }
    let since = rules.guests_since(at.as_millis());
    people::live(tx, &UserRef::Id(user.id.clone()), since)
        .await?
        .ok_or_else(|| people::no_such_user(whom))?;
    blocks::may_write(tx, &by.id, &user).await?;
    for member in [by, &user] {
        has_room_for_one_more(tx, rules, RoomKind::Direct, member, by).await?;
    }
    entering::insert(tx, &room, "", RoomKind::Direct, &by.id, at).await?;
    let mut events = Vec::new();
    for member in [by, &user] {
        events.push(take_in(tx, &room, Role::Member, member, by, at).await?);
    }
    let made = summary(tx, &room, &by.id).await?.ok_or_else(Error::no_such_room)?;
    Ok(Made { done: created(made), events })
}

/// Whether this is the id of such a room.
pub(crate) fn is_id(room: &RoomId) -> bool {
    room.as_str().starts_with("d_")
}

/// `d_` and 22 characters: 132 bits of a hash of both ids, whichever comes first.
pub(super) fn id(one: &UserId, other: &UserId) -> Result<RoomId, Error> {
    let pair = format!("{} {}", one.min(other), one.max(other));
    // The id is well formed, so this cannot fail; if it ever does, it is a fault of ours.
    format!("d_{}", &random::hashed(&pair)[..22])
        .parse()
        .map_err(|_| Error::new(Code::Internal, "The server could not make an id. Try again."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_id_and_another_pair_another() {
        let [ana, ben, cleo] = ["u_ana", "u_ben", "u_cleo"].map(|id| id.parse::<UserId>().unwrap());
        let room = id(&ana, &ben).unwrap();
        assert_eq!(room, id(&ben, &ana).unwrap());
        assert!(is_id(&room) && !room.is_choosable() && room.as_str().len() == 24, "{room}");
        assert_ne!(room, id(&ana, &cleo).unwrap());
        assert_ne!(room, id(&ben, &cleo).unwrap());
    }
}
