//! What is to be sent: gathered while events are handled, then written with one call a connection.

use crate::wire::websocket::{TEXT, push_from_client};

/// Frames that wait, by connection.
pub(super) struct Outbox {
    pub(super) waiting: Vec<Vec<u8>>,
    pub(super) dirty: Vec<u32>,
    /// Changes with every frame, so that no server meets a mask of zeros, which costs nothing to take off.
    mask: u32,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new(), dirty: Vec::new(), mask: 0x9e37_79b9 }
    }

    /// Adds a text message for `connection`.
    pub(super) fn push(&mut self, connection: u32, text: &[u8]) {
        self.mask = self.mask.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f) | 1;
        self.push_frame(connection, TEXT, text);
    }

    pub(super) fn push_frame(&mut self, connection: u32, opcode: u8, payload: &[u8]) {
        let waiting = &mut self.waiting[connection as usize];
        if waiting.is_empty() {
            self.dirty.push(connection);
        }
        push_from_client(waiting, opcode, payload, self.mask.to_le_bytes());
    }
}
