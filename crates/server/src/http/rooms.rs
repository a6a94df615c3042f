//! Rooms and their members, for programs that hold no socket. Each does what the socket's request of the same name
//! does.

use super::{
    State,
    documented::{Created, NoContent, Operation},
    extract::{Asker, Here, Json, Params, Person, Room, Writer},
    problem::Refusal,
};
use aide::axum::{
    ApiRouter,
    routing::{get_with, patch_with, post_with, put_with},
};
use plaza_protocol::{
    AddMember, BanMember, BansPage, BlockUser, BlockedList, CreateRoom, CreatedRoom, DiscoverRooms, JoinRoom,
    JoinedRoom, LeaveRoom, ListBans, ListMembers, MembersPage, Position, RemoveMember, RenameRoom, Role,
    RoomList, RoomsPage, SetRole, UnbanMember, UnblockUser, UserRef,
};
use schemars::JsonSchema;
use serde::Deserialize;

type Answer<T> = Result<axum::Json<T>, Refusal>;

pub(super) fn router() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/rooms",
            get_with(list, |op| about(op, "listRooms", "The rooms one is a member of"))
                .post_with(create, |op| may_clash(about(op, "createRoom", "Make a room"))),
        )
        .api_route(
            "/public-rooms",
            get_with(discover, |op| about(op, "discoverRooms", "Public rooms that one may join, 50 a page")),
        )
        .api_route(
            "/rooms/{id}",
            patch_with(rename, |op| guarded(about(op, "renameRoom", "Give a room another name"))),
        )
        .api_route(
            "/rooms/{id}/join",
            post_with(join, |op| may_clash(about(op, "joinRoom", "Become a member of a public room"))),
        )
        .api_route(
            "/rooms/{id}/leave",
            post_with(leave, |op| may_clash(about(op, "leaveRoom", "Be a member no more"))),
        )
        .merge(members())
        .merge(bans())
        .merge(blocks())
}

fn members() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/rooms/{id}/members",
            get_with(list_members, |op| about(op, "listMembers", "Who is in a room, 100 a page"))
                .post_with(add, |op| may_clash(about(op, "addMember", "Bring somebody into a group"))),
        )
        .api_route(
            "/rooms/{id}/members/{user}",
            patch_with(set_role, |op| may_clash(about(op, "setRole", "What somebody may do in a room")))
                .delete_with(remove, |op| {
                    may_clash(about(op, "removeMember", "Put somebody out; they may come back"))
                }),
        )
}

fn bans() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/rooms/{id}/bans",
            get_with(list_bans, |op| guarded(about(op, "listBans", "Who is kept out of a room, 100 a page"))),
        )
        .api_route(
            "/rooms/{id}/bans/{user}",
            put_with(ban, |op| may_clash(about(op, "banMember", "Put somebody out and keep them out")))
                .delete_with(unban, |op| guarded(about(op, "unbanMember", "Somebody may come back"))),
        )
}

fn blocks() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route("/blocks", get_with(list_blocked, |op| about(op, "listBlocked", "Whom one has blocked")))
        .api_route(
            "/blocks/{user}",
            put_with(block, |op| {
                may_clash(about(op, "blockUser", "Hear no more of somebody in direct rooms"))
            })
            .delete_with(unblock, |op| about(op, "unblockUser", "Hear of somebody again")),
        )
}

fn about<'t>(operation: Operation<'t>, id: &str, summary: &str) -> Operation<'t> {
    operation.id(id).tag("Rooms").summary(summary)
}

/// One may see it and yet not do it.
fn guarded(operation: Operation<'_>) -> Operation<'_> {
    operation.response::<403, Refusal>()
}

/// The same, and what is there may stand against it.
fn may_clash(operation: Operation<'_>) -> Operation<'_> {
    guarded(operation).response::<404, Refusal>().response::<409, Refusal>()
}

async fn list(Here(state): Here, Asker(who): Asker) -> Answer<RoomList> {
    Ok(axum::Json(state.chat.list_rooms(&who.user.id).await?))
}

async fn create(
    Here(state): Here,
    Writer(who): Writer,
    Json(room): Json<CreateRoom>,
) -> Result<Created<CreatedRoom>, Refusal> {
    Ok(Created(state.chat.create_room(&who.user, room).await?))
}

async fn discover(
    Here(state): Here,
    Asker(who): Asker,
    Params(wanted): Params<DiscoverRooms>,
) -> Answer<RoomsPage> {
    Ok(axum::Json(state.chat.discover_rooms(&who.user.id, wanted).await?))
}

/// What changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Renamed {
    /// 1 to 80 characters, for people.
    #[schemars(length(min = 1, max = 80))]
    name: String,
}

async fn rename(
    Here(state): Here,
    Writer(who): Writer,
    Room(room_id): Room,
    Json(Renamed { name }): Json<Renamed>,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.rename_room(&who.user, RenameRoom { room_id, name }).await?))
}

async fn join(Here(state): Here, Writer(who): Writer, Room(room_id): Room) -> Answer<JoinedRoom> {
    Ok(axum::Json(state.chat.join_room(&who.user, JoinRoom { room_id }).await?))
}

async fn leave(Here(state): Here, Writer(who): Writer, Room(room_id): Room) -> Answer<Position> {
    Ok(axum::Json(state.chat.leave_room(&who.user, LeaveRoom { room_id }).await?))
}

/// Where a page begins.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Page {
    /// `next` of the page before.
    after: Option<String>,
}

async fn list_members(
    Here(state): Here,
    Asker(who): Asker,
    Room(room_id): Room,
    Params(Page { after }): Params<Page>,
) -> Answer<MembersPage> {
    Ok(axum::Json(state.chat.room_members(&who.user.id, ListMembers { room_id, after }).await?))
}

/// Whom.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whom {
    /// An id, or `@name`.
    user: UserRef,
}

async fn add(
    Here(state): Here,
    Writer(who): Writer,
    Room(room_id): Room,
    Json(Whom { user }): Json<Whom>,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.add_member(&who.user, AddMember { room_id, user }).await?))
}

/// What they may do from now on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: Role,
}

async fn set_role(
    Here(state): Here,
    Writer(who): Writer,
    Room(room_id): Room,
    Person(user): Person,
    Json(NewRole { role }): Json<NewRole>,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.set_role(&who.user, SetRole { room_id, user, role }).await?))
}

async fn remove(
    Here(state): Here,
    Writer(who): Writer,
    Room(room_id): Room,
    Person(user): Person,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.remove_member(&who.user, RemoveMember { room_id, user }).await?))
}

async fn list_bans(
    Here(state): Here,
    Asker(who): Asker,
    Room(room_id): Room,
    Params(Page { after }): Params<Page>,
) -> Answer<BansPage> {
    Ok(axum::Json(state.chat.room_bans(&who.user.id, ListBans { room_id, after }).await?))
}

async fn ban(
    Here(state): Here,
    Writer(who): Writer,
    Room(room_id): Room,
    Person(user): Person,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.ban_member(&who.user, BanMember { room_id, user }).await?))
}

async fn unban(
    Here(state): Here,
    Writer(who): Writer,
    Room(room_id): Room,
    Person(user): Person,
) -> Answer<Position> {
    Ok(axum::Json(state.chat.unban_member(&who.user, UnbanMember { room_id, user }).await?))
}

async fn list_blocked(Here(state): Here, Asker(who): Asker) -> Answer<BlockedList> {
    Ok(axum::Json(state.chat.blocked_users(&who.user.id).await?))
}

async fn block(Here(state): Here, Asker(who): Asker, Person(user): Person) -> Result<NoContent, Refusal> {
    state.gateway()?.block(&state.chat, &who.user.id, BlockUser { user }).await?;
    Ok(NoContent)
}

async fn unblock(Here(state): Here, Asker(who): Asker, Person(user): Person) -> Result<NoContent, Refusal> {
    state.gateway()?.unblock(&state.chat, &who.user.id, UnblockUser { user }).await?;
    Ok(NoContent)
}
