//! Where one is logged in, and ending that.

use super::{
    State,
    documented::{NoContent, Operation},
    extract::{Asker, Here, Params, SessionOf},
    problem::Refusal,
};
use aide::axum::{
    ApiRouter,
    routing::{delete_with, get_with},
};
use plaza_protocol::SessionList;
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) fn router() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/sessions",
            get_with(list, |op| about(op, "listSessions", "Where one is logged in"))
                .delete_with(end_all, |op| {
                    about(op, "endSessions", "Log out everywhere, or everywhere else")
                }),
        )
        .api_route("/sessions/{id}", delete_with(end, |op| about(op, "endSession", "Log out on one device")))
}

fn about<'t>(operation: Operation<'t>, id: &str, summary: &str) -> Operation<'t> {
    operation.id(id).tag("Accounts").summary(summary)
}

/// Which sessions end.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The one that goes on; absent: none does.
    keep: Option<Keep>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Keep {
    /// The one that asks.
    Current,
}

async fn list(Here(state): Here, Asker(who): Asker) -> Result<axum::Json<SessionList>, Refusal> {
    Ok(axum::Json(state.chat.sessions(&who).await?))
}

async fn end(Here(state): Here, Asker(who): Asker, SessionOf(id): SessionOf) -> Result<NoContent, Refusal> {
    state.chat.end_session(&who, &id).await?;
    Ok(NoContent)
}

async fn end_all(
    Here(state): Here,
    Asker(who): Asker,
    Params(kept): Params<Kept>,
) -> Result<NoContent, Refusal> {
    state.chat.end_sessions(&who, kept.keep.is_some()).await?;
    Ok(NoContent)
}
