//! WebSocket frames (RFC 6455), unfragmented and without extensions, which is all that Socket.IO servers send here.

use std::ops::Range;

/// A text message.
pub const TEXT: u8 = 1;
/// The other side closes.
pub const CLOSE: u8 = 8;
/// Answered with [`PONG`].
pub const PING: u8 = 9;
/// The answer to [`PING`].
pub const PONG: u8 = 10;

/// A whole frame at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// What kind of frame it is.
    pub opcode: u8,
    /// Where its payload lies.
    pub payload: Range<usize>,
    /// What the payload is masked with; clients mask.
    pub mask: Option<[u8; 4]>,
}

/// What is not a frame that is understood here.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFrame(pub &'static str);

/// The first frame of `bytes`, or `None` where there is not yet a whole one.
///
/// # Errors
/// For a fragment or a frame with reserved bits.
pub fn read(bytes: &[u8]) -> Result<Option<Frame>, BadFrame> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0x80 == 0 {
        return Err(BadFrame("a fragment"));
    }
    if first & 0x70 != 0 {
        return Err(BadFrame("reserved bits"));
    }
    let (length, mut at) = match second & 0x7f {
        126 => {
            let Some(length) = bytes.get(2..4) else { return Ok(None) };
            (u64::from(u16::from_be_bytes([length[0], length[1]])), 4)
        }
        127 => {
            let Some(Ok(length)) = bytes.get(2..10).map(TryInto::try_into) else { return Ok(None) };
            (u64::from_be_bytes(length), 10)
        }
        short => (u64::from(short), 2),
    };
    let mask = if second & 0x80 == 0 {
        None
    } else {
        let Some(Ok(mask)) = bytes.get(at..at + 4).map(TryInto::try_into) else { return Ok(None) };
        at += 4;
        Some(mask)
    };
    let Some(end) = usize::try_from(length).ok().and_then(|length| at.checked_add(length)) else {
        return Err(BadFrame("a length beyond memory"));
    };
    if bytes.len() < end {
        return Ok(None);
    }
    Ok(Some(Frame { opcode: first & 0x0f, payload: at..end, mask }))
}

/// Takes the mask off, or puts it on.
pub fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[index % 4];
    }
}

/// Adds a frame as a client sends it.
pub fn push_from_client(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: [u8; 4]) {
    push_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], mask);
}

/// Adds a frame as a server sends it.
pub fn push_from_server(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

fn push_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => out.push(masked | short),
        (_, Ok(middle)) => {
            out.push(masked | 126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_side_is_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|byte| u8::try_from(byte % 251).expect("small")).collect();
            let (mut client, mut server) = (Vec::new(), Vec::new());
            push_from_client(&mut client, TEXT, &payload, [1, 2, 3, 4]);
            push_from_server(&mut server, TEXT, &payload);
            let frame = read(&server).expect("good").expect("whole");
            assert_eq!((frame.opcode, frame.mask, &server[frame.payload]), (TEXT, None, &payload[..]));
            let frame = read(&client).expect("good").expect("whole");
            assert_eq!(frame.mask, Some([1, 2, 3, 4]));
            apply_mask(&mut client[frame.payload.clone()], [1, 2, 3, 4]);
            assert_eq!(client[frame.payload], payload);
        }
    }

    #[test]
    fn a_part_of_a_frame_is_none_yet() {
        let mut bytes = Vec::new();
        push_from_client(&mut bytes, TEXT, &[7; 300], [9; 4]);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn a_frame_from_the_specification_is_read() {
        // RFC 6455, 5.7: a single-frame masked text message, "Hello".
        let mut bytes = vec![0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let frame = read(&bytes).expect("good").expect("whole");
        apply_mask(&mut bytes[frame.payload.clone()], frame.mask.expect("masked"));
        assert_eq!(&bytes[frame.payload], b"Hello");
    }

    #[test]
    fn fragments_and_compression_are_refused() {
        assert!(read(&[0x01, 0x00]).is_err());
        assert!(read(&[0xc1, 0x00]).is_err());
    }
}
