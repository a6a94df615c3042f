//! SIGTERM and SIGINT: the first asks for a stop, the second does not ask.

use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit status after a second signal, as a shell reports an interrupt.
const INTERRUPTED: i32 = 130;

/// Cancels `shutdown` at the first signal and ends the process at the second.
///
/// # Errors
/// When the system does not let us watch.
pub(crate) fn watch(shutdown: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // A file that may not grow (`ulimit -f`) is a full disk, not the end: watched, the signal ends nothing, and the write
    // fails.
    let _too_large = signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?;
    tokio::spawn(async move {
        // Not whether `shutdown` is cancelled: an administrator may have asked for the stop, which is no signal yet.
        let mut asked = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if std::mem::replace(&mut asked, true) {
                std::process::exit(INTERRUPTED);
            }
            shutdown.cancel();
        }
    });
    Ok(())
}
