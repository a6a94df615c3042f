//! From JSON, with places for bytes, to MessagePack.

use crate::packet::Head;
use serde::{
    Deserialize,
    de::{self, Deserializer, Visitor},
};
use std::fmt;

/// A packet as one map. `head.body` is JSON, or nothing where the packet has no data.
pub(crate) fn packet(head: &Head<'_>, attachments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.body.len() + head.namespace.len() + 24);
    out.push(0x82 + u8::from(!head.body.is_empty()) + u8::from(head.id.is_some()));
    text(&mut out, "type");
    // The types of packets with bytes are the default encoding's alone.
    out.push(match head.kind {
        b'5' => 2,
        b'6' => 3,
        digit => digit - b'0',
    });
    text(&mut out, "nsp");
    text(&mut out, head.namespace);
    if !head.body.is_empty() {
        text(&mut out, "data");
        Rewriter { json: head.body, counts: counts(head.body).into_iter(), attachments }.rewrite(&mut out);
    }
    if let Some(id) = head.id {
        text(&mut out, "id");
        unsigned(&mut out, id);
    }
    out
}

/// Well-formed JSON as one value, these bytes in the places that stand for them.
pub fn from_json(json: &str, attachments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + attachments.iter().map(|bytes| bytes.len()).sum::<usize>());
    Rewriter { json, counts: counts(json).into_iter(), attachments }.rewrite(&mut out);
    out
}

/// How many elements or pairs each array and map of this JSON has, in the order in which they begin.
fn counts(json: &str) -> Vec<u32> {
    let bytes = json.as_bytes();
    let (mut counts, mut open): (Vec<u32>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at += string_length(&bytes[at..]) - 1,
            b'[' | b'{' => {
                open.push(counts.len());
                let empty = bytes[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                counts.push(u32::from(!matches!(empty, None | Some(b']' | b'}'))));
            }
            b']' | b'}' => {
                open.pop();
            }
            b',' => {
                if let Some(&container) = open.last() {
                    counts[container] += 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    counts
}

/// From a quotation mark to the one that ends it, both included.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

struct Rewriter<'a> {
    /// What is left of it.
    json: &'a str,
    counts: std::vec::IntoIter<u32>,
    attachments: &'a [&'a [u8]],
}

impl Rewriter<'_> {
    /// Rewrites all of it. The JSON is known to be well-formed, so colons and commas say nothing here.
    fn rewrite(&mut self, out: &mut Vec<u8>) {
        while let Some(&byte) = self.json.as_bytes().first() {
            let length = match byte {
                b'[' => {
                    container(out, 0x90, 0xDC, self.counts.next().unwrap_or(0));
                    1
                }
                b'{' => self.map(out),
                b'"' => {
                    let length = string_length(self.json.as_bytes());
                    string(out, &self.json[..length]);
                    length
                }
                b't' | b'f' | b'n' => {
                    let (code, length) = match byte {
                        b't' => (0xC3, 4),
                        b'f' => (0xC2, 5),
                        _ => (0xC0, 4),
                    };
                    out.push(code);
                    length
                }
                b'-' | b'0'..=b'9' => {
                    let end = |byte: u8| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                    let length = self.json.bytes().position(end).unwrap_or(self.json.len());
                    number(out, &self.json[..length]);
                    length
                }
                _ => 1,
            };
            self.json = self.json.get(length..).unwrap_or_default();
        }
    }

    /// A map's head, or the bytes that its place stands for; how much of the JSON that was.
    fn map(&mut self, out: &mut Vec<u8>) -> usize {
        let count = self.counts.next().unwrap_or(0);
        if count == 2
            && let Some((place, length)) = place(self.json, self.attachments.len())
        {
            bytes(out, self.attachments[place]);
            return length;
        }
        container(out, 0x80, 0xDE, count);
        1
    }
}

/// Which attachment the map at the beginning of this JSON is the place of, if it is one, and how long that map is.
fn place(json: &str, attachments: usize) -> Option<(usize, usize)> {
    #[derive(Deserialize)]
    // Told apart at the first other key, so a large map is not read for nothing.
    #[serde(deny_unknown_fields)]
    struct Place {
        _placeholder: bool,
        num: usize,
    }
    if attachments == 0 {
        return None;
    }
    let mut places = serde_json::Deserializer::from_str(json).into_iter::<Place>();
    let place = places.next()?.ok()?;
    (place._placeholder && place.num < attachments).then(|| (place.num, places.byte_offset()))
}

fn container(out: &mut Vec<u8>, fixed: u8, sixteen: u8, count: u32) {
    match count {
        0..=15 => out.push(fixed | count as u8),
        16..=0xFFFF => {
            out.push(sixteen);
            out.extend_from_slice(&(count as u16).to_be_bytes());
        }
        _ => {
            out.push(sixteen + 1);
            out.extend_from_slice(&count.to_be_bytes());
        }
    }
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, 0xC4, bytes.len());
    out.extend_from_slice(bytes);
}

fn text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        short @ 0..=31 => out.push(0xA0 | short as u8),
        long => length(out, 0xD9, long),
    }
    out.extend_from_slice(text.as_bytes());
}

/// A length after the head of its size: the given one for one byte, those behind it for two and four.
fn length(out: &mut Vec<u8>, eight: u8, length: usize) {
    match length {
        0..=0xFF => out.extend_from_slice(&[eight, length as u8]),
        0x100..=0xFFFF => {
            out.push(eight + 1);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(eight + 2);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

fn unsigned(out: &mut Vec<u8>, number: u64) {
    match number {
        0..=0x7F => out.push(number as u8),
        0x80..=0xFF => out.extend_from_slice(&[0xCC, number as u8]),
        0x100..=0xFFFF => {
            out.push(0xCD);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xFFFF_FFFF => {
            out.push(0xCE);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(0xCF);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn negative(out: &mut Vec<u8>, number: i64) {
    if let Ok(small @ -32..) = i8::try_from(number) {
        out.push(small as u8);
    } else if let Ok(number) = i8::try_from(number) {
        out.extend_from_slice(&[0xD0, number as u8]);
    } else if let Ok(number) = i16::try_from(number) {
        out.push(0xD1);
        out.extend_from_slice(&number.to_be_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        out.push(0xD2);
        out.extend_from_slice(&number.to_be_bytes());
    } else {
        out.push(0xD3);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn number(out: &mut Vec<u8>, digits: &str) {
    if let Ok(number) = digits.parse() {
        unsigned(out, number);
    } else if let Ok(number) = digits.parse() {
        negative(out, number);
    } else {
        out.push(0xCB);
        out.extend_from_slice(&digits.parse::<f64>().unwrap_or(f64::NAN).to_be_bytes());
    }
}

/// A JSON string. Half a surrogate pair, which JSON can hold and MessagePack cannot, becomes U+FFFD.
fn string(out: &mut Vec<u8>, json: &str) {
    let plain = json.get(1..json.len() - 1).unwrap_or_default();
    if plain.contains('\\') {
        let unescaped = serde_json::from_str::<Unescaped>(json).map(|text| text.0);
        text(out, &unescaped.unwrap_or_default());
    } else {
        text(out, plain);
    }
}

struct Unescaped(String);

impl<'de> Deserialize<'de> for Unescaped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lossy;
        impl Visitor<'_> for Lossy {
            type Value = Unescaped;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Unescaped, E> {
                Ok(Unescaped(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        // Asked for bytes, serde_json hands surrogates over as they are.
        deserializer.deserialize_bytes(Lossy)
    }
}
