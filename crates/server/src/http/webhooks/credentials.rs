//! What a program shows to be let in: a key, a signature, or that it is on this machine.

use super::signature::Signature;
use crate::http::{State, extract::bearer, problem::Refusal};
use axum::extract::ConnectInfo;
use http::{HeaderMap, header, request::Parts};
use plaza_chat::Webhook;
use plaza_protocol::{RoomId, Secret};
use std::net::SocketAddr;

/// Not looked at any further: which of them it is depends on the body.
pub(super) enum Credentials {
    Key(Secret),
    Signed(Signature),
    /// None, and none are needed.
    Local,
}

const ASK: &str = "Send a key as `Authorization: Bearer KEY`, or sign the request: webhook-id, webhook-timestamp and webhook-signature.";
const WRONG_KEY: &str = "This key does not hold (any more).";
const WRONG_SIGNATURE: &str =
    "The signature is of none of this room's keys, or of something else than was sent.";

impl Credentials {
    /// What a request shows. A key goes before a signature.
    pub(super) fn of(parts: &Parts, state: &State) -> Result<Self, Refusal> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let key = bearer(&parts.headers).map(|key| Self::Key(Secret::from(key)));
            return key.ok_or_else(|| Refusal::unauthorized(ASK));
        }
        if let Some(signature) = Signature::of(&parts.headers)? {
            return Ok(Self::Signed(signature));
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
        let here = peer.is_some_and(|peer| peer.is_loopback() && !state.trusted_proxies.contains(peer));
        if state.keyless && here && came_straight(&parts.headers) {
            return Ok(Self::Local);
        }
        Err(Refusal::unauthorized(ASK))
    }

    /// Who that is, where it wants to write into this room.
    pub(super) async fn webhook(
        &self,
        state: &State,
        room: Option<&RoomId>,
        body: &[u8],
    ) -> Result<Webhook, Refusal> {
        // What is no room's id is the id of no room.
        let nowhere;
        let room = match room {
            Some(room) => room,
            None => {
                nowhere = "-".parse().map_err(|_| Refusal::unauthorized(ASK))?;
                &nowhere
            }
        };
        match self {
            Self::Local => Ok(Webhook::local()?),
            Self::Key(key) => {
                let found = state.chat.webhook_by_key(key, room).await?;
                found.ok_or_else(|| Refusal::unauthorized(WRONG_KEY))
            }
            Self::Signed(signature) => {
                signature.check_time(state.clock.now())?;
                let keys = state.chat.webhook_signing_keys(room).await?;
                let signer = keys.into_iter().find(|key| signature.is_of(&key.bytes, body));
                signer.map(|key| key.webhook).ok_or_else(|| Refusal::unauthorized(WRONG_SIGNATURE))
            }
        }
    }
}

/// Whether a request came from a program here and through nothing: no proxy that says what it passed on, and no page in
/// a browser, which may be anybody's.
fn came_straight(headers: &HeaderMap) -> bool {
    const TELLING: [&str; 9] = [
        "forwarded",
        "via",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "origin",
        "sec-fetch-site",
    ];
    !headers.keys().any(|name| TELLING.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_or_a_browser_sends_did_not_come_straight() {
        assert!(came_straight(&HeaderMap::new()));
        for name in [
            "forwarded",
            "X-Forwarded-For",
            "x-forwarded-host",
            "Via",
            "X-Real-IP",
            "Origin",
            "Sec-Fetch-Site",
        ] {
            let name: http::HeaderName = name.parse().unwrap();
            let headers = [(name, "x".parse().unwrap())].into_iter().collect();
            assert!(!came_straight(&headers), "{headers:?}");
        }
    }
}
