//! The connection below a WebSocket, and what is on its way out over it.
//!
//! A session shares it: its task reads from it, and the flusher writes to it. Neither waits while it has it.

use super::with_scratch;
use crate::{
    config::Compression,
    engine::{frame::Frame, io::Io, outbox::Outbox, queue::Queue},
};
use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    task::coop::has_budget_remaining,
    time::{Instant, timeout},
};

/// Frames written in one system call, where they are not copied together.
const WRITE: usize = 64;
/// Frames up to so many bytes are copied behind each other: to the kernel, a list of many short pieces is more work than that.
const COPY: usize = 4 * 1024;
/// How long a connection that is being closed may take to accept its last frames, and then to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

pub(crate) struct Wire {
    io: Io,
    /// What was agreed on.
    compression: Option<Compression>,
    writing: Queue,
    /// Bytes of the first frame in `writing` that are out already.
    written: usize,
    /// What those count for in the outbox.
    credited: usize,
    /// Something is left to write; whoever wrote last is woken to go on.
    is_unfinished: bool,
    stalled_since: Option<Instant>,
}

impl Wire {
    pub(super) fn new(io: Io, compression: Option<Compression>) -> Self {
        let writing = Queue::default();
        Self { io, compression, writing, written: 0, credited: 0, is_unfinished: false, stalled_since: None }
    }

    /// Whether something is left to write of what was taken.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    /// Since when the other side has not taken what was to be written.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }

    /// Writes what is left of the last time, and then, once, what `take` takes of the outbox, as far as the other side takes
    /// it. `cx` is woken when it takes more.
    pub(crate) fn write_out(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
        take: impl FnOnce(&Outbox, &mut Queue) -> bool,
    ) -> io::Result<()> {
        let mut all_out = Poll::Ready(Ok(()));
        if self.is_unfinished {
            all_out = self.poll_all_out(cx, outbox);
        }
        if matches!(all_out, Poll::Ready(Ok(()))) && take(outbox, &mut self.writing) {
            all_out = self.poll_all_out(cx, outbox);
        }
        self.is_unfinished = all_out.is_pending();
        match all_out {
            Poll::Ready(Ok(())) => {
                self.stalled_since = None;
                self.writing.shrink();
            }
            Poll::Ready(Err(error)) => return Err(error),
            // Pending may also mean that the task has had its share and is to come again.
            Poll::Pending if self.stalled_since.is_none() && has_budget_remaining() => {
                self.stalled_since = Some(Instant::now());
                outbox.stalls();
            }
            Poll::Pending => {}
        }
        Ok(())
    }

    /// Writes what was taken. TLS takes more than it can pass on: until that is out, no more is taken.
    fn poll_all_out(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<io::Result<()>> {
        while !self.writing.is_empty() {
            let cost = ready!(self.poll_write_some(cx))?;
            self.stalled_since = None;
            outbox.written(cost);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Writes what fits; what that counted for in the outbox.
    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(first) = self.writing.first() else { return Poll::Ready(Ok(0)) };
        let first = &first.wire_for(self.compression)[self.written..];
        let bytes = if self.writing.len() == 1 {
            // One frame, as most who get a broadcast have, needs no list.
            ready!(Pin::new(&mut self.io).poll_write(cx, first))?
        } else if first.len() <= COPY {
            ready!(with_scratch(|scratch| {
                let gathered = gather(&self.writing, self.written, self.compression, scratch);
                Pin::new(&mut self.io).poll_write(cx, &scratch[..gathered])
            }))?
        } else {
            let mut slices = [IoSlice::new(&[]); WRITE];
            slices[0] = IoSlice::new(first);
            for (slice, frame) in slices.iter_mut().zip(&self.writing).skip(1) {
                *slice = IoSlice::new(frame.wire_for(self.compression));
            }
            let count = self.writing.len().min(WRITE);
            ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count]))?
        };
        if bytes == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        Poll::Ready(Ok(self.advance(bytes)))
    }

    /// So many bytes more are out; what they counted for.
    fn advance(&mut self, bytes: usize) -> usize {
        self.written += bytes;
        let mut cost = 0;
        while let Some(frame) = self.writing.first() {
            let len = frame.wire_for(self.compression).len();
            if self.written < len {
                // Of a compressed frame less goes out than it counts for; the rest is given back with its end.
                cost += self.written - self.credited;
                self.credited = self.written;
                break;
            }
            self.written -= len;
            cost += frame.cost() - self.credited;
            self.credited = 0;
            self.writing.pop();
        }
        cost
    }

    /// Writes one frame at once; for the few words exchanged before a session owns the connection.
    pub(crate) async fn write(&mut self, frame: &Frame) -> io::Result<()> {
        self.io.write_all(frame.wire()).await?;
        self.io.flush().await
    }

    /// Writes what is still queued and a close frame, then waits a moment for the other side to have it:
    /// closing a connection with unread input would make the kernel throw away what is on its way.
    pub(crate) async fn close(mut self, code: Option<u16>, outbox: Option<&Outbox>) {
        let last = async {
            if let Some(outbox) = outbox {
                outbox.take(&mut self.writing);
            }
            while !self.writing.is_empty() {
                poll_fn(|cx| self.poll_write_some(cx)).await?;
            }
            match code.map(u16::to_be_bytes) {
                Some([high, low]) => self.io.write_all(&[0x88, 2, high, low]).await?,
                None => self.io.write_all(&[0x88, 0]).await?,
            }
            self.io.shutdown().await
        };
        if !matches!(timeout(GOODBYE, last).await, Ok(Ok(()))) {
            return self.io.abort();
        }
        let mut rest = [0; 1024];
        let drained = async { while matches!(self.io.read(&mut rest).await, Ok(bytes) if bytes > 0) {} };
        let _ = timeout(GOODBYE, drained).await;
    }

    /// Lets go at once of a connection that takes nothing.
    pub(crate) fn abort(self) {
        self.io.abort();
    }
}

/// Copies frames behind each other, without what is `written` of the first, up to one that is long or finds no room; how
/// many bytes they are.
fn gather<'a>(
    frames: impl IntoIterator<Item = &'a Frame>,
    written: usize,
    compression: Option<Compression>,
    scratch: &mut [u8],
) -> usize {
    let (mut filled, mut skipped) = (0, written);
    for frame in frames {
        let bytes = &frame.wire_for(compression)[std::mem::take(&mut skipped)..];
        match scratch.get_mut(filled..filled + bytes.len()) {
            Some(place) if bytes.len() <= COPY => place.copy_from_slice(bytes),
            _ => break,
        }
        filled += bytes.len();
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::budget::Budget;
    use std::{collections::VecDeque, future::Future, pin::pin, sync::Arc};
    use tokio::{
        net::{TcpListener, TcpStream},
        task::coop::consume_budget,
    };

    #[test]
    fn short_frames_are_gathered_up_to_a_long_one_or_the_end_of_the_room() {
        let [one, two, long] = [3, 5, COPY].map(|length| Frame::binary(&vec![7; length]));
        let frames = VecDeque::from([one.clone(), two.clone(), long, two.clone()]);
        let all = [one.wire(), two.wire()].concat();
        let mut scratch = [0; 100];
        assert_eq!(gather(&frames, 0, None, &mut scratch), all.len());
        assert_eq!(scratch[..all.len()], all);
        assert_eq!(gather(&frames, 4, None, &mut scratch), all.len() - 4);
        assert_eq!(scratch[..all.len() - 4], all[4..]);
        assert_eq!(gather(&frames, 0, None, &mut scratch[..all.len() - 1]), one.wire().len());
    }

    /// Bytes that a task whose share is used up could not write are written when it comes again.
    #[tokio::test]
    async fn what_a_share_of_the_processor_cuts_off_is_not_forgotten() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut wire = Wire::new(Io::Tcp(stream), None);
        let outbox = Outbox::new(1_000, &Arc::new(Budget::new(usize::MAX)));
        outbox.push(&Frame::binary(b"hello").into()).unwrap();
        let mut turn = 0;
        poll_fn(|cx| {
            turn += 1;
            if turn == 1 {
                while pin!(consume_budget()).poll(cx).is_ready() {}
                wire.write_out(cx, &outbox, Outbox::take).unwrap();
                assert!(wire.is_unfinished && wire.stalled_since().is_none());
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            wire.write_out(cx, &outbox, Outbox::take).unwrap();
            assert!(!wire.is_unfinished);
            Poll::Ready(())
        })
        .await;
        let mut received = [0; 7];
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(&received[2..], b"hello");
    }
}
