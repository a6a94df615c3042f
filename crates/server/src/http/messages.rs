//! Reading a room's log and writing into it, for programs that hold no socket.

use super::{
    State,
    documented::{Created, Operation},
    extract::{Asker, Here, IdempotencyKey, Json, Params, Room, Writer},
    problem::Refusal,
};
use aide::axum::{
    ApiRouter,
    routing::{get_with, post_with},
};
use plaza_protocol::{
    EventsPage, History, Locate, NewContent, Position, SendMessage, SentMessage, Seq, Timestamp,
};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) fn router() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/rooms/{id}/events",
            get_with(events, |op| about(op, "listEvents", "A page of a room's log")),
        )
        .api_route(
            "/rooms/{id}/position",
            get_with(locate, |op| about(op, "locate", "The position of a moment in a room's log")),
        )
        .api_route(
            "/rooms/{id}/messages",
            post_with(send, |op| {
                about(op, "sendMessage", "Write into a room")
                    .response::<403, Refusal>()
                    .response::<409, Refusal>()
            }),
        )
}

fn about<'t>(operation: Operation<'t>, id: &str, summary: &str) -> Operation<'t> {
    operation.id(id).tag("Messages").summary(summary)
}

/// Which page of a log. `before` and `after` exclude each other and the position they name; with neither, the newest.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Events below this position, the nearest ones.
    before: Option<Seq>,
    /// Events above this position, the nearest ones.
    after: Option<Seq>,
    /// 1 to 200, 50 if absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

async fn events(
    Here(state): Here,
    Asker(who): Asker,
    Room(room_id): Room,
    Params(page): Params<Page>,
) -> Result<axum::Json<EventsPage>, Refusal> {
    let history = History { room_id, before: page.before, after: page.after, limit: page.limit };
    Ok(axum::Json(state.chat.history(&who.user.id, history).await?))
}

/// Which moment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Moment {
    /// RFC 3339.
    at: Timestamp,
}

async fn locate(
    Here(state): Here,
    Asker(who): Asker,
    Room(room_id): Room,
    Params(Moment { at }): Params<Moment>,
) -> Result<axum::Json<Position>, Refusal> {
    Ok(axum::Json(state.chat.locate(&who.user.id, Locate { room_id, at }).await?))
}

async fn send(
    Here(state): Here,
    Writer(who): Writer,
    Room(room_id): Room,
    IdempotencyKey(client_id): IdempotencyKey,
    Json(content): Json<NewContent>,
) -> Result<Created<SentMessage>, Refusal> {
    let message = SendMessage { room_id, client_id, content: content.into() };
    state.not_overloaded()?;
    let answer = state.zalo.in_message(&message);
    let sent = state.chat.send_message(&who.user, message).await?;
    state.zalo.hand_in(answer, &sent).await;
    Ok(Created(sent))
}
