//! A room as its log makes it: who is a member since when and may do what, who is kept out, and what it is called.

use plaza_protocol::{Event, Role, RoomId, Seq, UserId};
use std::collections::{HashMap, HashSet};

/// One member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) role: Role,
    /// Position of the event that made them one.
    pub(super) since: Seq,
}

/// After some of the log.
#[derive(Debug)]
pub(super) struct Room<'a> {
    pub(super) id: &'a RoomId,
    pub(super) members: HashMap<&'a UserId, Member>,
    pub(super) bans: HashSet<&'a UserId>,
    /// None until it is changed.
    pub(super) name: Option<&'a str>,
}

impl<'a> Room<'a> {
    pub(super) fn new(id: &'a RoomId) -> Self {
        Self { id, members: HashMap::new(), bans: HashSet::new(), name: None }
    }

    /// Takes the next event. Whether it could happen is not asked here.
    pub(super) fn take(&mut self, event: &'a Event) {
        match event {
            Event::Message(_) => {}
            Event::MemberAdded(change) => {
                let owns = self.members.is_empty() && !self.is("d_");
                let role = if owns { Role::Owner } else { Role::Member };
                self.members.entry(&change.user.id).or_insert(Member { role, since: change.seq });
            }
            Event::MemberRemoved(change) => drop(self.members.remove(&change.user.id)),
            Event::MemberBanned(change) => {
                self.members.remove(&change.user.id);
                self.bans.insert(&change.user.id);
            }
            Event::MemberUnbanned(change) => drop(self.bans.remove(&change.user.id)),
            Event::MemberChanged(change) => {
                if let Some(member) = self.members.get_mut(&change.user.id) {
                    member.role = change.role;
                }
            }
            Event::RoomChanged(change) => self.name = change.name.as_deref().or(self.name),
        }
    }

    /// Whether somebody who is there owns it, where somebody must.
    pub(super) fn has_its_owner(&self) -> bool {
        self.members.is_empty()
            || self.is("d_")
            || self.members.values().any(|member| member.role == Role::Owner)
    }

    /// Whether one may put the other out: who is above, and in a group one plain member another.
    pub(super) fn may_remove(&self, by: &UserId, user: &UserId) -> bool {
        self.is_above(by, user) || self.is("g_") && self.rank(by) == Some(0) && self.rank(user) == Some(0)
    }

    /// Whether one is above the other, who may be no member.
    pub(super) fn is_above(&self, by: &UserId, user: &UserId) -> bool {
        self.rank(by) > self.rank(user)
    }

    /// 2 for an owner, 1 for a moderator, 0 for any other member.
    pub(super) fn rank(&self, user: &UserId) -> Option<u8> {
        self.members.get(user).map(|member| match member.role {
            Role::Owner => 2,
            Role::Moderator => 1,
            Role::Member => 0,
        })
    }

    fn is(&self, prefix: &str) -> bool {
        self.id.as_str().starts_with(prefix)
    }
}
