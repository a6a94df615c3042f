//! The commands of sharded and of classic pub/sub, and what is answered to them.

use super::resp::command;
use crate::{channel::Channel, options::PubSub, topics::Key};

/// How to say what, in one of the two kinds of pub/sub.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verbs {
    subscribe: &'static [u8],
    unsubscribe: &'static [u8],
    /// Sends a message.
    pub(crate) publish: &'static str,
}

const SHARDED: Verbs = Verbs { subscribe: b"SSUBSCRIBE", unsubscribe: b"SUNSUBSCRIBE", publish: "SPUBLISH" };
const CLASSIC: Verbs = Verbs { subscribe: b"SUBSCRIBE", unsubscribe: b"UNSUBSCRIBE", publish: "PUBLISH" };

impl Verbs {
    pub(crate) fn of(mode: PubSub) -> &'static Self {
        match mode {
            PubSub::Sharded => &SHARDED,
            PubSub::Classic => &CLASSIC,
        }
    }

    /// Appends the command that asks for `key`, and for nothing else: a `SSUBSCRIBE` of channels in several slots is refused.
    pub(crate) fn subscribe(&self, out: &mut Vec<u8>, key: &Key) {
        match key {
            Key::Exact(channel) => command(out, &[self.subscribe, channel.as_str().as_bytes()]),
            Key::Prefix(prefix) => command(out, &[b"PSUBSCRIBE", &pattern(prefix)]),
        }
    }

    /// Appends the command that gives `key` back.
    pub(crate) fn unsubscribe(&self, out: &mut Vec<u8>, key: &Key) {
        match key {
            Key::Exact(channel) => command(out, &[self.unsubscribe, channel.as_str().as_bytes()]),
            Key::Prefix(prefix) => command(out, &[b"PUNSUBSCRIBE", &pattern(prefix)]),
        }
    }

    /// What an answer with this verb is about.
    pub(crate) fn key(&self, verb: &[u8], name: &[u8]) -> Option<Key> {
        if verb == b"psubscribe" || verb == b"punsubscribe" {
            return Channel::new(prefix_of(name)?).ok().map(Key::Prefix);
        }
        let known = verb.eq_ignore_ascii_case(self.subscribe) || verb.eq_ignore_ascii_case(self.unsubscribe);
        let name = std::str::from_utf8(name).ok().filter(|_| known)?;
        Channel::new(name).ok().map(Key::Exact)
    }
}

/// Whether this answer ends a subscription.
pub(crate) fn ends(verb: &[u8]) -> bool {
    verb.ends_with(b"unsubscribe")
}

/// The pattern that matches all names that begin so.
fn pattern(prefix: &Channel) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.as_str().len() + 1);
    for byte in prefix.as_str().bytes() {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}

/// How the names begin that one of our patterns matches.
pub(crate) fn prefix_of(pattern: &[u8]) -> Option<String> {
    let mut prefix = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.strip_suffix(b"*")?.iter();
    while let Some(byte) = bytes.next() {
        prefix.push(if *byte == b'\\' { *bytes.next()? } else { *byte });
    }
    String::from_utf8(prefix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_by_its_letters() {
        for text in ["socket.io#/#", "a*b?[c]\\", "é"] {
            let prefix = Channel::new(text).unwrap();
            assert_eq!(prefix_of(&pattern(&prefix)).as_deref(), Some(text));
        }
        assert_eq!(pattern(&Channel::new("a*").unwrap()), b"a\\**");
        assert_eq!(prefix_of(b"no star"), None);
    }

    #[test]
    fn answers_are_matched_to_what_was_asked() {
        let sharded = Verbs::of(PubSub::Sharded);
        let exact = Some(Key::Exact(Channel::new("c").unwrap()));
        assert_eq!(sharded.key(b"ssubscribe", b"c"), exact);
        assert_eq!(sharded.key(b"sunsubscribe", b"c"), exact);
        assert_eq!(sharded.key(b"subscribe", b"c"), None);
        assert_eq!(sharded.key(b"ssubscribe", b"\xff"), None);
        assert!(ends(b"sunsubscribe") && !ends(b"ssubscribe"));
    }
}
