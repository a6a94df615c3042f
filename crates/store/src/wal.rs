//! What the write-ahead log beside a database says about itself, read before SQLite does.
//!
//! SQLite takes from it what holds together and passes over the rest in silence: after a power cut that is right, since
//! the rest was never acknowledged. After damage it is not, for acknowledged transactions would be gone and nobody
//! would know. The two are told apart by what stands behind the first frame that does not hold: a transaction begins only
//! when the one before it is synced, so behind what a power cut tore there is at most the end of that one transaction.
//!
//! The format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::io::{self, Read};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It holds together, or is torn as a power cut tears it, or there is nothing in it.
    Sound,
    /// It lost what was committed; in words for the operator.
    Damaged(&'static str),
}

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Reads it from its start to its end.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn inspect(mut log: impl Read) -> io::Result<Found> {
    let mut header = [0; HEADER];
    let got = read_up_to(&mut log, &mut header)?;
    // Made and not yet synced: a power cut leaves it short, or zeros where there was nothing.
    if got < HEADER || header.iter().all(|byte| *byte == 0) {
        return Ok(Found::Sound);
    }
    let Some(mut sums) = Sums::of_header(&header) else {
        return Ok(Found::Damaged("the write-ahead log beside it has no valid header"));
    };
    let page = word(&header, 8) as usize;
    if !page.is_power_of_two() || !(512..=65_536).contains(&page) {
        return Ok(Found::Damaged("the write-ahead log beside it has no valid header"));
    }
    let mut frame = vec![0; FRAME_HEADER + page];
    // Commits of this generation behind the first frame that does not hold.
    let (mut torn, mut commits_behind) = (false, 0);
    while read_up_to(&mut log, &mut frame)? == frame.len() {
        if frame[8..16] != header[16..24] {
            // Of a generation before: the log ends here, or is torn here.
            torn = true;
            continue;
        }
        if !torn {
            sums.add(&frame[..8]);
            sums.add(&frame[FRAME_HEADER..]);
            torn = !sums.are(&frame[16..24]);
        }
        if torn && word(&frame, 4) != 0 {
            commits_behind += 1;
        }
    }
    Ok(if commits_behind >= 2 {
        Found::Damaged(
            "the write-ahead log beside it is damaged before its end, and what it committed after that is lost",
        )
    } else {
        Found::Sound
    })
}

/// The two running sums that stand in the header and in each frame.
struct Sums {
    first: u32,
    second: u32,
    big_endian: bool,
}

impl Sums {
    /// Those of a header that is valid.
    fn of_header(header: &[u8; HEADER]) -> Option<Self> {
        let big_endian = match word(header, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let mut sums = Self { first: 0, second: 0, big_endian };
        sums.add(&header[..24]);
        sums.are(&header[24..32]).then_some(sums)
    }

    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            self.first = self.first.wrapping_add(self.read(&pair[..4])).wrapping_add(self.second);
            self.second = self.second.wrapping_add(self.read(&pair[4..])).wrapping_add(self.first);
        }
    }

    fn read(&self, bytes: &[u8]) -> u32 {
        let big = word(bytes, 0);
        if self.big_endian { big } else { big.swap_bytes() }
    }

    fn are(&self, bytes: &[u8]) -> bool {
        (word(bytes, 0), word(bytes, 4)) == (self.first, self.second)
    }
}

/// A big-endian word; what is not there counts as zeros.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    if let Some(there) = bytes.get(at..at + 4) {
        four.copy_from_slice(there);
    }
    u32::from_be_bytes(four)
}

/// Fills the buffer as far as there is something, and says how far.
fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match from.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
