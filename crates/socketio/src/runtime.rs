//! A runtime as suits a server of many connections.

use tokio::runtime::Builder;

/// Tasks that are run before one looks at the sockets again: as many as one look may have made ready, which is what tokio
/// takes from the operating system at a time.
const LOOK: u32 = 1024;

/// A builder of a multi-threaded runtime with all drivers.
///
/// Under load tokio looks at the sockets again after every 61 tasks, and what it finds there goes before what it found
/// earlier and had no room for in a worker's queue. So some wait long, and each client is written to for a message or two.
/// With this, everybody who is ready has a turn before anybody has a second one: messages to the same client go out
/// together, and none of them late. See docs/decisions/0025 for figures.
pub fn runtime() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().event_interval(LOOK);
    builder
}
