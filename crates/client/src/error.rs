//! How connecting, asking and staying connected fail.

use plaza_protocol::Error;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// A Socket.IO DISCONNECT: the server wants this socket gone.
    #[error("the server disconnected us")]
    ByServer,
    /// The transport was closed in good order, as a server does that is stopping or has had enough of us.
    #[error("the server closed it")]
    Transport,
    /// The network or the server's process gave way.
    #[error("it broke off ({0})")]
    Lost(String),
    /// No heartbeat for longer than the server promised.
    #[error("the server has been silent for too long")]
    Silent,
    /// What came is not Socket.IO as this client understands it.
    #[error("the server sent something that is not understood: {0}")]
    Malformed(String),
    /// This side closed it.
    #[error("closed by this client")]
    Here,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there, or the connection broke while it was being made.
    #[error("cannot reach {address}: {why}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system said.
        why: String,
    },
    /// Too slow.
    #[error("no answer in time")]
    TimedOut,
    /// Plaza said no, and why.
    #[error("{0}")]
    Refused(Error),
    /// Something answered, but not Plaza.
    #[error("this does not look like a Plaza server: {0}")]
    NotPlaza(String),
}

/// Why a request has no answer to give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Plaza said no, and why.
    #[error("{0}")]
    Refused(#[from] Error),
    /// No answer in time. It may have been carried out all the same.
    #[error("no answer in time")]
    TimedOut,
    /// Nobody was there to ask, or nobody to be trusted. Nothing was carried out.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// There is no connection, or it ended first. It may have been carried out all the same.
    #[error("the connection was lost before an answer came")]
    Disconnected,
    /// The answer is not what was asked for.
    #[error("the answer is not understood: {0}")]
    Malformed(String),
}

impl RequestError {
    /// Whether the same request, sent again, may succeed. Only a request that is idempotent may be.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(error) => error.retryable,
            Self::Unreachable(_) | Self::TimedOut | Self::Disconnected => true,
            Self::Malformed(_) => false,
        }
    }
}
