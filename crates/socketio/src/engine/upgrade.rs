//! From HTTP to a WebSocket: for a new session, or for one that polls and wants to change over.
//!
//! The change-over (Engine.IO protocol, "Upgrade"): the client sends `2probe` on the WebSocket and gets `3probe`;
//! its pending poll is answered so that no packet is under way there; then it sends `5`, and from that moment
//! the WebSocket is the transport. Until then the session goes on polling, and a failed attempt changes nothing.

use super::{
    Application, Session,
    frame::Frame,
    io::Io,
    server::Shared,
    session::{Incoming, Slot},
    websocket::{Decoded, End, Receiver, WebSocket},
};
use crate::config::Compression;
use hyper::upgrade::OnUpgrade;
use std::{
    future::poll_fn,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::ReadBuf,
    time::{Instant, timeout},
};

/// Longest message of an attempt: `2probe`, `5`.
const MAX_PROBE: usize = 64;

/// The WebSocket, once HTTP has let go of the connection.
pub(super) async fn socket(on_upgrade: OnUpgrade, compression: Option<Compression>) -> Option<WebSocket> {
    let upgraded = on_upgrade.await.ok()?;
    let (io, already_read) = Io::from_upgraded(upgraded);
    Some(WebSocket::new(io, &already_read, compression))
}

/// Tries, beside the session, to bring it from polling to this connection.
pub(super) fn attempt<A: Application>(
    shared: &Arc<Shared<A>>,
    session: Arc<Session>,
    socket: impl Future<Output = Option<WebSocket>> + Send + 'static,
) {
    let (limit, closing) = (shared.config.upgrade_timeout, shared.closing.clone());
    shared.tasks.spawn(async move {
        let Ok(Some(mut socket)) = timeout(limit, socket).await else { return };
        // A session that is on a WebSocket, or is being brought to one, wants no second.
        let Ok(entered) = session.enter(Slot::Upgrade) else {
            return socket.wire.close(Some(1002), None).await;
        };
        let probed = tokio::select! {
            probed = timeout(limit, probe(&session, &mut socket)) => probed.ok().flatten(),
            () = closing.cancelled() => None,
        };
        match probed {
            Some(()) => {
                entered.bring(Incoming::Upgraded(Box::new(socket))).await;
            }
            None => {
                drop(entered);
                socket.wire.close(Some(1002), None).await;
            }
        }
    });
}

/// `2probe`, `3probe`, `5`.
async fn probe(session: &Session, socket: &mut WebSocket) -> Option<()> {
    let WebSocket { wire, reader } = socket;
    loop {
        let mut step = Step { packet: ControlFlow::Continue(()) };
        let mut read = |cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>| wire.poll_read(cx, buffer);
        let ended = poll_fn(|cx| match reader.poll_receive(cx, &mut read, MAX_PROBE, &mut step) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending if step.packet.is_break() => Poll::Ready(None),
            Poll::Pending if session.is_closed() => Poll::Ready(Some(End::Gone)),
            Poll::Pending => Poll::Pending,
        })
        .await;
        match (ended, step.packet) {
            (None, ControlFlow::Break(Probe::Probe)) => {
                wire.write(&Frame::packet("3probe")).await.ok()?;
                session.probed();
            }
            (None, ControlFlow::Break(Probe::Upgrade)) => return Some(()),
            _ => return None,
        }
    }
}

enum Probe {
    Probe,
    Upgrade,
}

/// Takes one packet of the attempt and then is full.
struct Step {
    packet: ControlFlow<Probe>,
}

impl Receiver for Step {
    fn is_full(&self) -> bool {
        self.packet.is_break()
    }

    fn receive(&mut self, decoded: Decoded<'_>, _: Instant, _: &mut Context<'_>) -> Result<(), End> {
        self.packet = match decoded {
            Decoded::Text("2probe") => ControlFlow::Break(Probe::Probe),
            Decoded::Text("5") => ControlFlow::Break(Probe::Upgrade),
            Decoded::Pong | Decoded::Fragment => ControlFlow::Continue(()),
            _ => return Err(End::Closed(None)),
        };
        Ok(())
    }
}
