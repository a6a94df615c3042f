//! MessagePack, value by value.

use crate::packet::Malformed;

/// What begins at a place in the input. Of an array or a map only the length: its elements follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Undefined,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    /// Milliseconds since 1970.
    Date(i64),
    /// Of a type that means nothing here.
    Extension(i8, &'a [u8]),
    Array(u32),
    /// So many pairs.
    Map(u32),
}

/// A place in the input.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

const SHORT: Malformed = Malformed("MessagePack that ends early");

impl<'a> Cursor<'a> {
    /// The value here, or its head.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Malformed> {
        let head = self.unsigned(1)? as u8;
        Ok(match head {
            0x00..=0x7F => Token::Unsigned(head.into()),
            0x80..=0x8F => Token::Map(u32::from(head & 0x0F)),
            0x90..=0x9F => Token::Array(u32::from(head & 0x0F)),
            0xA0..=0xBF => self.text(usize::from(head & 0x1F))?,
            0xC0 => Token::Nil,
            0xC1 => return Err(Malformed("MessagePack's byte that is never used")),
            0xC2 | 0xC3 => Token::Bool(head == 0xC3),
            0xC4..=0xC6 => {
                let length = self.length(head - 0xC4)?;
                Token::Bytes(self.take(length)?)
            }
            0xC7..=0xC9 => {
                let length = self.length(head - 0xC7)?;
                self.extension(length, false)?
            }
            0xCA => Token::Float(f32::from_bits(self.unsigned(4)? as u32).into()),
            0xCB => Token::Float(f64::from_bits(self.unsigned(8)?)),
            0xCC..=0xCF => Token::Unsigned(self.unsigned(1 << (head - 0xCC))?),
            0xD0 => Token::Signed((self.unsigned(1)? as i8).into()),
            0xD1 => Token::Signed((self.unsigned(2)? as i16).into()),
            0xD2 => Token::Signed((self.unsigned(4)? as i32).into()),
            0xD3 => Token::Signed(self.unsigned(8)? as i64),
            0xD4..=0xD8 => self.extension(1 << (head - 0xD4), true)?,
            0xD9..=0xDB => {
                let length = self.length(head - 0xD9)?;
                self.text(length)?
            }
            0xDC => Token::Array(self.unsigned(2)? as u32),
            0xDD => Token::Array(self.unsigned(4)? as u32),
            0xDE => Token::Map(self.unsigned(2)? as u32),
            0xDF => Token::Map(self.unsigned(4)? as u32),
            0xE0..=0xFF => Token::Signed((head as i8).into()),
        })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of so many bytes, at most eight, the highest first.
    fn unsigned(&mut self, bytes: usize) -> Result<u64, Malformed> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A length of one, two or four bytes.
    fn length(&mut self, size: u8) -> Result<usize, Malformed> {
        Ok(self.unsigned(1 << size)? as usize)
    }

    fn text(&mut self, length: usize) -> Result<Token<'a>, Malformed> {
        std::str::from_utf8(self.take(length)?).map(Token::Str).map_err(|_| Malformed("not UTF-8"))
    }

    /// `fixed`: of the heads that imply the length. notepack.io has `undefined` and `Date` there, and an
    /// `ArrayBuffer` under the others; type -1 is the specification's timestamp.
    fn extension(&mut self, length: usize, fixed: bool) -> Result<Token<'a>, Malformed> {
        let kind = self.unsigned(1)? as u8 as i8;
        let data = self.take(length)?;
        let mut number = Cursor(data);
        Ok(match (kind, length) {
            (0, 1) if fixed => Token::Undefined,
            (0, 8) if fixed => Token::Date(number.unsigned(8)? as i64),
            (0, _) if !fixed => Token::Bytes(data),
            (-1, 4) => Token::Date(number.unsigned(4)? as i64 * 1_000),
            (-1, 8) => {
                let both = number.unsigned(8)?;
                Token::Date((both & 0x3_FFFF_FFFF) as i64 * 1_000 + (both >> 34) as i64 / 1_000_000)
            }
            (-1, 12) => {
                let nanoseconds = number.unsigned(4)? as i64;
                let seconds = number.unsigned(8)? as i64;
                Token::Date(seconds.saturating_mul(1_000).saturating_add(nanoseconds / 1_000_000))
            }
            _ => Token::Extension(kind, data),
        })
    }
}
