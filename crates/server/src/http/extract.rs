//! What a handler takes out of a request; what cannot be taken is answered as problem details.

use super::{State, device, headers::Deadline, problem::Refusal};
use crate::client_addr::ClientAddr;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection};
use http::{HeaderMap, StatusCode, header, request::Parts};
use plaza_chat::Identity;
use plaza_protocol::{ClientId, Code, Error, RoomId, Secret, UserRef};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::error::Category;
use std::net::IpAddr;

/// The body, as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<State> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refusal> {
        if !is_json(request.headers()) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::bad_request(status, "The body must be JSON, sent as application/json."));
        }
        let body = body(request, state).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| unfit(&error))
    }
}

/// The body, as it came.
pub(super) async fn body(request: Request, state: &State) -> Result<axum::body::Bytes, Refusal> {
    axum::body::Bytes::from_request(request, state).await.map_err(|error| unread(&error))
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

fn unread(error: &BytesRejection) -> Refusal {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::new(
            Code::TooLarge,
            format!("The body is too large: at most {} bytes fit.", super::MAX_BODY_BYTES),
        )
        .into()
    } else {
        Error::bad_request("The body broke off before its end. Send it again.").into()
    }
}

pub(super) fn unfit(error: &serde_json::Error) -> Refusal {
    match error.classify() {
        Category::Data => Error::misfit("body", error).into(),
        Category::Syntax | Category::Eof | Category::Io => {
            let (line, column) = (error.line(), error.column());
            Error::bad_request(format!("The body is not JSON: see line {line}, column {column}.")).into()
        }
    }
}

/// What a handler works with, for one request: what waits until the request's end is not carried out behind it.
pub(super) struct Here(pub(super) State);

impl FromRequestParts<State> for Here {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let mut state = state.clone();
        if let Some(Deadline(deadline)) = parts.extensions.get() {
            state.chat = state.chat.by(*deadline);
        }
        Ok(Self(state))
    }
}

/// Who asks, by `Authorization: Bearer`. Nothing else counts: a token in an address ends in logs and histories.
pub(super) struct Asker(pub(super) Identity);

impl FromRequestParts<State> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let Some(token) = bearer(&parts.headers).map(Secret::from) else {
            return Err(Refusal::unauthorized("Send your token as `Authorization: Bearer TOKEN`."));
        };
        Ok(Self(state.chat.authenticate(&token).await?))
    }
}

/// One who asks for something that goes into a room's log, and does not do so too often.
pub(super) struct Writer(pub(super) Identity);

impl FromRequestParts<State> for Writer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let ClientIp(addr) = ClientIp::from_request_parts(parts, state).await?;
        let Asker(who) = Asker::from_request_parts(parts, state).await?;
        state.limits.check_write(&who.user.id, addr)?;
        Ok(Self(who))
    }
}

/// An administrator who asks. Asked before the body is read, so that nobody else learns what would fit.
pub(super) struct Administrator(pub(super) Identity);

impl FromRequestParts<State> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let Asker(who) = Asker::from_request_parts(parts, state).await?;
        if state.chat.is_administrator(&who.user.id).await? {
            return Ok(Self(who));
        }
        Err(Error::new(Code::Forbidden, "Only administrators may do this.").into())
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// Where the request came from.
pub(super) struct ClientIp(pub(super) IpAddr);

impl FromRequestParts<State> for ClientIp {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refusal> {
        let addr = parts.extensions.get::<ClientAddr>();
        addr.map(|addr| Self(addr.0)).ok_or_else(|| {
            Error::new(Code::Internal, "The server could not tell where this request came from. Try again.")
                .into()
        })
    }
}

/// What the client calls itself, for its owner to know it by: see [`device::named`].
pub(super) struct Device(pub(super) String);

impl FromRequestParts<State> for Device {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refusal> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(device::named(agent.unwrap_or_default())))
    }
}

/// The room named in the path. What cannot be a room's id is the id of no room.
pub(super) struct Room(pub(super) RoomId);

impl FromRequestParts<State> for Room {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let path = Path::<RoomPath>::from_request_parts(parts, state).await;
        let room = path.ok().and_then(|Path(path)| path.id.parse().ok());
        room.map(Self).ok_or_else(|| Error::no_such_room().into())
    }
}

#[derive(Deserialize)]
struct RoomPath {
    id: String,
}

/// The session named in the path. What cannot be read is the id of none.
pub(super) struct SessionOf(pub(super) String);

impl FromRequestParts<State> for SessionOf {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map_or_else(|_| String::new(), |Path(id)| id)))
    }
}

/// The person named in the path.
pub(super) struct Person(pub(super) UserRef);

impl FromRequestParts<State> for Person {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let path = Path::<PersonPath>::from_request_parts(parts, state).await;
        let user = path.ok().and_then(|Path(path)| UserRef::try_from(path.user).ok());
        user.map(Self).ok_or_else(|| Error::new(Code::NotFound, "There is nobody of this id or name.").into())
    }
}

#[derive(Deserialize)]
struct PersonPath {
    user: String,
}

/// `Idempotency-Key`: the sender's own name for what it sends. Without one, sending again would send twice.
pub(super) struct IdempotencyKey(pub(super) ClientId);

impl FromRequestParts<State> for IdempotencyKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refusal> {
        const ASK: &str = "Send an Idempotency-Key of 1 to 64 bytes of your own making, the same again when you send the same message again.";
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let (Some(key), None) = (keys.next(), keys.next()) else {
            return Err(Error::bad_request(ASK).into());
        };
        let key = key.to_str().ok().and_then(|key| key.parse().ok());
        key.map(Self).ok_or_else(|| Error::bad_request(ASK).into())
    }
}

/// The query's parameters.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<State> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(params)| Self(params)).map_err(|error| {
            use std::error::Error as _;
            let why = error.source().map_or_else(String::new, ToString::to_string);
            Error::misfit("query", &why).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: http::HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_token_stands_after_bearer() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer ", None),
        ] {
            assert_eq!(bearer(&with(header::AUTHORIZATION, value)), token, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn json_is_named_as_such() {
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/jsonp", false),
        ] {
            assert_eq!(is_json(&with(header::CONTENT_TYPE, value)), json, "{value}");
        }
    }
}
