//! What a transaction is about, so that no other node's transaction is about it meanwhile.
//!
//! With PostgreSQL each is an advisory lock that is held to the end of the transaction: one may lock what is not there
//! yet. All that a transaction needs are taken by its first statement, in one order for everybody, so nobody waits in a
//! circle; and each statement behind that sees all that was committed by those who had them before.

/// One thing that may be locked: which of 4,096 locks is its. Things that share one wait for each other in vain, and no
/// more. There are no more locks, because a server has room for some thousands, for all nodes and batches together
/// (`max_locks_per_transaction` for each of `max_connections`, 64 for each of 100 unless it was told otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(u64);

/// How many locks there are. Nodes of all versions must agree.
const LOCKS: u64 = 4_096;

impl Subject {
    /// Whoever writes, but for batches.
    pub(crate) const WRITER: Self = Self(LOCKS);
    /// Whoever lays out the tables.
    pub(crate) const LAYOUT: Self = Self(LOCKS + 1);

    /// The one of a kind with an id. Nodes of all versions must make the same of the same, so it is FNV-1a
    /// (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>) and never another one.
    pub const fn of(kind: &str, id: &str) -> Self {
        Self(mix(mix(mix(START, kind), "\0"), id) % LOCKS)
    }

    /// The lock's number. Another store in the same database has others.
    pub(crate) const fn within(self, schema: &str) -> i64 {
        (mix(START, schema) / (2 * LOCKS) * (2 * LOCKS) + self.0).cast_signed()
    }
}

/// FNV-1a's hash of nothing.
pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

pub(crate) const fn mix(mut hash: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_make_the_same_of_the_same() {
        assert_eq!(mix(START, "foobar"), 0x8594_4171_f739_67e8, "the document's example");
        assert_ne!(Subject::of("room", "a"), Subject::of("user", "a"));
        assert_ne!(Subject::of("room", "a"), Subject::of("rooma", ""));
        assert_ne!(Subject::WRITER.within("public"), Subject::WRITER.within("other"));
        let most = (0..20_000).map(|n| Subject::of("room", &n.to_string()).within("public"));
        let most: std::collections::BTreeSet<_> = most.collect();
        assert!((LOCKS / 2..=LOCKS).contains(&(most.len() as u64)), "as many as there are, about");
        assert!([Subject::WRITER, Subject::LAYOUT].iter().all(|one| !most.contains(&one.within("public"))));
    }
}
