//! How it went, in figures.

use super::{Person, Written};
use crate::Record;
use std::{collections::BTreeMap, fmt, time::Duration};
use tokio::time::Instant;

/// What a run noted and how it went.
#[derive(Debug)]
pub struct Crowded {
    /// For the auditor.
    pub record: Record,
    /// How long it took until everybody had come in and joined.
    pub arrived: Duration,
    /// Who lost their node.
    pub gone: usize,
    /// How long after the kill half of them, 99 of 100, and all were live again.
    pub back: [Duration; 3],
    /// Rooms that had to be reloaded.
    pub reloads: usize,
    /// Why clients that lost their node were not let in yet, and how often.
    pub refused: BTreeMap<String, usize>,
    /// Clients of the other nodes that lost their connection all the same.
    pub disturbed: usize,
    /// Writes before the kill.
    pub calm: Writes,
    /// Writes of those on other nodes, from the kill until all were back.
    pub storm: Writes,
}

/// How long some writes took until they were acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Writes {
    /// How many.
    pub count: usize,
    /// Half of them took no longer.
    pub half: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Writes {
    fn of<'a>(written: impl Iterator<Item = &'a Written>) -> Self {
        let mut took: Vec<_> = written.map(|written| written.acked - written.at).collect();
        took.sort_unstable();
        let longest = took.last().copied().unwrap_or_default();
        Self { count: took.len(), half: took.get(took.len() / 2).copied().unwrap_or_default(), longest }
    }
}

impl fmt::Display for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} writes, half of them within {:?}, all within {:?}", self.count, self.half, self.longest)
    }
}

/// All but the record.
pub(super) fn of(
    [gone, others]: [&[&Person]; 2],
    node: &str,
    killed_at: Instant,
    arrived: Duration,
    written: &[Written],
) -> Crowded {
    let (mut back, mut refused) = (Vec::new(), BTreeMap::new());
    for person in gone {
        let told = person.told();
        back.extend(told.back_after(killed_at).map(|live| live - killed_at));
        for why in told.troubles_since(killed_at) {
            *refused.entry(why.to_owned()).or_default() += 1;
        }
    }
    let disturbed =
        others.iter().filter(|person| person.told().troubles_since(killed_at).count() > 0).count();
    let reloads = gone.iter().chain(others).map(|person| person.told().reloads).sum();
    back.sort_unstable();
    let at = |share: usize| back.get((back.len() * share / 100).min(back.len().saturating_sub(1)));
    let at = |share| at(share).copied().unwrap_or_default();
    let storm = killed_at..=killed_at + at(100);
    Crowded {
        record: Record::default(),
        arrived,
        gone: back.len(),
        back: [at(50), at(99), at(100)],
        reloads,
        refused,
        disturbed,
        calm: Writes::of(written.iter().filter(|written| written.at < killed_at)),
        storm: Writes::of(written.iter().filter(|it| it.node != node && storm.contains(&it.at))),
    }
}
