//! The one task of a session: it reads, runs the protocol above, writes, keeps the heartbeat, and ends it all.

use super::{
    Application, CloseReason, Protocol,
    heartbeat::Heartbeat,
    packet::{Message, Packet},
    server::Shared,
    session::{Incoming, Session},
    websocket::{Decoded, End, Receiver, WebSocket},
};
use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

/// How long a client that polls may take to fetch what was queued before its session was closed.
const LAST_POLL: Duration = Duration::from_secs(5);

/// What a session's task works with.
pub(super) struct Task<A: Application> {
    pub(super) shared: Arc<Shared<A>>,
    pub(super) session: Arc<Session>,
    pub(super) protocol: A::Protocol,
    pub(super) heartbeat: Heartbeat,
}

/// The futures here are as long-lived as their sessions, so they are written for size: a session's state is used
/// where it was captured, and its end, which is large, is boxed.
impl<A: Application> Task<A> {
    /// A session that begins on a WebSocket, which comes once its handshake is done; `None`: it never came to be.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold its arguments twice")]
    pub(super) fn run_websocket(
        mut self,
        socket: impl Future<Output = Option<WebSocket>> + Send + 'static,
    ) -> impl Future<Output = ()> + Send {
        async move {
            let Some(mut socket) = socket.await else {
                return Box::pin(self.end(CloseReason::TransportClose.into(), None)).await;
            };
            let ended = self.serve_websocket(&mut socket).await;
            Box::pin(self.end(ended, Some(socket))).await;
        }
    }

    /// A session that begins with polling, and may change over.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold its arguments twice")]
    pub(super) fn run_polling(
        mut self,
        mut inbox: mpsc::Receiver<Incoming>,
    ) -> impl Future<Output = ()> + Send {
        async move {
            match self.serve_polling(&mut inbox).await {
                Ok(mut socket) => {
                    drop(inbox);
                    self.session.upgraded();
                    let ended = self.serve_websocket(&mut socket).await;
                    Box::pin(self.end(ended, Some(*socket))).await;
                }
                Err(reason) => Box::pin(self.end(reason.into(), None)).await,
            }
        }
    }

    async fn serve_websocket(&mut self, socket: &mut WebSocket) -> Ended {
        poll_fn(|cx| {
            let outbox = &self.session.outbox;
            if let Poll::Ready(reason) = outbox.poll_closing(cx) {
                return Poll::Ready(reason.into());
            }
            loop {
                let mut above = Above {
                    session: &self.session,
                    protocol: &mut self.protocol,
                    heartbeat: &mut self.heartbeat,
                };
                if let Poll::Ready(end) = socket.poll_receive(cx, self.shared.config.max_payload, &mut above)
                {
                    return Poll::Ready(end.into());
                }
                let was_full = self.protocol.is_full();
                if let Poll::Ready(reason) = self.protocol.poll(cx) {
                    return Poll::Ready(reason.into());
                }
                if !was_full || self.protocol.is_full() {
                    break;
                }
            }
            if socket.poll_write_out(cx, outbox).is_ready() {
                return Poll::Ready(CloseReason::TransportError.into());
            }
            self.heartbeat.listening(!self.protocol.is_full());
            self.heartbeat.poll(cx, outbox, socket.stalled_since()).map(Ended::from)
        })
        .await
    }

    async fn serve_polling(
        &mut self,
        inbox: &mut mpsc::Receiver<Incoming>,
    ) -> Result<Box<WebSocket>, CloseReason> {
        poll_fn(|cx| {
            if let Poll::Ready(reason) = self.session.outbox.poll_closing(cx) {
                return Poll::Ready(Err(reason));
            }
            loop {
                while !self.protocol.is_full() {
                    match inbox.poll_recv(cx) {
                        Poll::Ready(Some(Incoming::Upgraded(socket))) => return Poll::Ready(Ok(socket)),
                        Poll::Ready(Some(incoming)) => {
                            if let Err(reason) = self.receive(&incoming, cx) {
                                return Poll::Ready(Err(reason));
                            }
                        }
                        Poll::Ready(None) => return Poll::Ready(Err(CloseReason::TransportClose)),
                        Poll::Pending => break,
                    }
                }
                let was_full = self.protocol.is_full();
                if let Poll::Ready(reason) = self.protocol.poll(cx) {
                    return Poll::Ready(Err(reason));
                }
                if !was_full || self.protocol.is_full() {
                    break;
                }
            }
            self.heartbeat.listening(!self.protocol.is_full());
            self.heartbeat.poll(cx, &self.session.outbox, None).map(Err)
        })
        .await
    }

    fn receive(&mut self, incoming: &Incoming, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        let mut above =
            Above { session: &self.session, protocol: &mut self.protocol, heartbeat: &mut self.heartbeat };
        match incoming {
            Incoming::Text(text, received) => above.packet(text, *received, cx),
            Incoming::Bytes(bytes, received) => above.protocol.receive(Message::Binary(bytes), *received, cx),
            Incoming::Upgraded(_) => Ok(()),
        }
    }

    /// The one place where a session ends. Its handlers learn of it at once, whatever the connection still does.
    async fn end(self, ended: Ended, socket: Option<WebSocket>) {
        self.session.close_with(ended.reason);
        let reason = self.session.outbox.closing().unwrap_or(ended.reason);
        tracing::debug!(%reason, "session ended");
        let goodbye = async {
            match socket {
                Some(socket) if reason == CloseReason::SlowConsumer => socket.abort(),
                Some(socket) => {
                    let outbox = (ended.is_there || reason.flushes()).then_some(&self.session.outbox);
                    socket.close(ended.code, outbox).await;
                }
                None if reason.flushes() => last_poll(&self.session).await,
                None => {}
            }
            self.session.outbox.clear();
            self.shared.forget(&self.session);
        };
        tokio::join!(self.protocol.close(reason), goodbye);
    }
}

/// Waits until a poll has fetched what was queued, so that a client learns why it is sent away.
async fn last_poll(session: &Session) {
    let fetched = poll_fn(|cx| session.outbox.poll_fetched(cx));
    let _ = timeout(LAST_POLL, fetched).await;
}

/// Why a session ended, and the WebSocket close code that says the same (RFC 6455, section 7.4.1).
struct Ended {
    reason: CloseReason,
    code: Option<u16>,
    /// The client has just said something on its WebSocket, good or bad, so it is there for what was sent before.
    is_there: bool,
}

impl From<CloseReason> for Ended {
    fn from(reason: CloseReason) -> Self {
        let code = match reason {
            CloseReason::ServerShuttingDown => 1001,
            CloseReason::TransportError | CloseReason::ParseError => 1002,
            CloseReason::TransportClose
            | CloseReason::PingTimeout
            | CloseReason::ForcedClose
            | CloseReason::ForcedServerClose
            | CloseReason::SlowConsumer => 1000,
        };
        Self { reason, code: Some(code), is_there: false }
    }
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        match end {
            End::Gone => CloseReason::TransportClose.into(),
            // Its code goes back to it (section 5.5.1).
            End::Closed(code) => Self { reason: CloseReason::TransportClose, code, is_there: true },
            End::Violation(violation) => {
                let code = Some(violation.code());
                Self { reason: CloseReason::TransportError, code, is_there: true }
            }
            End::Above(reason) => reason.into(),
        }
    }
}

/// The session as its transport sees it: packets go to the heartbeat or to the protocol above.
struct Above<'a, P> {
    session: &'a Session,
    protocol: &'a mut P,
    heartbeat: &'a mut Heartbeat,
}

impl<P: Protocol> Above<'_, P> {
    fn packet(&mut self, text: &str, received: Instant, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        match Packet::parse(text).map_err(|_| CloseReason::ParseError)? {
            Packet::Message(message) => self.protocol.receive(message, received, cx),
            Packet::Pong => {
                self.heartbeat.pong();
                Ok(())
            }
            Packet::Close => Err(CloseReason::TransportClose),
            Packet::Noop | Packet::Upgrade => Ok(()),
            // In revision 4 only the server pings.
            Packet::Ping(_) => Err(CloseReason::TransportError),
        }
    }
}

impl<P: Protocol> Receiver for Above<'_, P> {
    fn is_full(&self) -> bool {
        self.protocol.is_full()
    }

    fn receive(&mut self, decoded: Decoded<'_>, received: Instant, cx: &mut Context<'_>) -> Result<(), End> {
        match decoded {
            Decoded::Text(text) => self.packet(text, received, cx).map_err(End::Above),
            Decoded::Binary(bytes) => {
                self.protocol.receive(Message::Binary(bytes), received, cx).map_err(End::Above)
            }
            Decoded::Ping(data) => {
                let _ = self.session.send(&super::frame::Frame::pong(data).into());
                Ok(())
            }
            Decoded::Pong | Decoded::Fragment => Ok(()),
            Decoded::Close(code) => Err(End::Closed(code)),
        }
    }
}
