//! The rules once more, as plainly as they can be said: lists in memory, and a walk through them for every question.

use plaza_protocol::{Code, Role, RoomKind};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Join {
        by: usize,
    },
    Leave {
        by: usize,
    },
    Add {
        by: usize,
        whom: usize,
    },
    Remove {
        by: usize,
        whom: usize,
    },
    SetRole {
        by: usize,
        whom: usize,
        role: Role,
    },
    Ban {
        by: usize,
        whom: usize,
    },
    Unban {
        by: usize,
        whom: usize,
    },
    Rename {
        by: usize,
        name: u8,
    },
    Send {
        by: usize,
        client_id: u8,
        text: u8,
    },
    /// Starts the direct room that it is asked of, which is of these two.
    Direct {
        by: usize,
        whom: usize,
    },
}

/// What happened, and by whom.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Added { user: usize, by: usize },
    Removed { user: usize, by: usize },
    Changed { user: usize, role: Role, by: usize },
    Banned { user: usize, by: usize },
    Unbanned { user: usize, by: usize },
    Renamed { name: String, by: usize },
    Message { by: usize, client_id: u8, text: u8 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Member {
    pub(super) read: u64,
    pub(super) role: Role,
}

/// Who has blocked whom.
pub(super) type Blocks = BTreeSet<(usize, usize)>;

#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) kind: RoomKind,
    pub(super) name: String,
    pub(super) log: Vec<Entry>,
    pub(super) members: BTreeMap<usize, Member>,
    pub(super) bans: BTreeSet<usize>,
}

fn rank(role: Role) -> usize {
    [Role::Member, Role::Moderator, Role::Owner].iter().position(|known| *known == role).unwrap()
}

impl Room {
    pub(super) fn new(kind: RoomKind, name: &str) -> Self {
        let (log, members, bans) = Default::default();
        Self { kind, name: name.into(), log, members, bans }
    }

    pub(super) fn top(&self) -> u64 {
        self.log.len() as u64
    }

    fn push(&mut self, entry: Entry) -> Result<u64, Code> {
        self.log.push(entry);
        Ok(self.top())
    }

    pub(super) fn take_in(&mut self, user: usize, by: usize) -> Result<u64, Code> {
        let owns = self.members.is_empty() && self.kind != RoomKind::Direct;
        let role = if owns { Role::Owner } else { Role::Member };
        let read = self.push(Entry::Added { user, by })?;
        self.members.insert(user, Member { read, role });
        Ok(read)
    }

    fn take_out(&mut self, user: usize, by: usize) -> Result<u64, Code> {
        self.members.remove(&user);
        self.push(Entry::Removed { user, by })
    }

    fn rank(&self, user: usize) -> Option<usize> {
        self.members.get(&user).map(|member| rank(member.role))
    }

    fn is_only_owner(&self, user: usize) -> bool {
        let owners = self.members.iter().filter(|(_, member)| member.role == Role::Owner);
        owners.map(|(user, _)| *user).collect::<Vec<_>>() == [user]
    }

    /// The position that the answer must name, or the code it must have.
    pub(super) fn apply(&mut self, step: Step, anyone_manages: bool, blocks: &Blocks) -> Result<u64, Code> {
        match step {
            Step::Direct { by, whom } => self.direct(by, whom, blocks),
            Step::Send { by, client_id, text } => self.send(by, client_id, text, blocks),
            Step::Join { by } => self.join(by),
            Step::Leave { by } => self.by_member(by, |room, _| room.leave(by)),
            Step::Remove { by, whom } if by == whom => self.by_member(by, |room, _| room.leave(by)),
            Step::Add { by, whom } => {
                self.by_member(by, |room, rank| room.add(by, whom, anyone_manages || rank > 0))
            }
            Step::Remove { by, whom } => self.by_member(by, |room, rank| {
                let may = rank > 0 || anyone_manages && room.kind == RoomKind::Group;
                room.remove(by, whom, may)
            }),
            Step::SetRole { by, whom, role } => {
                self.by_member(by, |room, rank| room.set_role(by, whom, role, rank == 2))
            }
            Step::Ban { by, whom } => self.by_member(by, |room, rank| room.ban(by, whom, rank)),
            Step::Unban { by, whom } => self.by_moderator(by, |room| match room.bans.remove(&whom) {
                true => room.push(Entry::Unbanned { user: whom, by }),
                false => Ok(room.top()),
            }),
            Step::Rename { by, name } => self.by_moderator(by, |room| {
                let name = name.to_string();
                if room.name == name {
                    return Ok(room.top());
                }
                room.name.clone_from(&name);
                room.push(Entry::Renamed { name, by })
            }),
        }
    }

    fn by_member(
        &mut self,
        by: usize,
        act: impl FnOnce(&mut Self, usize) -> Result<u64, Code>,
    ) -> Result<u64, Code> {
        match self.rank(by) {
            None => Err(Code::NotFound),
            Some(_) if self.kind == RoomKind::Direct => Err(Code::Forbidden),
            Some(rank) => act(self, rank),
        }
    }

    fn by_moderator(
        &mut self,
        by: usize,
        act: impl FnOnce(&mut Self) -> Result<u64, Code>,
    ) -> Result<u64, Code> {
        self.by_member(by, |room, rank| if rank == 0 { Err(Code::Forbidden) } else { act(room) })
    }

    fn join(&mut self, by: usize) -> Result<u64, Code> {
        match self.kind {
            _ if self.members.contains_key(&by) => Ok(self.top()),
            RoomKind::Public if self.bans.contains(&by) => Err(Code::Forbidden),
            RoomKind::Public => self.take_in(by, by),
            _ => Err(Code::NotFound),
        }
    }

    fn leave(&mut self, by: usize) -> Result<u64, Code> {
        if self.is_only_owner(by) && self.members.len() > 1 {
            return Err(Code::Conflict);
        }
        self.take_out(by, by)
    }

    fn add(&mut self, by: usize, whom: usize, may: bool) -> Result<u64, Code> {
        match self.kind {
            RoomKind::Group if !may => Err(Code::Forbidden),
            RoomKind::Group if self.members.contains_key(&whom) => Ok(self.top()),
            RoomKind::Group if self.bans.contains(&whom) => Err(Code::Forbidden),
            RoomKind::Group => self.take_in(whom, by),
            _ => Err(Code::Forbidden),
        }
    }

    fn remove(&mut self, by: usize, whom: usize, may: bool) -> Result<u64, Code> {
        match (self.rank(by), self.rank(whom)) {
            _ if !may => Err(Code::Forbidden),
            (_, None) => Err(Code::NotFound),
            (Some(0), Some(0)) => self.take_out(whom, by),
            (mine, theirs) if mine <= theirs => Err(Code::Forbidden),
            _ => self.take_out(whom, by),
        }
    }

    fn set_role(&mut self, by: usize, whom: usize, role: Role, may: bool) -> Result<u64, Code> {
        if !may {
            return Err(Code::Forbidden);
        }
        let only = self.is_only_owner(whom);
        let top = self.top();
        match self.members.get_mut(&whom) {
            None => Err(Code::NotFound),
            Some(member) if member.role == role => Ok(top),
            Some(_) if only => Err(Code::Conflict),
            Some(member) => {
                member.role = role;
                self.push(Entry::Changed { user: whom, role, by })
            }
        }
    }

    fn ban(&mut self, by: usize, whom: usize, rank: usize) -> Result<u64, Code> {
        if rank == 0 {
            return Err(Code::Forbidden);
        }
        if by == whom {
            return Err(Code::BadRequest);
        }
        if self.rank(whom).is_some_and(|theirs| theirs >= rank) {
            return Err(Code::Forbidden);
        }
        if !self.bans.insert(whom) {
            return Ok(self.top());
        }
        self.members.remove(&whom);
        self.push(Entry::Banned { user: whom, by })
    }

    fn direct(&mut self, by: usize, whom: usize, blocks: &Blocks) -> Result<u64, Code> {
        if !self.members.is_empty() {
            return Ok(self.top());
        }
        if blocks.contains(&(by, whom)) || blocks.contains(&(whom, by)) {
            return Err(Code::Forbidden);
        }
        self.take_in(by, by)?;
        self.take_in(whom, by)
    }

    fn send(&mut self, by: usize, client_id: u8, text: u8, blocks: &Blocks) -> Result<u64, Code> {
        let is_member = self.members.contains_key(&by);
        let first = self.log.iter().enumerate().find_map(|(index, entry)| match entry {
            Entry::Message { by: sender, client_id: id, text } if (*sender, *id) == (by, client_id) => {
                Some((index, *text))
            }
            _ => None,
        });
        let unheard = self.kind == RoomKind::Direct
            && self
                .members
                .keys()
                .any(|other| blocks.contains(&(by, *other)) || blocks.contains(&(*other, by)));
        match first {
            Some((index, same)) if same == text => Ok(index as u64 + 1),
            Some(_) if is_member => Err(Code::Conflict),
            None if is_member && unheard => Err(Code::Forbidden),
            None if is_member => self.push(Entry::Message { by, client_id, text }),
            _ => Err(Code::NotFound),
        }
    }

    /// Where one stands after `room:read`, and whether that moved.
    pub(super) fn read(&mut self, user: usize, seq: u64) -> Result<(u64, bool), Code> {
        let top = self.top();
        match self.members.get_mut(&user) {
            None => Err(Code::NotFound),
            Some(_) if seq > top => Err(Code::BadRequest),
            Some(member) => {
                let moved = seq > member.read;
                member.read = seq.max(member.read);
                Ok((member.read, moved))
            }
        }
    }

    /// Others' messages behind a member's position, counted.
    pub(super) fn unread(&self, user: usize, read: u64) -> u64 {
        let behind = self.log.iter().skip(read as usize);
        behind.filter(|entry| matches!(entry, Entry::Message { by, .. } if *by != user)).count() as u64
    }

    /// Who is a member and what they are, by the log alone.
    pub(super) fn folded(&self) -> BTreeMap<usize, Role> {
        let mut members = BTreeMap::new();
        for entry in &self.log {
            match entry {
                Entry::Added { user, .. } => {
                    let owns = members.is_empty() && self.kind != RoomKind::Direct;
                    let role = if owns { Role::Owner } else { Role::Member };
                    assert_eq!(members.insert(*user, role), None);
                }
                Entry::Removed { user, .. } => assert!(members.remove(user).is_some()),
                Entry::Changed { user, role, .. } => {
                    assert_ne!(members.insert(*user, *role), Some(*role));
                }
                Entry::Banned { user, .. } => drop(members.remove(user)),
                Entry::Unbanned { .. } | Entry::Renamed { .. } => {}
                Entry::Message { by, .. } => assert!(members.contains_key(by)),
            }
        }
        members
    }
}
