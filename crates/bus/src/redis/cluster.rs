//! A Redis Cluster: which of its masters has which slot, kept up to date.
//!
//! The map is asked for at start, when a server answers `MOVED`, when a connection has trouble, and now and then. A
//! `MOVED` is believed at once for its slot; the whole map follows a moment later.

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use rand::seq::SliceRandom as _;
use redis::{ErrorKind, RedisResult, Value, cmd};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    desk::{Desk, ServerId},
    endpoint::Endpoint,
    hints::{Hints, Taken},
    keeper::Keeper,
    outbox::{Message, Outbox},
    publisher,
    shared::Shared,
    slot::{SLOTS, lane, slot},
    states::Outgoing,
};
use crate::{channel::Channel, inbox::Direction, options::PubSub, topics::Confirmed};

/// Shortest time between two requests for the map.
const PACE: Duration = Duration::from_millis(100);
/// The time between two, for as long as something is wrong and a little longer.
const TROUBLED_PACE: Duration = Duration::from_millis(500);
const TROUBLED: Duration = Duration::from_secs(10);
/// Who has not told the map after this time is not waited for alone: the next is asked as well.
const HEDGE: Duration = Duration::from_millis(200);
/// What moves within this time is followed in one go. It also bounds how often two servers can send us back and forth.
const TOGETHER: Duration = Duration::from_millis(2);
/// Most masters; what a server claims beyond them is not believed.
const MOST_MASTERS: usize = 1_000;

/// Why the cluster as a whole does not work.
const NO_MAP: &str = "which server has which slot is not known";
const HOLES: &str = "some slots are served by nobody";

/// A Redis Cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    seeds: Vec<Endpoint>,
    desk: Arc<Desk>,
    hints: Hints,
    outgoing: Arc<Outgoing>,
    shared: Arc<Shared>,
    /// The cluster as a whole, among the servers whose states are shown.
    itself: ServerId,
    map: RwLock<Map>,
}

#[derive(Debug)]
struct Map {
    /// Every slot is served.
    whole: bool,
    /// One a slot.
    slots: Vec<Option<ServerId>>,
    masters: HashMap<ServerId, Master>,
}

#[derive(Debug)]
struct Master {
    endpoint: Endpoint,
    lanes: Vec<Arc<Outbox>>,
    keeper: Option<Arc<Keeper>>,
    until: CancellationToken,
}

/// Slots from the first to the last, at a host and port.
type Range = (u16, u16, String, u16);

impl Cluster {
    pub(crate) fn new(seeds: Vec<Endpoint>, desk: Arc<Desk>, shared: Arc<Shared>) -> Arc<Self> {
        let outgoing = Outgoing::new(0, false, shared.inbox.clone(), shared.states.clone());
        let itself = shared.add("the cluster as a whole", 0);
        outgoing.add(itself);
        let map = Map { whole: true, slots: vec![None; usize::from(SLOTS)], masters: HashMap::new() };
        let (hints, map) = (Hints::kept(), RwLock::new(map));
        Arc::new(Self { seeds, desk, hints, outgoing, shared, itself, map })
    }

    pub(crate) fn publish(&self, message: Message) {
        let map = self.read();
        let master = map.server(&message.channel).and_then(|server| map.masters.get(&server));
        let outbox =
            |master: &Master| master.lanes.get(lane(master.lanes.len(), message.channel.as_str())).cloned();
        match master.and_then(outbox) {
            Some(outbox) => outbox.push(message),
            None => {
                self.shared.counters.publish_failed.fetch_add(1, Relaxed);
                self.shared.inbox.lost(0, Direction::Out);
            }
        }
    }

    /// Who keeps the copies of a name.
    pub(crate) fn keeper_of(&self, name: &Channel) -> Option<Arc<Keeper>> {
        let map = self.read();
        map.masters.get(&map.server(name)?)?.keeper.clone()
    }

    pub(crate) fn want(&self, channel: &Channel, confirmed: &Arc<Confirmed>) {
        // The map's lock is held, so that a move cannot pass between the look and the entry.
        let map = self.read();
        self.desk.want(channel, confirmed, map.server(channel));
    }

    pub(crate) fn unwant(&self, channel: &Channel) {
        self.desk.unwant(channel);
    }

    /// Asks for the map for the first time.
    pub(crate) async fn begin(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!("the cluster's map cannot be had: {error}");
            self.look_at_holes(&mut self.map.write().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The servers on which a channel has its subscribers: in classic pub/sub any of them.
    pub(crate) fn endpoints_of(&self, channel: &Channel) -> Vec<Endpoint> {
        let map = self.read();
        match self.shared.options.mode {
            PubSub::Sharded => {
                let master = map.server(channel).and_then(|server| map.masters.get(&server));
                master.map(|master| master.endpoint.clone()).into_iter().collect()
            }
            PubSub::Classic => map.masters.values().map(|master| master.endpoint.clone()).collect(),
        }
    }

    /// Asks for the map and follows it.
    async fn refresh(&self) -> RedisResult<()> {
        let known = self.read().masters.values().map(|master| master.endpoint.clone()).collect::<Vec<_>>();
        let mut seen = HashSet::new();
        let mut servers: Vec<_> = known.into_iter().chain(self.seeds.iter().cloned()).collect();
        servers.retain(|endpoint| seen.insert(endpoint.to_string()));
        // Not all nodes ask the same one, and one that is dead is not asked first for ever.
        servers.shuffle(&mut rand::rng());
        let mut asking: FuturesUnordered<_> =
            servers.pop().map(|first| self.ask(first)).into_iter().collect();
        let mut result: RedisResult<()> =
            Err((ErrorKind::Client, "no server of the cluster is known").into());
        loop {
            let more = !servers.is_empty();
            tokio::select! {
                answer = asking.next() => match answer {
                    Some(Ok((from, ranges))) => {
                        self.follow(&from, &ranges);
                        return Ok(());
                    }
                    Some(Err(error)) => result = Err(error),
                    None => return result,
                },
                () = sleep(HEDGE), if more => {}
            }
            asking.extend(servers.pop().map(|server| self.ask(server)));
        }
    }

    /// Keeps the map up to date. Runs until it is dropped.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut last = Instant::now();
        let mut next = last + TROUBLED_PACE;
        let mut troubled = last;
        loop {
            tokio::select! {
                () = self.hints.noticed() => {
                    sleep(TOGETHER).await;
                    let taken = self.hints.take();
                    self.follow_hints(taken);
                    next = next.min(last + PACE);
                    troubled = Instant::now() + TROUBLED;
                }
                () = sleep_until(next) => {
                    let known = self.refresh().await;
                    last = Instant::now();
                    let pause = if known.is_err() || last < troubled { TROUBLED_PACE } else { self.shared.options.timing.reconcile };
                    next = last + pause;
                }
            }
        }
    }

    async fn ask(&self, from: Endpoint) -> RedisResult<(Endpoint, Vec<Range>)> {
        let timing = &self.shared.options.timing;
        let (mut connection, driver) = publisher::connect(&from, self.shared.tls.as_ref(), timing).await?;
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        tokio::select! {
            answer = slots.query_async::<Value>(&mut connection) => {
                let ranges = read_slots(&answer?, from.host().unwrap_or_default())
                    .ok_or((ErrorKind::Parse, "an answer to CLUSTER SLOTS that is not understood"))?;
                if ranges.is_empty() {
                    return Err((ErrorKind::Client, "the cluster has no slots yet").into());
                }
                Ok((from, ranges))
            }
            () = driver => Err((ErrorKind::Io, "the connection was closed").into()),
        }
    }

    fn follow(&self, from: &Endpoint, ranges: &[Range]) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut slots = vec![None; usize::from(SLOTS)];
        for (first, last, host, port) in ranges {
            let server = self.master(&mut map, from.sibling(host.clone(), *port));
            slots[usize::from(*first)..=usize::from(*last)].fill(server);
        }
        map.slots = slots;
        self.desk.route(|channel| map.server(channel));
        self.look_at_holes(&mut map);
        let used: HashSet<_> = map.slots.iter().flatten().copied().collect();
        map.masters.retain(|server, master| {
            let stays = used.contains(server);
            if !stays {
                master.until.cancel();
                self.outgoing.remove(*server);
                self.shared.states.remove(*server);
            }
            stays
        });
    }

    fn follow_hints(&self, taken: Taken) {
        if !taken.moved.is_empty() {
            let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
            for (slot, (host, port)) in taken.moved {
                let before = map.slots[usize::from(slot)].and_then(|server| map.masters.get(&server));
                let Some(like) =
                    before.map(|master| master.endpoint.clone()).or_else(|| self.seeds.first().cloned())
                else {
                    continue;
                };
                let host = if host.is_empty() { like.host().unwrap_or_default().to_owned() } else { host };
                let server = self.master(&mut map, like.sibling(host, port));
                map.slots[usize::from(slot)] = server;
            }
            self.desk.route(|channel| map.server(channel));
        }
        for message in taken.again {
            self.publish(message);
        }
    }

    /// Says so if slots are served by nobody, or all of them are again.
    fn look_at_holes(&self, map: &mut Map) {
        let served = map.slots.iter().flatten().count();
        let why = match served {
            0 => Some(NO_MAP),
            _ if served < map.slots.len() => Some(HOLES),
            _ => None,
        };
        self.shared.states.subscribing(self.itself, why);
        match (map.whole, why) {
            (false, None) => self.outgoing.mends(self.itself),
            (true, Some(why)) => self.outgoing.breaks(self.itself, why),
            (_, why) => self.shared.states.publishing(self.itself, why),
        }
        map.whole = why.is_none();
    }

    /// The server at this address, started if it is new.
    fn master(&self, map: &mut Map, endpoint: Endpoint) -> Option<ServerId> {
        if let Some((server, _)) = map.masters.iter().find(|(_, master)| master.endpoint == endpoint) {
            return Some(*server);
        }
        if map.masters.len() >= MOST_MASTERS {
            return None;
        }
        if let Err(error) = endpoint.check_password(self.shared.options.allow_no_password) {
            tracing::error!("{error}");
            return None;
        }
        let until = self.shared.shutdown.child_token();
        let server = self.shared.add(&endpoint.to_string(), 0);
        let lanes = self.shared.publish(server, &endpoint, &self.outgoing, &self.hints, &until);
        let endpoints = vec![(server, endpoint.clone())];
        self.shared.subscribe(server, endpoints, (&self.desk, 0), &self.hints, &until);
        let keeper = self.shared.keep(&endpoint, &self.hints, &until);
        map.masters.insert(server, Master { endpoint, lanes, keeper, until });
        Some(server)
    }

    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Map {
    fn server(&self, channel: &Channel) -> Option<ServerId> {
        self.slots.get(usize::from(slot(channel.as_str()))).copied().flatten()
    }
}

/// Reads an answer to `CLUSTER SLOTS`. A host that is left out is the one that was asked; `?` is not known.
fn read_slots(answer: &Value, asked: &str) -> Option<Vec<Range>> {
    let Value::Array(rows) = answer else { return None };
    let mut ranges = Vec::new();
    for row in rows {
        let Value::Array(row) = row else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = row.as_slice() else {
            return None;
        };
        let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
        let [host, Value::Int(port), ..] = master.as_slice() else { return None };
        let host = match host {
            Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
            Value::Nil => "",
            _ => return None,
        };
        if first > last || last >= SLOTS {
            return None;
        }
        if host != "?" {
            let host = if host.is_empty() { asked } else { host };
            ranges.push((first, last, host.to_owned(), u16::try_from(*port).ok()?));
        }
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: i64, last: i64, host: Value, port: i64) -> Value {
        let master = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), master])
    }

    #[test]
    fn the_map_is_read_and_what_is_no_map_refused() {
        let named = Value::BulkString(b"10.0.0.2".to_vec());
        let unknown = Value::BulkString(b"?".to_vec());
        let answer = Value::Array(vec![
            row(0, 1, named.clone(), 7_000),
            row(2, 3, Value::Nil, 7_001),
            row(4, 5, unknown, 1),
        ]);
        let expected = vec![(0, 1, "10.0.0.2".to_owned(), 7_000), (2, 3, "asked".to_owned(), 7_001)];
        assert_eq!(read_slots(&answer, "asked"), Some(expected));
        for wrong in [
            row(1, 0, named.clone(), 1),
            row(0, 16_384, named.clone(), 1),
            row(0, 1, named, 70_000),
            Value::Nil,
        ] {
            assert_eq!(read_slots(&Value::Array(vec![wrong]), "asked"), None);
        }
    }
}
