//! What administrators may do: give out links, and have a node stop. For everybody else it is forbidden, whatever they ask.

use super::{
    State,
    documented::{Created, NoContent},
    extract::{Administrator, Json},
    problem::Refusal,
};
use aide::axum::{ApiRouter, routing::post_with};
use axum::extract::State as TheState;
use plaza_protocol::{Code, DrainNode, Error, NewResetLink, ResetLink, Secret};

pub(super) fn router() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/admin/reset-links",
            post_with(reset_link, |op| {
                op.id("createResetLink")
                    .tag("Administrators")
                    .summary("A link by which the owner of an account sets another password, once")
                    .response::<404, Refusal>()
            }),
        )
        .api_route(
            "/admin/drain",
            post_with(drain, |op| {
                op.id("drainNode")
                    .tag("Administrators")
                    .summary("Has the node that answers let its clients go, and stop")
                    .response::<409, Refusal>()
            }),
        )
}

async fn reset_link(
    TheState(state): TheState<State>,
    Administrator(who): Administrator,
    Json(wanted): Json<NewResetLink>,
) -> Result<Created<ResetLink>, Refusal> {
    let reset = state.chat.administration().reset_token(&wanted.name).await?;
    tracing::info!(by = %who.user.id, user = %reset.user.id, "An administrator gave out a link to set a password");
    let link = Secret::new(reset_page(&state.public_url, &reset.token));
    Ok(Created(ResetLink { user: reset.user, link, expires_at: reset.expires_at }))
}

async fn drain(
    TheState(state): TheState<State>,
    Administrator(who): Administrator,
    Json(wanted): Json<DrainNode>,
) -> Result<NoContent, Refusal> {
    if *wanted.node != *state.node {
        let message = format!("This is node {}, and not the one that is to stop.", state.node);
        return Err(Error::new(Code::Conflict, message).into());
    }
    tracing::info!(by = %who.user.id, "An administrator has this node stop");
    state.draining.cancel();
    Ok(NoContent)
}

/// The page where the holder of `token` sets a password. An empty `public_url` makes a link that begins with `/`. The
/// token stands behind a `#`: a browser sends that to nobody.
pub(crate) fn reset_page(public_url: &str, token: &Secret) -> String {
    format!("{public_url}/#/reset/{}", token.expose())
}
