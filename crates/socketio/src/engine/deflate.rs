//! Per-message compression of WebSockets: RFC 7692, permessage-deflate, without context takeover in either direction.
//!
//! So a message is compressed once for all its receivers, and no connection holds any state of the compressor: each
//! thread has one that it lends from message to message. Clients that ask for a smaller window get none compressed.

use super::websocket::Violation;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::{HeaderMap, HeaderValue, header};
use std::cell::RefCell;

/// What the server agrees to, whatever else was offered.
pub(super) const AGREED: HeaderValue =
    HeaderValue::from_static("permessage-deflate; server_no_context_takeover; client_no_context_takeover");

/// What ends a flushed block, and is left out of a message (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

thread_local! {
    static DEFLATE: RefCell<Option<Box<Compress>>> = const { RefCell::new(None) };
    static INFLATE: RefCell<Option<Box<Decompress>>> = const { RefCell::new(None) };
}

/// Whether one of the extensions that a client offers is one this server speaks.
pub(super) fn is_offered(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::SEC_WEBSOCKET_EXTENSIONS)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(is_acceptable))
}

/// One offer. A parameter that is unknown, doubled or badly formed declines it (section 7.1).
pub(super) fn is_acceptable(offer: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return false;
    }
    let mut seen = Vec::new();
    parts.all(|part| {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
            None => (part, None),
        };
        let new = !seen.contains(&name);
        seen.push(name);
        new && match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover", None) => true,
            ("client_max_window_bits", None) => true,
            ("client_max_window_bits", Some(bits)) => {
                matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
            }
            // The whole window is the only one that the compressor has.
            ("server_max_window_bits", Some("15")) => true,
            _ => false,
        }
    })
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// Most bytes a message of so many may have when it is compressed and does not get smaller.
pub(super) fn bound(message: usize) -> usize {
    message.saturating_add(message / 1_000).saturating_add(64)
}

/// The compressed form; `None` when it is no smaller.
pub(super) fn deflate(data: &[u8]) -> Option<Vec<u8>> {
    DEFLATE.with_borrow_mut(|lent| {
        let compress = lent.get_or_insert_with(|| Box::new(Compress::new(Compression::fast(), false)));
        compress.reset();
        let mut out = Vec::with_capacity(data.len() / 2 + 64);
        loop {
            let rest = data.get(compress.total_in() as usize..)?;
            compress.compress_vec(rest, &mut out, FlushCompress::Sync).ok()?;
            if compress.total_in() as usize == data.len() && out.len() < out.capacity() {
                break;
            }
            if out.len() >= data.len() {
                return None;
            }
            out.reserve(data.len() / 2 + 64);
        }
        let len = out.strip_suffix(&TAIL)?.len();
        out.truncate(len);
        (len < data.len()).then_some(out)
    })
}

/// The message that was compressed. What would be longer than `max` is given up as soon as that is seen.
pub(super) fn inflate(data: &[u8], max: usize) -> Result<Vec<u8>, Violation> {
    INFLATE.with_borrow_mut(|lent| {
        let decompress = lent.get_or_insert_with(|| Box::new(Decompress::new(false)));
        // Zeros the window too: it must not be read from, whoever's message was in it.
        decompress.reset(false);
        let mut out = Vec::with_capacity((data.len() * 2).clamp(64, 4_096).min(max + 1));
        for mut input in [data, &TAIL] {
            loop {
                let (taken, given) = (decompress.total_in(), out.len());
                let status = decompress
                    .decompress_vec(input, &mut out, FlushDecompress::Sync)
                    .map_err(|_| Violation::NotDeflate)?;
                input = &input[(decompress.total_in() - taken) as usize..];
                if out.len() > max {
                    return Err(Violation::TooLong);
                }
                match status {
                    // A final block may be the last (section 7.2.3.4), with an empty header behind it.
                    Status::StreamEnd if input.is_empty() || input == [0] => return Ok(out),
                    Status::StreamEnd => return Err(Violation::NotDeflate),
                    Status::Ok | Status::BufError => {}
                }
                if out.len() == out.capacity() {
                    // Doubling, and one byte past the bound at most, which tells that there is more.
                    out.reserve_exact(out.len().max(64).min(max + 1 - out.len()));
                } else if (decompress.total_in(), out.len()) == (taken, given) {
                    // With room, nothing came of it: it wants more than there is.
                    if !input.is_empty() {
                        return Err(Violation::NotDeflate);
                    }
                    break;
                }
            }
        }
        Ok(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rfcs_examples_are_read() {
        // Section 7.2.3: a fixed block, a stored one, a final one, and two of them.
        let cases: [&[u8]; 5] = [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ];
        for case in cases {
            assert_eq!(inflate(case, 5).as_deref(), Ok(&b"Hello"[..]), "{case:02x?}");
            assert_eq!(inflate(case, 4), Err(Violation::TooLong));
        }
        assert_eq!(inflate(&[0x00], 5).as_deref(), Ok(&b""[..]));
        assert_eq!(inflate(&[], 5).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn what_is_no_deflate_is_named() {
        // A block of no type; a stored length that is not confirmed; more behind the end.
        for case in [&[0x07][..], &[0, 5, 0, 0, 0, 1], &[0x03, 0x00, 0x03, 0x00]] {
            assert_eq!(inflate(case, 1_000), Err(Violation::NotDeflate), "{case:02x?}");
        }
    }

    #[test]
    fn nothing_of_an_earlier_message_can_be_read() {
        let secret = deflate(&b"a secret of somebody else ".repeat(2_000)).unwrap();
        assert!(inflate(&secret, 100_000).is_ok());
        // Three bytes from a distance of one, before the beginning.
        assert_eq!(inflate(&[0x03, 0x02, 0x00], 1_000).as_deref(), Ok(&[0, 0, 0][..]));
    }

    #[test]
    fn a_bomb_takes_no_more_than_the_bound() {
        let bomb = deflate(&vec![0; 10_000_000]).unwrap();
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        assert_eq!(inflate(&bomb, 1_000), Err(Violation::TooLong));
        assert_eq!(inflate(&bomb, 10_000_000).unwrap().capacity(), 10_000_001);
    }

    #[test]
    fn what_does_not_get_smaller_is_not_compressed() {
        assert_eq!(deflate(b""), None);
        assert_eq!(deflate(b"4"), None);
        let noise: Vec<u8> = (0..5_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(deflate(&noise).is_none_or(|short| short.len() < noise.len()));
    }

    #[test]
    fn offers_are_accepted_or_declined_as_the_rfc_says() {
        for offer in [
            "permessage-deflate",
            " permessage-deflate ; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits=\"15\"; client_no_context_takeover",
            "permessage-deflate; server_max_window_bits=15",
        ] {
            assert!(is_acceptable(offer), "{offer}");
        }
        for offer in [
            "",
            "x-webkit-deflate-frame",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=08",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; colour=blue",
            "permessage-deflate;",
        ] {
            assert!(!is_acceptable(offer), "{offer}");
        }
        let mut headers = HeaderMap::new();
        let offers = "permessage-deflate; server_max_window_bits=9, permessage-deflate";
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offers));
        assert!(is_offered(&headers));
    }

    proptest! {
        #[test]
        fn what_is_compressed_reads_back(data in prop::collection::vec(prop_oneof![9 => 97..105u8, 1 => any::<u8>()], 0..3_000), times in 1..100usize) {
            // Longer than the window too.
            let data = data.repeat(times);
            if let Some(short) = deflate(&data) {
                prop_assert_eq!(inflate(&short, data.len()), Ok(data.clone()));
                prop_assert_eq!(inflate(&short, data.len() - 1), Err(Violation::TooLong));
            }
        }
    }
}
