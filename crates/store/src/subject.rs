//! What a transaction is about, so that no other node's transaction is about it meanwhile.
//!
//! With PostgreSQL each is an advisory lock that is held to the end of the transaction: one may lock what is not there
//! yet. All that a transaction needs are taken by its first statement, in one order for everybody, so nobody waits in a
//! circle; and each statement behind that sees all that was committed by those who had them before.

/// One thing that may be locked: 64 bits of a hash. Where two have the same one, one waits in vain, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(i64);

impl Subject {
    /// Whoever writes, but for batches.
    pub(crate) const WRITER: Self = Self::of("store", "writer");
    /// Whoever lays out the tables.
    pub(crate) const LAYOUT: Self = Self::of("store", "layout");

    /// The one of a kind with an id. Nodes of all versions must make the same of the same, so it is FNV-1a
    /// (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>) and never another one.
    pub const fn of(kind: &str, id: &str) -> Self {
        Self(i64::from_ne_bytes(mix(mix(mix(0xcbf2_9ce4_8422_2325, kind), "\0"), id).to_ne_bytes()))
    }

    /// The same of another store in the same database, which has locks of its own.
    pub(crate) fn within(self, schema: &str) -> i64 {
        i64::from_ne_bytes(mix(self.0.cast_unsigned(), schema).to_ne_bytes())
    }
}

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
        assert_eq!(mix(0xcbf2_9ce4_8422_2325, "foobar"), 0x8594_4171_f739_67e8, "the document's example");
        assert_ne!(Subject::of("room", "a"), Subject::of("user", "a"));
        assert_ne!(Subject::of("room", "a"), Subject::of("rooma", ""));
        assert_ne!(Subject::WRITER.within("public"), Subject::WRITER.within("other"));
    }
}
