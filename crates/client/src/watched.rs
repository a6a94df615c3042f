//! Whom a client watches, over every connection it has: asked for again on each new one, and told of only what changed.

use plaza_protocol::{PresenceEvent, PresenceList, User, UserId, UserRef};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// People, each with what was last known of them.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    people: Mutex<BTreeMap<UserId, (User, bool)>>,
}

impl Watched {
    /// The server has carried out a request of ours.
    pub(crate) fn changed(&self, remove: &[UserRef], added: &PresenceList) {
        let mut people = self.lock();
        people.retain(|id, (user, _)| !remove.iter().any(|whom| means(whom, id, user)));
        for event in events(added) {
            people.insert(event.user.id.clone(), (event.user, event.online));
        }
    }

    /// All of them, as a request names them.
    pub(crate) fn all(&self) -> Vec<UserRef> {
        self.lock().keys().cloned().map(UserRef::Id).collect()
    }

    /// What the server says of one of them. It is told as it comes.
    pub(crate) fn told(&self, event: &PresenceEvent) {
        if let Some((_, online)) = self.lock().get_mut(&event.user.id) {
            *online = event.online;
        }
    }

    /// What the server answered on a new connection: what is to be told of it. Whoever there is not any more is dropped.
    pub(crate) fn again(&self, asked: &[UserRef], list: &PresenceList) -> Vec<PresenceEvent> {
        let mut people = self.lock();
        let mut changed = Vec::new();
        let mut there = Vec::new();
        for event in events(list) {
            there.push(event.user.id.clone());
            if let Some((_, online)) = people.get_mut(&event.user.id)
                && *online != event.online
            {
                *online = event.online;
                changed.push(event);
            }
        }
        people.retain(|id, _| there.contains(id) || !asked.contains(&UserRef::Id(id.clone())));
        changed
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<UserId, (User, bool)>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request means this person. The server compares names by a rule of its own; for those it has told us of,
/// upper and lower case are what may differ.
fn means(whom: &UserRef, id: &UserId, user: &User) -> bool {
    match whom {
        UserRef::Id(other) => other == id,
        UserRef::Name(name) => name.to_lowercase() == user.name.to_lowercase(),
    }
}

fn events(list: &PresenceList) -> impl Iterator<Item = PresenceEvent> + '_ {
    let online =
        list.online.iter().map(|user| PresenceEvent { user: user.clone(), online: true, last_seen: None });
    let offline = list.offline.iter().map(|seen| PresenceEvent {
        user: seen.user.clone(),
        online: false,
        last_seen: seen.last_seen,
    });
    online.chain(offline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_protocol::LastSeen;

    fn user(name: &str) -> User {
        User { id: format!("u_{name}").parse().unwrap(), name: name.into(), guest: true }
    }

    fn list(online: &[&str], offline: &[&str]) -> PresenceList {
        let offline = offline.iter().map(|name| LastSeen { user: user(name), last_seen: None });
        PresenceList { online: online.iter().copied().map(user).collect(), offline: offline.collect() }
    }

    #[test]
    fn on_a_new_connection_only_what_changed_is_told() {
        let watched = Watched::default();
        watched.changed(&[], &list(&["Ana", "Ben"], &["Cem", "Dan"]));
        watched.told(&PresenceEvent { user: user("Ana"), online: false, last_seen: None });
        watched.changed(&[UserRef::Name("dan".into())], &PresenceList::default());
        let all = watched.all();
        assert_eq!(all, ["Ana", "Ben", "Cem"].map(|name| UserRef::Id(user(name).id)));
        let told = watched.again(&all, &list(&["Ana"], &["Cem"]));
        let told: Vec<_> = told.iter().map(|event| (event.user.name.as_str(), event.online)).collect();
        assert_eq!(told, [("Ana", true)]);
        assert_eq!(watched.all().len(), 2, "Ben is nobody any more");
        assert!(watched.again(&watched.all(), &list(&["Ana"], &["Cem"])).is_empty());
    }
}
