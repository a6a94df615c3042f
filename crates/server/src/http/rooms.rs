//! A room's history.

use super::{
    State,
    extract::{Asker, Params, Room},
    problem::Refusal,
};
use axum::{Router, extract::State as TheState, routing::get};
use plaza_protocol::{EventsPage, History, Seq};
use serde::Deserialize;

pub(super) fn router() -> Router<State> {
    Router::new().route("/rooms/{id}/events", get(events))
}

/// Which page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    before: Option<Seq>,
    after: Option<Seq>,
    limit: Option<u32>,
}

async fn events(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Room(room_id): Room,
    Params(page): Params<Page>,
) -> Result<axum::Json<EventsPage>, Refusal> {
    let history = History { room_id, before: page.before, after: page.after, limit: page.limit };
    Ok(axum::Json(state.chat.history(&who.user.id, history).await?))
}
