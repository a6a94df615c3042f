//! Asking a server for something, as an administrator of its.

use anyhow::anyhow;
use plaza_client::{Address, RequestError, Rest};
use plaza_protocol::{Credentials, ResetLink, Secret};
use std::time::Duration;

/// How long each request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A link for this account's owner.
pub(super) async fn reset_link(
    server: &str,
    admin: &str,
    password: Secret,
    name: &str,
) -> anyhow::Result<ResetLink> {
    let mut reset =
        as_administrator(server, admin, password, async |rest, token| rest.reset_link(token, name).await)
            .await?;
    if reset.link.expose().starts_with('/') {
        reset.link = Secret::new(format!("{}{}", server.trim_end_matches('/'), reset.link.expose()));
    }
    Ok(reset)
}

/// Has the node there stop, which is the one of this name, or whichever it is; which it was.
pub(super) async fn drain(
    server: &str,
    admin: &str,
    password: Secret,
    node: Option<String>,
) -> anyhow::Result<String> {
    as_administrator(server, admin, password, async |rest, token| {
        let node = match node {
            Some(node) => node,
            None => rest.health().await?.node,
        };
        rest.drain(token, &node).await.map(|()| node)
    })
    .await
}

/// Logs in, asks, and logs out again.
async fn as_administrator<T>(
    server: &str,
    admin: &str,
    password: Secret,
    ask: impl AsyncFnOnce(&Rest, &Secret) -> Result<T, RequestError>,
) -> anyhow::Result<T> {
    let address: Address = server.parse()?;
    let rest = Rest::new(address, PATIENCE).map_err(said)?;
    let tokens = rest.login(&Credentials { name: admin.to_owned(), password }).await.map_err(said)?;
    let asked = ask(&rest, &tokens.access_token).await;
    // What was asked for is what was wanted; a session that stays expires by itself.
    let _ = rest.logout(&tokens.refresh_token).await;
    asked.map_err(said)
}

fn said(error: RequestError) -> anyhow::Error {
    match error {
        RequestError::Refused(error) => anyhow!("{error}"),
        other => anyhow!("The server gave no answer: {other}"),
    }
}
