//! `plaza chat URL`: Plaza in a terminal. Not here yet.

/// Runs until the person leaves.
///
/// # Errors
/// Always, until it is here.
pub async fn run(url: &str) -> anyhow::Result<()> {
    anyhow::bail!("Cannot chat with {url} yet: the console is not in this build.")
}
