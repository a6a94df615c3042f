//! Registering, logging in, staying so, logging out.

use super::{
    State,
    documented::{Created, NoContent},
    extract::{Asker, ClientIp, Json},
    problem::Refusal,
};
use crate::limits::Action;
use aide::axum::{
    ApiRouter,
    routing::{get_with, post_with},
};
use aide::transform::TransformOperation;
use axum::extract::State as TheState;
use plaza_protocol::{Credentials, Me, RefreshRequest, Tokens};

pub(super) fn router() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/register",
            post_with(register, |op| {
                about(op, "register", "Make an account, and log it in").response::<409, Refusal>()
            }),
        )
        .api_route(
            "/login",
            post_with(log_in, |op| about(op, "logIn", "Log an account in").response::<401, Refusal>()),
        )
        .api_route(
            "/refresh",
            post_with(refresh, |op| {
                about(op, "refresh", "The next tokens for a refresh token").response::<401, Refusal>()
            }),
        )
        .api_route(
            "/logout",
            post_with(log_out, |op| about(op, "logOut", "End the session of a refresh token, or a guest")),
        )
        .api_route("/me", get_with(me, |op| about(op, "me", "Who the token says one is")))
}

fn about<'t>(operation: TransformOperation<'t>, id: &str, summary: &str) -> TransformOperation<'t> {
    operation.id(id).tag("Accounts").summary(summary)
}

type Answer<T> = Result<T, Refusal>;

async fn register(
    TheState(state): TheState<State>,
    ClientIp(addr): ClientIp,
    Json(who): Json<Credentials>,
) -> Answer<Created<Tokens>> {
    state.limits.check(Action::Register, addr, Some(&who.name))?;
    let tokens = state.chat.register(who).await?;
    Ok(Created(tokens))
}

async fn log_in(
    TheState(state): TheState<State>,
    ClientIp(addr): ClientIp,
    Json(who): Json<Credentials>,
) -> Answer<axum::Json<Tokens>> {
    state.limits.check(Action::LogIn, addr, Some(&who.name))?;
    Ok(axum::Json(state.chat.login(who).await?))
}

async fn refresh(
    TheState(state): TheState<State>,
    ClientIp(addr): ClientIp,
    Json(held): Json<RefreshRequest>,
) -> Answer<axum::Json<Tokens>> {
    state.limits.check(Action::Refresh, addr, None)?;
    Ok(axum::Json(state.chat.refresh(&held.refresh_token).await?))
}

async fn log_out(
    TheState(state): TheState<State>,
    ClientIp(addr): ClientIp,
    Json(held): Json<RefreshRequest>,
) -> Answer<NoContent> {
    state.limits.check(Action::LogOut, addr, None)?;
    state.chat.logout(&held.refresh_token).await?;
    Ok(NoContent)
}

async fn me(Asker(who): Asker) -> Answer<axum::Json<Me>> {
    Ok(axum::Json(Me { user: who.user }))
}
