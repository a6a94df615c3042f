//! How many files this process may have open: every connection is one.
//!
//! Systems start programs with a low bound, often 1,024, for the sake of old ones that cannot count further, and let
//! each raise it to a hard one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// For all that is no HTTP connection: the store, the listener, the log.
const HEADROOM: u64 = 256;

/// Raises the bound as far as this process may, and says so where it is too low for what is configured. WebSockets,
/// which come on top, are as many as there is room for.
pub(crate) fn provide(max_http_connections: usize) {
    let most = match raise() {
        Ok(most) => most,
        Err(error) => {
            return tracing::warn!(%error, "Cannot tell how many files this process may have open");
        }
    };
    if let Some(least) = more_is_needed(most, max_http_connections) {
        tracing::warn!(
            "This process may have {most} files open, and server.max_http_connections ({max_http_connections}) takes \
             up to {least}: raise the hard limit (ulimit -n, LimitNOFILE=), or lower the setting"
        );
    }
}

/// The bound that then holds.
fn raise() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= hard {
        return Ok(soft);
    }
    // Some systems name a hard limit that they do not grant.
    Ok(if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft })
}

/// How many it takes, where that is more than there may be.
fn more_is_needed(most: u64, max_http_connections: usize) -> Option<u64> {
    let least = max_http_connections as u64 + HEADROOM;
    (most < least).then_some(least)
}

#[cfg(test)]
mod tests {
    use super::more_is_needed;

    #[test]
    fn connections_and_what_comes_beside_them_must_fit() {
        assert_eq!(more_is_needed(1_256, 1_000), None);
        assert_eq!(more_is_needed(1_255, 1_000), Some(1_256));
        assert_eq!(more_is_needed(u64::MAX, usize::MAX / 2), None);
    }
}
