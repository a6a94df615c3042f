//! One WebSocket: frames in, frames out, and not a byte of buffer while it is idle.

mod decode;
pub(crate) mod handshake;
mod wire;

#[cfg(any(test, feature = "fuzzing"))]
pub(super) use decode::Decoder as FuzzedDecoder;
pub(crate) use decode::{Decoded, Violation};
pub(crate) use wire::Wire;

use super::io::Io;
use crate::config::Compression;
use bytes::Bytes;
use decode::Decoder;
use std::{
    cell::Cell,
    io,
    task::{Context, Poll, ready},
};
use tokio::{io::ReadBuf, time::Instant};

/// Bytes read at once.
const READ: usize = 64 * 1024;
/// Reads before others get their turn.
const READS_A_TURN: usize = 4;

thread_local! {
    // Lent for one read or write, so that a connection that does neither owns no buffer.
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// What takes in what a WebSocket receives.
pub(crate) trait Receiver {
    /// While true nothing more is read.
    fn is_full(&self) -> bool;
    /// Takes one frame's worth. An error ends the connection.
    fn receive(&mut self, decoded: Decoded<'_>, received: Instant, cx: &mut Context<'_>) -> Result<(), End>;
}

/// Why nothing more can be received.
#[derive(Debug)]
pub(crate) enum End {
    /// The other side has gone, or the stream broke.
    Gone,
    /// The other side asked to close, with this code if it gave one.
    Closed(Option<u16>),
    /// It broke a rule of WebSocket's.
    Violation(Violation),
    /// The layer above ends it.
    Above(super::CloseReason),
}

/// A connection that has become one.
pub(crate) struct WebSocket {
    pub(crate) wire: Wire,
    pub(crate) reader: Reader,
}

impl WebSocket {
    /// Over a stream that has been upgraded, with what the client had sent already and the compression agreed on.
    pub(crate) fn new(io: Io, already_read: &Bytes, compression: Option<Compression>) -> Self {
        let reader = Reader {
            decoder: Decoder::new(compression.is_some()),
            unread: already_read.to_vec(),
            last_read: Instant::now(),
        };
        Self { wire: Wire::new(io, compression), reader }
    }
}

/// Makes messages of what comes over the wire.
pub(crate) struct Reader {
    decoder: Decoder,
    unread: Vec<u8>,
    last_read: Instant,
}

/// How a [`Reader`] reads: [`Wire::poll_read`] of its wire.
pub(crate) trait Source: FnMut(&mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>> {}

impl<F: FnMut(&mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>> Source for F {}

impl Reader {
    /// When something was last read.
    pub(crate) fn last_read(&self) -> Instant {
        self.last_read
    }

    /// Receives until nothing more is there, `receiver` is full, or others should have their turn.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        mut source: impl Source,
        max_message: usize,
        receiver: &mut impl Receiver,
    ) -> Poll<End> {
        if !self.unread.is_empty()
            && let Err(end) = self.decode_unread(cx, max_message, receiver)
        {
            return Poll::Ready(end);
        }
        for _ in 0..READS_A_TURN {
            if receiver.is_full() {
                return Poll::Pending;
            }
            let read = with_scratch(|scratch| self.read(cx, &mut source, scratch, max_message, receiver));
            if let Err(end) = ready!(read) {
                return Poll::Ready(end);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn read(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        scratch: &mut [u8],
        max_message: usize,
        receiver: &mut impl Receiver,
    ) -> Poll<Result<(), End>> {
        let mut buffer = ReadBuf::new(scratch);
        match ready!(source(cx, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Err(End::Gone)),
            Ok(()) => {}
            Err(_) => return Poll::Ready(Err(End::Gone)),
        }
        self.last_read = Instant::now();
        let bytes = buffer.filled_mut();
        if self.unread.is_empty() {
            let used = decode_all(&mut self.decoder, bytes, self.last_read, cx, max_message, receiver)?;
            self.unread.extend_from_slice(&bytes[used..]);
            Poll::Ready(Ok(()))
        } else {
            self.unread.extend_from_slice(bytes);
            Poll::Ready(self.decode_unread(cx, max_message, receiver))
        }
    }

    fn decode_unread(
        &mut self,
        cx: &mut Context<'_>,
        max_message: usize,
        receiver: &mut impl Receiver,
    ) -> Result<(), End> {
        let used =
            decode_all(&mut self.decoder, &mut self.unread, self.last_read, cx, max_message, receiver)?;
        if used == self.unread.len() {
            self.unread = Vec::new();
        } else {
            self.unread.drain(..used);
        }
        Ok(())
    }
}

/// Lends the thread's buffer for the length of one read or write.
fn with_scratch<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut scratch = SCRATCH.take().unwrap_or_else(|| vec![0; READ].into_boxed_slice());
    let done = work(&mut scratch);
    SCRATCH.set(Some(scratch));
    done
}

/// Decodes frames from the front of `bytes` for as long as they are whole and `receiver` has room; how many
/// bytes that took.
fn decode_all(
    decoder: &mut Decoder,
    bytes: &mut [u8],
    received: Instant,
    cx: &mut Context<'_>,
    max_message: usize,
    receiver: &mut impl Receiver,
) -> Result<usize, End> {
    let mut used = 0;
    while !receiver.is_full() {
        match decoder.step(&mut bytes[used..], max_message) {
            Ok(Some((decoded, taken))) => {
                receiver.receive(decoded, received, cx)?;
                used += taken;
            }
            Ok(None) => break,
            Err(violation) => return Err(End::Violation(violation)),
        }
    }
    Ok(used)
}
