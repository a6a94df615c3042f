//! `POST /webhook`: programs write into rooms, without an account and without a socket.
//!
//! A request is counted, then its sender is known by a key or by a signature ([`credentials`]), and only then is it told
//! what is wrong with what it wrote ([`posting`]). What is written goes through the room's log like any message, and is
//! answered when it is stored.

mod credentials;
mod delivery;
mod posting;
mod signature;
mod zalo;

use super::{State, documented::Operation, extract::Here, problem::Refusal};
use aide::axum::{
    ApiRouter,
    routing::{ApiMethodRouter, post_with},
};
pub(super) use delivery::Delivery;
use plaza_protocol::{
    Code, Kind, PostedAudio, PostedFile, PostedImage, PostedLocation, PostedMessage, PostedText, PostedZalo,
    SendMessage, WrittenByWebhook,
};
pub(super) use posting::Posting;

/// `/webhook`, `/webhook/<kind>` and `/webhook/zalo-oa`.
pub(super) fn router() -> ApiRouter<State> {
    let text = "A text into a room";
    let mut router = ApiRouter::new()
        .api_route("/webhook", post_with(write::<PostedMessage>, |op| about(op, "webhook", text)));
    for kind in Kind::ALL {
        let route = match kind {
            Kind::Text => posted::<PostedText>(*kind),
            Kind::Image => posted::<PostedImage>(*kind),
            Kind::File => posted::<PostedFile>(*kind),
            Kind::Location => posted::<PostedLocation>(*kind),
            Kind::Audio => posted::<PostedAudio>(*kind),
            Kind::Zalo => posted::<PostedZalo>(*kind),
        };
        router = router.api_route(&format!("/webhook/{}", kind.as_str()), route);
    }
    router.route("/webhook/zalo-oa", axum::routing::post(zalo::receive))
}

fn posted<T: Posting>(kind: Kind) -> ApiMethodRouter<State> {
    let id = format!("webhook-{}", kind.as_str());
    let summary = format!("A message of kind `{}` into a room", kind.as_str());
    post_with(write::<T>, move |op| about(op, &id, &summary))
}

fn about<'t>(operation: Operation<'t>, id: &str, summary: &str) -> Operation<'t> {
    operation
        .id(id)
        .tag("Webhooks")
        .summary(summary)
        .description(
            "Also at the same address without `/api/v1`. See docs/webhooks.md for keys and signatures.",
        )
        .response::<404, Refusal>()
        .response::<409, Refusal>()
}

async fn write<T: Posting>(
    Here(state): Here,
    delivery: Delivery<T>,
) -> Result<axum::Json<WrittenByWebhook>, Refusal> {
    let Delivery { sender, room_id, client_id, content, .. } = delivery;
    let message = SendMessage { room_id: room_id.clone(), client_id, content };
    state.not_overloaded()?;
    let answer = state.zalo.in_message(&message);
    let sent = state.chat.write_by_webhook(&sender, message).await.map_err(|error| match error.code {
        Code::NotFound => delivery::no_such_room(),
        _ => error.into(),
    })?;
    state.zalo.hand_in(answer, &sent).await;
    Ok(axum::Json(WrittenByWebhook { ok: true, room_id, seq: sent.seq, id: sent.id }))
}
