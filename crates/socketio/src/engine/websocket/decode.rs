//! Reading WebSocket frames from a client (RFC 6455, section 5): pure, over whatever bytes have come so far.
//!
//! Incomplete is not an error; a broken rule is an error with the close code the RFC names. Frames are unmasked
//! in place, so a message that came in one frame costs no copy.

use crate::engine::deflate;
use std::str;

/// What one step of reading found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded<'a> {
    /// A whole message.
    Text(&'a str),
    /// A whole message.
    Binary(&'a [u8]),
    /// To be answered with a pong that carries the same bytes.
    Ping(&'a [u8]),
    /// Nothing to do.
    Pong,
    /// The other side wants to end, with its code if it gave one.
    Close(Option<u16>),
    /// A piece of a message whose rest is still to come.
    Fragment,
}

/// A broken rule, with the close code to answer (RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    Protocol,
    NotUtf8,
    TooLong,
    /// A message that says it is compressed and is not.
    NotDeflate,
}

impl Violation {
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::NotUtf8 | Self::NotDeflate => 1007,
            Self::TooLong => 1009,
        }
    }
}

/// Reads frames and puts fragmented messages together. Holds memory only while a message is in pieces.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Whether messages may be compressed.
    inflates: bool,
    assembling: Option<Box<Assembling>>,
    /// The last message put together, lent to the caller until the next step.
    assembled: Vec<u8>,
}

#[derive(Debug)]
struct Assembling {
    text: bool,
    deflated: bool,
    data: Vec<u8>,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

struct Header {
    fin: bool,
    /// The first reserved bit: the message that begins is compressed (RFC 7692, section 6).
    deflated: bool,
    opcode: u8,
    len: usize,
    mask: [u8; 4],
    size: usize,
}

impl Header {
    /// `None`: not all of it is there yet.
    fn parse(bytes: &[u8], max_message: usize, decoder: &Decoder) -> Result<Option<Self>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        let control = opcode & 0x08 != 0;
        let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        let deflated = first & 0x40 != 0;
        let may_be_deflated = decoder.inflates && matches!(opcode, TEXT | BINARY);
        // Reserved bits, an unknown opcode, or a frame that is not masked as a client's must be.
        if first & 0x30 != 0 || (deflated && !may_be_deflated) || !known || second & 0x80 == 0 {
            return Err(Violation::Protocol);
        }
        let (len, extended) = match second & 0x7F {
            126 => match rest.first_chunk() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        if control && (!fin || len > 125) {
            return Err(Violation::Protocol);
        }
        // The shortest form is required (section 5.2), and the highest bit of a 64-bit length must be 0.
        if (extended == 2 && len < 126) || (extended == 8 && (len <= 0xFFFF || len >> 63 != 0)) {
            return Err(Violation::Protocol);
        }
        let most = if deflated || (opcode == CONTINUATION && decoder.is_assembling_deflated()) {
            deflate::bound(max_message)
        } else {
            max_message
        };
        if len > most as u64 {
            return Err(Violation::TooLong);
        }
        let Some(mask) = rest[extended..].first_chunk() else { return Ok(None) };
        Ok(Some(Self { fin, deflated, opcode, len: len as usize, mask: *mask, size: 2 + extended + 4 }))
    }
}

impl Decoder {
    /// `inflates`: the connection has agreed on compression.
    pub(crate) fn new(inflates: bool) -> Self {
        Self { inflates, ..Self::default() }
    }

    fn is_assembling_deflated(&self) -> bool {
        self.assembling.as_ref().is_some_and(|assembling| assembling.deflated)
    }

    /// Reads one frame from the front of `bytes`. `Ok(None)`: it is not all there yet. Otherwise what it was,
    /// and how many bytes it took.
    pub(crate) fn step<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        max_message: usize,
    ) -> Result<Option<(Decoded<'a>, usize)>, Violation> {
        self.assembled = Vec::new();
        let Some(header) = Header::parse(bytes, max_message, self)? else { return Ok(None) };
        let taken = header.size + header.len;
        let Some(data) = bytes.get_mut(header.size..taken) else { return Ok(None) };
        unmask(data, header.mask);
        let decoded = match header.opcode {
            CLOSE => Decoded::Close(close_code(data)?),
            PING => Decoded::Ping(data),
            PONG => Decoded::Pong,
            _ => self.message(&header, data, max_message)?,
        };
        Ok(Some((decoded, taken)))
    }

    fn message<'a>(
        &'a mut self,
        header: &Header,
        data: &'a [u8],
        max_message: usize,
    ) -> Result<Decoded<'a>, Violation> {
        let Header { fin, deflated, opcode, .. } = *header;
        if opcode != CONTINUATION {
            if self.assembling.is_some() {
                return Err(Violation::Protocol);
            }
            let text = opcode == TEXT;
            if !fin {
                self.assembling = Some(Box::new(Assembling { text, deflated, data: data.to_vec() }));
                return Ok(Decoded::Fragment);
            }
            if !deflated {
                return whole(text, data);
            }
            self.assembled = deflate::inflate(data, max_message)?;
            return whole(text, &self.assembled);
        }
        let Some(mut assembling) = self.assembling.take() else { return Err(Violation::Protocol) };
        let most = if assembling.deflated { deflate::bound(max_message) } else { max_message };
        if assembling.data.len() + data.len() > most {
            return Err(Violation::TooLong);
        }
        assembling.data.extend_from_slice(data);
        if !fin {
            self.assembling = Some(assembling);
            return Ok(Decoded::Fragment);
        }
        self.assembled = match assembling.deflated {
            true => deflate::inflate(&assembling.data, max_message)?,
            false => assembling.data,
        };
        whole(assembling.text, &self.assembled)
    }
}

fn whole(text: bool, data: &[u8]) -> Result<Decoded<'_>, Violation> {
    match text {
        true => str::from_utf8(data).map(Decoded::Text).map_err(|_| Violation::NotUtf8),
        false => Ok(Decoded::Binary(data)),
    }
}

/// A close frame has no body, or a code that may be sent and a reason in UTF-8 (sections 5.5.1 and 7.4).
fn close_code(data: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = data.split_first_chunk() else {
        return if data.is_empty() { Ok(None) } else { Err(Violation::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol);
    }
    str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
    Ok(Some(code))
}

fn unmask(data: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, tail) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    if tail.len() > 4 {
        for (byte, mask) in tail[4..].iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
