//! Who may do what to a room, and the sentences for who may not.

use crate::{
    ManagedBy, Settings,
    accounts::people,
    failure::Outcome,
    rooms::{Seen, seen},
};
use plaza_protocol::{Code, Error, Role, RoomId, RoomKind, User, UserRef};
use sqlx::{AnyConnection, Row};

/// What the settings say about rooms.
pub(super) struct Rules {
    pub(super) create_on_join: bool,
    members_managed_by: ManagedBy,
    rooms_per_user: i64,
    pub(super) bans_per_room: i64,
    guest_millis: i64,
}

impl Rules {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            create_on_join: settings.create_on_join,
            members_managed_by: settings.members_managed_by,
            rooms_per_user: i64::from(settings.rooms_per_user),
            bans_per_room: i64::from(settings.bans_per_room),
            guest_millis: i64::from(settings.guest_seconds) * 1_000,
        }
    }

    /// Guests seen last then or before have expired now.
    pub(super) fn guests_since(&self, now: i64) -> i64 {
        now - self.guest_millis
    }

    /// Whether a member may bring people into a room. Everybody comes to a public one by themselves.
    pub(super) fn may_add(&self, asker: &Seen) -> Result<(), Error> {
        match asker.kind {
            RoomKind::Direct => Err(stays_two()),
            RoomKind::Public => {
                Err(forbidden("Nobody can be added to a public room: people join it by its id."))
            }
            RoomKind::Group if self.members_managed_by == ManagedBy::Owners && !asker.role.moderates() => {
                Err(forbidden("Only owners and moderators may add members to this room."))
            }
            RoomKind::Group => Ok(()),
        }
    }

    /// Whether a member may remove anybody else at all. Of whom, see [`Rules::may_remove`].
    pub(super) fn may_remove_some(&self, asker: &Seen) -> Result<(), Error> {
        let anyone = asker.kind == RoomKind::Group && self.members_managed_by == ManagedBy::Anyone;
        match asker.kind {
            RoomKind::Direct => Err(stays_two()),
            _ if anyone || asker.role.moderates() => Ok(()),
            _ => Err(forbidden("Only owners and moderators may remove members of this room.")),
        }
    }

    /// Whether one who may remove some may remove this one: those below, and plain members each other.
    pub(super) fn may_remove(asker: &Seen, user: &User, role: Role) -> Result<(), Error> {
        if asker.role == Role::Member && role == Role::Member {
            return Ok(());
        }
        outranks(asker, user, role)
    }
}

/// What a role stands for among the others.
pub(super) trait Ranked {
    fn rank(self) -> u8;
    /// Whether it is above a plain member's.
    fn moderates(self) -> bool;
}

impl Ranked for Role {
    fn rank(self) -> u8 {
        match self {
            Self::Owner => 2,
            Self::Moderator => 1,
            Self::Member => 0,
        }
    }

    fn moderates(self) -> bool {
        self.rank() > 0
    }
}

/// Puts out only who is below oneself.
pub(super) fn outranks(asker: &Seen, user: &User, role: Role) -> Result<(), Error> {
    if asker.role.rank() > role.rank() {
        return Ok(());
    }
    let (name, role) = (&user.name, if role == Role::Owner { "an owner" } else { "a moderator" });
    Err(forbidden(format!("{name} is {role} of this room, and you are not above them.")))
}

/// The room as its member who asks for something sees it.
pub(super) async fn asker(tx: &mut AnyConnection, room: &RoomId, by: &User) -> Outcome<Seen> {
    Ok(seen(tx, room, &by.id).await?.ok_or_else(Error::no_such_room)?)
}

/// The member whom a request means, and what they are.
pub(super) async fn member(tx: &mut AnyConnection, room: &RoomId, whom: &UserRef) -> Outcome<(User, Seen)> {
    let user = known(tx, whom).await?;
    match seen(tx, room, &user.id).await? {
        Some(there) => Ok((user, there)),
        None => Err(not_a_member(&user).into()),
    }
}

/// The user a request means, expired or not.
pub(super) async fn known(tx: &mut AnyConnection, whom: &UserRef) -> Outcome<User> {
    Ok(people::any(tx, whom).await?.ok_or_else(|| people::no_such_user(whom))?)
}

/// Whether `user` may be in one room more; the sentence is for `by`. Direct rooms are counted by themselves: others
/// make them, and nobody can leave one, so they must not keep anybody out of the rest. A quarter of them is for those
/// that one starts, else strangers could keep one from starting any.
pub(super) async fn has_room_for_one_more(
    tx: &mut AnyConnection,
    rules: &Rules,
    kind: RoomKind,
    user: &User,
    by: &User,
) -> Outcome<()> {
    const DIRECT: &str = "
        SELECT COUNT(*), COUNT(CASE WHEN rooms.created_by <> $1 THEN 1 END)
        FROM members JOIN rooms ON rooms.id = members.room_id
        WHERE members.user_id = $1 AND substr(members.room_id, 1, 2) = 'd_'";
    const OTHER: &str =
        "SELECT COUNT(*), 0 FROM members WHERE user_id = $1 AND substr(room_id, 1, 2) <> 'd_'";
    let (statement, rooms) = match kind {
        RoomKind::Direct => (DIRECT, "direct rooms"),
        RoomKind::Public | RoomKind::Group => (OTHER, "rooms"),
    };
    let row = sqlx::query(statement).bind(user.id.as_str()).fetch_one(tx).await?;
    let (all, of_others) = (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?);
    let most = rules.rooms_per_user;
    let theirs = user.id != by.id;
    let sentence = match kind {
        RoomKind::Direct if theirs && of_others >= most - most / 4 => {
            format!("{} is in as many {rooms} that others have started as are allowed.", user.name)
        }
        _ if all < most => return Ok(()),
        _ if theirs => format!("{} is in {most} {rooms}, which is the most allowed.", user.name),
        RoomKind::Direct => format!("You are in {most} {rooms}, which is the most allowed."),
        _ => format!("You are in {most} {rooms}, which is the most allowed. Leave one first."),
    };
    Err(Error::new(Code::Conflict, sentence).into())
}

pub(super) fn forbidden(sentence: impl Into<String>) -> Error {
    Error::new(Code::Forbidden, sentence)
}

/// Nobody comes into a direct room or out of it.
pub(super) fn stays_two() -> Error {
    forbidden("A direct room is for its two people: nobody is added, removed or banned there.")
}

fn not_a_member(user: &User) -> Error {
    Error::new(Code::NotFound, format!("{} is not a member of this room.", user.name))
}
