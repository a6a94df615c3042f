//! A socket as the feed sees it: what it is sent is encoded once, whoever gets it.

use super::{NAMESPACE, seat::Seat, told};
use plaza_chat::{Item, Subscriber};
use plaza_protocol::{Event, RoomId};
use plaza_socketio::{Closed, EncodeError, Outgoing, Socket};
use std::sync::{Arc, OnceLock};

/// A socket whose client is a member of rooms: what the feed sends to.
pub(super) struct Member {
    socket: Arc<Socket>,
    /// Whether it gets each message a second time, by its kind.
    kinds: bool,
    /// Others may broadcast to the rooms: it is in them as Socket.IO has it, too.
    shares_rooms: bool,
}

impl Member {
    pub(super) fn new(socket: Arc<Socket>, shares_rooms: bool) -> Self {
        let kinds = socket.data::<Seat>().is_some_and(|seat| seat.kinds);
        Self { socket, kinds, shares_rooms }
    }

    /// Sends one event of a log. What cannot be encoded is told of in the log and left out.
    pub(super) fn send_event(&self, event: &Arc<Event>) -> Result<(), Closed> {
        Frame::of(event).send_to(&self.socket, self.kinds)
    }
}

/// One item, encoded.
pub(super) struct Frame {
    common: Option<Outgoing>,
    /// Of a message: the same by the name of its kind, encoded when the first asks for it.
    by_kind: Option<(Arc<Event>, OnceLock<Option<Outgoing>>)>,
}

impl Frame {
    fn of(event: &Arc<Event>) -> Self {
        let common = encoded(Outgoing::event(NAMESPACE, event.name(), &[&**event]));
        let is_message = matches!(**event, Event::Message(_));
        Self { common, by_kind: is_message.then(|| (Arc::clone(event), OnceLock::new())) }
    }

    fn by_kind(&self) -> Option<&Outgoing> {
        let (event, frame) = self.by_kind.as_ref()?;
        let encode = || match &**event {
            Event::Message(message) => {
                encoded(Outgoing::event(NAMESPACE, message.content.kind().event(), &[&**event]))
            }
            _ => None,
        };
        frame.get_or_init(encode).as_ref()
    }

    fn send_to(&self, socket: &Socket, kinds: bool) -> Result<(), Closed> {
        if let Some(frame) = &self.common {
            socket.send(frame)?;
        }
        if let Some(frame) = kinds.then(|| self.by_kind()).flatten() {
            socket.send(frame)?;
        }
        Ok(())
    }
}

fn encoded(frame: Result<Outgoing, EncodeError>) -> Option<Outgoing> {
    frame.inspect_err(|error| tracing::error!(%error, "An event cannot be encoded and is not sent")).ok()
}

impl Subscriber for Member {
    type Frame = Arc<Frame>;

    fn encode(item: &Item) -> Self::Frame {
        let other = match item {
            Item::Event(event) => return Arc::new(Frame::of(event)),
            Item::Read(read) => told(read),
            Item::Receipts(receipts) => told(receipts),
            Item::Typing(typing) => told(typing),
            Item::Presence(presence) => told(presence),
            Item::Resumed(rooms) => told(rooms),
        };
        Arc::new(Frame { common: encoded(other), by_kind: None })
    }

    fn cost(frame: &Self::Frame) -> usize {
        frame.common.as_ref().map_or(0, Outgoing::cost)
    }

    /// One that gets messages twice has room for half as many.
    fn free(&self) -> usize {
        let free = self.socket.free_in_outbox();
        if self.kinds { free / 2 } else { free }
    }

    fn close(&self) {
        self.socket.close_transport();
    }

    fn entered(&self, room: &RoomId) {
        if self.shares_rooms {
            self.socket.join(room.as_str());
        }
    }

    fn left(&self, room: &RoomId) {
        if self.shares_rooms {
            self.socket.leave(room.as_str());
        }
    }

    fn send(&self, frame: &Self::Frame) {
        // Closed: the socket is on its way out, and its client will come back with its positions.
        let _ = frame.send_to(&self.socket, self.kinds);
    }
}
