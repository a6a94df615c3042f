//! Registering, logging in, staying so, logging out.

use super::{
    State,
    extract::{Asker, ClientIp, Json},
    problem::Refusal,
};
use crate::limits::Action;
use axum::{
    Router,
    extract::State as TheState,
    routing::{get, post},
};
use http::StatusCode;
use plaza_protocol::{Credentials, Me, RefreshRequest, Tokens};

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/register", post(register))
        .route("/login", post(log_in))
        .route("/refresh", post(refresh))
        .route("/logout", post(log_out))
        .route("/me", get(me))
}

type Answer<T> = Result<T, Refusal>;

async fn register(
    TheState(state): TheState<State>,
    ClientIp(addr): ClientIp,
    Json(who): Json<Credentials>,
) -> Answer<(StatusCode, axum::Json<Tokens>)> {
    state.limits.check(Action::Register, addr, Some(&who.name))?;
    let tokens = state.chat.register(who).await?;
    Ok((StatusCode::CREATED, axum::Json(tokens)))
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
) -> Answer<StatusCode> {
    state.limits.check(Action::LogOut, addr, None)?;
    state.chat.logout(&held.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn me(Asker(who): Asker) -> axum::Json<Me> {
    axum::Json(Me { user: who.user })
}
