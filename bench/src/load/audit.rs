//! What every member of a room should have got, against what it got: lost, doubled, reordered.
//!
//! A stream is what one member sends in one room, numbered from 0. Who hears it should hear 0, 1, 2 and so on. A number
//! that is jumped over is missing; if it comes after all, it was reordered; if never, it is lost. A number that comes
//! again is a double. What the server refused to take is nobody's loss.

use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Notes what is heard.
#[derive(Default)]
pub struct Audit {
    /// For each ear, the number that should come next.
    next: Vec<u32>,
    missing: HashSet<(u32, u32)>,
    refused: HashSet<(u32, u32)>,
    doubled: u64,
    reordered: u64,
}

/// What an audit has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Deliveries that should have come and never did.
    pub lost: u64,
    /// Deliveries that came again.
    pub doubled: u64,
    /// Deliveries that came after a later one of the same sender.
    pub reordered: u64,
}

impl Audit {
    /// An audit of `ears`: pairs of a member and a stream that it should hear, numbered by the caller.
    #[must_use]
    pub fn new(ears: usize) -> Self {
        Self { next: vec![0; ears], ..Self::default() }
    }

    /// `ear` has heard number `seq` of its stream.
    pub fn heard(&mut self, ear: u32, seq: u32) {
        let next = &mut self.next[ear as usize];
        if seq == *next {
            *next += 1;
        } else if seq > *next {
            self.missing.extend((*next..seq).map(|seq| (ear, seq)));
            *next = seq + 1;
        } else if self.missing.remove(&(ear, seq)) {
            self.reordered += 1;
        } else {
            self.doubled += 1;
        }
    }

    /// The server has refused number `seq` of `stream`.
    pub fn refused(&mut self, stream: u32, seq: u32) {
        self.refused.insert((stream, seq));
    }

    /// What is found, where `stream_of` says which stream an ear hears and `sent` how many were sent in a stream.
    pub fn findings(&self, stream_of: impl Fn(u32) -> u32, sent: impl Fn(u32) -> u32) -> Findings {
        let refused = |ear, seq| self.refused.contains(&(stream_of(ear), seq));
        let jumped_over = self.missing.iter().filter(|(ear, seq)| !refused(*ear, *seq)).count() as u64;
        let mut never_followed = 0;
        for (ear, next) in (0..).zip(&self.next) {
            let last = sent(stream_of(ear));
            never_followed += match self.refused.is_empty() {
                true => u64::from(last.saturating_sub(*next)),
                false => (*next..last).filter(|seq| !refused(ear, *seq)).count() as u64,
            };
        }
        Findings { lost: jumped_over + never_followed, doubled: self.doubled, reordered: self.reordered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One ear a stream, five messages sent in each.
    fn findings(heard: &[u32]) -> Findings {
        let mut audit = Audit::new(1);
        heard.iter().for_each(|seq| audit.heard(0, *seq));
        audit.findings(|ear| ear, |_| 5)
    }

    #[test]
    fn all_in_order_is_well() {
        assert_eq!(findings(&[0, 1, 2, 3, 4]), Findings::default());
    }

    #[test]
    fn what_never_comes_is_lost() {
        assert_eq!(findings(&[0, 1, 3, 4]).lost, 1, "in the middle");
        assert_eq!(findings(&[0, 1, 2]).lost, 2, "at the end");
        assert_eq!(findings(&[]).lost, 5, "all");
        assert_eq!(findings(&[4]).lost, 4, "at the beginning");
    }

    #[test]
    fn what_comes_again_is_doubled() {
        assert_eq!(findings(&[0, 1, 1, 2, 0, 3, 4]), Findings { doubled: 2, ..Findings::default() });
    }

    #[test]
    fn what_comes_late_is_reordered_and_not_lost() {
        assert_eq!(findings(&[0, 2, 3, 1, 4]), Findings { reordered: 1, ..Findings::default() });
        let late_and_again = Findings { reordered: 1, doubled: 1, ..Findings::default() };
        assert_eq!(findings(&[0, 2, 3, 1, 4, 1]), late_and_again);
    }

    #[test]
    fn what_was_refused_is_no_loss() {
        let mut audit = Audit::new(2);
        audit.refused(0, 1);
        audit.refused(0, 4);
        for seq in [0, 2, 3] {
            audit.heard(0, seq);
            audit.heard(1, seq);
        }
        assert_eq!(audit.findings(|_| 0, |_| 5), Findings::default());
        assert_eq!(audit.findings(|ear| ear, |_| 5).lost, 2, "the other stream was not refused");
    }
}
