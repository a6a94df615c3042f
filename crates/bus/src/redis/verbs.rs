//! The commands of sharded and of classic pub/sub, and what is answered to them.

use super::resp::command;
use crate::{channel::Channel, options::PubSub};

/// How to say what, in one of the two kinds of pub/sub.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verbs {
    subscribe: &'static [u8],
    unsubscribe: &'static [u8],
    /// Sends a message.
    pub(crate) publish: &'static str,
    /// Behind `PUBSUB`, asks how many subscribe.
    pub(crate) count: &'static str,
}

const SHARDED: Verbs = Verbs {
    subscribe: b"SSUBSCRIBE",
    unsubscribe: b"SUNSUBSCRIBE",
    publish: "SPUBLISH",
    count: "SHARDNUMSUB",
};
const CLASSIC: Verbs =
    Verbs { subscribe: b"SUBSCRIBE", unsubscribe: b"UNSUBSCRIBE", publish: "PUBLISH", count: "NUMSUB" };

impl Verbs {
    pub(crate) fn of(mode: PubSub) -> &'static Self {
        match mode {
            PubSub::Sharded => &SHARDED,
            PubSub::Classic => &CLASSIC,
        }
    }

    /// Appends the command that asks for `channel`, and for nothing else: a `SSUBSCRIBE` of channels in several slots is refused.
    pub(crate) fn subscribe(&self, out: &mut Vec<u8>, channel: &Channel) {
        command(out, &[self.subscribe, channel.as_str().as_bytes()]);
    }

    /// Appends the command that gives `channel` back.
    pub(crate) fn unsubscribe(&self, out: &mut Vec<u8>, channel: &Channel) {
        command(out, &[self.unsubscribe, channel.as_str().as_bytes()]);
    }

    /// What an answer with this verb is about.
    pub(crate) fn channel(&self, verb: &[u8], name: &[u8]) -> Option<Channel> {
        let known = verb.eq_ignore_ascii_case(self.subscribe) || verb.eq_ignore_ascii_case(self.unsubscribe);
        let name = std::str::from_utf8(name).ok().filter(|_| known)?;
        Channel::new(name).ok()
    }
}

/// Whether this answer ends a subscription.
pub(crate) fn ends(verb: &[u8]) -> bool {
    verb.ends_with(b"unsubscribe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_matched_to_what_was_asked() {
        let sharded = Verbs::of(PubSub::Sharded);
        let asked = Some(Channel::new("c").unwrap());
        assert_eq!(sharded.channel(b"ssubscribe", b"c"), asked);
        assert_eq!(sharded.channel(b"sunsubscribe", b"c"), asked);
        assert_eq!(sharded.channel(b"subscribe", b"c"), None);
        assert_eq!(sharded.channel(b"ssubscribe", b"\xff"), None);
        assert!(ends(b"sunsubscribe") && !ends(b"ssubscribe"));
    }
}
