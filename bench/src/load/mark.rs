//! What the text of every message begins with: which stream it is of, its place in it, and when it should have been sent.
//!
//! It stands in the text as plain ASCII, so it comes back unchanged inside whatever JSON a server wraps around it.

/// A message's place, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which stream: a sender in a room. Below 2^24.
    pub stream: u32,
    /// Its place among those of the stream, from 0.
    pub seq: u32,
    /// When it should have been sent, in microseconds since the load began. Below 2^40.
    pub at_us: u64,
}

const BEGIN: u8 = b'~';
/// From one `~` to the other: `~SSSSSS.NNNNNNNN.TTTTTTTTTT~`, in hexadecimal.
const LENGTH: usize = 28;
/// Behind it, so that the text has 32 bytes.
const REST: &[u8] = b" hi!";

impl Mark {
    /// Adds the text of the message.
    pub fn push_text(self, out: &mut Vec<u8>) {
        out.push(BEGIN);
        push_hex(out, u64::from(self.stream), 6);
        out.push(b'.');
        push_hex(out, u64::from(self.seq), 8);
        out.push(b'.');
        push_hex(out, self.at_us, 10);
        out.push(BEGIN);
        out.extend_from_slice(REST);
    }

    /// The mark in a message, wherever it stands.
    #[must_use]
    pub fn find(message: &[u8]) -> Option<Self> {
        let start = message.iter().position(|byte| *byte == BEGIN)?;
        let mark = message.get(start..start + LENGTH)?;
        if mark[7] != b'.' || mark[16] != b'.' || mark[27] != BEGIN {
            return None;
        }
        Some(Self {
            stream: u32::try_from(hex(&mark[1..7])?).ok()?,
            seq: u32::try_from(hex(&mark[8..16])?).ok()?,
            at_us: hex(&mark[17..27])?,
        })
    }
}

fn push_hex(out: &mut Vec<u8>, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * place)) as usize & 15]);
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_out_of_what_is_wrapped_around_it() {
        let mark = Mark { stream: 0xff_fffe, seq: 0x0123_4567, at_us: 0xfe_dcba_9876 };
        let mut text = br#"["msg",{"room":"r1","text":""#.to_vec();
        mark.push_text(&mut text);
        text.extend_from_slice(br#"","t0":1}]"#);
        assert_eq!(Mark::find(&text), Some(mark));
    }

    #[test]
    fn what_is_no_mark_is_none() {
        assert_eq!(Mark::find(b"~"), None);
        assert_eq!(Mark::find(br#"["session",{"token":"abc"}]"#), None);
        assert_eq!(Mark::find(b"~00000g.00000000.0000000000~"), None);
    }

    #[test]
    fn a_text_has_32_bytes() {
        let mut text = Vec::new();
        Mark { stream: 0, seq: 0, at_us: 0 }.push_text(&mut text);
        assert_eq!(text.len(), 32);
    }
}
