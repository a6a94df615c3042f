//! One request of a webhook, taken apart: who writes, where, what, and under which name it is known again.

use super::{
    credentials::Credentials,
    posting::{self, Posting},
};
use crate::{
    http::{
        State,
        extract::{self, ClientIp},
        problem::Refusal,
    },
    limits::Action,
};
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use http::{HeaderMap, StatusCode};
use plaza_chat::Webhook;
use plaza_protocol::{ClientId, Code, Content, Error, MAX_CLIENT_ID_BYTES, RoomId, User};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::marker::PhantomData;

/// What is to be written.
pub(in crate::http) struct Delivery<T> {
    pub(super) sender: User,
    pub(super) room_id: RoomId,
    pub(super) client_id: ClientId,
    pub(super) content: Content,
    posted: PhantomData<fn(T)>,
}

impl<T: Posting> FromRequest<State> for Delivery<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let ClientIp(addr) = ClientIp::from_request_parts(&mut parts, state).await?;
        state.limits.check(Action::Webhook, addr, None)?;
        let credentials = Credentials::of(&parts, state)?;
        if !extract::is_json(&parts.headers) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::bad_request(status, "The body must be JSON, sent as application/json."));
        }
        let headers = parts.headers.clone();
        let body = extract::body(Request::from_parts(parts, body), state).await?;
        let value = serde_json::from_slice::<Value>(&body).map_err(|error| extract::unfit(&error));
        let room = value.as_ref().ok().and_then(Value::as_object).and_then(posting::room);
        let Webhook { sender, may_write } = credentials.webhook(state, room.as_ref(), &body).await?;
        state.limits.check_write(&sender.id, addr)?;
        // From here on it is somebody who may be told what is wrong.
        let Value::Object(mut fields) = value? else {
            return Err(Error::bad_request("The body must be a JSON object.").into());
        };
        let room_id: RoomId = posting::required(&mut fields, "roomId")?;
        let name = posting::optional::<String>(&mut fields, "sender")?;
        let content = T::content(fields)?;
        if !may_write {
            return Err(no_such_room());
        }
        let sender = match name {
            Some(name) => {
                let name = state.chat.webhook_name(&name).await;
                User { name: name.map_err(|error| Refusal::from(error).in_field("sender"))?, ..sender }
            }
            None => sender,
        };
        let client_id = name_of(&headers, &credentials)?.map_or_else(|| state.chat.new_client_id(), Ok)?;
        Ok(Self { sender, room_id, client_id, content, posted: PhantomData })
    }
}

/// A room that is not there and one that is not the webhook's are answered alike.
pub(super) fn no_such_room() -> Refusal {
    let sentence = "There is no such room, or this webhook may not write into it.";
    Refusal::from(Error::new(Code::NotFound, sentence)).in_field("roomId")
}

/// The sender's own name for what it sends. Of what is signed only the name that is signed too counts, or who has seen
/// one such request could send it again under another.
fn name_of(headers: &HeaderMap, credentials: &Credentials) -> Result<Option<ClientId>, Refusal> {
    let named = match credentials {
        Credentials::Signed(signature) => Some(signature.id.as_str()),
        Credentials::Key(_) | Credentials::Local => {
            let header = headers.get("idempotency-key").or_else(|| headers.get("webhook-id"));
            header.map(|value| value.to_str().unwrap_or_default())
        }
    };
    named.map(client_id).transpose()
}

/// A name that is too long for the log is known by its hash.
fn client_id(name: &str) -> Result<ClientId, Refusal> {
    const ASK: &str = "An Idempotency-Key or webhook-id has 1 to 255 ASCII characters.";
    if !(1..=255).contains(&name.len()) || !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Error::bad_request(ASK).into());
    }
    let kept = if name.len() <= MAX_CLIENT_ID_BYTES {
        name.to_owned()
    } else {
        Sha256::digest(name).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    kept.parse().map_err(|_| Error::bad_request(ASK).into())
}

#[cfg(test)]
mod tests {
    use super::client_id;

    #[test]
    fn a_long_name_is_known_by_its_hash() {
        let named = |name: &str| client_id(name).map(|id| id.as_str().to_owned()).unwrap();
        assert_eq!(named("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"), "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
        let (one, other) = (named(&"a".repeat(65)), named(&"a".repeat(66)));
        assert!(one.len() == 64 && one != other, "{one} {other}");
        for bad in ["", "a\tb", "é", &"a".repeat(256)] {
            assert!(client_id(bad).is_err(), "{bad}");
        }
    }
}
