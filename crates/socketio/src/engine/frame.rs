//! An outgoing message, encoded once and shared by everybody who gets it.
//!
//! The bytes are those of a WebSocket frame from a server (RFC 6455, section 5.2: final, unmasked). A polling
//! transport skips the header. So one allocation serves every receiver on either transport. The first WebSocket that
//! wants it compressed makes a compressed one beside it, for all that do.

use super::deflate::deflate;
use crate::config::Compression;
use std::sync::{Arc, OnceLock};

/// One Engine.IO packet on its way out. A clone shares the bytes.
#[derive(Debug, Clone)]
pub struct Frame(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// A packet of Engine.IO's own, header and type.
    Control(&'static [u8; 3]),
    Shared(Arc<Shared>),
}

#[derive(Debug)]
struct Shared {
    /// Room for the longest header, of which the last part is used, and the payload.
    buffer: Vec<u8>,
    start: u8,
    opcode: u8,
    /// The whole frame again, compressed, once somebody has asked; `None` when it is no smaller.
    deflated: OnceLock<Option<Box<[u8]>>>,
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PONG: u8 = 0x8A;
/// The first reserved bit: the message is compressed (RFC 7692, section 6).
const DEFLATED: u8 = 0x40;
/// Longest header of an unmasked frame.
const MAX_HEADER: usize = 10;

impl Frame {
    /// A packet of the given Engine.IO type without data.
    pub(crate) fn control(packet: &'static [u8; 3]) -> Self {
        Self(Kind::Control(packet))
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
        let start = put_header(&mut buffer, opcode) as u8;
        Self(Kind::Shared(Arc::new(Shared { buffer, start, opcode, deflated: OnceLock::new() })))
    }

    /// As a WebSocket sends it.
    pub(crate) fn wire(&self) -> &[u8] {
        match &self.0 {
            Kind::Control(packet) => *packet,
            Kind::Shared(shared) => &shared.buffer[usize::from(shared.start)..],
        }
    }

    /// As a WebSocket sends it that may have agreed on compression: never longer than [`wire`](Self::wire).
    #[inline]
    pub(crate) fn wire_for(&self, compression: Option<Compression>) -> &[u8] {
        match compression {
            Some(compression) => self.compressed(compression),
            None => self.wire(),
        }
    }

    fn compressed(&self, Compression { threshold }: Compression) -> &[u8] {
        match &self.0 {
            Kind::Shared(shared) if shared.opcode != PONG && shared.payload().len() >= threshold => {
                shared.deflated().unwrap_or_else(|| self.wire())
            }
            _ => self.wire(),
        }
    }

    /// The packet without the WebSocket's header.
    pub(crate) fn payload(&self) -> &[u8] {
        match &self.0 {
            Kind::Control(packet) => &packet[2..],
            Kind::Shared(shared) => shared.payload(),
        }
    }

    /// Whether it is a message of bytes.
    pub(crate) fn is_binary(&self) -> bool {
        matches!(&self.0, Kind::Shared(shared) if shared.opcode == BINARY)
    }

    /// What it counts for in an outbox, in bytes; compressed or not.
    pub(crate) fn cost(&self) -> usize {
        self.wire().len() + Self::OVERHEAD
    }

    /// What a frame takes beside its bytes: its place in a queue, and the head of its allocation.
    pub(crate) const OVERHEAD: usize = 64;
}

impl Shared {
    fn payload(&self) -> &[u8] {
        &self.buffer[MAX_HEADER..]
    }

    /// The whole frame, compressed by whoever asks first; others wait meanwhile, who would do the same.
    fn deflated(&self) -> Option<&[u8]> {
        let deflated = self.deflated.get_or_init(|| {
            let data = deflate(self.payload())?;
            let mut buffer = Vec::with_capacity(MAX_HEADER + data.len());
            buffer.resize(MAX_HEADER, 0);
            buffer.extend_from_slice(&data);
            let start = put_header(&mut buffer, self.opcode | DEFLATED);
            Some(buffer[start..].into())
        });
        deflated.as_deref()
    }
}

/// Writes the header of a frame in front of its payload, which begins at [`MAX_HEADER`]; where the header begins.
fn put_header(buffer: &mut [u8], opcode: u8) -> usize {
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
    start
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
    fn a_frame_is_compressed_once_for_all_and_only_where_it_pays() {
        let compression = Some(Compression { threshold: 100 });
        let frame = Frame::text(1_000, |buffer| buffer.extend_from_slice(&[b'x'; 1_000]));
        let other = frame.clone();
        let wire = frame.wire_for(compression);
        assert_eq!(wire[0], 0xC1);
        assert!(wire.len() < 50, "{}", wire.len());
        assert_eq!(wire.as_ptr(), other.wire_for(compression).as_ptr());
        // Whoever did not agree, or asked for larger ones, or polls, has it as it was.
        for plain in
            [frame.wire_for(None), frame.wire_for(Some(Compression { threshold: 1_002 })), frame.wire()]
        {
            assert_eq!((plain[0], plain.len()), (0x81, 1_005));
        }
        assert_eq!(frame.payload().len(), 1_001);
        let short = Frame::text(10, |buffer| buffer.extend_from_slice(&[b'x'; 10]));
        assert_eq!(short.wire_for(compression), short.wire());
        let random = Frame::binary(&[3, 1, 4, 1, 5, 9, 2, 6]);
        assert_eq!(random.wire_for(Some(Compression { threshold: 0 })), random.wire());
        assert_eq!(Frame::pong(&[7; 120]).wire_for(compression)[0], 0x8A);
        assert_eq!(Frame::control(PING).wire_for(Some(Compression { threshold: 0 })), PING);
    }

    #[test]
    fn text_carries_the_message_type() {
        let frame = Frame::text(2, |buffer| buffer.extend_from_slice(b"hi"));
        assert_eq!(frame.wire(), b"\x81\x034hi");
        assert_eq!(frame.payload(), b"4hi");
    }
}
