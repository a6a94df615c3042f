//! `/api/v1`: accounts, tokens, and a room's log over HTTP; and `/health`.

use crate::{
    Address, RequestError,
    tls::{self, plain_http},
};
use plaza_protocol::{
    Code, Credentials, DrainNode, Error, EventsPage, Health, History, Me, NewResetLink, Problem,
    RefreshRequest, ResetLink, Secret, Tokens,
};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The REST interface of one server.
#[derive(Debug, Clone)]
pub struct Rest {
    address: Address,
    http: reqwest::Client,
}

impl Rest {
    /// With the longest wait for one answer.
    pub fn new(address: Address, within: Duration) -> Result<Self, RequestError> {
        // The WebSocket goes straight to the server, so this does too.
        let mut http = plain_http();
        if address.is_tls() {
            let config = tls::config().map_err(|error| RequestError::Malformed(error.to_string()))?;
            http = http.tls_backend_preconfigured(config);
        }
        let http = http
            // What its owner sees in the list of sessions.
            .user_agent(concat!("plaza-client/", env!("CARGO_PKG_VERSION")))
            .timeout(within)
            .build()
            .map_err(|error| RequestError::Malformed(error.to_string()))?;
        Ok(Self { address, http })
    }

    /// `POST /register`: a new account, logged in.
    pub async fn register(&self, credentials: &Credentials) -> Result<Tokens, RequestError> {
        self.ask(self.post("/register").json(credentials)).await
    }

    /// `POST /login`
    pub async fn login(&self, credentials: &Credentials) -> Result<Tokens, RequestError> {
        self.ask(self.post("/login").json(credentials)).await
    }

    /// `POST /refresh`: new tokens for the newest refresh token, which is spent by it.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, RequestError> {
        let body = RefreshRequest { refresh_token: refresh_token.clone() };
        self.ask(self.post("/refresh").json(&body)).await
    }

    /// `POST /logout`: the log-in of this refresh token ends, with all its tokens and connections; with a guest's token,
    /// the guest does, and the name is free.
    pub async fn logout(&self, token: &Secret) -> Result<(), RequestError> {
        let body = RefreshRequest { refresh_token: token.clone() };
        accepted(self.post("/logout").json(&body)).await.map(|_| ())
    }

    /// `GET /me`
    pub async fn me(&self, access_token: &Secret) -> Result<Me, RequestError> {
        self.ask(self.get("/api/v1/me").bearer_auth(access_token.expose())).await
    }

    /// `POST /admin/reset-links`: a link by which the owner of an account sets a password anew; for administrators.
    pub async fn reset_link(&self, access_token: &Secret, name: &str) -> Result<ResetLink, RequestError> {
        let body = NewResetLink { name: name.to_owned() };
        self.ask(self.post("/admin/reset-links").bearer_auth(access_token.expose()).json(&body)).await
    }

    /// `POST /admin/drain`: has the node of this name, if it is the one that answers, let its clients go and stop; for
    /// administrators.
    pub async fn drain(&self, access_token: &Secret, node: &str) -> Result<(), RequestError> {
        let body = DrainNode { node: node.to_owned() };
        let asked = self.post("/admin/drain").bearer_auth(access_token.expose()).json(&body);
        accepted(asked).await.map(|_| ())
    }

    /// `GET /rooms/{id}/events`: a page of a room's log.
    pub async fn events(&self, access_token: &Secret, page: &History) -> Result<EventsPage, RequestError> {
        let mut query = Vec::new();
        query.extend(page.before.map(|seq| format!("before={seq}")));
        query.extend(page.after.map(|seq| format!("after={seq}")));
        query.extend(page.limit.map(|limit| format!("limit={limit}")));
        // A room's id needs no escaping in a path.
        let path = format!("/api/v1/rooms/{}/events?{}", page.room_id, query.join("&"));
        self.ask(self.get(&path).bearer_auth(access_token.expose())).await
    }

    /// `GET /health`
    pub async fn health(&self) -> Result<Health, RequestError> {
        self.ask(self.get("/health")).await
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.address.http_url(&format!("/api/v1{path}")))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.address.http_url(path))
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, RequestError> {
        accepted(request).await?.json().await.map_err(|error| RequestError::Malformed(error.to_string()))
    }
}

/// The cause of causes: what the system or TLS said.
fn innermost<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}

/// Sends it and turns what is no success into its error.
async fn accepted(request: RequestBuilder) -> Result<reqwest::Response, RequestError> {
    let answer = request.send().await.map_err(|error| {
        if error.is_timeout() {
            RequestError::TimedOut
        } else if error.is_connect() {
            RequestError::Unreachable(tls::said(innermost(&error)))
        } else {
            RequestError::Disconnected
        }
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    // As a port that speaks HTTPS answers.
    let hint = if status == StatusCode::BAD_REQUEST && answer.url().scheme() == "http" {
        "; try https://"
    } else {
        ""
    };
    Err(RequestError::Refused(match answer.json::<Problem>().await {
        Ok(problem) => Error {
            code: problem.code,
            message: problem.detail,
            retryable: problem.retryable,
            retry_after_ms: problem.retry_after_ms,
        },
        Err(_) => Error::new(code_of(status), format!("The server answered {status}{hint}.")),
    }))
}

/// For an answer that is not Plaza's own, such as a proxy's.
fn code_of(status: StatusCode) -> Code {
    let same = |code: &Code| code.http_status() == status.as_u16();
    let fallback = if status.is_server_error() { Code::Unavailable } else { Code::BadRequest };
    Code::ALL.into_iter().find(same).unwrap_or(fallback)
}
