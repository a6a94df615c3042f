//! One room in the feed: where its order stands, who is fed, and what is kept for those coming in.

use super::{ConnectionId, Encoded, Item, SPARE, Subscriber};
use plaza_bus::Subscription;
use plaza_protocol::{Event, Seq};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// Events told ahead of what precedes them that are kept while that may still come; with one more, the log is asked.
const AHEAD: usize = 64;
/// Events kept while somebody comes in; one who is further behind reads them from the log.
pub(super) const KEPT: usize = 64;

/// What to do with an event that was told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next one: pass it on.
    Pass,
    /// Passed on already, or to come from the log.
    Drop,
    /// Some are missing between this and the last. They may be on their way: look again in a moment.
    Wait,
    /// They are not coming: fetch what comes after this position.
    Heal(Seq),
}

/// Between what was passed on and what was told.
#[derive(Debug, Default)]
enum Gap {
    #[default]
    None,
    /// What is missing may come by itself; what came ahead of it.
    Waiting(BTreeMap<Seq, Arc<Event>>),
    /// It is fetched from the log; whether more was told since.
    Healing { more: bool },
}

/// A room somebody on this node is fed from, or comes in to.
pub(super) struct Room<S: Subscriber> {
    /// The last position passed on; `None` until the first is known.
    seq: Option<Seq>,
    gap: Gap,
    /// Each with the position after which it is fed.
    fed: HashMap<ConnectionId, (Arc<S>, Seq)>,
    coming_in: HashSet<ConnectionId>,
    kept: VecDeque<(Seq, S::Frame)>,
    /// To what other nodes say in the room.
    followed: Option<Arc<Subscription>>,
}

impl<S: Subscriber> Room<S> {
    pub(super) fn new(followed: Option<Subscription>) -> Self {
        Self {
            followed: followed.map(Arc::new),
            seq: None,
            gap: Gap::None,
            fed: HashMap::new(),
            coming_in: HashSet::new(),
            kept: VecDeque::new(),
        }
    }

    /// Whether nobody is interested (any more).
    pub(super) fn is_empty(&self) -> bool {
        self.fed.is_empty() && self.coming_in.is_empty()
    }

    /// By what it is heard of from other nodes.
    pub(super) fn followed(&self) -> Option<&Arc<Subscription>> {
        self.followed.as_ref()
    }

    pub(super) fn watch(&mut self, connection: ConnectionId) {
        self.coming_in.insert(connection);
    }

    /// Where an event stands in the room's order.
    pub(super) fn next(&mut self, event: &Arc<Event>) -> Next {
        let seq = event.seq();
        match (self.seq, &mut self.gap) {
            (_, Gap::Healing { more }) => {
                *more = true;
                Next::Drop
            }
            (Some(last), _) if seq <= last => Next::Drop,
            (Some(last), gap) if seq > last + 1 => match gap {
                Gap::Waiting(ahead) if ahead.len() == AHEAD => {
                    *gap = Gap::Healing { more: false };
                    Next::Heal(last)
                }
                Gap::Waiting(ahead) => {
                    ahead.insert(seq, Arc::clone(event));
                    Next::Drop
                }
                _ => {
                    *gap = Gap::Waiting([(seq, Arc::clone(event))].into());
                    Next::Wait
                }
            },
            _ => Next::Pass,
        }
    }

    /// One that was told ahead and is the next now.
    pub(super) fn was_ahead(&mut self) -> Option<Arc<Event>> {
        let Gap::Waiting(ahead) = &mut self.gap else { return None };
        let last = self.seq?;
        let next = ahead.remove(&(last + 1));
        if ahead.is_empty() {
            self.gap = Gap::None;
        }
        next
    }

    /// What was missing has had the time to come. Where to fetch it from, if it has not.
    pub(super) fn still_missing(&mut self) -> Option<Seq> {
        let Gap::Waiting(_) = &self.gap else { return None };
        self.gap = Gap::Healing { more: false };
        self.seq
    }

    /// The log's newest event is this one. Where to fetch from what nobody has told of, if there is something.
    pub(super) fn is_behind(&mut self, top: Seq) -> Option<Seq> {
        let last = self.seq.filter(|last| *last < top)?;
        if let Gap::Healing { more } = &mut self.gap {
            *more = true;
            return None;
        }
        self.gap = Gap::Healing { more: false };
        Some(last)
    }

    /// The last position passed on, where one is known.
    pub(super) fn position(&self) -> Option<Seq> {
        self.seq
    }

    /// What was fetched has been passed on. Where to fetch more from, if there is more.
    pub(super) fn healed(&mut self, fetched: usize) -> Option<Seq> {
        let told_meanwhile = matches!(std::mem::take(&mut self.gap), Gap::Healing { more: true });
        if fetched == 0 && !told_meanwhile {
            return None;
        }
        self.gap = Gap::Healing { more: false };
        self.seq
    }

    /// Whether what comes next in the room's order is not in the log any more, whose oldest event is at `oldest`.
    pub(super) fn is_cut(&self, oldest: Seq) -> bool {
        self.seq.is_some_and(|last| oldest > last + 1)
    }

    /// Closes whoever is fed, and begins anew with those who come in.
    pub(super) fn begin_anew(&mut self) {
        for (_, (subscriber, _)) in self.fed.drain() {
            subscriber.close();
        }
        self.kept = VecDeque::new();
        self.gap = Gap::None;
        self.seq = None;
    }

    /// While healing, events come from the log alone.
    pub(super) fn is_next(&self, seq: Seq) -> bool {
        self.seq.is_none_or(|last| seq == last + 1)
    }

    /// Sends an event to everybody who is fed, and keeps it for those coming in. What it cost each of them, and
    /// how many they were.
    pub(super) fn pass(&mut self, event: &Arc<Event>) -> (usize, usize) {
        let (seq, mut receivers) = (event.seq(), 0);
        let mut encoded: Encoded<S> = Encoded::new(Item::Event(Arc::clone(event)));
        for (subscriber, after) in self.fed.values() {
            if seq > *after {
                subscriber.send(encoded.frame());
                receivers += 1;
            }
        }
        self.seq = Some(seq);
        if self.coming_in.is_empty() {
            self.kept = VecDeque::new();
        } else {
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back((seq, encoded.frame().clone()));
        }
        (encoded.cost(), receivers)
    }

    /// Sends what may be left out to those of who is fed that are `wanted` and have room for it.
    pub(super) fn mention(&self, item: Item, wanted: impl Fn(ConnectionId) -> bool) {
        let mut encoded: Encoded<S> = Encoded::new(item);
        for (id, (subscriber, _)) in &self.fed {
            if wanted(*id) && subscriber.free() >= SPARE {
                subscriber.send(encoded.frame());
            }
        }
    }

    /// The position to which one who holds `position` can be brought from what is kept; `None`: it cannot.
    ///
    /// A gap is no obstacle: it lies above what was passed on, and who is brought in gets what closes it, above what they hold.
    /// To wait for its end could be to wait for ever, where much is written and the log is slow.
    pub(super) fn reach(&self, position: Seq) -> Option<Seq> {
        match self.seq {
            Some(last) if last > position => {
                let first = self.kept.front().map_or(last + 1, |(seq, _)| *seq);
                (first <= position + 1).then_some(last)
            }
            _ => Some(position),
        }
    }

    /// What bringing in one who holds `position` will send.
    pub(super) fn kept_above(&self, position: Seq) -> usize {
        self.kept.iter().filter(|(seq, _)| *seq > position).map(|(_, frame)| S::cost(frame)).sum()
    }

    /// Feeds a connection that holds `position`; first with what is kept above it. The position it then holds.
    pub(super) fn bring_in(&mut self, connection: ConnectionId, subscriber: &Arc<S>, position: Seq) -> Seq {
        for (_, frame) in self.kept.iter().filter(|(seq, _)| *seq > position) {
            subscriber.send(frame);
        }
        let after = position.max(*self.seq.get_or_insert(position));
        self.fed.entry(connection).or_insert_with(|| (Arc::clone(subscriber), after));
        self.came_in(connection);
        after
    }

    /// Feeds the connection of one who becomes a member by the event at `seq`, from that event on.
    pub(super) fn add(&mut self, connection: ConnectionId, subscriber: &Arc<S>, seq: Seq) {
        self.fed.entry(connection).or_insert_with(|| (Arc::clone(subscriber), seq - 1));
    }

    /// Ends the feeding of one who stops being a member by the event at `seq`, unless brought in after it.
    /// Whether it was ended.
    pub(super) fn remove(&mut self, connection: ConnectionId, seq: Seq) -> bool {
        let ends = self.fed.get(&connection).is_some_and(|(_, after)| seq > *after);
        if ends {
            self.fed.remove(&connection);
        }
        ends
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.fed.remove(&connection);
        self.came_in(connection);
    }

    fn came_in(&mut self, connection: ConnectionId) {
        self.coming_in.remove(&connection);
        if self.coming_in.is_empty() {
            self.kept = VecDeque::new();
        }
    }
}
