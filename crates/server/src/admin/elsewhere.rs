//! Asking a server for a link, as an administrator of its.

use anyhow::anyhow;
use plaza_client::{Address, RequestError, Rest};
use plaza_protocol::{Credentials, ResetLink, Secret};
use std::time::Duration;

/// How long each request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Logs in, asks, and logs out again.
pub(super) async fn reset_link(
    server: &str,
    admin: &str,
    password: Secret,
    name: &str,
) -> anyhow::Result<ResetLink> {
    let address: Address = server.parse()?;
    let rest = Rest::new(address, PATIENCE).map_err(said)?;
    let tokens = rest.login(&Credentials { name: admin.to_owned(), password }).await.map_err(said)?;
    let asked = rest.reset_link(&tokens.access_token, name).await;
    // The link is what was wanted; a session that stays expires by itself.
    let _ = rest.logout(&tokens.refresh_token).await;
    let mut reset = asked.map_err(said)?;
    if reset.link.expose().starts_with('/') {
        reset.link = Secret::new(format!("{}{}", server.trim_end_matches('/'), reset.link.expose()));
    }
    Ok(reset)
}

fn said(error: RequestError) -> anyhow::Error {
    match error {
        RequestError::Refused(error) => anyhow!("{error}"),
        other => anyhow!("The server gave no answer: {other}"),
    }
}
