//! The seam to other nodes.
//!
//! A namespace does to its own sockets whatever it is asked, then hands the same to its adapter, which tells the
//! other nodes; what they tell comes in through [`Namespace::apply`](crate::Namespace::apply),
//! [`Namespace::ask`](crate::Namespace::ask) and [`Namespace::infos`](crate::Namespace::infos). The contract:
//! an adapter may lose, repeat and reorder; `publish` must not block, and nothing may bring back what this node said.

use crate::{
    asking::Answers,
    members::{Room, Target},
    namespace::Namespace,
    outgoing::Outgoing,
    remote::{FetchError, SocketInfo},
    socket::Socket,
};
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};

/// What one node tells the others.
#[derive(Debug, Clone)]
pub enum ToOthers {
    /// Send this to them.
    Send {
        /// Whom.
        target: Target,
        /// What, encoded.
        message: Outgoing,
        /// Not to those who could not have it at once.
        volatile: bool,
    },
    /// Put them into a room.
    Join {
        /// Whom.
        target: Target,
        /// Where.
        room: Room,
    },
    /// Take them out of a room.
    Leave {
        /// Whom.
        target: Target,
        /// Of where.
        room: Room,
    },
    /// Let go of them.
    Disconnect {
        /// Whom.
        target: Target,
        /// Their sessions too.
        close: bool,
    },
}

impl ToOthers {
    /// Whom it is for.
    pub fn target(&self) -> &Target {
        match self {
            Self::Send { target, .. }
            | Self::Join { target, .. }
            | Self::Leave { target, .. }
            | Self::Disconnect { target, .. } => target,
        }
    }

    /// Moves one of those it is for, or lets go of it. What is to be sent goes to all of them together.
    pub(crate) fn apply_to(&self, socket: &Socket) {
        match self {
            Self::Send { .. } => {}
            Self::Join { room, .. } => socket.join(room),
            Self::Leave { room, .. } => socket.leave(room),
            Self::Disconnect { close, .. } => socket.disconnect(*close),
        }
    }
}

/// Carries what one node says to the others. What has a default is answered as by a node that is alone.
pub trait Adapter: Send + Sync + 'static {
    /// Tells the other nodes. Called after this node has done the same to its own sockets.
    fn publish(&self, namespace: &str, message: &ToOthers);

    /// There is a namespace now, for which the other nodes may have something. What is held of it must be weak: a
    /// namespace that was made for a client is gone when nobody has it.
    fn opened(&self, namespace: &Arc<Namespace>) {
        let _ = namespace;
    }

    /// A namespace is gone. There may be another of its name, which was opened meanwhile.
    fn closed(&self, namespace: &str) {
        let _ = namespace;
    }

    /// A room has its first member on this node; a socket's id is a room too. Called in the order in which it happens,
    /// under the lock of the namespace's members: it must not wait, nor ask the namespace anything.
    ///
    /// To be counted: with recovery a room is occupied once more for each of its members who is away and may come back,
    /// and vacated as often, so that what others send there meanwhile is heard.
    fn occupied(&self, namespace: &str, room: &str) {
        let _ = (namespace, room);
    }

    /// A room has lost its last member on this node. As [`occupied`](Self::occupied).
    fn vacated(&self, namespace: &str, room: &str) {
        let _ = (namespace, room);
    }

    /// Asks the sockets of a target on other nodes, and waits for their answers, `within` at most.
    fn ask(
        &self,
        namespace: &str,
        target: &Target,
        event: &Outgoing,
        within: Duration,
    ) -> BoxFuture<'static, Answers> {
        let _ = (namespace, target, event, within);
        Box::pin(async { Answers::default() })
    }

    /// What there is to tell of the sockets of a target on other nodes. How long it waits for them is its own to say.
    fn fetch(
        &self,
        namespace: &str,
        target: &Target,
    ) -> BoxFuture<'static, Result<Vec<SocketInfo>, FetchError>> {
        let _ = (namespace, target);
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The adapter of a node that is alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Adapter for Alone {
    fn publish(&self, _: &str, _: &ToOthers) {}
}
