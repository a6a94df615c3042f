//! `POST /webhook/zalo-oa`: what Zalo tells of an Official Account. It wants a 200 within two seconds, or tells it again
//! for hours: what it tells again is known by its id.

use crate::{
    http::{
        State,
        extract::{self, ClientIp, Here},
        problem::Refusal,
    },
    limits::Action,
    zalo,
};
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, StatusCode};
use plaza_chat::Webhook;
use plaza_protocol::{Code, Error, SendMessage};
use sha2::{Digest as _, Sha256};

/// The body as it came, and its headers: both are needed for the signature.
pub(super) struct Raw {
    headers: HeaderMap,
    body: axum::body::Bytes,
}

impl FromRequest<State> for Raw {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        Ok(Self { headers, body: extract::body(request, state).await? })
    }
}

pub(super) async fn receive(
    Here(state): Here,
    ClientIp(addr): ClientIp,
    Raw { headers, body }: Raw,
) -> Result<StatusCode, Refusal> {
    let settings = &state.zalo_account;
    let Some(room) = settings.room.as_ref().filter(|_| settings.is_on()) else {
        return Err(Error::new(Code::NotFound, "No account of Zalo's is configured here.").into());
    };
    state.limits.check(Action::Webhook, addr, None)?;
    let signature =
        headers.get("x-zevent-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let incoming = zalo::incoming(&body).filter(|incoming| {
        incoming.app_id() == settings.app_id
            && zalo::is_signed(settings, signature, &body, &incoming.timestamp())
    });
    let Some(incoming) = incoming else {
        return Err(Refusal::unauthorized(
            "The X-ZEvent-Signature is not this account's, or of something else.",
        ));
    };
    let Some(person) = incoming.person() else { return Ok(StatusCode::OK) };
    let name = format!("Zalo {}", person.as_str().chars().take(27).collect::<String>());
    let sender = Webhook::of_service(zalo::SERVICE, person.as_str(), name)?.sender;
    for (name, content) in incoming.messages() {
        let client_id =
            Sha256::digest(name).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let client_id = client_id.parse().map_err(|_| Error::bad_request("This event has no id."))?;
        let message = SendMessage { room_id: room.clone(), client_id, content };
        match state.chat.write_by_webhook(&sender, message).await {
            Ok(_) => {}
            // It is told again without end otherwise, and nothing here can change what it says.
            Err(error) if error.code == Code::Conflict => {
                tracing::warn!(%error, "An event of Zalo's was told again as another, and is left out");
            }
            Err(error) => {
                tracing::warn!(%error, %room, "An event of Zalo's was not written");
                return Err(error.into());
            }
        }
    }
    Ok(StatusCode::OK)
}
