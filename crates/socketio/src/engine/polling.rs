//! Long-polling: a GET that waits for packets, a POST that brings some.

use super::{
    CloseReason, Refusal, Session,
    frame::{CLOSE, Frame, NOOP},
    http::{Body, answer},
    packet::{Packet, Piece, join_payload, split_payload},
    queue::Queue,
    session::{Entered, Incoming, NotPolling, Slot},
};
use crate::config::Config;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Instant, timeout};

pub(super) const TEXT: &str = "text/plain; charset=UTF-8";

/// Waits for packets and answers with all there are.
pub(super) async fn get(session: &Arc<Session>) -> Result<Response<Body>, Refusal> {
    let entered = enter(session, Slot::Get)?;
    let mut abandoned = Abandoned { session, armed: true };
    let mut frames = Queue::default();
    poll_fn(|cx| match session.outbox.poll_take(&mut frames, cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending if session.is_closed() || session.is_changing_over() => Poll::Ready(()),
        Poll::Pending => Poll::Pending,
    })
    .await;
    abandoned.armed = false;
    drop(entered);
    // Nothing fetches what comes from now on, until the next poll.
    session.outbox.stalls();
    session.outbox.written(frames.cost());
    match session.outbox.closing() {
        // The client closes: it knows.
        Some(CloseReason::TransportClose) | None if frames.is_empty() => {
            frames.push(Frame::control(NOOP));
        }
        Some(CloseReason::TransportClose) | None => {}
        Some(_) => frames.push(Frame::control(CLOSE)),
    }
    Ok(answer(StatusCode::OK, TEXT, join_payload(&frames).into()))
}

/// Takes the packets of a body to the session, in their order. Whatever is wrong with it ends the session.
pub(super) async fn post<B>(
    session: &Arc<Session>,
    headers: &HeaderMap,
    body: B,
    config: &Config,
) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    let entered = enter(session, Slot::Post)?;
    let mut abandoned = Abandoned { session, armed: true };
    let body =
        read(headers, body, config).await.inspect_err(|_| session.close_with(CloseReason::TransportError))?;
    let malformed = || {
        session.close_with(CloseReason::ParseError);
        Refusal::BAD_REQUEST
    };
    let text = std::str::from_utf8(&body).map_err(|_| malformed())?;
    let received = Instant::now();
    for piece in split_payload(text) {
        let incoming = match piece.map_err(|_| malformed())? {
            Piece::Text(text) => {
                Packet::parse(text).map_err(|_| malformed())?;
                Incoming::Text(text.to_owned(), received)
            }
            Piece::Bytes(bytes) => Incoming::Bytes(bytes, received),
        };
        if !entered.bring(incoming).await {
            return Err(Refusal::UNKNOWN_SID);
        }
    }
    abandoned.armed = false;
    Ok(answer(StatusCode::OK, "text/html", Bytes::from_static(b"ok")))
}

/// All of a body, if it is short enough and comes soon enough.
async fn read<B>(headers: &HeaderMap, body: B, config: &Config) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    // Bytes travel as base64 in revision 4; a body of bytes is of an older one.
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/octet-stream") {
        return Err(Refusal::BAD_REQUEST);
    }
    let body = pin!(Limited::new(BoxErrors(Box::pin(body)), config.max_payload));
    // As long as a silent client is borne, and no longer: one byte now and then would hold the connection for ever.
    match timeout(config.ping_interval + config.ping_timeout, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TOO_LARGE),
        Ok(Err(_)) => Err(Refusal::BAD_REQUEST),
        Err(_) => Err(Refusal::TOO_SLOW),
    }
}

/// A second request of a kind ends the session: the client has lost track of what it sent.
fn enter(session: &Arc<Session>, slot: Slot) -> Result<Entered, Refusal> {
    session.enter(slot).map_err(|error| {
        if error == NotPolling::Overlap {
            session.close_with(CloseReason::TransportError);
        }
        Refusal::BAD_REQUEST
    })
}

/// A request whose client went away before it was answered ends the session: what it brought, or would have
/// fetched, may be lost.
struct Abandoned<'a> {
    session: &'a Session,
    armed: bool,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.session.close_with(CloseReason::TransportError);
        }
    }
}

/// A body whose errors fit the limit's.
struct BoxErrors<B>(Pin<Box<B>>);

#[derive(Debug, thiserror::Error)]
#[error("the request's body broke off")]
struct BrokenBody;

impl<B: http_body::Body<Data = Bytes>> http_body::Body for BoxErrors<B> {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BrokenBody>>> {
        self.get_mut().0.as_mut().poll_frame(cx).map_err(|_| BrokenBody)
    }
}
