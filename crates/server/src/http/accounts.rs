//! Registering, logging in, staying so, logging out, and new passwords.

use super::{
    State,
    documented::{Created, NoContent, Operation},
    extract::{Asker, ClientIp, Device, Here, Json},
    problem::Refusal,
};
use crate::limits::Action;
use aide::axum::{
    ApiRouter,
    routing::{get_with, post_with},
};
use plaza_protocol::{ChangePassword, Credentials, Me, RefreshRequest, ResetPassword, Tokens};

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
        .api_route(
            "/password",
            post_with(change_password, |op| {
                about(op, "changePassword", "Another password; every other session ends")
                    .response::<403, Refusal>()
            }),
        )
        .api_route(
            "/password/reset",
            post_with(reset_password, |op| {
                about(op, "resetPassword", "Another password by an administrator's link; every session ends")
                    .response::<401, Refusal>()
            }),
        )
        .api_route("/me", get_with(me, |op| about(op, "me", "Who the token says one is")))
}

fn about<'t>(operation: Operation<'t>, id: &str, summary: &str) -> Operation<'t> {
    operation.id(id).tag("Accounts").summary(summary)
}

type Answer<T> = Result<T, Refusal>;

async fn register(
    Here(state): Here,
    ClientIp(addr): ClientIp,
    device: Device,
    Json(who): Json<Credentials>,
) -> Answer<Created<Tokens>> {
    state.limits.check(Action::Register, addr, Some(&who.name))?;
    let tokens = state.chat.register(who, &device.0).await?;
    Ok(Created(tokens))
}

async fn log_in(
    Here(state): Here,
    ClientIp(addr): ClientIp,
    device: Device,
    Json(who): Json<Credentials>,
) -> Answer<axum::Json<Tokens>> {
    state.limits.check(Action::LogIn, addr, Some(&who.name))?;
    Ok(axum::Json(state.chat.login(who, &device.0).await?))
}

async fn refresh(
    Here(state): Here,
    ClientIp(addr): ClientIp,
    Json(held): Json<RefreshRequest>,
) -> Answer<axum::Json<Tokens>> {
    state.limits.check(Action::Refresh, addr, None)?;
    Ok(axum::Json(state.chat.refresh(&held.refresh_token).await?))
}

async fn log_out(
    Here(state): Here,
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

/// Guessing the current password counts as logging in: a stolen token opens no way around that limit.
async fn change_password(
    Here(state): Here,
    ClientIp(addr): ClientIp,
    Asker(who): Asker,
    Json(change): Json<ChangePassword>,
) -> Answer<NoContent> {
    state.limits.check(Action::LogIn, addr, Some(&who.user.name))?;
    state.chat.change_password(&who, change).await?;
    Ok(NoContent)
}

async fn reset_password(
    Here(state): Here,
    ClientIp(addr): ClientIp,
    Json(reset): Json<ResetPassword>,
) -> Answer<NoContent> {
    state.limits.check(Action::LogIn, addr, None)?;
    state.chat.reset_password(reset).await?;
    Ok(NoContent)
}
