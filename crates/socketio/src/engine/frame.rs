//! An outgoing message, encoded once and shared by everybody who gets it.
//!
//! The bytes are those of a WebSocket frame from a server (RFC 6455, section 5.2: final, unmasked). A polling
//! transport skips the header. So one allocation serves every receiver on either transport.

use bytes::Bytes;

/// One Engine.IO packet on its way out. A clone shares the bytes.
#[derive(Debug, Clone)]
pub struct Frame {
    wire: Bytes,
    header: u8,
    binary: bool,
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PONG: u8 = 0x8A;
/// Longest header of an unmasked frame.
const MAX_HEADER: usize = 10;

impl Frame {
    /// A packet of the given Engine.IO type without data.
    pub(crate) fn control(packet: &'static [u8; 3]) -> Self {
        Self { wire: Bytes::from_static(packet), header: 2, binary: false }
    }

    /// A message packet whose text `write` appends.
    pub fn text(capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::build(TEXT, capacity + 1, |buffer| {
            buffer.push(b'4');
            write(buffer);
        })
    }

    /// A text packet of any type, type character included.
    pub(crate) fn packet(text: &str) -> Self {
        Self::build(TEXT, text.len(), |buffer| buffer.extend_from_slice(text.as_bytes()))
    }

    /// A message packet of bytes.
    pub fn binary(data: &[u8]) -> Self {
        Self::build(BINARY, data.len(), |buffer| buffer.extend_from_slice(data))
    }

    /// The answer to a WebSocket ping; not an Engine.IO packet. `data` is at most 125 bytes.
    pub(crate) fn pong(data: &[u8]) -> Self {
        Self::build(PONG, data.len(), |buffer| buffer.extend_from_slice(data))
    }

    fn build(opcode: u8, capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut buffer = Vec::with_capacity(MAX_HEADER + capacity);
        buffer.resize(MAX_HEADER, 0);
        write(&mut buffer);
        let len = buffer.len() - MAX_HEADER;
        let header = match len {
            0..=125 => 2,
            126..=0xFFFF => 4,
            _ => MAX_HEADER,
        };
        let start = MAX_HEADER - header;
        buffer[start] = opcode;
        match header {
            2 => buffer[start + 1] = len as u8,
            4 => {
                buffer[start + 1] = 126;
                buffer[start + 2..MAX_HEADER].copy_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                buffer[start + 1] = 127;
                buffer[start + 2..MAX_HEADER].copy_from_slice(&(len as u64).to_be_bytes());
            }
        }
        Self { wire: Bytes::from(buffer).slice(start..), header: header as u8, binary: opcode == BINARY }
    }

    /// As a WebSocket sends it.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The packet without the WebSocket's header.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.wire[usize::from(self.header)..]
    }

    /// Whether it is a message of bytes.
    pub(crate) fn is_binary(&self) -> bool {
        self.binary
    }

    /// What it counts for in an outbox, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.wire.len() + Self::OVERHEAD
    }

    /// What a frame takes beside its bytes: its place in a queue, and the head of its allocation.
    pub(crate) const OVERHEAD: usize = 64;
}

pub(crate) const PING: &[u8; 3] = b"\x81\x012";
pub(crate) const CLOSE: &[u8; 3] = b"\x81\x011";
pub(crate) const NOOP: &[u8; 3] = b"\x81\x016";

/// What is sent as a unit: the frames of one Socket.IO packet, its binary attachments included. Nothing of
/// another message comes between them.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub(crate) first: Frame,
    pub(crate) rest: Vec<Frame>,
}

impl Outgoing {
    /// What it counts for in an outbox, in bytes: those it has, and some for each frame.
    pub fn cost(&self) -> usize {
        self.first.cost() + self.rest.iter().map(Frame::cost).sum::<usize>()
    }
}

impl From<Frame> for Outgoing {
    fn from(first: Frame) -> Self {
        Self { first, rest: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_the_rfc() {
        for (len, header) in [(0, vec![0x82, 0]), (125, vec![0x82, 125]), (126, vec![0x82, 126, 0, 126])] {
            let frame = Frame::binary(&vec![7; len]);
            assert_eq!(frame.wire()[..header.len()], header);
            assert_eq!(frame.payload(), vec![7; len]);
        }
        let long = Frame::binary(&vec![7; 0x1_0000]);
        assert_eq!(long.wire()[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(long.payload().len(), 0x1_0000);
    }

    #[test]
    fn text_carries_the_message_type() {
        let frame = Frame::text(2, |buffer| buffer.extend_from_slice(b"hi"));
        assert_eq!(frame.wire(), b"\x81\x034hi");
        assert_eq!(frame.payload(), b"4hi");
    }
}
