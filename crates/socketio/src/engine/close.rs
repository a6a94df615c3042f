//! Why a session or a socket ended.

use std::fmt;

/// Why a session ended. The names are those Node's server gives its `disconnect` handlers, but for
/// [`SlowConsumer`](Self::SlowConsumer), which it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client closed the transport, or it broke off.
    TransportClose,
    /// The transport failed, or the client broke its rules.
    TransportError,
    /// A ping stayed unanswered.
    PingTimeout,
    /// A packet of Engine.IO's was malformed.
    ParseError,
    /// The server closed this session: it was asked to, or the client broke a rule of the protocol above.
    ForcedClose,
    /// The server closed this session, whose client came into no namespace in time.
    ForcedServerClose,
    /// The server is being shut down.
    ServerShuttingDown,
    /// The client let more pile up than its outbox holds, or its connection took nothing for the ping timeout.
    SlowConsumer,
}

impl CloseReason {
    /// The name that handlers and logs see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
            Self::SlowConsumer => "slow consumer",
        }
    }

    /// Whether what is queued should still be written: the client is there and can take it.
    pub(crate) fn flushes(self) -> bool {
        matches!(
            self,
            Self::ForcedClose | Self::ForcedServerClose | Self::ServerShuttingDown | Self::ParseError
        )
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
