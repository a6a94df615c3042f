//! A connection for as long as it speaks HTTP: a client that takes nothing of an answer does not hold it for ever.
//!
//! hyper bounds how long a request's head may take, but waits without end for a client to read. After an upgrade the
//! bare stream is taken out again: a WebSocket has its own patience, and should not pay for this one's.

use crate::engine::Io;
use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// What a stream over a TCP connection, such as TLS, is to a server.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The connection below.
    fn tcp(&self) -> &TcpStream;
}

/// A stream that gives up with [`io::ErrorKind::TimedOut`] when the other side takes nothing of what is to be written
/// for too long. Any progress, however little, begins the time anew.
#[derive(Debug)]
pub struct HttpStream {
    stream: Io,
    patience: Duration,
    /// Runs while a write waits; an idle connection has none.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl HttpStream {
    /// Writes may wait for `patience`.
    pub fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream: Io::Tcp(stream), patience, stalled: None }
    }

    /// The same over a stream that is no bare TCP connection.
    pub fn over(stream: Box<dyn Stream>, patience: Duration) -> Self {
        Self { stream: Io::Over(stream), patience, stalled: None }
    }

    /// The stream alone.
    pub(crate) fn into_inner(self) -> Io {
        self.stream
    }

    /// Passes on how a write went, or ends the wait for it.
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bounded(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::timeout,
    };

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(20);

    async fn pair(patience: Duration) -> (HttpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (HttpStream::new(listener.accept().await.unwrap().0, patience), client)
    }

    #[tokio::test]
    async fn who_takes_nothing_is_given_up() {
        let (mut stream, client) = pair(SHORT).await;
        let writing = async {
            loop {
                if let Err(error) = stream.write_all(&[0; 64 * 1024]).await {
                    return error.kind();
                }
            }
        };
        assert_eq!(timeout(LONG, writing).await, Ok(io::ErrorKind::TimedOut));
        drop(client);
    }

    #[tokio::test]
    async fn who_takes_something_now_and_then_is_not() {
        let (mut stream, mut client) = pair(LONG).await;
        const ALL: usize = 16 << 20;
        let reading = tokio::spawn(async move {
            let (mut piece, mut read) = (vec![0; 1 << 20], 0);
            while read < ALL {
                read += client.read(&mut piece).await.unwrap();
            }
        });
        stream.write_all(&vec![0; ALL]).await.unwrap();
        reading.await.unwrap();
        assert!(stream.stalled.is_none(), "an idle connection has no timer");
    }
}
