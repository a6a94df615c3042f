//! Rooms and what is written in them, for programs that hold no socket. Each does what the socket's request of the
//! same name does.

use super::{
    State,
    documented::Created,
    extract::{Asker, IdempotencyKey, Json, Params, Person, Room},
    problem::Refusal,
};
use aide::axum::{
    ApiRouter,
    routing::{delete_with, get_with, post_with},
};
use aide::transform::TransformOperation;
use axum::extract::State as TheState;
use plaza_protocol::{
    AddMember, Content, CreateRoom, CreatedRoom, EventsPage, History, JoinRoom, JoinedRoom, LeaveRoom,
    ListMembers, MembersPage, Position, RemoveMember, RoomList, SendMessage, SentMessage, Seq, UserRef,
};
use schemars::JsonSchema;
use serde::Deserialize;

type Answer<T> = Result<axum::Json<T>, Refusal>;

pub(super) fn router() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/rooms",
            get_with(list, |op| about(op, "listRooms", "The rooms one is a member of")).post_with(
                create,
                |op| {
                    about(op, "createRoom", "Make a room")
                        .response::<403, Refusal>()
                        .response::<404, Refusal>()
                        .response::<409, Refusal>()
                },
            ),
        )
        .api_route(
            "/rooms/{id}/join",
            post_with(join, |op| {
                about(op, "joinRoom", "Become a member of a public room")
                    .response::<403, Refusal>()
                    .response::<409, Refusal>()
            }),
        )
        .api_route(
            "/rooms/{id}/leave",
            post_with(leave, |op| {
                about(op, "leaveRoom", "Be a member no more")
                    .response::<403, Refusal>()
                    .response::<409, Refusal>()
            }),
        )
        .api_route(
            "/rooms/{id}/members",
            get_with(members, |op| about(op, "listMembers", "Who is in a room, 100 a page")).post_with(
                add,
                |op| {
                    about(op, "addMember", "Bring somebody into a group")
                        .response::<403, Refusal>()
                        .response::<409, Refusal>()
                },
            ),
        )
        .api_route(
            "/rooms/{id}/members/{user}",
            delete_with(remove, |op| {
                about(op, "removeMember", "Put somebody out; they may come back")
                    .response::<403, Refusal>()
                    .response::<409, Refusal>()
            }),
        )
        .api_route(
            "/rooms/{id}/events",
            get_with(events, |op| about(op, "listEvents", "A page of a room's log")),
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

fn about<'t>(operation: TransformOperation<'t>, id: &str, summary: &str) -> TransformOperation<'t> {
    operation.id(id).tag("Rooms").summary(summary)
}

async fn list(TheState(state): TheState<State>, Asker(who): Asker) -> Answer<RoomList> {
    Ok(axum::Json(state.chat.list_rooms(&who.user.id).await?))
}

async fn create(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Json(room): Json<CreateRoom>,
) -> Result<Created<CreatedRoom>, Refusal> {
    Ok(Created(state.chat.create_room(&who.user, room).await?))
}

async fn join(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Room(room_id): Room,
) -> Answer<JoinedRoom> {
    Ok(axum::Json(state.chat.join_room(&who.user, JoinRoom { room_id }).await?))
}

async fn leave(TheState(state): TheState<State>, Asker(who): Asker, Room(room_id): Room) -> Answer<Position> {
    Ok(axum::Json(state.chat.leave_room(&who.user, LeaveRoom { room_id }).await?))
}

/// Where a page begins.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct After {
    /// `next` of the page before.
    after: Option<String>,
}

async fn members(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Room(room_id): Room,
    Params(page): Params<After>,
) -> Answer<MembersPage> {
    let request = ListMembers { room_id, after: page.after };
    Ok(axum::Json(state.chat.room_members(&who.user.id, request).await?))
}

/// Whom.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whom {
    /// An id, or `@name`.
    user: UserRef,
}

async fn add(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Room(room_id): Room,
    Json(Whom { user }): Json<Whom>,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.add_member(&who.user, AddMember { room_id, user }).await?))
}

async fn remove(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Room(room_id): Room,
    Person(user): Person,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.remove_member(&who.user, RemoveMember { room_id, user }).await?))
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
    limit: Option<u32>,
}

async fn events(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Room(room_id): Room,
    Params(page): Params<Page>,
) -> Answer<EventsPage> {
    let history = History { room_id, before: page.before, after: page.after, limit: page.limit };
    Ok(axum::Json(state.chat.history(&who.user.id, history).await?))
}

async fn send(
    TheState(state): TheState<State>,
    Asker(who): Asker,
    Room(room_id): Room,
    IdempotencyKey(client_id): IdempotencyKey,
    Json(content): Json<Content>,
) -> Result<Created<SentMessage>, Refusal> {
    let message = SendMessage { room_id, client_id, content };
    Ok(Created(state.chat.send_message(&who.user, message).await?))
}
