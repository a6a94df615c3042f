//! One client: the Socket.IO side of a session. It takes packets apart, starts handlers in their order, and
//! drives those that are under way.

mod connect;

use crate::{
    DisconnectReason, Payload,
    config::{Config, Parsers},
    engine::{CloseReason, Message, Protocol, Session},
    event::{Ack, Event},
    handlers::ConnectError,
    msgpack,
    namespaces::Namespaces,
    outgoing::Parser,
    packet::{Content, Malformed, Parsed},
    payload,
    socket::Socket,
};
use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, CatchUnwind},
    stream::FuturesUnordered,
};
use serde_json::Value;
use smallvec::SmallVec;
use std::{
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::coop::unconstrained,
    time::{Instant, Sleep, sleep},
};

/// The state machine above one session.
pub(crate) struct Client {
    session: Arc<Session>,
    namespaces: Arc<Namespaces>,
    request: Arc<http::Extensions>,
    /// How it writes its packets; by its first one, where it may choose.
    parser: Option<Parser>,
    /// Most clients are in one namespace: that one needs no memory of its own.
    sockets: SmallVec<[Connection; 1]>,
    running: FuturesUnordered<CatchUnwind<AssertUnwindSafe<BoxFuture<'static, ()>>>>,
    /// A binary packet whose attachments are still coming.
    incomplete: Option<Box<Incomplete>>,
    /// Names of namespaces that the server has let go of, the latest last: the client may not know yet.
    dropped: VecDeque<Box<str>>,
    /// Until the client is in its first namespace.
    connect_by: Option<Pin<Box<Sleep>>>,
}

/// One namespace the client is in, or on its way into.
struct Connection {
    socket: Arc<Socket>,
    way: Way,
}

/// How far a client is into a namespace.
enum Way {
    /// A middleware is asked. That ends with the connection to the namespace: nobody waits for the answer any more.
    Asking(BoxFuture<'static, Done>),
    /// It may come in, or its middleware has not been asked yet.
    Between,
    In,
}

struct Incomplete {
    text: Box<str>,
    missing: usize,
    attachments: Vec<Bytes>,
    /// When it is given up.
    by: Pin<Box<Sleep>>,
}

/// What the middleware has said.
enum Done {
    Allowed(Arc<Socket>, Value),
    Refused(Arc<Socket>, ConnectError),
}

impl Client {
    pub(crate) fn new(session: Arc<Session>, namespaces: Arc<Namespaces>, request: http::Extensions) -> Self {
        let connect_by = Some(Box::pin(sleep(namespaces.config.connect_timeout)));
        let parser = match namespaces.config.parsers {
            Parsers::Json => Some(Parser::Json),
            Parsers::Msgpack => Some(Parser::Msgpack),
            Parsers::Both => None,
        };
        Self {
            session,
            namespaces,
            parser,
            request: Arc::new(request),
            sockets: SmallVec::new(),
            running: FuturesUnordered::new(),
            incomplete: None,
            dropped: VecDeque::new(),
            connect_by,
        }
    }

    fn config(&self) -> &Config {
        &self.namespaces.config
    }

    /// How long a packet may take to be all there: as long as a silent client is borne.
    fn patience(&self) -> Duration {
        self.config().ping_interval + self.config().ping_timeout
    }

    /// Ready when attachments that were announced have not come. While nothing is read they cannot come.
    fn poll_incomplete(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let anew = self.is_full().then(|| Instant::now() + self.patience());
        let Some(incomplete) = &mut self.incomplete else { return Poll::Pending };
        if let Some(anew) = anew {
            incomplete.by.as_mut().reset(anew);
        }
        incomplete.by.as_mut().poll(cx)
    }

    /// A message in the default encoding.
    fn text(&mut self, text: &str, received: Instant, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        if *self.parser.get_or_insert(Parser::Json) != Parser::Json || self.incomplete.is_some() {
            return Err(CloseReason::ForcedClose);
        }
        let parsed = Parsed::parse(text).map_err(closing)?;
        if parsed.attachments > self.config().max_attachments {
            return Err(CloseReason::ForcedClose);
        }
        if parsed.attachments == 0 {
            return self.packet(parsed, Vec::new(), received, cx);
        }
        let missing = parsed.attachments;
        let by = Box::pin(sleep(self.patience()));
        self.incomplete =
            Some(Box::new(Incomplete { text: text.into(), missing, attachments: Vec::new(), by }));
        Ok(())
    }

    fn binary(&mut self, bytes: &[u8], received: Instant, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        match self.parser.get_or_insert(Parser::Msgpack) {
            Parser::Json => self.attachment(bytes, received, cx),
            Parser::Msgpack => {
                let mut packet =
                    msgpack::Packet::read(bytes, self.config().max_attachments).map_err(closing)?;
                let attachments = std::mem::take(&mut packet.attachments);
                self.packet(packet.parsed().map_err(closing)?, attachments, received, cx)
            }
        }
    }

    /// The next attachment of a packet in the default encoding.
    fn attachment(
        &mut self,
        bytes: &[u8],
        received: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseReason> {
        let mut incomplete = self.incomplete.take().ok_or(CloseReason::ForcedClose)?;
        incomplete.attachments.push(Bytes::copy_from_slice(bytes));
        incomplete.missing -= 1;
        if incomplete.missing > 0 {
            self.incomplete = Some(incomplete);
            return Ok(());
        }
        let parsed = Parsed::parse(&incomplete.text).map_err(closing)?;
        let (Content::Event { json, .. } | Content::Ack { json, .. }) = parsed.content else {
            return Err(CloseReason::ForcedClose);
        };
        if !payload::places_exist(json, incomplete.attachments.len()) {
            return Err(CloseReason::ForcedClose);
        }
        self.packet(parsed, incomplete.attachments, received, cx)
    }

    fn packet(
        &mut self,
        parsed: Parsed<'_>,
        attachments: Vec<Bytes>,
        received: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseReason> {
        let at = self.sockets.iter().position(|held| held.socket.namespace().name() == parsed.namespace);
        match (parsed.content, at) {
            (Content::Connect(auth), None) => self.connect(parsed.namespace, auth, cx),
            (Content::Disconnect, Some(at)) => {
                let Connection { socket, .. } = self.sockets.swap_remove(at);
                self.gone(&socket, DisconnectReason::ClientNamespaceDisconnect, cx);
                Ok(())
            }
            // The server let go of it while this was on its way, or its client is back on another connection.
            (_, Some(at)) if !self.sockets[at].socket.may_come() => Ok(()),
            (_, None) if self.dropped.iter().any(|name| **name == *parsed.namespace) => Ok(()),
            (Content::Event { name, id, json }, Some(at)) if matches!(self.sockets[at].way, Way::In) => {
                let socket = &self.sockets[at].socket;
                let ack = id.map(|id| Ack { id, socket: Arc::clone(socket) });
                let event = Event { name, payload: Payload::event(json, attachments), ack, received };
                if let Some(handler) = socket.namespace().handlers().handle(socket, event) {
                    self.start(handler, cx);
                }
                Ok(())
            }
            (Content::Ack { id, json }, Some(at)) => {
                self.sockets[at].socket.acknowledged(id, Payload::ack(json, attachments));
                Ok(())
            }
            // Out of turn.
            _ => Err(CloseReason::ForcedClose),
        }
    }

    /// Runs a handler up to its first wait, here and now: so handlers start in the order of their events.
    fn start(&mut self, mut handler: BoxFuture<'static, ()>, cx: &mut Context<'_>) {
        // Tokio makes a task that has done much give way where it need not wait. Not here: what a handler does before
        // its first wait would come after what later handlers do before theirs.
        let poll = || pin!(unconstrained(handler.as_mut())).poll(cx);
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Poll::Ready(())) => {}
            Ok(Poll::Pending) => self.running.push(AssertUnwindSafe(handler).catch_unwind()),
            Err(_) => tell_of_panic(),
        }
    }

    fn finish(&mut self, done: Done, cx: &mut Context<'_>) {
        match done {
            Done::Allowed(socket, auth) => {
                let Some(held) = self.sockets.iter_mut().find(|held| held.socket.id() == socket.id()) else {
                    return;
                };
                if !socket.namespace().admit(&socket) {
                    return;
                }
                held.way = Way::In;
                self.connect_by = None;
                let handler = socket.namespace().handlers().connected(&socket, auth);
                self.start(handler, cx);
            }
            Done::Refused(socket, error) => {
                self.sockets.retain(|held| held.socket.id() != socket.id());
                if let Some(memory) = socket.namespace().memory() {
                    memory.refused(&socket);
                }
                self.refuse(socket.namespace().name(), &error);
            }
        }
    }

    /// A socket has ended: its handler is told.
    fn gone(&mut self, socket: &Arc<Socket>, reason: DisconnectReason, cx: &mut Context<'_>) {
        if socket.disconnected(reason)
            && let Some(handler) = socket.namespace().handlers().disconnected(socket, reason)
        {
            self.start(handler, cx);
        }
    }

    /// Goes on asking whether the client may come into namespaces.
    fn poll_asking(&mut self, cx: &mut Context<'_>) {
        let mut at = 0;
        while let Some(held) = self.sockets.get_mut(at) {
            match &mut held.way {
                Way::Asking(asking) => match asking.as_mut().poll(cx) {
                    Poll::Ready(done) => {
                        held.way = Way::Between;
                        self.finish(done, cx);
                        // They may have moved.
                        at = 0;
                    }
                    Poll::Pending => at += 1,
                },
                Way::Between | Way::In => at += 1,
            }
        }
    }

    /// Those the server has let go of.
    fn sweep(&mut self, cx: &mut Context<'_>) {
        if self.sockets.iter().any(|held| held.socket.was_dropped_with_client()) {
            self.sockets.iter().for_each(|held| held.socket.disconnect(false));
            self.session.close();
        }
        while let Some(at) = self.sockets.iter().position(|held| held.socket.was_dropped()) {
            let Connection { socket, .. } = self.sockets.swap_remove(at);
            if self.dropped.len() >= self.config().max_namespaces {
                self.dropped.pop_front();
            }
            self.dropped.push_back(socket.namespace().name().into());
            self.gone(&socket, DisconnectReason::ServerNamespaceDisconnect, cx);
        }
    }
}

fn tell_of_panic() {
    tracing::error!("a handler panicked; its client got no answer");
}

fn closing(error: Malformed) -> CloseReason {
    tracing::debug!(%error, "malformed packet");
    CloseReason::ForcedClose
}

impl Protocol for Client {
    fn receive(
        &mut self,
        message: Message<'_>,
        received: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseReason> {
        match message {
            Message::Text(text) => self.text(text, received, cx),
            Message::Binary(bytes) => self.binary(bytes, received, cx),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        self.sweep(cx);
        self.poll_asking(cx);
        // Where none is, not even a look at what wakes them.
        while !self.running.is_empty()
            && let Poll::Ready(Some(done)) = self.running.poll_next_unpin(cx)
        {
            if done.is_err() {
                tell_of_panic();
            }
        }
        if self.poll_incomplete(cx).is_ready() {
            tracing::debug!("attachments that were announced did not come");
            return Poll::Ready(CloseReason::ForcedClose);
        }
        if self.connect_by.as_mut().is_some_and(|by| by.as_mut().poll(cx).is_ready()) {
            tracing::debug!("no namespace within the connect timeout");
            return Poll::Ready(CloseReason::ForcedServerClose);
        }
        Poll::Pending
    }

    fn is_full(&self) -> bool {
        self.running.len() >= self.config().in_flight
    }

    async fn close(mut self, reason: CloseReason) {
        std::future::poll_fn(|cx| {
            self.sweep(cx);
            for Connection { socket, .. } in std::mem::take(&mut self.sockets) {
                self.gone(&socket, DisconnectReason::Transport(reason), cx);
            }
            Poll::Ready(())
        })
        .await;
        // Handlers under way may finish: what they began (an append, say) is not half done.
        while let Some(done) = self.running.next().await {
            if done.is_err() {
                tell_of_panic();
            }
        }
    }
}
