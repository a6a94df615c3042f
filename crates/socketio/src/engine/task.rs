//! The one task of a session: it reads, runs the protocol above, writes, keeps the heartbeat, and ends it all.

use super::{
    Application, CloseReason, Protocol,
    heartbeat::Heartbeat,
    packet::{Message, Packet},
    server::Registered,
    session::{Incoming, Session},
    websocket::{Decoded, End, Reader, Receiver, WebSocket},
};
use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::ReadBuf,
    sync::mpsc,
    time::{Instant, timeout},
};

/// How long a client that polls may take to fetch what was queued before its session was closed.
const LAST_POLL: Duration = Duration::from_secs(5);

/// What a session's task works with.
pub(super) struct Task<A: Application> {
    pub(super) registered: Registered<A>,
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
            let Some(socket) = socket.await else {
                return Box::pin(self.end(CloseReason::TransportClose.into())).await;
            };
            let reader = Box::pin(begin_websocket(Arc::clone(&self.registered.session), socket)).await;
            let ended = self.serve_websocket(reader).await;
            Box::pin(self.end(ended)).await;
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
                Ok(socket) => {
                    drop(inbox);
                    let reader =
                        Box::pin(begin_websocket(Arc::clone(&self.registered.session), *socket)).await;
                    let ended = self.serve_websocket(reader).await;
                    Box::pin(self.end(ended)).await;
                }
                Err(reason) => Box::pin(self.end(reason.into())).await,
            }
        }
    }

    async fn serve_websocket(&mut self, mut reader: Reader) -> Ended {
        poll_fn(|cx| {
            if let Poll::Ready(reason) = self.registered.session.outbox.poll_turn(cx) {
                return Poll::Ready(reason.into());
            }
            let last_read = reader.last_read();
            let stalled_since = loop {
                let mut above = Above {
                    session: &self.registered.session,
                    protocol: &mut self.protocol,
                    heartbeat: &mut self.heartbeat,
                };
                let read = |cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>| {
                    self.registered.session.poll_read(cx, buffer)
                };
                let max = self.registered.shared.config.max_payload;
                if let Poll::Ready(end) = reader.poll_receive(cx, read, max, &mut above) {
                    return Poll::Ready(end.into());
                }
                // What handlers answered that waited for nothing. Those that waited did so with others, and will have more
                // to write soon.
                let stalled_since = self.registered.session.end_turn();
                let was_full = self.protocol.is_full();
                if let Poll::Ready(reason) = self.protocol.poll(cx) {
                    return Poll::Ready(reason.into());
                }
                if !was_full || self.protocol.is_full() {
                    break stalled_since;
                }
            };
            self.heartbeat.listening(!self.protocol.is_full());
            // What was read in this turn tells the time.
            let now = Some(reader.last_read()).filter(|read| *read != last_read);
            self.heartbeat.poll(cx, &self.registered.session, stalled_since, now).map(Ended::from)
        })
        .await
    }

    async fn serve_polling(
        &mut self,
        inbox: &mut mpsc::Receiver<Incoming>,
    ) -> Result<Box<WebSocket>, CloseReason> {
        poll_fn(|cx| {
            if let Poll::Ready(reason) = self.registered.session.outbox.poll_turn(cx) {
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
            self.heartbeat.poll(cx, &self.registered.session, None, None).map(Err)
        })
        .await
    }

    fn receive(&mut self, incoming: &Incoming, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        let mut above = Above {
            session: &self.registered.session,
            protocol: &mut self.protocol,
            heartbeat: &mut self.heartbeat,
        };
        match incoming {
            Incoming::Text(text, received) => above.packet(text, *received, cx),
            Incoming::Bytes(bytes, received) => above.protocol.receive(Message::Binary(bytes), *received, cx),
            Incoming::Upgraded(_) => Ok(()),
        }
    }

    /// The one place where a session ends. Its handlers learn of it at once, whatever the connection still does.
    async fn end(self, ended: Ended) {
        let Self { registered, protocol, heartbeat: _ } = self;
        let session = Arc::clone(&registered.session);
        session.close_with(ended.reason);
        let reason = session.outbox.closing().unwrap_or(ended.reason);
        tracing::debug!(%reason, "session ended");
        let goodbye = async {
            match session.end_websocket() {
                Some(wire) if reason == CloseReason::SlowConsumer => wire.abort(),
                Some(wire) => {
                    let outbox = (ended.is_there || reason.flushes()).then_some(&session.outbox);
                    wire.close(ended.code, outbox).await;
                }
                None if reason.flushes() => last_poll(&session).await,
                None => {}
            }
            session.outbox.clear();
            drop(registered);
        };
        tokio::join!(protocol.close(reason), goodbye);
    }
}

/// Hands the wire to the session; what reads from it stays with the task.
async fn begin_websocket(session: Arc<Session>, WebSocket { wire, reader }: WebSocket) -> Reader {
    let task = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    session.begin_websocket(wire, task);
    reader
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
    session: &'a Arc<Session>,
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
