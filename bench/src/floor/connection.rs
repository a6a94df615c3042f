//! One connection of the floor, which holds no buffer while it has nothing to say.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    rc::Rc,
};

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) upgraded: bool,
    pub(super) pending: Vec<Rc<[u8]>>,
    pub(super) rooms: Vec<usize>,
    /// The beginning of a frame whose rest has not come.
    part: Vec<u8>,
    /// What the socket did not take.
    blocked: Vec<u8>,
}

/// What became of what was pending.
pub(super) enum Written {
    All { blocked_before: bool },
    Part,
    Failed,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            upgraded: false,
            pending: Vec::new(),
            rooms: Vec::new(),
            part: Vec::new(),
            blocked: Vec::new(),
        }
    }

    /// Fills the buffer with what was kept and what has come; `None` where the other side has gone.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let kept = self.part.len();
        buffer.get_mut(..kept)?.copy_from_slice(&self.part);
        self.part.clear();
        match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => None,
            Ok(read) => Some(kept + read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(kept),
            Err(_) => None,
        }
    }

    pub(super) fn keep(&mut self, part: &[u8]) {
        self.part.extend_from_slice(part);
    }

    /// Writes all that is pending with one call.
    pub(super) fn write(&mut self, scratch: &mut Vec<u8>) -> Written {
        let blocked_before = !self.blocked.is_empty();
        scratch.clear();
        scratch.append(&mut self.blocked);
        self.pending.drain(..).for_each(|frame| scratch.extend_from_slice(&frame));
        let written = match self.stream.write(scratch) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Written::Failed,
        };
        if written == scratch.len() {
            return Written::All { blocked_before };
        }
        self.blocked.extend_from_slice(&scratch[written..]);
        Written::Part
    }
}
