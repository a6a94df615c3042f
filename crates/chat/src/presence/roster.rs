//! Who is here, and who is told of whose coming and going: the state, without a clock and without a store.
//!
//! Somebody is known here while they have a connection, or had one a moment ago, or are watched. A change costs a look
//! at those who watch, and nobody else. A watcher is told only what differs from what they were told last, so what could
//! not be sent at once is made up for later by one look at whom they watch: no queue, and no edge lost.

use super::{
    Facts, PresenceId,
    person::{Known, Leaving, Person, View},
    watcher::{Edge, Watch, Watcher},
};
use crate::Subscriber;
use plaza_bus::Subscription;
use plaza_protocol::{LastSeen, PresenceEvent, PresenceList, Timestamp, User, UserId};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// People one connection may watch.
pub(super) const MOST_WATCHED: usize = 500;

/// Everybody of interest to this node.
pub(super) struct Roster<S: Subscriber> {
    people: HashMap<Arc<UserId>, Person>,
    watchers: HashMap<PresenceId, Watcher<S>>,
    /// Those whose last connection has ended, until they are offline.
    leaving: BTreeSet<(Instant, Arc<UserId>)>,
    /// Watchers who are to be told more when they have room for it.
    behind: HashSet<PresenceId>,
    grace: Duration,
    online: usize,
    watches: usize,
    most_watches: usize,
}

/// Why more cannot be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// This connection watches as many as it may; with these there would be so many.
    Connection(usize),
    /// This node does.
    Node,
}

impl<S: Subscriber> Roster<S> {
    pub(super) fn new(grace: Duration, most_watches: usize) -> Self {
        Self {
            people: HashMap::new(),
            watchers: HashMap::new(),
            leaving: BTreeSet::new(),
            behind: HashSet::new(),
            grace,
            online: 0,
            watches: 0,
            most_watches,
        }
    }

    /// A connection has come. Whether with it somebody is online with this node who was not.
    pub(super) fn came(&mut self, id: PresenceId, user: UserId, subscriber: Arc<S>) -> bool {
        let user = self.name(user);
        let person = self.people.entry(Arc::clone(&user)).or_default();
        let was_here = person.is_here();
        person.connections.push(id);
        if let Some(leaving) = person.leaving.take() {
            self.leaving.remove(&(leaving.until, Arc::clone(&user)));
        }
        self.watchers.insert(id, Watcher::new(Arc::clone(&user), subscriber));
        if !was_here {
            self.online += 1;
            self.tell_watchers(&user);
        }
        !was_here
    }

    /// How many people are online.
    pub(super) fn online(&self) -> usize {
        self.online
    }

    /// How many people are watched, each once for each connection that does.
    pub(super) fn watches(&self) -> usize {
        self.watches
    }

    /// Whether a connection has come and not gone.
    pub(super) fn knows(&self, id: PresenceId) -> bool {
        self.watchers.contains_key(&id)
    }

    /// A connection has gone, at `now` as timers count, and `at` as people do.
    pub(super) fn went(&mut self, id: PresenceId, now: Instant, at: Timestamp) {
        let Some(gone) = self.watchers.remove(&id) else { return };
        self.behind.remove(&id);
        for watched in gone.watching.keys() {
            self.unwatched(watched, id);
        }
        let Some(person) = self.people.get_mut(&gone.user) else { return };
        person.connections.retain(|other| *other != id);
        if person.connections.is_empty() {
            let until = now + self.grace;
            person.leaving = Some(Leaving { until, since: at });
            self.leaving.insert((until, gone.user));
        }
    }

    /// When the next one who has left is offline.
    pub(super) fn next_leaving(&self) -> Option<Instant> {
        self.leaving.first().map(|(until, _)| *until)
    }

    /// Takes one who has left out, if it is time: who, and when their last connection ended.
    pub(super) fn left(&mut self, now: Instant) -> Option<(UserId, Timestamp)> {
        if self.leaving.first().is_none_or(|(until, _)| *until > now) {
            return None;
        }
        let (_, user) = self.leaving.pop_first()?;
        let person = self.people.get_mut(&user)?;
        let since = person.leaving.take()?.since;
        self.online -= 1;
        if let Some(known) = &mut person.known {
            if known.visible {
                known.last_seen = Some(since);
            }
            self.tell_watchers(&user);
        } else {
            self.people.remove(&user);
        }
        Some((UserId::clone(&user), since))
    }

    /// Everybody who is online, with the time from which they are not if all connections end at `at`.
    pub(super) fn all_left(&self, at: Timestamp) -> Vec<(UserId, Timestamp)> {
        let here = self.people.iter().filter(|(_, person)| person.is_here());
        here.map(|(user, person)| (UserId::clone(user), person.leaving.map_or(at, |leaving| leaving.since)))
            .collect()
    }

    /// Everybody who is online with this node.
    pub(super) fn here(&self) -> Vec<UserId> {
        let here = self.people.iter().filter(|(_, person)| person.is_here());
        here.map(|(user, _)| UserId::clone(user)).collect()
    }

    /// Everybody who is watched.
    pub(super) fn watched(&self) -> Vec<UserId> {
        let watched = self.people.iter().filter(|(_, person)| person.known.is_some());
        watched.map(|(user, _)| UserId::clone(user)).collect()
    }

    /// Everybody who watches somebody.
    pub(super) fn watching(&self) -> HashSet<UserId> {
        let watching = self.watchers.values().filter(|watcher| !watcher.watching.is_empty());
        watching.map(|watcher| UserId::clone(&watcher.user)).collect()
    }

    /// Changes with which other nodes one who is watched is online; who is so with none any more was last seen `at`.
    pub(super) fn change(&mut self, user: &UserId, at: Timestamp, change: impl FnOnce(&mut HashSet<String>)) {
        let Some(person) = self.people.get_mut(user) else { return };
        let was_online = person.is_online();
        let Some(known) = &mut person.known else { return };
        change(&mut known.nodes);
        let is_online = person.is_online();
        if let Some(known) = &mut person.known
            && was_online
            && !is_online
            && known.visible
        {
            known.last_seen = Some(at);
        }
        if was_online != is_online {
            self.tell_watchers(user);
        }
    }

    /// As somebody sees these people who does not watch them.
    pub(super) fn look(&self, asker: &UserId, people: Vec<Facts>) -> PresenceList {
        let mut list = PresenceList::default();
        for facts in people {
            let own = facts.user.id == *asker;
            let (visible, last_seen, blocked) = (facts.visible, facts.last_seen, facts.blocked);
            let user = facts.user.clone();
            let view = match self.people.get(&user.id) {
                Some(Person { known: Some(known), .. }) => {
                    self.people[&user.id].view(known.visible, known.last_seen, own, blocked)
                }
                Some(person) if person.is_here() => person.view(visible, last_seen, own, blocked),
                _ => {
                    let known = Some(Box::new(Known::from(facts)));
                    Person { known, ..Person::default() }.view(visible, last_seen, own, blocked)
                }
            };
            put(&mut list, user, view);
        }
        list
    }

    /// Watches no longer, then watches more: all of it or nothing. The state of those added; what changes later is
    /// told.
    pub(super) fn watch(
        &mut self,
        id: PresenceId,
        add: Vec<Facts>,
        mut followed: HashMap<UserId, Subscription>,
        remove: &[UserId],
    ) -> Result<PresenceList, Full> {
        let Some(watcher) = self.watchers.get(&id) else { return Ok(PresenceList::default()) };
        let removed: HashSet<_> = remove.iter().filter(|user| watcher.watching.contains_key(*user)).collect();
        let mut fresh: Vec<_> = add.iter().map(|facts| &facts.user.id).collect();
        fresh.retain(|user| !watcher.watching.contains_key(*user) || removed.contains(user));
        let (asker, watched) =
            (Arc::clone(&watcher.user), watcher.watching.len() - removed.len() + fresh.len());
        if watched > MOST_WATCHED {
            return Err(Full::Connection(watched));
        }
        if !fresh.is_empty() && self.watches - removed.len() + fresh.len() > self.most_watches {
            return Err(Full::Node);
        }
        for user in remove {
            if self.watchers.get_mut(&id).is_some_and(|watcher| watcher.watching.remove(user).is_some()) {
                self.unwatched(user, id);
            }
        }
        let mut list = PresenceList::default();
        for facts in add {
            let (user, blocked) = (facts.user.clone(), facts.blocked);
            let name = self.name(user.id.clone());
            let person = self.people.entry(Arc::clone(&name)).or_default();
            let known = person.known.get_or_insert_with(|| Box::new(Known::from(facts)));
            known.watchers.insert(id);
            if let Some(followed) = followed.remove(&user.id) {
                known.followed.get_or_insert(followed);
            }
            let (visible, last_seen) = (known.visible, known.last_seen);
            let view = person.view(visible, last_seen, *asker == user.id, blocked);
            if let Some(watcher) = self.watchers.get_mut(&id) {
                let told = Watch { blocked, online: view == View::Online };
                self.watches += usize::from(watcher.watching.insert(name, told).is_none());
            }
            put(&mut list, user, view);
        }
        Ok(list)
    }

    /// Somebody lets themselves be seen, or no more.
    pub(super) fn set_visible(&mut self, user: &UserId, visible: bool) {
        if let Some(known) = self.people.get_mut(user).and_then(|person| person.known.as_mut()) {
            known.visible = visible;
            self.tell_watchers(user);
        }
    }

    /// `by` has blocked `whom`, or does no more: to all of their connections.
    pub(super) fn set_blocked(&mut self, by: &UserId, whom: &UserId, blocked: bool) {
        let connections = self.people.get(whom).map(|person| person.connections.clone());
        for id in connections.unwrap_or_default() {
            let watching = self.watchers.get_mut(&id).and_then(|watcher| watcher.watching.get_mut(by));
            if let Some(watch) = watching {
                watch.blocked = blocked;
                self.tell(id, by, &mut Edge::default());
            }
        }
    }

    /// Of these watchers `by` has blocked these, and no others.
    pub(super) fn set_blocks(&mut self, by: &UserId, blocked: &HashSet<UserId>, watchers: &HashSet<UserId>) {
        let known = self.people.get(by).and_then(|person| person.known.as_ref());
        let ids: Vec<_> = known.map_or_else(Vec::new, |known| known.watchers.iter().copied().collect());
        for id in ids {
            let Some(watcher) = self.watchers.get_mut(&id) else { continue };
            let blocked = blocked.contains(&*watcher.user);
            let is_meant = watchers.contains(&*watcher.user);
            let Some(watch) = watcher.watching.get_mut(by).filter(|_| is_meant) else { continue };
            if watch.blocked != blocked {
                watch.blocked = blocked;
                self.tell(id, by, &mut Edge::default());
            }
        }
    }

    /// Whether somebody is to be told more when there is room for it.
    pub(super) fn has_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Tells those who were behind what they were not told, as far as they have room.
    pub(super) fn catch_up(&mut self) {
        let behind: Vec<_> = self.behind.iter().copied().collect();
        for id in behind {
            let Some(watcher) = self.watchers.get(&id).filter(|watcher| watcher.has_room()) else { continue };
            self.behind.remove(&id);
            let watched: Vec<_> = watcher.watching.keys().cloned().collect();
            for user in watched {
                self.tell(id, &user, &mut Edge::default());
            }
        }
    }

    fn tell_watchers(&mut self, user: &UserId) {
        let known = self.people.get(user).and_then(|person| person.known.as_ref());
        let watchers: Vec<_> = known.map_or_else(Vec::new, |known| known.watchers.iter().copied().collect());
        let mut edge = Edge::default();
        for id in watchers {
            self.tell(id, user, &mut edge);
        }
    }

    /// Tells one watcher of one person, if there is something to tell.
    fn tell(&mut self, id: PresenceId, user: &UserId, edge: &mut Edge<S>) {
        let Some(watcher) = self.watchers.get_mut(&id) else { return };
        let Some(person) = self.people.get(user) else { return };
        let Some(known) = &person.known else { return };
        let own = *watcher.user == *user;
        let view = |watch: &Watch| person.view(known.visible, known.last_seen, own, watch.blocked);
        let event = |view| PresenceEvent {
            user: known.user.clone(),
            online: view == View::Online,
            last_seen: match view {
                View::Online => None,
                View::Offline(last_seen) => last_seen,
            },
        };
        if !watcher.tell(user, view, |view| edge.frame(view, || event(view))) {
            self.behind.insert(id);
        }
    }

    /// One who was watched is so no longer by this connection.
    fn unwatched(&mut self, user: &UserId, by: PresenceId) {
        self.watches -= 1;
        let Some(person) = self.people.get_mut(user) else { return };
        if let Some(known) = &mut person.known {
            known.watchers.remove(&by);
            if known.watchers.is_empty() {
                person.known = None;
            }
        }
        if person.is_forgotten() {
            self.people.remove(user);
        }
    }

    /// The one allocation of a name that is known already.
    fn name(&self, user: UserId) -> Arc<UserId> {
        self.people.get_key_value(&user).map_or_else(|| Arc::new(user), |(name, _)| Arc::clone(name))
    }

    /// How much is kept: people, watchers, watches.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.people.len(), self.watchers.len(), self.watches)
    }
}

fn put(list: &mut PresenceList, user: User, view: View) {
    match view {
        View::Online => list.online.push(user),
        View::Offline(last_seen) => list.offline.push(LastSeen { user, last_seen }),
    }
}
