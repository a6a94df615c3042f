//! From MessagePack to JSON, with places for bytes.

use super::token::{Cursor, Token};
use crate::packet::{Content, Malformed, Parsed};
use bytes::Bytes;
use std::io::Write as _;

/// As deep as serde_json reads, so no handler misses anything.
const DEEPEST: usize = 128;

/// A packet, rewritten. Its JSON is at most some six times as long as its bytes were, but for places of bytes, of
/// which there are few.
#[derive(Debug)]
pub(crate) struct Packet {
    kind: u8,
    namespace: String,
    id: Option<u64>,
    /// `None`: there was no data.
    json: Option<String>,
    pub(crate) attachments: Vec<Bytes>,
}

impl Packet {
    /// Reads one packet with at most so many attachments.
    pub(crate) fn read(bytes: &[u8], max_attachments: usize) -> Result<Self, Malformed> {
        let mut cursor = Cursor(bytes);
        let Token::Map(fields) = cursor.token()? else { return Err(Malformed("not a map")) };
        let (mut kind, mut namespace, mut id, mut data) = (None, None, None, None);
        let mut rewriter = Rewriter { attachments: Vec::new(), max_attachments, place_written_out: false };
        for _ in 0..fields {
            let Token::Str(field) = cursor.token()? else { return Err(Malformed("a field without a name")) };
            match field {
                "type" => kind = small(cursor.token()?),
                "nsp" => namespace = text(cursor.token()?),
                "id" => id = Some(cursor.token()?),
                "data" if data.is_none() => data = rewriter.data(&mut cursor)?,
                "data" => return Err(Malformed("data twice")),
                // The official client's `options`.
                _ => {
                    Rewriter { attachments: Vec::new(), max_attachments: 0, place_written_out: false }
                        .data(&mut cursor)?;
                }
            }
        }
        if !cursor.0.is_empty() {
            return Err(Malformed("more than one packet"));
        }
        rewriter.unambiguous()?;
        let id = match id {
            None | Some(Token::Undefined) => None,
            Some(Token::Unsigned(id)) => Some(id),
            Some(_) => return Err(Malformed("illegal id")),
        };
        Ok(Self {
            kind: kind.ok_or(Malformed("no type"))?,
            namespace: namespace.ok_or(Malformed("no namespace"))?,
            id,
            json: data,
            attachments: rewriter.attachments,
        })
    }

    /// What it says.
    pub(crate) fn parsed(&self) -> Result<Parsed<'_>, Malformed> {
        let json = self.json.as_deref().unwrap_or_default();
        let content = Content::read(self.kind, self.id, json)?;
        Ok(Parsed { namespace: &self.namespace, attachments: self.attachments.len(), content })
    }
}

/// A packet's type, as the digit that stands for it in the default encoding.
fn small(token: Token<'_>) -> Option<u8> {
    match token {
        Token::Unsigned(kind @ 0..=4) => Some(b'0' + kind as u8),
        _ => None,
    }
}

fn text(token: Token<'_>) -> Option<String> {
    match token {
        Token::Str(text) => Some(text.to_owned()),
        _ => None,
    }
}

/// One value of at most so many byte strings, as JSON with places for them. Nested at most 128 deep.
pub fn to_json(bytes: &[u8], max_attachments: usize) -> Result<(String, Vec<Bytes>), Malformed> {
    let mut cursor = Cursor(bytes);
    let mut rewriter = Rewriter { attachments: Vec::new(), max_attachments, place_written_out: false };
    let json = rewriter.data(&mut cursor)?.unwrap_or_else(|| "null".to_owned());
    if !cursor.0.is_empty() {
        return Err(Malformed("more than one value"));
    }
    rewriter.unambiguous()?;
    Ok((json, rewriter.attachments))
}

struct Rewriter {
    attachments: Vec<Bytes>,
    max_attachments: usize,
    /// A map of the packet's own looks like the place of bytes.
    place_written_out: bool,
}

/// An array or a map that is not at its end.
struct Open {
    left: u32,
    map: bool,
    empty: bool,
}

impl Rewriter {
    /// The value here as JSON; `None` for `undefined`.
    fn data(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<String>, Malformed> {
        let mut json = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let first = cursor.token()?;
        if first == Token::Undefined {
            return Ok(None);
        }
        self.value(first, &mut json, &mut open)?;
        while let Some(container) = open.last_mut() {
            if container.left == 0 {
                json.push(if container.map { b'}' } else { b']' });
                open.pop();
                continue;
            }
            container.left -= 1;
            if !std::mem::replace(&mut container.empty, false) {
                json.push(b',');
            }
            if container.map {
                self.key(cursor.token()?, &mut json)?;
            }
            self.value(cursor.token()?, &mut json, &mut open)?;
        }
        String::from_utf8(json).map(Some).map_err(|_| Malformed("not UTF-8"))
    }

    /// What looks like the place of bytes would be taken for one.
    fn unambiguous(&self) -> Result<(), Malformed> {
        match self.place_written_out && !self.attachments.is_empty() {
            true => Err(Malformed("a placeholder beside bytes")),
            false => Ok(()),
        }
    }

    fn key(&mut self, key: Token<'_>, json: &mut Vec<u8>) -> Result<(), Malformed> {
        match key {
            Token::Str(key) => {
                self.place_written_out |= key == "_placeholder";
                write_json(json, key)?;
            }
            // As JavaScript has it: all keys are text.
            Token::Unsigned(key) => write_json(json, &key.to_string())?,
            Token::Signed(key) => write_json(json, &key.to_string())?,
            _ => return Err(Malformed("a key that is no text")),
        }
        json.push(b':');
        Ok(())
    }

    fn value(&mut self, token: Token<'_>, json: &mut Vec<u8>, open: &mut Vec<Open>) -> Result<(), Malformed> {
        match token {
            // What JSON has not becomes what JavaScript makes of it there.
            Token::Nil | Token::Undefined => json.extend_from_slice(b"null"),
            Token::Bool(value) => write_json(json, &value)?,
            Token::Unsigned(value) => write_json(json, &value)?,
            Token::Signed(value) => write_json(json, &value)?,
            Token::Float(value) => write_json(json, &value)?,
            Token::Str(value) => write_json(json, value)?,
            Token::Date(milliseconds) => write_json(json, &iso(milliseconds))?,
            Token::Bytes(bytes) => self.bytes(bytes, json)?,
            Token::Extension(kind, bytes) => {
                // Writing to a Vec cannot fail.
                let _ = write!(json, "[{kind},");
                self.bytes(bytes, json)?;
                json.push(b']');
            }
            Token::Array(left) | Token::Map(left) => {
                let map = matches!(token, Token::Map(_));
                json.push(if map { b'{' } else { b'[' });
                if open.len() == DEEPEST {
                    return Err(Malformed("nested too deep"));
                }
                open.push(Open { left, map, empty: true });
            }
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8], json: &mut Vec<u8>) -> Result<(), Malformed> {
        if self.attachments.len() == self.max_attachments {
            return Err(Malformed("too many attachments"));
        }
        write_json(json, &crate::Attachment(self.attachments.len()))?;
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }
}

fn write_json(json: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) -> Result<(), Malformed> {
    serde_json::to_writer(json, value).map_err(|_| Malformed("not to be written as JSON"))
}

/// A date as `JSON.stringify` writes it; `None`, which is `null`: out of the range that dates have in JavaScript.
pub(super) fn iso(milliseconds: i64) -> Option<String> {
    const DAY: i64 = 86_400_000;
    if milliseconds.unsigned_abs() > 8_640_000_000_000_000 {
        return None;
    }
    // Days to year, month and day: the Gregorian calendar repeats every 146,097 days, counted from 1 March 0000.
    let day = milliseconds.div_euclid(DAY) + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let time = milliseconds.rem_euclid(DAY);
    let (hour, minute) = (time / 3_600_000, time / 60_000 % 60);
    let (second, millisecond) = (time / 1_000 % 60, time % 1_000);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{}{:06}", if year < 0 { '-' } else { '+' }, year.abs()),
    };
    Some(format!("{year}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"))
}
