//! A payload as JSON with places for bytes, whichever way it travelled.

use super::Malformed;
use bytes::Bytes;
use plaza_socketio::msgpack;
use std::borrow::Cow;

/// How much of what other nodes say is borne. What is beyond it is dropped as malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a payload. 4 MiB
    pub bytes: usize,
    /// How deep it may be nested. 64
    pub depth: usize,
    /// Most byte strings in it. 256
    pub attachments: usize,
    /// Most bytes of a room's name. 512
    pub room_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, depth: 64, attachments: 256, room_bytes: 512 }
    }
}

/// JSON with places for bytes.
#[derive(Debug)]
pub struct Text<'a> {
    json: Cow<'a, str>,
    attachments: Vec<Bytes>,
    limits: Limits,
}

impl<'a> Text<'a> {
    /// Reads a payload: JSON if it begins with a brace, or else MessagePack. Its bounds are checked, and not yet that
    /// the JSON is well-formed.
    pub fn read(payload: &'a [u8], limits: &Limits) -> Result<Self, Malformed> {
        if payload.len() > limits.bytes {
            return Err(Malformed("too long"));
        }
        let (json, attachments) = match payload {
            [b'{', ..] => (String::from_utf8_lossy(payload), Vec::new()),
            _ => {
                let (json, attachments) =
                    msgpack::to_json(payload, limits.attachments).map_err(|_| Malformed("no MessagePack"))?;
                (Cow::Owned(json), attachments)
            }
        };
        if depth(&json) > limits.depth {
            return Err(Malformed("nested too deep"));
        }
        Ok(Self { json, attachments, limits: *limits })
    }

    pub(super) fn json(&self) -> &str {
        &self.json
    }

    pub(super) fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// How deep JSON is nested; of text that is no JSON, some number.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_before_anything_is_made_of_it() {
        let limits = Limits { bytes: 40, depth: 3, ..Limits::default() };
        assert!(Text::read(br#"{"a":[[1]],"b":"]]{[[[[\"[["}"#, &limits).is_ok());
        for too_much in [br#"{"a":[[[1]]]}"#.as_slice(), &[b'{'; 41], &[0x91, 0x91, 0x91, 0x91, 0x90]] {
            assert!(Text::read(too_much, &limits).is_err(), "{too_much:?}");
        }
    }
}
