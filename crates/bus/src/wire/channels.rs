//! The names of channels, and which one a message goes to.

use super::Body;
use plaza_socketio::Target;

/// Which adapter's format is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// That of `createShardedAdapter`: for sharded pub/sub.
    #[default]
    Sharded,
    /// The same with `subscriptionMode: "dynamic-private"`: a socket's own room has a channel as well.
    ShardedPrivate,
    /// That of `createAdapter`, and of the emitter: for classic pub/sub.
    Classic,
}

/// Names of channels under one prefix.
#[derive(Debug, Clone)]
pub struct Channels {
    prefix: String,
    format: Format,
}

/// What comes on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Whatever the sharded format says; what is broadcast in the classic one. The message names its namespace.
    Message,
    /// What the classic format asks for, in this namespace.
    Request(&'a str),
    /// What it answers, in this namespace.
    Response(&'a str),
}

impl Channels {
    /// Names that begin so: `socket.io`, unless Node's adapters were given another `channelPrefix` or `key`.
    pub fn new(prefix: &str, format: Format) -> Self {
        Self { prefix: prefix.to_owned(), format }
    }

    /// The format that is spoken on them.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where everything is said that has no other channel.
    pub fn namespace(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.prefix)
    }

    /// Where a room is broadcast to, if it has a channel of its own.
    pub fn room(&self, namespace: &str, room: &str) -> Option<String> {
        let own = match self.format {
            Format::Sharded => !looks_like_a_socket(room),
            Format::ShardedPrivate => true,
            // An empty name would be the namespace's channel, with one sign more.
            Format::Classic => !room.is_empty(),
        };
        own.then(|| format!("{}#{namespace}#{room}#", self.prefix))
    }

    /// Where questions are asked; who is subscribed to it is counted.
    pub fn requests(&self, namespace: &str) -> String {
        match self.format {
            Format::Sharded | Format::ShardedPrivate => self.namespace(namespace),
            Format::Classic => format!("{}-request#{namespace}#", self.prefix),
        }
    }

    /// Where everybody's answers are given; the classic format's alone.
    pub fn responses(&self, namespace: &str) -> Option<String> {
        (self.format == Format::Classic).then(|| format!("{}-response#{namespace}#", self.prefix))
    }

    /// Where answers to one node are given.
    pub fn responses_to(&self, namespace: &str, uid: &str) -> String {
        match self.format {
            Format::Sharded | Format::ShardedPrivate => format!("{}#{namespace}#{uid}#", self.prefix),
            Format::Classic => format!("{}-response#{namespace}#{uid}#", self.prefix),
        }
    }

    /// Where this goes, unless it is an answer.
    pub fn of(&self, namespace: &str, body: &Body<'_>) -> String {
        match body {
            // Acknowledgements are waited for from all nodes, so all have to hear of it.
            Body::Broadcast(broadcast) if broadcast.request.is_none() => {
                self.of_broadcast(namespace, &broadcast.target)
            }
            _ => self.requests(namespace),
        }
    }

    /// Where something is broadcast that wants no acknowledgement.
    pub fn of_broadcast(&self, namespace: &str, target: &Target) -> String {
        let own = match &*target.rooms {
            [room] => self.room(namespace, room),
            _ => None,
        };
        own.unwrap_or_else(|| self.namespace(namespace))
    }

    /// What comes on a channel of this name; `None`: it is none of these. `uid` is this node's.
    pub fn kind<'a>(&self, channel: &'a str, uid: &str) -> Option<Kind<'a>> {
        let rest = channel.strip_prefix(&self.prefix)?;
        if rest.starts_with('#') {
            return Some(Kind::Message);
        }
        if self.format != Format::Classic {
            return None;
        }
        if let Some(rest) = rest.strip_prefix("-request#") {
            return rest.strip_suffix('#').map(Kind::Request);
        }
        let rest = rest.strip_prefix("-response#")?.strip_suffix('#')?;
        let namespace = rest.strip_suffix(uid).and_then(|rest| rest.strip_suffix('#')).unwrap_or(rest);
        Some(Kind::Response(namespace))
    }

    /// Whether what names this namespace may have come on this channel.
    pub fn belongs(&self, channel: &str, namespace: &str) -> bool {
        let rest = channel.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('#'));
        rest.and_then(|rest| rest.strip_prefix(namespace)).is_some_and(|rest| rest.starts_with('#'))
    }
}

/// As Node has it: by the length alone, in UTF-16.
fn looks_like_a_socket(room: &str) -> bool {
    room.encode_utf16().count() == 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_known_again() {
        let classic = Channels::new("socket.io", Format::Classic);
        assert_eq!(classic.kind(&classic.requests("/a#b"), "uid"), Some(Kind::Request("/a#b")));
        assert_eq!(classic.kind(&classic.responses("/a").unwrap(), "uid"), Some(Kind::Response("/a")));
        assert_eq!(classic.kind(&classic.responses_to("/a", "uid"), "uid"), Some(Kind::Response("/a")));
        assert_eq!(classic.kind(&classic.room("/a", "r").unwrap(), "uid"), Some(Kind::Message));
        let sharded = Channels::new("socket.io", Format::Sharded);
        assert_eq!(sharded.kind(&sharded.responses_to("/a", "uid"), "uid"), Some(Kind::Message));
        for other in ["socket.io", "socket.io-request#/#", "plaza#x", "socket.iox#/#"] {
            assert_eq!(sharded.kind(other, "uid"), None);
        }
        assert!(sharded.belongs("socket.io#/a#r#", "/a"));
        assert!(!sharded.belongs("socket.io#/ab#r#", "/a"));
    }

    #[test]
    fn a_room_has_a_channel_where_node_publishes_to_one() {
        let (public, own, wide) = ("room", "abcdefghijklmnopqrst", "\u{1F600}".repeat(10));
        for (format, has) in [
            (Format::Sharded, [true, false, false]),
            (Format::ShardedPrivate, [true; 3]),
            (Format::Classic, [true; 3]),
        ] {
            let channels = Channels::new("socket.io", format);
            assert_eq!([public, own, &wide].map(|room| channels.room("/", room).is_some()), has);
        }
    }
}
